# SPDX-License-Identifier: Apache-2.0
"""Vectors, which a message carries together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lodestone.errors import invalid
from lodestone.types import Vector


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
