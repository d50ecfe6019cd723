# SPDX-License-Identifier: Apache-2.0
"""Decodes the documents that a walk reached."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, overload

from lodestone.types import Reached


class ReachedDocuments(Sequence[Reached]):
    """Documents in columns; an element is created when it is read."""

    def __init__(self, columns: Any) -> None:
        self._ids = bytes(columns.ids)
        self._ends = list(accumulate(columns.id_lengths, initial=0))
        self._counts = list(accumulate(columns.counts))
        self._starts = [str(start, "utf-8") for start in columns.starts]
        self._parents = list(accumulate(columns.parents))
        self._labels = [str(label, "utf-8") for label in columns.labels]
        self._label_positions = list(columns.label_positions)
        self._weights = list(columns.weights)
        self._incoming = bytes(columns.incoming)
        self._check()

    def _check(self) -> None:
        """Refuses columns that contradict each other, which no server sends."""
        count = len(self)
        str(self._ids, "utf-8")
        fits = (
            self._ends[-1] == len(self._ids)
            and all(start < end for start, end in pairwise(self._ends))
            and all(self._ids[start] & 0xC0 != 0x80 for start in self._ends[:-1])
            and (self._counts[-1] if self._counts else 0) == count
            and len(self._parents) == count
            and all(0 <= parent < len(self._starts) + count for parent in self._parents)
            and len(self._label_positions) in (0, count)
            and max(self._label_positions, default=0 if count else -1) < len(self._labels)
            and len(self._weights) in (0, count)
            and len(self._incoming) in (0, (count + 7) // 8)
        )
        if not fits:
            raise ValueError("The columns of a walk's documents don't fit each other.")

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> Reached: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Reached]: ...

    def __getitem__(self, index: int | slice) -> Reached | Sequence[Reached]:
        positions = range(len(self))[index]
        if isinstance(positions, range):
            return [self[position] for position in positions]
        depth = 1
        while positions >= self._counts[depth - 1]:
            depth += 1
        return self._reached(positions, depth)

    def __iter__(self) -> Iterator[Reached]:
        start = 0
        for depth, end in enumerate(self._counts, 1):
            for position in range(start, end):
                yield self._reached(position, depth)
            start = end

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(map(operator.eq, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(list(self))

    def _id(self, position: int) -> str:
        return str(self._ids[self._ends[position] : self._ends[position + 1]], "utf-8")

    def _reached(self, position: int, depth: int) -> Reached:
        parent = self._parents[position]
        starts = len(self._starts)
        label = self._label_positions[position] if self._label_positions else 0
        bits = self._incoming[position // 8] if self._incoming else 0
        return Reached(
            self._id(position),
            depth,
            self._starts[parent] if parent < starts else self._id(parent - starts),
            self._labels[label],
            self._weights[position] if self._weights else 1.0,
            bool(bits >> position % 8 & 1),
        )


def read_reached(message: Any) -> Sequence[Reached]:
    """Reads the documents of a ``WalkResult``."""
    if message.HasField("columns"):
        return ReachedDocuments(message.columns)
    return [
        Reached(
            str(reached.id, "utf-8"),
            reached.depth,
            str(getattr(reached, "from"), "utf-8"),
            str(reached.label, "utf-8"),
            reached.weight if reached.HasField("weight") else 1.0,
            reached.incoming,
        )
        for reached in message.reached
    ]
