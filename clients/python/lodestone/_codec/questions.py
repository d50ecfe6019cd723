# SPDX-License-Identifier: Apache-2.0
"""Questions and walks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lodestone._codec.names import Names, write_path
from lodestone._codec.vectors import Vectors
from lodestone._proto import query_pb2, service_pb2
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
from lodestone.types import Include

_DIRECTIONS = Names("direction", "outgoing", "incoming", "both")


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


def write_facets(message: Any, facets: Mapping[str | tuple[str, ...], int]) -> None:
    for path, limit in facets.items():
        write_path(message.facets.add(limit=limit).path, path)


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
        write_facets(written, query.facets)
    return message, vectors.encoded()
