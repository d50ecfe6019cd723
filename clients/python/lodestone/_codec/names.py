# SPDX-License-Identifier: Apache-2.0
"""Enums and field names in the form that callers write."""

from __future__ import annotations

from typing import Any

from google.protobuf.unknown_fields import UnknownFieldSet

from lodestone import _arguments
from lodestone._arguments import Refusal
from lodestone.types import Path


class Names:
    """The numbers of an enum, under the names that callers use."""

    def __init__(self, what: str, *names: str) -> None:
        self._what = what
        self._names = names

    def value(self, name: object) -> Any:
        if not isinstance(name, str) or name not in self._names:
            raise Refusal(
                f"is {name!r}", f"Use one of {', '.join(self._names)}.", "UNKNOWN_ENUM"
            ).at(self._what)
        return self._names.index(name)

    def read(self, message: Any, field: str) -> str:
        """The name of a field's number; an absent field has the name of 0.

        Decoding keeps an unknown number apart, as if the field were absent. Such a number must not
        be taken for a 0.
        """
        if not message.HasField(field):
            number = message.DESCRIPTOR.fields_by_name[field].number
            unknown_fields = UnknownFieldSet(message)
            for index in range(len(unknown_fields)):
                if unknown_fields[index].field_number == number:
                    return f"unknown {unknown_fields[index].data}"
        value = getattr(message, field)
        return self._names[value] if value < len(self._names) else f"unknown {value}"


def read_path(path: Any) -> Path:
    return tuple(str(name, "utf-8") for name in path)


def write_path(path: Any, names: object, location: str) -> None:
    """Writes the names of a field: a path as a string, or the names in a sequence."""
    path.extend(_arguments.path(names, location))


def write_paths(indexes: Any, paths: object, location: str) -> None:
    """Writes fields, each as a path into a message; a single string is one field."""
    listed = [paths] if isinstance(paths, str) else _arguments.items(paths, location)
    for row, path in enumerate(listed):
        write_path(indexes.add().path, path, f"{location}[{row}]")
