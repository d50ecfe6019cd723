# SPDX-License-Identifier: Apache-2.0
"""Documents of a walk by columns."""

from __future__ import annotations

from typing import Any

import pytest

from lodestone._codec.reached import ReachedDocuments
from lodestone._proto import query_pb2


def columns(**changes: Any) -> query_pb2.ReachedColumns:
    fields: dict[str, Any] = {
        "starts": [b"a"],
        "ids": b"bcd",
        "id_lengths": [1, 2],
        "counts": [2],
        "parents": [0, 0],
        "labels": [b"cites"],
    }
    return query_pb2.ReachedColumns(**(fields | changes))


def test_columns_equal_rows_and_nothing_else() -> None:
    reached = ReachedDocuments(columns())
    assert [(one.id, one.source, one.depth) for one in reached] == [("b", "a", 1), ("cd", "a", 1)]
    assert reached == list(reached) and reached == ReachedDocuments(columns())
    assert reached != [1, 2] and reached != ("b", None) and reached != "bc" and reached != None  # noqa: E711
    with pytest.raises(IndexError):
        reached[2]
    assert len(ReachedDocuments(query_pb2.ReachedColumns())) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"parents": [-1, 0]},
        {"parents": [3, 0]},
        {"parents": [0]},
        {"ids": b"bc"},
        {"ids": b"bcde"},
        {"ids": "éb".encode()},
        {"id_lengths": [0, 3]},
        {"id_lengths": [1, 5]},
        {"counts": [1]},
        {"counts": [1, 2**31]},
        {"labels": []},
        {"label_positions": [0, 1]},
        {"label_positions": [0]},
        {"weights": [1.0]},
        {"incoming": b"\0\0"},
        {"ids": b"b\xc3\x28"},
    ],
)
def test_columns_that_do_not_fit_each_other_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        ReachedDocuments(columns(**changes))
