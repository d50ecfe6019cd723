# SPDX-License-Identifier: Apache-2.0
"""The short ways through the codec give what the long ways give."""

from __future__ import annotations

import numpy as np
import pytest

from lodestone import (
    Best,
    Hit,
    Include,
    LodestoneError,
    MinMax,
    Query,
    QueryResult,
    ReciprocalRank,
    SourceScore,
    field,
    matching,
    near,
)
from lodestone._arguments import Encoding
from lodestone._codec import include, read_query_result, search
from lodestone._codec.vectors import Vectors
from lodestone._proto import query_pb2, service_pb2
from lodestone._wire import Call, Frame


@pytest.mark.parametrize(
    "id", [2, 127, 128, 300, 1 << 14, 99_999, (1 << 21) - 1, 1 << 21, (1 << 35) + 5, (1 << 64) - 1]
)
@pytest.mark.parametrize("deadline", [0.0, 0.127, 0.128, 30.0, 2_097.152, 1e9])
@pytest.mark.parametrize("request_id", [None, bytes(range(16)), b"", b"x" * 200])
def test_a_frame_is_the_message_that_protobuf_writes(
    id: int, deadline: float, request_id: bytes | None
) -> None:
    message = service_pb2.SearchRequest(collection=b"c", queries=[query_pb2.Query(limit=3)])
    vector = np.array([0.5, 2.0], dtype="<f4")
    frame = b"".join(Call("search", message, vector.tobytes()).frame(id, deadline, request_id))
    message.vectors.extend([0.5, 2.0])
    milliseconds = max(1, int(min(deadline, 2**22) * 1000))
    expected = service_pb2.Request(id=id, deadline_ms=milliseconds, search=message)
    if request_id is not None:
        expected.request_id = request_id
    assert frame[:4] == len(frame[4:]).to_bytes(4, "big")
    assert service_pb2.Request.FromString(frame[4:]) == expected
    assert len(frame) - 4 == expected.ByteSize() == Frame([frame]).byte_count


def _result(*hits: query_pb2.Hit, **fields: object) -> QueryResult:
    return read_query_result(query_pb2.QueryResult(hits=hits, **fields))


def test_a_hit_without_parts_is_the_hit_that_its_constructor_makes() -> None:
    result = _result(query_pb2.Hit(id="ü1".encode(), score=0.5), query_pb2.Hit(id=b"b", score=0.0))
    assert result == QueryResult([Hit("ü1", 0.5, []), Hit("b", 0.0, [])], False, [], None, [], [])
    assert repr(result.hits[0]) == repr(Hit("ü1", 0.5, []))
    with pytest.raises(AttributeError):
        result.hits[0].score = 1.0  # type: ignore[misc]
    # Each hit has containers of its own.
    assert result.hits[0].highlights is not result.hits[1].highlights
    assert _result() == QueryResult([], False, [], None, [], [])


def test_a_hit_with_any_part_has_that_part() -> None:
    plain = {"id": b"a", "score": 0.5}
    scored = _result(query_pb2.Hit(**plain, source_scores=[{"source": 1, "rank": 2, "score": 3.0}]))
    assert scored.hits[0].source_scores == [SourceScore(1, 2, 3.0)]
    vector = _result(query_pb2.Hit(**plain, vector=[1.0, 2.0])).hits[0].document
    assert vector is not None and vector.vector is not None
    assert vector.vector.tolist() == [1.0, 2.0]
    assert _result(query_pb2.Hit(**plain, document={})).hits[0].document is not None
    marked = _result(query_pb2.Hit(**plain, highlights=[{"field": b"t"}])).hits[0]
    assert set(marked.highlights) == {"t"}
    # Two fields, but not these two.
    odd = _result(query_pb2.Hit(id=b"a", source_scores=[{"source": 1, "score": 3.0}])).hits[0]
    assert odd.score == 0.0 and odd.source_scores == [SourceScore(1, None, 3.0)]
    partial = _result(query_pb2.Hit(**plain), partial=True)
    assert partial.partial and partial.hits[0].id == "a"


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f8", "i4", "f2"])
def test_vectors_of_every_type_become_the_same_bytes(dtype: str) -> None:
    rows = np.arange(12).reshape(3, 4)
    for vector in (rows.astype(dtype)[1], rows.astype(dtype).T[1], rows.astype(dtype)[1][::2]):
        vectors = Vectors()
        vectors.append(vector, "vector")
        assert vectors.encoded(lambda index: ("vector", None)) == vector.astype("<f4").tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_element_that_is_no_number_is_found_at_every_place(value: float) -> None:
    for place in range(5):
        vector = np.ones(5, dtype=np.float32)
        vector[place] = value
        vectors = Vectors()
        vectors.append(vector, "vector")
        with pytest.raises(Exception, match=f"element {place}"):
            vectors.encoded(lambda index: ("vector", None))


def test_each_set_of_parts_has_its_message() -> None:
    for bits in range(64):
        parts = Include(bits)
        message = include(parts)
        names = ["text", "metadata", "vector", "edges", "source_scores", "explain"]
        assert [getattr(message, name) for name in names] == [bool(bits >> n & 1) for n in range(6)]
        assert include(parts) == message


_VECTOR = np.array([0.5, -1.0], dtype=np.float32)
_QUERIES = {
    "plain": Query(near(_VECTOR)),
    "list": Query([near([0.5, 3])]),
    "exact": Query(near(_VECTOR, exact=True), limit=0),
    "ef_search": Query(near(_VECTOR, ef_search=9), limit=2**32 - 1),
    "weight": Query(near(_VECTOR, weight=2, candidates=7), fusion=MinMax()),
    "another weight": Query(near(_VECTOR, weight=2.5, candidates=8), fusion=Best()),
    "no number": Query(near(_VECTOR, weight=float("nan"))),
    "rank": Query(near(_VECTOR), fusion=ReciprocalRank(3)),
    "parts": Query(near(_VECTOR), include=Include.TEXT | Include.EXPLAIN),
    "filter": Query(near(_VECTOR), field("year") > 3),
    "facets": Query(near(_VECTOR), facets={"year": 3}),
    "text": Query(matching("word")),
    "two": Query([near(_VECTOR), matching("word")]),
    "row": Query(near([[1.0, 2.0]])),
    "limit True": Query(near(_VECTOR), limit=True),
    "limit 10.0": Query(near(_VECTOR), limit=10.0),  # type: ignore[arg-type]
    "limit -1": Query(near(_VECTOR), limit=-1),
    "too many candidates": Query(near(_VECTOR, candidates=2**32)),
    "candidates True": Query(near(_VECTOR, candidates=True)),
    "weight text": Query(near(_VECTOR, weight="1")),  # type: ignore[arg-type]
    "no fusion": Query(near(_VECTOR), fusion=None),  # type: ignore[arg-type]
    "no parts": Query(near(_VECTOR), include=3),  # type: ignore[arg-type]
    "no elements": Query(near([])),
    "infinite": Query(near([1.0, float("inf")])),
    "no vector": Query(near("vector")),  # type: ignore[arg-type]
    "no sources": Query([]),
}


def _encoded(collection: object, queries: object) -> tuple[bytes, bytes] | str:
    try:
        with Encoding():
            message, vectors = search(collection, queries)
    except LodestoneError as error:
        return f"{error} {error.field}"
    return message.SerializeToString(deterministic=True), vectors


@pytest.mark.parametrize("name", _QUERIES)
@pytest.mark.parametrize("collection", ["c", "ü", "\ud800", b"c"])
def test_one_query_is_encoded_as_a_list_of_it(name: str, collection: object) -> None:
    # Twice, because the second time finds what the first has left.
    for _ in range(2):
        assert _encoded(collection, _QUERIES[name]) == _encoded(collection, [_QUERIES[name]])


def test_equal_keys_of_other_types_are_still_refused() -> None:
    with Encoding():
        search("c", Query(near(_VECTOR, candidates=1), limit=1))
    for wrong in (Query(near(_VECTOR, candidates=True), limit=1), Query(near(_VECTOR), limit=True)):
        with pytest.raises(LodestoneError), Encoding():
            search("c", wrong)
