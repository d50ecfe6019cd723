# SPDX-License-Identifier: Apache-2.0
"""Vectors, which a message carries in one field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lodestone._arguments import Refusal, shown
from lodestone.types import Vector


def floats(vector: object, location: str) -> npt.NDArray[np.float32]:
    """Numbers as bytes for a message: float32, little-endian, contiguous."""
    if isinstance(vector, np.ndarray) and vector.dtype == _FLOAT:
        return np.ascontiguousarray(vector)  # without the steps that numbers of other types need
    try:
        with np.errstate(over="ignore"):  # infinity is refused where it is known which row has it
            return np.ascontiguousarray(vector, dtype="<f4")
    except (TypeError, ValueError) as error:
        raise Refusal(
            f"is {shown(vector)}: {error}",
            "Give numbers, in rows of one length; leave a vector out instead of giving None.",
            "BAD_VECTOR",
        ).at(location) from error


_FLOAT = np.dtype("<f4")


def are_finite(vector: npt.NDArray[np.float32]) -> bool:
    """Whether all elements are finite."""
    # A search for a byte is faster than a reduction, which goes through Python.
    return b"\0" not in np.isfinite(vector).tobytes()


class Vectors:
    """The vectors of one message, which must have the same length."""

    def __init__(self) -> None:
        self._parts: list[npt.NDArray[np.float32]] = []
        self._dimension: int | None = None

    def append(self, vector: object, location: str) -> None:
        """Adds one vector."""
        part = floats(vector, location)
        if part.ndim == 2 and part.shape[0] == 1:
            part = part[0]  # models return a matrix of one row for one text
        self._append(part, part.ndim == 1, "vectors of one axis", location)

    def extend(self, matrix: npt.NDArray[np.float32], location: str) -> None:
        """Adds a matrix with one vector in each row."""
        self._append(matrix, matrix.ndim == 2, "a matrix of two axes", location)

    def _append(
        self, part: npt.NDArray[np.float32], is_right: bool, expected: str, location: str
    ) -> None:
        dimension = part.shape[-1] if part.ndim else 0
        if not is_right or dimension == 0:
            raise Refusal(
                f"has the shape {part.shape}",
                f"Send {expected}, with at least one element each.",
                "BAD_VECTOR",
            ).at(location)
        if self._dimension not in (None, dimension):
            raise Refusal(
                f"has {dimension} elements, another vector {self._dimension}",
                "Give all vectors of one call the same number of elements.",
                "DIMENSION_MISMATCH",
            ).at(location)
        self._dimension = dimension
        self._parts.append(part.reshape(-1))

    def encoded(self, location: Callable[[int], tuple[str, str | None]]) -> bytes:
        """All vectors as the packed field has them.

        ``location`` returns the location of a vector by its index, and the id of its document.
        """
        if not self._parts or self._dimension is None:
            return b""
        whole = self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts)
        if not are_finite(whole):
            row, element = divmod(int(np.argmin(np.isfinite(whole))), self._dimension)
            refusal = Refusal(
                f"has {whole[row * self._dimension + element]} as its element {element}",
                "Every element must be finite, also as a float32.",
                "BAD_VECTOR",
            )
            where, refusal.object = location(row)
            raise refusal.at(where)
        return whole.tobytes()


class VectorReader:
    """Returns the vectors of a message, one after the other."""

    def __init__(self, message: Any, count: int) -> None:
        whole = np.fromiter(message.vectors, dtype=np.float32, count=len(message.vectors))
        self._rows = iter(whole.reshape(count, -1)) if count else iter(())

    def next(self) -> Vector:
        vector: Vector = next(self._rows).copy()
        return vector
