# SPDX-License-Identifier: Apache-2.0
"""Enums and names of fields, as callers write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lodestone.errors import invalid
from lodestone.types import Path


class Names:
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


def read_path(path: Any) -> Path:
    return tuple(str(name, "utf-8") for name in path)


def write_path(path: Any, names: str | Sequence[str]) -> None:
    """Writes the names of a field; one name may be given as it is."""
    path.extend([name.encode() for name in ([names] if isinstance(names, str) else names)])
