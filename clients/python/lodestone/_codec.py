# SPDX-License-Identifier: Apache-2.0
"""Calls to messages, and replies to what callers see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lodestone import _values
from lodestone._proto import collection_pb2, query_pb2, service_pb2
from lodestone.errors import invalid
from lodestone.queries import (
    Deviation,
    Fuzzy,
    MatchText,
    MinMax,
    NearVector,
    Query,
    ReciprocalRank,
    Source,
    Walk,
)
from lodestone.types import (
    HNSW,
    LSH,
    CollectionDescription,
    CountResponse,
    Damage,
    Document,
    Edge,
    Facet,
    FilterExplanation,
    Flat,
    Fragment,
    Hit,
    Include,
    IndexStatus,
    Page,
    Path,
    QueryResult,
    Reached,
    SnapshotDescription,
    SourcedEdge,
    SourceScore,
    Statistic,
    Stats,
    Strategy,
    TextExpansion,
    TextExplanation,
    TextOptions,
    TextWord,
    Timestamp,
    ValueCount,
    Vector,
    VectorExplanation,
    VerifyReport,
    WalkResult,
    WriteReceipt,
)


class _Names:
    """The numbers of an enum, under the names that callers use."""

    def __init__(self, what: str, *names: str) -> None:
        self._what = what
        self._names = names

    def value(self, name: str) -> Any:
        if name not in self._names:
            raise invalid(
                "UNKNOWN_ENUM",
                f"{self._what} is {name!r}.",
                f"Use one of {', '.join(self._names)}.",
                self._what,
            )
        return self._names.index(name)

    def name(self, value: int) -> str:
        return self._names[value] if value < len(self._names) else f"unknown {value}"


_METRICS = _Names("metric", "cosine", "euclidean", "dot_product")
_TEXT_STRATEGIES = _Names("text_strategy", "fts5", "postings")
_TEXT_LANGUAGES = _Names("language", "english", "none")
_QUANTIZATIONS = _Names("quantization", "int8", "none", "int4")
_INDEX_STATES = _Names("state", "ready", "building", "scanning")
_DIRECTIONS = _Names("direction", "outgoing", "incoming", "both")
_DURABILITIES = _Names("durability", "full", "relaxed")
_BUDGETS = _Names("budget", "none", "nodes", "edges", "time")


# Vectors


def floats(vector: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Numbers as they travel: float32, little-endian, in one piece."""
    return np.ascontiguousarray(vector, dtype="<f4")


class Vectors:
    """The vectors of one message, which must be of one length."""

    def __init__(self) -> None:
        self._parts: list[npt.NDArray[np.float32]] = []
        self._dimension: int | None = None

    def append(self, matrix: npt.ArrayLike) -> None:
        """Adds one vector, or a matrix with one in each row."""
        part = floats(matrix)
        dimension = part.shape[-1] if part.ndim else 0
        if part.ndim not in (1, 2) or dimension == 0:
            raise invalid(
                "BAD_VECTOR",
                f"A vector has the shape {part.shape}.",
                "Send vectors of at least one element, in a matrix of two axes.",
                "vectors",
            )
        if self._dimension not in (None, dimension):
            raise invalid(
                "DIMENSION_MISMATCH",
                f"A vector has {dimension} elements, another {self._dimension}.",
                "Give all vectors of one call the same number of elements.",
                "vectors",
            )
        self._dimension = dimension
        self._parts.append(part.reshape(-1))

    def encoded(self) -> bytes:
        """All of them, as the packed field carries them."""
        if not self._parts:
            return b""
        whole = self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts)
        return whole.tobytes()


class VectorReader:
    """Hands out the vectors of a message, one after the other."""

    def __init__(self, message: Any, count: int) -> None:
        whole = np.fromiter(message.vectors, dtype=np.float32, count=len(message.vectors))
        self._rows = iter(whole.reshape(count, -1)) if count else iter(())

    def next(self) -> Vector:
        vector: Vector = next(self._rows).copy()
        return vector


# Documents


def write_edge(message: Any, edge: Edge) -> None:
    message.label = edge.label.encode()
    message.target = edge.target.encode()
    if edge.weight != 1:
        message.weight = edge.weight
    if edge.metadata:
        _values.write_metadata(message.metadata, edge.metadata)


def write_sourced_edges(messages: Any, edges: Iterable[SourcedEdge]) -> None:
    for edge in edges:
        message = messages.add()
        message.source = edge.source.encode()
        write_edge(message.edge, edge.edge)


def write_document(message: Any, document: Document) -> None:
    """Writes all but the vector."""
    message.id = document.id.encode()
    text = document.text
    fields: Mapping[str, str] = {"text": text} if isinstance(text, str) else text
    for name, value in fields.items():
        message.text.add(name=name.encode(), text=value.encode())
    if document.metadata:
        _values.write_metadata(message.metadata, document.metadata)
    for edge in document.edges:
        write_edge(message.edges.add(), edge)
    if document.vector is not None:
        message.has_vector = True


def _read_contents(message: Any, id: str, vector: Vector | None) -> Document:
    return Document(
        id=id,
        vector=vector,
        text={str(field.name, "utf-8"): str(field.text, "utf-8") for field in message.text},
        metadata=_values.read_metadata(message.metadata),
        edges=[
            Edge(
                str(edge.label, "utf-8"),
                str(edge.target, "utf-8"),
                edge.weight if edge.HasField("weight") else 1.0,
                _values.read_metadata(edge.metadata),
            )
            for edge in message.edges
        ],
    )


def read_documents(message: Any) -> list[Document]:
    """The documents of a reply that carries their vectors together."""
    vectors = VectorReader(message, sum(document.has_vector for document in message.documents))
    return [
        _read_contents(
            document, str(document.id, "utf-8"), vectors.next() if document.has_vector else None
        )
        for document in message.documents
    ]


def read_page(message: Any) -> Page:
    return Page(
        read_documents(message),
        bytes(message.next_cursor) if message.HasField("next_cursor") else None,
    )


def index_many(
    collection: str,
    documents: Sequence[Document],
    ids: Sequence[str] | None,
    vectors: npt.ArrayLike | None,
    texts: Sequence[Mapping[str, str] | str | None] | None,
    metadata: Sequence[Mapping[str, Any] | None] | None,
    edges: Iterable[SourcedEdge],
) -> tuple[Any, bytes]:
    """A batch of documents, of columns, or of both."""
    message = service_pb2.IndexManyRequest(collection=collection.encode())
    packed = Vectors()
    for document in documents:
        write_document(message.documents.add(), document)
        if document.vector is not None:
            packed.append(document.vector)
    matrix = None if vectors is None else floats(vectors)
    for name, column in {"vectors": matrix, "texts": texts, "metadata": metadata}.items():
        if column is not None and len(column) != len(ids or ()):
            raise invalid(
                "BAD_COLUMN",
                f"{name} has {len(column)} rows for {len(ids or ())} ids.",
                "Give ids, and every column one row an id.",
                name,
            )
    for row, id in enumerate(ids or ()):
        text = texts[row] if texts is not None else None
        values = metadata[row] if metadata is not None else None
        written = message.documents.add()
        write_document(written, Document(id, text=text or {}, metadata=values or {}))
        written.has_vector = matrix is not None
    if matrix is not None and ids:
        packed.append(matrix)
    write_sourced_edges(message.edges, edges)
    return message, packed.encoded()


# Questions


def include(value: Include) -> Any:
    return query_pb2.Include(
        text=Include.TEXT in value,
        metadata=Include.METADATA in value,
        vector=Include.VECTOR in value,
        edges=Include.EDGES in value,
        source_scores=Include.SOURCE_SCORES in value,
        explain=Include.EXPLAIN in value,
    )


def write_walk(message: Any, walk: Walk) -> None:
    message.depth = walk.depth
    getattr(message, "from").extend([id.encode() for id in walk.start])
    message.labels.extend([label.encode() for label in walk.labels])
    message.direction = _DIRECTIONS.value(walk.direction)
    message.budget.nodes = walk.max_nodes
    message.budget.edges = walk.max_edges
    if walk.max_time is not None:
        message.budget.time_ms = max(1, int(walk.max_time * 1000))


def _write_fuzzy(message: Any, fuzzy: Fuzzy | int | str | None) -> None:
    if fuzzy is None:
        return
    if not isinstance(fuzzy, Fuzzy):
        fuzzy = Fuzzy(fuzzy)  # type: ignore[arg-type]
    if fuzzy.distance == "auto":
        message.fuzzy_auto = True
    elif isinstance(fuzzy.distance, int):
        message.fuzzy_distance = fuzzy.distance
    else:
        raise invalid(
            "FUZZY",
            f"The fuzzy distance is {fuzzy.distance!r}.",
            'Give 0, 1, 2 or "auto".',
            "fuzzy",
        )
    if fuzzy.prefix_length != 0:
        message.fuzzy_prefix_length = fuzzy.prefix_length
    if fuzzy.max_expansions != 50:
        message.fuzzy_max_expansions = fuzzy.max_expansions


def _write_source(message: Any, source: Source, vectors: Vectors) -> None:
    kind = source.kind
    if isinstance(kind, NearVector):
        vectors.append(kind.vector)
        message.vector.SetInParent()
        message.vector.exact = kind.exact
        if kind.ef_search is not None:
            message.vector.ef_search = kind.ef_search
    elif isinstance(kind, MatchText):
        message.text.query = kind.query.encode()
        message.text.mode = query_pb2.QUERY_SYNTAX if kind.syntax else query_pb2.ANY_WORD
        _write_fuzzy(message.text, kind.fuzzy)
    else:
        write_walk(message.walk.walk, kind.walk)
        message.walk.from_hits = kind.from_hits
    if source.weight is not None:
        message.weight = source.weight
    if source.candidates is not None:
        message.candidates = source.candidates


def search(collection: str, queries: Sequence[Query]) -> tuple[Any, bytes]:
    message = service_pb2.SearchRequest(collection=collection.encode())
    vectors = Vectors()
    for query in queries:
        written = message.queries.add()
        sources = [query.sources] if isinstance(query.sources, Source) else query.sources
        for source in sources:
            _write_source(written.sources.add(), source, vectors)
        if query.filter is not None:
            written.filter.CopyFrom(query.filter.message)
        if isinstance(query.fusion, ReciprocalRank):
            written.fusion.reciprocal_rank.k = query.fusion.k
        elif isinstance(query.fusion, MinMax):
            written.fusion.weighted_scores.normalization = query_pb2.MIN_MAX
        elif isinstance(query.fusion, Deviation):
            written.fusion.weighted_scores.normalization = query_pb2.DEVIATION
        written.limit = query.limit
        written.include.CopyFrom(include(query.include))
        if query.highlight is not None:
            wish = query.highlight
            written.highlight.fields.extend([name.encode() for name in wish.fields])
            written.highlight.fragment_size = wish.fragment_size
            written.highlight.max_fragments = wish.max_fragments
            written.highlight.before = wish.before.encode()
            written.highlight.after = wish.after.encode()
    return message, vectors.encoded()


def _read_source_score(message: Any) -> SourceScore:
    rank = message.rank if message.HasField("rank") else None
    return SourceScore(message.source, rank, message.score)


def _read_fragment(message: Any) -> Fragment:
    text = bytes(message.text)

    def index(place: int) -> int:
        return len(str(text[:place], "utf-8"))

    matches = [(index(match.start), index(match.end)) for match in message.matches]
    return Fragment(str(text, "utf-8"), message.offset, matches)


def _read_text_explanation(message: Any) -> TextExplanation:
    return TextExplanation(
        message.source,
        [
            TextWord(
                str(word.word, "utf-8"),
                word.documents,
                word.expansion_count,
                [
                    TextExpansion(str(one.word, "utf-8"), one.distance, one.documents)
                    for one in word.expansions
                ],
            )
            for word in message.words
        ],
    )


def _read_hit(message: Any) -> Hit:
    id = str(message.id, "utf-8")
    vector: Vector | None = None
    if message.vector:
        vector = np.fromiter(message.vector, dtype=np.float32, count=len(message.vector))
    has_document = vector is not None or message.HasField("document")
    return Hit(
        id,
        message.score,
        [_read_source_score(said) for said in message.source_scores],
        _read_contents(message.document, id, vector) if has_document else None,
        {
            str(one.field, "utf-8"): [_read_fragment(fragment) for fragment in one.fragments]
            for one in message.highlights
        },
    )


def read_query_result(message: Any) -> QueryResult:
    return QueryResult(
        [_read_hit(hit) for hit in message.hits],
        message.partial,
        [
            VectorExplanation(
                one.source,
                str(one.strategy, "utf-8"),
                one.visited_nodes,
                one.computed_distances,
                one.scanned_rows,
            )
            for one in message.explanations
        ],
        _read_filter_explanation(message),
        [_read_text_explanation(one) for one in message.text_explanations],
    )


def _read_filter_explanation(message: Any) -> FilterExplanation | None:
    if not message.HasField("filter"):
        return None
    one = message.filter
    return FilterExplanation(
        str(one.strategy, "utf-8"), one.matched_documents, one.read_documents
    )


def read_path(path: Any) -> Path:
    return tuple(str(name, "utf-8") for name in path)


def write_path(path: Any, names: str | Sequence[str]) -> None:
    """Writes the names of a field; one name may be given as it is."""
    path.extend([name.encode() for name in ([names] if isinstance(names, str) else names)])


def read_count(message: Any) -> CountResponse:
    return CountResponse(
        message.count,
        [
            Facet(
                read_path(facet.path),
                [ValueCount(_values.read(one.value), one.count) for one in facet.values],
                facet.distinct_values,
            )
            for facet in message.facets
        ],
        _read_filter_explanation(message),
        message.sequence_number,
    )


def read_walk_result(message: Any) -> WalkResult:
    return WalkResult(
        [
            Reached(
                str(reached.id, "utf-8"),
                reached.depth,
                str(getattr(reached, "from"), "utf-8"),
                str(reached.label, "utf-8"),
                reached.weight if reached.HasField("weight") else 1.0,
                reached.incoming,
            )
            for reached in message.reached
        ],
        _BUDGETS.name(message.ended_by) if message.ended_by else None,
        message.edges_followed,
    )


# Collections


def collection_options(
    dimension: int,
    metric: str,
    vector_strategy: Strategy,
    text_strategy: str,
    text: TextOptions,
    metadata_indexes: Iterable[str | Sequence[str]] = (),
) -> Any:
    options = collection_pb2.CollectionOptions(dimension=dimension)
    options.metric = _METRICS.value(metric)
    options.text_strategy = _TEXT_STRATEGIES.value(text_strategy)
    write_strategy(options.vector_strategy, vector_strategy)
    if text != TextOptions():
        _write_text_options(options.text, text)
    for path in metadata_indexes:
        write_path(options.metadata_indexes.add().path, path)
    return options


def _write_text_options(message: Any, text: TextOptions) -> None:
    for name, weight in text.fields.items():
        field = message.fields.add()
        field.name = name.encode()
        field.weight = weight
    if text.k1 is not None:
        message.k1 = text.k1
    message.b = text.b
    message.exact_weight = text.exact_weight
    message.language = _TEXT_LANGUAGES.value(text.language)
    message.keeps_stop_words = text.keeps_stop_words


def _read_text_options(message: Any) -> TextOptions:
    default = TextOptions()
    return TextOptions(
        {
            str(field.name, "utf-8"): field.weight if field.HasField("weight") else 1.0
            for field in message.fields
        },
        message.k1 if message.HasField("k1") else None,
        message.b if message.HasField("b") else default.b,
        message.exact_weight if message.HasField("exact_weight") else default.exact_weight,
        _TEXT_LANGUAGES.name(message.language),
        message.keeps_stop_words,
    )


def write_strategy(message: Any, strategy: Strategy) -> None:
    if isinstance(strategy, LSH):
        message.lsh.tables = strategy.tables
        message.lsh.hyperplanes = strategy.hyperplanes
        message.lsh.probes = strategy.probes
    elif isinstance(strategy, HNSW):
        message.hnsw.inline_indexing = strategy.inline
        message.hnsw.m = strategy.m
        message.hnsw.ef_construction = strategy.ef_construction
        message.hnsw.ef_search = strategy.ef_search
        message.hnsw.quantization = _QUANTIZATIONS.value(strategy.quantization)
    else:
        message.flat.SetInParent()


def _read_strategy(message: Any) -> Strategy:
    if message.HasField("lsh"):
        lsh = message.lsh
        return LSH(lsh.tables, lsh.hyperplanes, lsh.probes)
    if message.HasField("hnsw"):
        hnsw = message.hnsw
        return HNSW(
            hnsw.inline_indexing,
            hnsw.m,
            hnsw.ef_construction,
            hnsw.ef_search,
            _QUANTIZATIONS.name(hnsw.quantization),
        )
    return Flat()


def _read_index_status(message: Any) -> IndexStatus:
    return IndexStatus(
        _read_strategy(message.strategy),
        _INDEX_STATES.name(message.state),
        message.indexed_vectors,
        message.scanned_vectors,
        message.progress,
        message.bytes,
        message.unreachable_nodes,
        message.self_recall if message.HasField("self_recall") else None,
        str(message.message, "utf-8"),
    )


def read_description(message: Any) -> CollectionDescription:
    options = message.options
    return CollectionDescription(
        str(message.name, "utf-8"),
        options.dimension,
        _METRICS.name(options.metric),
        _read_strategy(options.vector_strategy),
        _TEXT_STRATEGIES.name(options.text_strategy),
        message.documents,
        message.vectors,
        message.edges,
        message.sequence_number,
        message.changes_since_base,
        message.base_bytes,
        _read_index_status(message.index) if message.HasField("index") else None,
        _read_text_options(options.text),
        [read_path(index.path) for index in options.metadata_indexes],
    )


def read_receipt(message: Any) -> WriteReceipt:
    return WriteReceipt(
        message.sequence_number,
        _DURABILITIES.name(message.durability),
        message.inserted,
        message.replaced,
        message.dropped,
        message.repeated_request,
    )


def read_stats(message: Any) -> Stats:
    return Stats(
        str(message.server_version, "utf-8"),
        str(message.store_version, "utf-8"),
        message.sequence_number,
        [read_description(collection) for collection in message.collections],
        [
            Statistic(str(figure.name, "utf-8"), figure.value, str(figure.unit, "utf-8"))
            for figure in message.statistics
        ],
        str(message.compaction_failure, "utf-8") if message.HasField("compaction_failure") else None,
    )


# Maintenance


def read_snapshot(message: Any) -> SnapshotDescription:
    return SnapshotDescription(
        str(message.name, "utf-8"),
        message.sequence_number,
        message.bytes,
        Timestamp(message.created_us),
    )


def read_verify_report(message: Any) -> VerifyReport:
    return VerifyReport(
        message.sequence_number,
        message.batches,
        message.rows,
        message.vectors,
        message.edges,
        [
            Damage(
                str(damage.kind, "utf-8"),
                str(damage.collection, "utf-8") if damage.HasField("collection") else None,
                str(damage.object, "utf-8"),
                str(damage.message, "utf-8"),
                str(damage.recovery, "utf-8"),
                damage.repaired,
            )
            for damage in message.damages
        ],
        message.damage_count,
    )
