# SPDX-License-Identifier: Apache-2.0
"""What is stored, and what calls answer."""

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


#: One typed value of metadata. A datetime, which must be aware, is stored as a Timestamp; so is a
#: datetime64 or a Timestamp of pandas, in UTC unless it says otherwise, in whole microseconds, rounded
#: down. Scalars and arrays of numpy are stored as the values and lists that they are.
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
#: None, and what numpy and pandas have for missing values but NaN, is left out.
Metadata = Mapping[str, Union[Value, None]]


class Include(enum.Flag):
    """What a hit or a document brings along with its id."""

    NOTHING = 0
    TEXT = 1
    METADATA = 2
    VECTOR = 4
    EDGES = 8
    #: For hits: the rank and score that each source gave.
    SOURCE_SCORES = 16
    #: For answers: how each vector source was searched, and how the filter was answered.
    EXPLAIN = 32
    #: The whole document.
    DOCUMENT = TEXT | METADATA | VECTOR | EDGES


@dataclass
class Edge:
    """A directed, labelled edge, kept with the document that it leaves."""

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

    ``text`` may be given as a string, which is stored as the field named ``text``. None is left out.
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

    ``quantization`` is what the graph is walked over: ``int8``, ``none`` or ``int4``. The nearest
    that a walk finds are always compared exactly.
    """

    inline: bool = False
    m: int = 16
    ef_construction: int = 160
    ef_search: int = 64
    quantization: str = "int8"


Strategy = Union[Flat, LSH, HNSW]

#: The names of a field of the metadata, one inside the other.
Path = tuple[str, ...]


#: What texts may be written in, for ``TextOptions``.
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
    """How the text of a collection is analysed and ranked, by BM25F; fixed at creation."""

    #: Weights of fields, 0 to 100, up to 7 of them; 3 to 5 suits a title. The others count as one
    #: field of weight 1.
    fields: Mapping[str, float] = field(default_factory=dict)
    #: How soon more occurrences of a word stop to matter; None: 1.2, or 2 where fields are declared.
    k1: float | None = None
    #: How much a long field is held back, 0 to 1.
    b: float = 0.9
    #: What a word in just the form that was asked for counts in addition to its stem.
    exact_weight: float = 0.3
    #: One of ``TEXT_LANGUAGES``: ``english``, ``none``, or a language of the Snowball project.
    language: str = "english"
    #: Whether stop words count, too, when plain words are asked for.
    keeps_stop_words: bool = False


@dataclass(frozen=True)
class IndexStatus:
    """How a collection's vectors are found at the moment."""

    strategy: Strategy
    #: ``ready``: the index answers. ``building``: what answered before does, meanwhile.
    #: ``scanning``: every vector is compared: there is no index, or it finds too few.
    state: str
    #: That the index answers for; under ``Flat`` all of them.
    indexed_vectors: int
    #: Found by an exact scan, outside the index.
    scanned_vectors: int
    #: How far the index is, 0 to 1.
    progress: float
    #: That the index takes in addition to the vectors.
    byte_count: int
    #: Nodes of a graph that no walk reaches.
    unreachable_nodes: int
    #: The share of the nearest vectors that searches find; None when it wasn't measured.
    self_recall: float | None = None
    #: What a person should know.
    message: str = ""


@dataclass(frozen=True)
class CollectionDescription:
    """A collection as it stands."""

    name: str
    dimension: int
    metric: str
    vector_strategy: Strategy
    text_strategy: str
    documents: int
    vectors: int
    edges: int
    sequence_number: int
    #: Rows that the next compaction folds.
    changes_since_base: int = 0
    #: 0: there is no base yet.
    base_byte_count: int = 0
    #: None: the server's release says nothing of it.
    index: IndexStatus | None = None
    text: TextOptions = TextOptions()
    #: The fields of the metadata that are indexed.
    metadata_indexes: Sequence[Path] = ()
    #: Those of them that are being built: until then filters read the documents.
    building_indexes: Sequence[Path] = ()
    #: Of the collection in its store, never given twice: a collection that was dropped and created
    #: again has another one. 0: the server's release doesn't say it.
    number: int = 0


@dataclass(frozen=True)
class WriteReceipt:
    """What a write did."""

    sequence_number: int
    #: ``full``: on disk before the reply. ``relaxed``: a power cut may lose the last batches.
    durability: str
    inserted: int
    replaced: int
    dropped: int
    #: The request id had been applied before; this is what it did then.
    repeated: bool


@dataclass(frozen=True)
class SourceScore:
    """What one source said of a hit.

    ``rank`` 1 is the best; None when only other sources found it, and this one scored it.
    """

    source: int
    rank: int | None
    score: float


@dataclass(frozen=True)
class Fragment:
    """A piece of a text around matches, with what was wished for before and behind each."""

    text: str
    #: Where it begins in the field, in bytes of UTF-8.
    offset: int
    #: Start and end of each matching word in ``text``, as indices of the string.
    matches: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Hit:
    """A document that answers a question; a larger score is better."""

    id: str
    score: float
    source_scores: Sequence[SourceScore] = ()
    #: The parts that were asked for; None when none was.
    document: Document | None = None
    #: The text fields that match, when asked for.
    highlights: Mapping[str, Sequence[Fragment]] = field(default_factory=dict)


@dataclass(frozen=True)
class TextExpansion:
    """A word of the documents that a word of the question stands for."""

    word: str
    #: Edits between the two.
    distance: int
    #: How many documents have its stem.
    documents: int


@dataclass(frozen=True)
class TextWord:
    """A word of the question."""

    word: str
    #: How many documents have its stem.
    documents: int
    #: How many stems it stands for next to its own.
    expansion_count: int
    #: The first 50 of these.
    expansions: Sequence[TextExpansion]


@dataclass(frozen=True)
class TextExplanation:
    """What a text source looked for."""

    #: Its place among the sources of the question.
    source: int
    words: Sequence[TextWord]
    #: Plain words that were not looked for, because the question has too many.
    left_out: Sequence[str] = ()


@dataclass(frozen=True)
class VectorExplanation:
    """How a vector source was searched."""

    #: Its place among the sources of the question.
    source: int
    #: ``flat``, ``hnsw``, ``lsh``, ``exact`` or ``filtered scan``; more may come.
    strategy: str
    #: Nodes of a graph whose links were followed, or documents found in buckets.
    visited_nodes: int
    #: Exact ones and estimates.
    computed_distances: int
    #: Compared one after the other, without an index.
    scanned_rows: int


@dataclass(frozen=True)
class FilterExplanation:
    """How a filter was answered."""

    #: ``indexed``, ``partly indexed``, ``scanned`` or ``cached``; more may come.
    strategy: str
    matched_documents: int
    #: Documents whose metadata was read to say so.
    read_documents: int


@dataclass(frozen=True)
class QueryResult:
    """The answer to one question, best first."""

    hits: Sequence[Hit]
    #: A budget ended a source before it was done.
    partial: bool = False
    #: One a vector source, when asked for.
    explanations: Sequence[VectorExplanation] = ()
    #: When asked for and there is a filter.
    filter: FilterExplanation | None = None
    #: One a text source, when asked for; none of collections with ``fts5``.
    text_explanations: Sequence[TextExplanation] = ()
    #: One a requested facet, in their order.
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
    """One answer a question, all from the state of ``sequence_number``."""

    results: Sequence[QueryResult]
    sequence_number: int


@dataclass(frozen=True)
class Reached:
    """A document that a walk reached, and the edge that reached it first."""

    id: str
    depth: int
    #: The document on the other side of the edge.
    source: str
    label: str
    weight: float
    #: The edge was followed against its direction.
    incoming: bool


@dataclass(frozen=True)
class WalkResult:
    """What a walk found, by depth."""

    reached: Sequence[Reached]
    #: ``nodes``, ``edges`` or ``time``: the budget that ended it; None when it is complete.
    ended_by: str | None
    edges_followed: int


@dataclass(frozen=True)
class WalkResponse:
    """One result a walk, all from the state of ``sequence_number``."""

    results: Sequence[WalkResult]
    sequence_number: int


@dataclass(frozen=True)
class Page:
    """Documents of a scan, and where the next page starts; None after the last."""

    documents: Sequence[Document]
    next_cursor: bytes | None
    #: For ``list_edges``, when the last document has more edges than wanted; good for this version of it.
    edges_cursor: bytes | None = None


@dataclass(frozen=True)
class ListedEdge:
    """An edge, seen from the document that was asked for."""

    label: str
    #: The document at the other end, which need not exist.
    id: str
    weight: float
    #: Of an outgoing edge; those of an incoming one are with its source.
    metadata: Metadata


@dataclass(frozen=True)
class EdgePage:
    """Edges of a document, and where the next page starts; None after the last."""

    edges: Sequence[ListedEdge]
    next_cursor: bytes | None


@dataclass(frozen=True)
class ValueCount:
    """A value, and how many documents have it."""

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
    #: Distinct values in all.
    distinct_values: int


@dataclass(frozen=True)
class CountResponse:
    """How many documents pass a filter, in the state of ``sequence_number``."""

    count: int
    #: One a requested facet, in their order.
    facets: Sequence[Facet]
    #: How the filter was answered; None without one.
    filter: FilterExplanation | None
    sequence_number: int


@dataclass(frozen=True)
class EraseReceipt:
    """What an erasure has made sure of."""

    #: Documents that were dropped or replaced up to this batch are in no file of the store.
    sequence_number: int
    #: Snapshots that may still have them, by name.
    snapshots: list[str]


@dataclass(frozen=True)
class SnapshotDescription:
    """A snapshot: everything that a store held at one sequence number, in one file."""

    name: str
    sequence_number: int
    #: Bytes of the file.
    byte_count: int
    #: When it was begun.
    created_at: Timestamp


@dataclass(frozen=True)
class Damage:
    """Something in a store that is not as it was written."""

    #: ``database``, ``log``, ``row``, ``vectors``, ``words``, ``edges``, ``values``, ``memory``,
    #: ``base``; more may come.
    kind: str
    #: None: of no single collection.
    collection: str | None
    #: Which: a document's id, a row, a batch, a file.
    object: str
    message: str
    #: What to do.
    recovery: str
    #: It was derived from something intact, and has been made again.
    is_repaired: bool


@dataclass(frozen=True)
class VerifyReport:
    """What a verification looked at, and what it found."""

    sequence_number: int
    batches: int
    rows: int
    vectors: int
    edges: int
    #: The first 1,000.
    damages: Sequence[Damage]
    #: Of all.
    damage_count: int

    @property
    def is_clean(self) -> bool:
        """Nothing is damaged."""
        return self.damage_count == 0


@dataclass(frozen=True)
class Statistic:
    """A figure of the server."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True)
class Stats:
    """The state of a server and its store."""

    server_version: str
    store_version: str
    sequence_number: int
    collections: Sequence[CollectionDescription]
    statistics: Sequence[Statistic]
    #: Why the last compaction failed, if it did.
    compaction_failure: str | None = None
