# SPDX-License-Identifier: Apache-2.0
"""Stored values, and the results of calls."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Timestamp(int):
    """A point in time, in microseconds since 1970-01-01T00:00:00Z."""

    @classmethod
    def of(cls, time: datetime.datetime) -> Timestamp:
        """The timestamp of an aware datetime."""
        if time.tzinfo is None:
            raise ValueError(f"{time!r} has no time zone")
        return cls((time - _EPOCH) // datetime.timedelta(microseconds=1))

    def to_datetime(self) -> datetime.datetime:
        """The time in UTC. Raises OverflowError outside of the years 1 to 9999."""
        return _EPOCH + datetime.timedelta(microseconds=int(self))


#: One typed value of metadata. A datetime must be aware, and is stored as a Timestamp. A
#: datetime64, or a Timestamp of pandas, is stored as one too, in whole microseconds, rounded down;
#: without a zone it means UTC. Scalars and arrays of numpy are stored as values and lists.
Value = Union[
    bool,
    int,
    float,
    str,
    Timestamp,
    datetime.datetime,
    np.generic,
    npt.NDArray[Any],
    Sequence["Value"],
    Mapping[str, "Value"],
]
#: None, and the missing values of numpy and pandas except NaN, are left out.
Metadata = Mapping[str, Union[Value, None]]


class Include(enum.Flag):
    """The parts of a document that a call returns with its id."""

    NOTHING = 0
    TEXT = 1
    METADATA = 2
    VECTOR = 4
    EDGES = 8
    #: For hits: the rank and score from each source.
    SOURCE_SCORES = 16
    #: For results: the explanations of the vector sources, the text sources and the filter.
    EXPLAIN = 32
    #: The whole document.
    DOCUMENT = TEXT | METADATA | VECTOR | EDGES


@dataclass
class Edge:
    """A directed, labeled edge, stored with the document that it leaves."""

    label: str
    target: str
    weight: float = 1.0
    metadata: Metadata = field(default_factory=dict)


@dataclass
class SourcedEdge:
    """An edge together with the document that it leaves, which must exist."""

    source: str
    edge: Edge


@dataclass
class Document:
    """An id, and any of a vector, texts, metadata and outgoing edges.

    A string as ``text`` is stored as the field named ``text``. None is left out.
    """

    id: str
    vector: Vector | Sequence[float] | None = None
    text: Mapping[str, str] | str | None = field(default_factory=dict)
    metadata: Metadata = field(default_factory=dict)
    edges: Sequence[Edge] = ()


@dataclass(frozen=True)
class Flat:
    """Compares with every vector: exact, no build."""


@dataclass(frozen=True)
class LSH:
    """Locality-sensitive hashing by hyperplanes."""

    tables: int = 16
    hyperplanes: int = 13
    probes: int = 80


@dataclass(frozen=True)
class HNSW:
    """A graph of neighbors; ``inline`` links new vectors inside each write.

    ``quantization`` is the form of the vectors in the graph: ``int8``, ``none`` or ``int4``. The
    nearest vectors that a walk finds are always compared exactly.
    """

    inline: bool = False
    m: int = 16
    ef_construction: int = 160
    ef_search: int = 64
    quantization: str = "int8"


Strategy = Union[Flat, LSH, HNSW]

#: A path of nested names of a field of the metadata.
Path = tuple[str, ...]


#: The languages of texts, for ``TextOptions``.
TEXT_LANGUAGES = (
    "english",
    "none",
    "arabic",
    "armenian",
    "basque",
    "catalan",
    "danish",
    "dutch",
    "finnish",
    "french",
    "german",
    "greek",
    "hindi",
    "hungarian",
    "indonesian",
    "irish",
    "italian",
    "lithuanian",
    "nepali",
    "norwegian",
    "portuguese",
    "romanian",
    "russian",
    "serbian",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
    "yiddish",
)


@dataclass(frozen=True)
class TextOptions:
    """The analysis and the ranking (BM25F) of a collection's text; fixed at creation."""

    #: Weights of fields, 0 to 100, up to 7 of them; 3 to 5 is usual for a title. The others count
    #: as one field of weight 1.
    fields: Mapping[str, float] = field(default_factory=dict)
    #: The saturation of frequencies: with a smaller value, repeated occurrences of a word add less.
    #: None: 1.2, or 2 if fields are declared.
    k1: float | None = None
    #: The weight of a field's length, 0 to 1: with a larger one, long fields count less.
    b: float = 0.9
    #: The weight of a word in exactly the form of the query, in addition to its stem.
    exact_weight: float = 0.3
    #: One of ``TEXT_LANGUAGES``: ``english``, ``none``, or a language of the Snowball project.
    language: str = "english"
    #: Whether stop words count, too, in queries of plain words.
    keeps_stop_words: bool = False


@dataclass(frozen=True)
class IndexStatus:
    """The vector index of a collection, with its state."""

    strategy: Strategy
    #: ``ready``: searches use the index. ``building``: they use the earlier index meanwhile.
    #: ``scanning``: every vector is compared, because there is no index, or its recall is too low.
    state: str
    #: The vectors in the index; with ``Flat`` all of them.
    indexed_vectors: int
    #: The vectors outside the index, found by an exact scan.
    scanned_vectors: int
    #: The progress of a build, 0 to 1.
    progress: float
    #: The bytes of the index, in addition to the vectors.
    byte_count: int
    #: The nodes of a graph that no walk reaches.
    unreachable_nodes: int
    #: The share of the nearest vectors that searches find; None when it wasn't measured.
    self_recall: float | None = None
    #: A message for display.
    message: str = ""


@dataclass(frozen=True)
class CollectionDescription:
    """The current state of a collection."""

    name: str
    dimension: int
    metric: str
    vector_strategy: Strategy
    text_strategy: str
    documents: int
    vectors: int
    edges: int
    sequence_number: int
    #: The rows that the next compaction merges.
    changes_since_base: int = 0
    #: The bytes of the base; 0: there is no base yet.
    base_byte_count: int = 0
    #: The vector index; None: the server's release doesn't report it.
    index: IndexStatus | None = None
    text: TextOptions = TextOptions()
    #: The fields of the metadata that are indexed.
    metadata_indexes: Sequence[Path] = ()
    #: The indexed fields whose index is being built: until then filters read the documents.
    building_indexes: Sequence[Path] = ()
    #: The number of the collection in its store, never given twice: a collection that was dropped
    #: and created again has another number. 0: the server's release doesn't report it.
    number: int = 0


@dataclass(frozen=True)
class WriteReceipt:
    """The effects of a write."""

    sequence_number: int
    #: ``full``: on disk before the reply. ``relaxed``: a power cut may lose the last batches.
    durability: str
    inserted: int
    replaced: int
    dropped: int
    #: Whether the write was already applied under its request id; the receipt is then the first
    #: one.
    repeated: bool


@dataclass(frozen=True)
class SourceScore:
    """The rank and score of a hit from one source.

    ``rank`` 1 is the best; None when only other sources found the hit, and this one scored it.
    """

    source: int
    rank: int | None
    score: float


@dataclass(frozen=True)
class Fragment:
    """A part of a text around matches, with the requested texts before and after each."""

    text: str
    #: The start of the fragment in the field, in bytes of UTF-8.
    offset: int
    #: Start and end of each matching word in ``text``, as indices of the string.
    matches: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Hit:
    """A document that matches a query; a larger score is better."""

    id: str
    score: float
    source_scores: Sequence[SourceScore] = ()
    #: The requested parts of the document; None when no part was requested.
    document: Document | None = None
    #: The text fields that match, when requested.
    highlights: Mapping[str, Sequence[Fragment]] = field(default_factory=dict)


@dataclass(frozen=True)
class TextExpansion:
    """A word of the documents that matches a word of the query."""

    word: str
    #: The edits between the two words.
    distance: int
    #: The number of documents with its stem.
    documents: int


@dataclass(frozen=True)
class TextWord:
    """A word of the query."""

    word: str
    #: The number of documents with its stem.
    documents: int
    #: The number of stems that match the word in addition to its own.
    expansion_count: int
    #: The first 50 of these stems.
    expansions: Sequence[TextExpansion]


@dataclass(frozen=True)
class TextExplanation:
    """The words of a text source, and the words that they match."""

    #: The index of the source among the sources of the query.
    source: int
    words: Sequence[TextWord]
    #: Plain words that were left out, because the query has too many.
    left_out: Sequence[str] = ()


@dataclass(frozen=True)
class VectorExplanation:
    """The explanation of the search of a vector source."""

    #: The index of the source among the sources of the query.
    source: int
    #: ``flat``, ``hnsw``, ``lsh``, ``exact`` or ``filtered scan``; more may come.
    strategy: str
    #: The graph nodes whose links were followed, or the documents found in buckets.
    visited_nodes: int
    #: The computed distances, exact ones and estimates.
    computed_distances: int
    #: The rows that were scanned, without an index.
    scanned_rows: int


@dataclass(frozen=True)
class FilterExplanation:
    """How a filter was evaluated."""

    #: ``indexed``, ``partly indexed``, ``scanned`` or ``cached``; more may come.
    strategy: str
    matched_documents: int
    #: The documents whose metadata was read to evaluate the filter.
    read_documents: int


@dataclass(frozen=True)
class QueryResult:
    """The hits of one query, best first."""

    hits: Sequence[Hit]
    #: Whether a budget ended a source before it was done.
    partial: bool = False
    #: One per vector source, when requested.
    explanations: Sequence[VectorExplanation] = ()
    #: Set when requested and there is a filter.
    filter: FilterExplanation | None = None
    #: One per text source, when requested; none for collections with ``fts5``.
    text_explanations: Sequence[TextExplanation] = ()
    #: One per requested facet, in their order.
    facets: Sequence[Facet] = ()

    @property
    def ids(self) -> list[str]:
        """The ids of the hits."""
        return [hit.id for hit in self.hits]

    @property
    def scores(self) -> npt.NDArray[np.float64]:
        """The scores of the hits."""
        return np.array([hit.score for hit in self.hits], dtype=np.float64)


@dataclass(frozen=True)
class SearchResponse:
    """One result per query, all from the version of ``sequence_number``."""

    results: Sequence[QueryResult]
    sequence_number: int


@dataclass(frozen=True)
class Reached:
    """A document that a walk reached, and the edge that reached it first."""

    id: str
    depth: int
    #: The document at the other end of the edge.
    source: str
    label: str
    weight: float
    #: Whether the edge was followed against its direction.
    incoming: bool


@dataclass(frozen=True)
class WalkResult:
    """The documents that a walk reached, by depth."""

    reached: Sequence[Reached]
    #: The budget that ended the walk, ``nodes``, ``edges`` or ``time``; None: the walk is complete.
    ended_by: str | None
    edges_followed: int


@dataclass(frozen=True)
class WalkResponse:
    """One result per walk, all from the version of ``sequence_number``."""

    results: Sequence[WalkResult]
    sequence_number: int


@dataclass(frozen=True)
class Page:
    """Documents of a scan, and the start of the next page; None after the last."""

    documents: Sequence[Document]
    next_cursor: bytes | None
    #: Set for ``list_edges`` when the last document has more edges than ``max_edges``; valid for
    #: this version of the document.
    edges_cursor: bytes | None = None


@dataclass(frozen=True)
class ListedEdge:
    """An edge of the requested document."""

    label: str
    #: The document at the other end, which need not exist.
    id: str
    weight: float
    #: The metadata of an outgoing edge; empty for an incoming edge, whose source has it.
    metadata: Metadata


@dataclass(frozen=True)
class EdgePage:
    """Edges of a document, and the start of the next page; None after the last."""

    edges: Sequence[ListedEdge]
    next_cursor: bytes | None


@dataclass(frozen=True)
class ValueCount:
    """A value, and the number of documents that have it."""

    value: Value
    count: int


@dataclass(frozen=True)
class Facet:
    """The most frequent values of a field among the documents that pass a filter.

    A list counts each of its distinct elements once; lists in lists and objects are not counted.
    Numbers equal in value are one value, an int when whole.
    """

    path: Path
    #: The most frequent first; ties by value.
    values: Sequence[ValueCount]
    #: The number of all distinct values.
    distinct_values: int


@dataclass(frozen=True)
class CountResponse:
    """The number of documents that pass a filter, in the version of ``sequence_number``."""

    count: int
    #: One per requested facet, in their order.
    facets: Sequence[Facet]
    #: How the filter was evaluated; None without a filter.
    filter: FilterExplanation | None
    sequence_number: int


@dataclass(frozen=True)
class EraseReceipt:
    """The result of an erasure."""

    #: Documents that were dropped or replaced up to this batch are in no file of the store.
    sequence_number: int
    #: Snapshots that may still have them, by name.
    snapshots: list[str]


@dataclass(frozen=True)
class SnapshotDescription:
    """A snapshot: one file with a whole store at one sequence number."""

    name: str
    sequence_number: int
    #: The bytes of the file.
    byte_count: int
    #: The time at which the snapshot began.
    created_at: Timestamp


@dataclass(frozen=True)
class Damage:
    """A part of a store that differs from the written data."""

    #: ``database``, ``log``, ``row``, ``vectors``, ``words``, ``edges``, ``values``, ``memory``,
    #: ``base``; more may come.
    kind: str
    #: The collection of the damage; None: it belongs to no single collection.
    collection: str | None
    #: The damaged object: a document's id, a row, a batch, a file.
    object: str
    message: str
    #: Advice on what to do.
    recovery: str
    #: Whether the object was derived from undamaged data, and has been rebuilt.
    is_repaired: bool


@dataclass(frozen=True)
class VerifyReport:
    """The parts that a verification checked, and the damage that it found."""

    sequence_number: int
    batches: int
    rows: int
    vectors: int
    edges: int
    #: The first 1,000 damages.
    damages: Sequence[Damage]
    #: The number of all damages.
    damage_count: int

    @property
    def is_clean(self) -> bool:
        """Whether nothing is damaged."""
        return self.damage_count == 0


@dataclass(frozen=True)
class Statistic:
    """A figure of the server."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True)
class SlowRequest:
    """A request that the server has served, without its vectors."""

    call: str
    collection: str | None
    #: Sources, filters and options in short form.
    query: str
    #: The way in which a search found its hits: ``filtered_walk``.
    path: str | None
    #: Seconds from the request's arrival until its reply.
    seconds: float
    #: The time of each step, and the work of a search.
    steps: Sequence[Statistic]
    #: The reason of the error; ``None`` for a success.
    error: str | None
    client: str
    peer: str
    #: The id of the request in its connection.
    request: int
    #: The trace that the client named, as W3C's ``traceparent``.
    trace_parent: str | None
    began_at: Timestamp


@dataclass(frozen=True)
class QueryShape:
    """The requests that differ only in their constants."""

    #: ``?`` stands for a constant.
    shape: str
    collection: str
    count: int
    error_count: int
    total_seconds: float
    p99_seconds: float
    longest_seconds: float


@dataclass(frozen=True)
class SlowRequests:
    """The slow requests of a server, and its reads by their shape."""

    #: Longer than the server's ``slowRequestMs``, latest first.
    latest: Sequence[SlowRequest]
    #: Of all requests, slowest first.
    slowest: Sequence[SlowRequest]
    #: The longest total time first.
    shapes: Sequence[QueryShape]
    since: Timestamp


@dataclass(frozen=True)
class Stats:
    """The state of a server and its store."""

    server_version: str
    store_version: str
    sequence_number: int
    collections: Sequence[CollectionDescription]
    statistics: Sequence[Statistic]
    #: The reason why the last compaction failed, if it did.
    compaction_failure: str | None = None
