# SPDX-License-Identifier: Apache-2.0
"""The client's own frames, against those of Tests/Conformance/golden_frames.json."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format

from lodestone import (
    HNSW,
    Document,
    Edge,
    Include,
    IndexStatus,
    MinMax,
    Query,
    Reached,
    ReciprocalRank,
    SourcedEdge,
    Timestamp,
    Walk,
    _codec,
    all_of,
    any_of,
    field,
    matching,
    near,
    walked,
    walked_from_hits,
)
from lodestone._connection import Call
from lodestone._proto import service_pb2

FRAMES = {
    frame["name"]: frame
    for frame in json.loads(
        (Path(__file__).parents[3] / "Tests/Conformance/golden_frames.json").read_text("utf-8")
    )
}
KINDS = {"request": service_pb2.Request, "response": service_pb2.Response}


def golden(name: str) -> Any:
    frame = bytes.fromhex(FRAMES[name]["hex"])
    assert struct.unpack(">I", frame[:4]) == (len(frame) - 4,)
    return KINDS[FRAMES[name]["kind"]].FromString(frame[4:])


def sent(call: Call) -> Any:
    """The request that a server reads from the client's frame of a call."""
    frame = b"".join(call.frame(1, 1, None))
    assert struct.unpack(">I", frame[:4]) == (len(frame) - 4,)
    return getattr(service_pb2.Request.FromString(frame[4:]), call.name)


@pytest.mark.parametrize("name", FRAMES)
def test_golden_frames_decode_to_their_text_form(name: str) -> None:
    message = golden(name)
    assert message == text_format.Parse(FRAMES[name]["text"], type(message)())


def test_index_many_is_encoded_as_its_golden_frame() -> None:
    documents = [
        Document(
            "a",
            np.array([1, 0, -0.5]),
            {"title": "Red foxes", "body": "The quick brown fox."},
            {
                "tags": ["x", 1],
                "score": 0.5,
                "rank": -7,
                "open": True,
                "by": {"name": "Ada"},
                "at": Timestamp(1_700_000_000_000_000),
            },
            [Edge("cites", "b", 0.25, {"page": 3}), Edge("near", "c")],
        ),
        Document("b"),
        Document("é", [0.25, 0.5, 2]),
    ]
    edges = [SourcedEdge("b", Edge("cites", "a"))]
    message, vectors = _codec.index_many("papers", documents, None, None, None, None, edges)
    assert sent(Call("index_many", message, vectors)) == golden("index many").index_many


def test_columns_are_written_like_documents() -> None:
    documents = [
        Document("a", [1, 2], "first", {"n": 1}),
        Document("b", [3, 4], {"title": "second"}),
    ]
    rows = _codec.index_many("c", documents, None, None, None, None, ())
    texts = ["first", {"title": "second"}]
    columns = _codec.index_many(
        "c", (), ["a", "b"], np.array([[1, 2], [3, 4]]), texts, [{"n": 1}, None], ()
    )
    assert sent(Call("index_many", *rows)) == sent(Call("index_many", *columns))


def test_search_is_encoded_as_its_golden_frame() -> None:
    budget = {"max_nodes": 100, "max_edges": 1_000, "max_time": 0.02}
    queries = [
        Query(
            [
                near([1, 0, 0], weight=2, candidates=50),
                matching("red fox*", syntax=True, fuzzy=1),
                walked(Walk(["a"], ["cites"], "both", 2, **budget)),
                walked_from_hits(Walk(direction="incoming")),
            ],
            all_of(
                field("rank").between(-10, 10, upper_exclusive=True),
                any_of(field("tags").contains("x"), field("open").is_in([True])),
                ~field("gone").exists(),
            ),
            MinMax(),
            20,
            Include.TEXT | Include.SOURCE_SCORES | Include.EXPLAIN,
        ),
        Query(near([0, 1, 0]), fusion=ReciprocalRank(10), limit=1),
    ]
    expected = _codec.search("papers", queries)
    written = sent(Call("search", *expected))
    # Fields absent in the golden frame have their defaults in the frame of the client.
    wanted = golden("search by all means").search
    defaults(wanted)
    defaults(written)
    assert written == wanted


def defaults(message: Any) -> None:
    """Clears fields that hold their defaults."""
    for field_, value in list(message.ListFields()):
        if field_.type == field_.TYPE_MESSAGE:
            for inner in value if isinstance_repeated(value) else [value]:
                defaults(inner)
        elif value in (False, 0) and field_.containing_oneof is None:
            message.ClearField(field_.name)


def isinstance_repeated(value: Any) -> bool:
    return hasattr(value, "__len__")


def test_golden_replies_are_decoded() -> None:
    result = _codec.read_query_result(golden("hits with everything").search.results[0])
    assert result.ids == ["a", "b", "c"] and result.partial
    assert [(one.source, one.strategy, one.scanned_rows) for one in result.explanations] == [
        (0, "hnsw", 5),
        (2, "exact", 300),
    ]
    first, second, third = result.hits
    assert first.document is not None and first.document.text == {"text": "Red"}
    assert first.document.metadata == {"n": 1}
    assert second.document is not None and second.document.vector is not None
    assert second.document.vector.tolist() == [0, 1, 0]
    assert third.document == Document("c", edges=[])

    walk = _codec.read_walk_result(golden("walked").walk.results[0])
    assert walk.ended_by == "nodes"
    assert [(one.id, one.source, one.incoming) for one in walk.reached] == [
        ("b", "a", False),
        ("c", "b", True),
    ]
    columns = _codec.read_walk_result(golden("walked by columns").walk.results[0]).reached
    rows = [
        Reached("c", 1, "a", "cites", 1.0, True),
        Reached("é", 1, "b", "near", 0.5, False),
        Reached("fg", 2, "c", "cites", 1.0, True),
    ]
    assert columns == rows and rows == list(columns) and columns != rows[:2]
    assert columns[-1] == rows[2] and columns[1:] == rows[1:] and repr(columns) == repr(rows)
    index = _codec.read_description(golden("collection").describe_collection.collection).index
    assert index == IndexStatus(HNSW(ef_construction=200), "building", 150, 50, 0.75, 65_536, 1, 0.5, "Soon.")
    documents = _codec.read_documents(golden("documents").get)
    assert documents[0].vector is not None and documents[0].vector.dtype == np.float32
    assert documents[1].vector is None
