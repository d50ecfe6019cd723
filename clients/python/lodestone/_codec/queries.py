# SPDX-License-Identifier: Apache-2.0
"""Encodes queries and walks."""

from __future__ import annotations

import functools
from typing import Any

from lodestone._arguments import Refusal, each, real, refuse, shown, strings, utf8, whole
from lodestone._codec.names import Names, write_path
from lodestone._codec.vectors import Vectors, are_finite, floats
from lodestone._proto import query_pb2, service_pb2
from lodestone.filters import Filter
from lodestone.queries import (
    Best,
    Fuzzy,
    Highlight,
    MatchText,
    MinMax,
    NearVector,
    Query,
    ReciprocalRank,
    Source,
    Walk,
    WalkFrom,
)
from lodestone.types import Include

_DIRECTIONS = Names("direction", "outgoing", "incoming", "both")


def include(value: object) -> Any:
    if not isinstance(value, Include):
        refuse(value, "an Include", "Combine members: Include.TEXT | Include.VECTOR.", "include")
    return _include(value)


@functools.cache
def _include(value: Include) -> Any:
    """The message for a set of parts; each is made once, because a test of a flag is slow."""
    return query_pb2.Include(
        text=Include.TEXT in value,
        metadata=Include.METADATA in value,
        vector=Include.VECTOR in value,
        edges=Include.EDGES in value,
        source_scores=Include.SOURCE_SCORES in value,
        explain=Include.EXPLAIN in value,
    )


def write_filter(message: Any, filter: object) -> None:
    """Writes a filter, if there is one, into the ``filter`` field of a message."""
    if filter is None:
        return
    if not isinstance(filter, Filter):
        refuse(filter, "a Filter", 'Write it as in: field("year") >= 2000.', "filter")
    message.filter.CopyFrom(filter.message)


def write_walks(message: Any, walks: object) -> None:
    for row, walk in enumerate(each(walks, Walk, "walks")):
        try:
            _write_walk(message.walks.add(), walk)
        except Refusal as refusal:
            raise refusal.at(f"walks[{row}]")


def _write_walk(message: Any, walk: Walk) -> None:
    message.depth = whole(walk.depth, "depth")
    getattr(message, "from").extend(strings(walk.start, "start"))
    message.labels.extend(strings(walk.labels, "labels"))
    message.direction = _DIRECTIONS.value(walk.direction)
    message.budget.nodes = whole(walk.max_nodes, "max_nodes")
    message.budget.edges = whole(walk.max_edges, "max_edges")
    if walk.max_time is not None:
        seconds = real(walk.max_time, "max_time")
        if not seconds >= 0:
            refuse(walk.max_time, "a time in seconds", "Give one from 0 on.", "max_time")
        message.budget.time_ms = max(1, int(min(seconds, 2**22) * 1000))


def list_edges(
    collection: object, id: object, direction: object, labels: object, limit: object, cursor: object
) -> Any:
    message = service_pb2.ListEdgesRequest(
        collection=utf8(collection, "collection"),
        id=utf8(id, "id"),
        direction=_DIRECTIONS.value(direction),
        labels=strings(labels, "labels"),
        limit=whole(limit, "limit"),
    )
    write_cursor(message, cursor)
    return message


def write_cursor(message: Any, cursor: object) -> None:
    if cursor is None:
        return
    if not isinstance(cursor, bytes):
        refuse(cursor, "bytes", "Give the next_cursor of a page.", "cursor")
    message.cursor = cursor


def _write_fuzzy(message: Any, fuzzy: object) -> None:
    if fuzzy is None:
        return
    if not isinstance(fuzzy, Fuzzy):
        fuzzy = Fuzzy(fuzzy)  # type: ignore[arg-type]
    if isinstance(fuzzy.distance, str) and fuzzy.distance == "auto":
        message.fuzzy_auto = True
    elif isinstance(fuzzy.distance, (str, bool)) or not hasattr(fuzzy.distance, "__index__"):
        raise Refusal(f"is {fuzzy.distance!r}", 'Give 0, 1, 2 or "auto".', "FUZZY").at("fuzzy")
    else:
        message.fuzzy_distance = whole(fuzzy.distance, "fuzzy")
    prefix_length = whole(fuzzy.prefix_length, "prefix_length")
    if prefix_length != 0:
        message.fuzzy_prefix_length = prefix_length
    max_expansions = whole(fuzzy.max_expansions, "max_expansions")
    if max_expansions != 50:
        message.fuzzy_max_expansions = max_expansions


def _write_source(message: Any, source: Source, vectors: Vectors) -> None:
    kind = source.kind
    if isinstance(kind, NearVector):
        vectors.append(kind.vector, "vector")
        message.vector.SetInParent()
        message.vector.exact = bool(kind.exact)
        if kind.ef_search is not None:
            message.vector.ef_search = whole(kind.ef_search, "ef_search")
    elif isinstance(kind, MatchText):
        message.text.query = utf8(kind.query, "query")
        message.text.mode = query_pb2.QUERY_SYNTAX if kind.syntax else query_pb2.ANY_WORD
        _write_fuzzy(message.text, kind.fuzzy)
    elif isinstance(kind, WalkFrom) and isinstance(kind.walk, Walk):
        _write_walk(message.walk.walk, kind.walk)
        message.walk.from_hits = bool(kind.from_hits)
    else:
        refuse(kind, "a source", "Use near, matching, walked or walked_from_hits.", "kind")
    if source.weight is not None:
        message.weight = real(source.weight, "weight")
    if source.candidates is not None:
        message.candidates = whole(source.candidates, "candidates")


def write_facets(message: Any, facets: object) -> None:
    if facets is None:
        return
    if not hasattr(facets, "items"):
        refuse(facets, "a mapping of fields to limits", 'Write {"year": 10}.', "facets")
    for row, (path, limit) in enumerate(facets.items()):
        location = f"facets[{row}]"
        written = message.facets.add(limit=whole(limit, f"{location}.limit"))
        write_path(written.path, path, f"{location}.path")


def _write_fusion(message: Any, fusion: object) -> None:
    if isinstance(fusion, ReciprocalRank):
        message.fusion.reciprocal_rank.k = whole(fusion.k, "fusion.k")
    elif isinstance(fusion, MinMax):
        message.fusion.weighted_scores.normalization = query_pb2.MIN_MAX
    elif isinstance(fusion, Best):
        message.fusion.weighted_scores.normalization = query_pb2.BEST
    else:
        raise Refusal(
            f"is {shown(fusion)}",
            "Use ReciprocalRank(), MinMax() or Best().",
            "UNKNOWN_ENUM",
        ).at("fusion")


def _write_highlight(message: Any, wish: Highlight) -> None:
    message.fields.extend(strings(wish.fields, "fields"))
    message.fragment_size = whole(wish.fragment_size, "fragment_size")
    message.max_fragments = whole(wish.max_fragments, "max_fragments")
    message.before = utf8(wish.before, "before")
    message.after = utf8(wish.after, "after")


def _write_query(message: Any, query: Query, vectors: Vectors) -> list[str]:
    """Writes a query; returns the locations of its vectors."""
    locations = []
    for row, source in enumerate(each(query.sources, Source, "sources")):
        try:
            _write_source(message.sources.add(), source, vectors)
        except Refusal as refusal:
            raise refusal.at(f"sources[{row}]")
        if isinstance(source.kind, NearVector):
            locations.append(f"sources[{row}].vector")
    write_filter(message, query.filter)
    _write_fusion(message, query.fusion)
    message.limit = whole(query.limit, "limit")
    message.include.CopyFrom(include(query.include))
    if query.highlight is not None:
        if not isinstance(query.highlight, Highlight):
            refuse(query.highlight, "a Highlight", "Give Highlight(...).", "highlight")
        try:
            _write_highlight(message.highlight, query.highlight)
        except Refusal as refusal:
            raise refusal.at("highlight")
    write_facets(message, query.facets)
    return locations


#: The types of the arguments of a plain search. Other types may equal these as keys of the cache,
#: as True equals 1, and still be wrong.
_COUNTS, _WEIGHTS = (int, type(None)), (int, float, type(None))


def _plain_search(collection: str, query: Query) -> tuple[Any, bytes] | None:
    """A search for the neighbors of one vector, without a filter and other parts.

    Most searches are like that, and those of a program differ in the vector alone. Returns None for
    every other query.
    """
    source = query.sources
    if type(source) is list and len(source) == 1:
        source = source[0]
    if type(source) is not Source or type(source.kind) is not NearVector:
        return None
    if query.filter is not None or query.highlight is not None:
        return None
    if type(query.facets) is not dict or query.facets:
        return None
    near, fusion = source.kind, query.fusion
    if not (
        type(query.limit) is int
        and type(near.exact) is bool
        and type(near.ef_search) in _COUNTS
        and type(source.candidates) in _COUNTS
        and type(source.weight) in _WEIGHTS
        and isinstance(fusion, (Best, MinMax))
        and type(query.include) is Include
    ):
        return None
    vector = floats(near.vector, "vector")
    if vector.ndim != 1 or vector.size == 0 or not are_finite(vector):
        return None
    message = _search_without_vector(
        collection,
        near.exact,
        near.ef_search,
        source.weight,
        source.candidates,
        fusion,
        query.limit,
        query.include,
    )
    return message, vector.tobytes()


@functools.lru_cache(256)
def _search_without_vector(
    collection: str,
    exact: bool,
    ef_search: int | None,
    weight: float | None,
    candidates: int | None,
    fusion: Best | MinMax,
    limit: int,
    include: Include,
) -> Any:
    """The message of such searches, which nothing may change."""
    source = Source(NearVector((0.0,), exact, ef_search), weight, candidates)
    query = Query(source, fusion=fusion, limit=limit, include=include)
    message = service_pb2.SearchRequest(collection=utf8(collection, "collection"))
    _write_query(message.queries.add(), query, Vectors())
    return message


def search(collection: object, queries: object) -> tuple[Any, bytes]:
    if type(queries) is Query and type(collection) is str:
        try:
            plain = _plain_search(collection, queries)
        except Refusal:
            plain = None  # refused again below, with its location
        if plain is not None:
            return plain
    message = service_pb2.SearchRequest(collection=utf8(collection, "collection"))
    vectors = Vectors()
    locations: list[str] = []
    for row, query in enumerate(each(queries, Query, "queries")):
        try:
            inside = _write_query(message.queries.add(), query, vectors)
        except Refusal as refusal:
            raise refusal.at(f"queries[{row}]")
        locations += [f"queries[{row}].{location}" for location in inside]
    return message, vectors.encoded(lambda index: (locations[index], None))
