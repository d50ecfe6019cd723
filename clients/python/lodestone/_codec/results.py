# SPDX-License-Identifier: Apache-2.0
"""Decodes hits, counts, edges and the results of walks."""

from __future__ import annotations

from typing import Any

import numpy as np

from lodestone import _values
from lodestone._codec.documents import read_contents
from lodestone._codec.names import Names, read_path
from lodestone._codec.reached import read_reached
from lodestone._proto import query_pb2
from lodestone.types import (
    CountResponse,
    EdgePage,
    Facet,
    FilterExplanation,
    Fragment,
    Hit,
    ListedEdge,
    QueryResult,
    SourceScore,
    TextExpansion,
    TextExplanation,
    TextWord,
    ValueCount,
    Vector,
    VectorExplanation,
    WalkResult,
)

#: The fields that every hit has.
_HIT_ID, _HIT_SCORE = (
    query_pb2.Hit.DESCRIPTOR.fields_by_name[name] for name in ("id", "score")
)
_BUDGETS = Names("budget", "none", "nodes", "edges", "time")


def _read_source_score(message: Any) -> SourceScore:
    rank = message.rank if message.HasField("rank") else None
    return SourceScore(message.source, rank, message.score)


def _read_fragment(message: Any) -> Fragment:
    text = bytes(message.text)

    def index(offset: int) -> int:
        return len(str(text[:offset], "utf-8"))

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
        [str(word, "utf-8") for word in message.left_out],
    )


def _plain_hit(id: bytes, score: float) -> Hit:
    """A hit without the parts that a query must request.

    A frozen dataclass sets each field by a call, which takes longer than all else of such a hit.
    """
    hit = Hit.__new__(Hit)
    hit.__dict__.update(
        id=id.decode(), score=score, source_scores=[], document=None, highlights={}
    )
    return hit


def _read_hit(message: Any) -> Hit:
    fields = message.ListFields()
    if len(fields) == 2 and fields[0][0] is _HIT_ID and fields[1][0] is _HIT_SCORE:
        return _plain_hit(fields[0][1], fields[1][1])
    id = str(message.id, "utf-8")
    vector: Vector | None = None
    if message.vector:
        vector = np.fromiter(message.vector, dtype=np.float32, count=len(message.vector))
    has_document = vector is not None or message.HasField("document")
    return Hit(
        id,
        message.score,
        [_read_source_score(said) for said in message.source_scores],
        read_contents(message.document, id, vector) if has_document else None,
        {
            str(one.field, "utf-8"): [_read_fragment(fragment) for fragment in one.fragments]
            for one in message.highlights
        },
    )


def read_query_result(message: Any) -> QueryResult:
    hits = [_read_hit(hit) for hit in message.hits]
    if len(message.ListFields()) == 1 and hits:
        return QueryResult(hits, False, [], None, [], [])
    return QueryResult(
        hits,
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
        _read_facets(message),
    )


def _read_filter_explanation(message: Any) -> FilterExplanation | None:
    if not message.HasField("filter"):
        return None
    one = message.filter
    return FilterExplanation(
        str(one.strategy, "utf-8"), one.matched_documents, one.read_documents
    )


def _read_facets(message: Any) -> list[Facet]:
    return [
        Facet(
            read_path(facet.path),
            [ValueCount(_values.read(one.value), one.count) for one in facet.values],
            facet.distinct_values,
        )
        for facet in message.facets
    ]


def read_count(message: Any) -> CountResponse:
    return CountResponse(
        message.count,
        _read_facets(message),
        _read_filter_explanation(message),
        message.sequence_number,
    )


def read_walk_result(message: Any) -> WalkResult:
    ended_by = _BUDGETS.read(message, "ended_by")
    return WalkResult(
        read_reached(message),
        None if ended_by == "none" else ended_by,
        message.edges_followed,
    )


def read_edge_page(message: Any) -> EdgePage:
    return EdgePage(
        [
            ListedEdge(
                str(edge.label, "utf-8"),
                str(edge.id, "utf-8"),
                edge.weight if edge.HasField("weight") else 1.0,
                _values.read_metadata(edge.metadata),
            )
            for edge in message.edges
        ],
        bytes(message.next_cursor) if message.HasField("next_cursor") else None,
    )
