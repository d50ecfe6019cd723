# SPDX-License-Identifier: Apache-2.0
"""Filters on a document's metadata.

>>> (field("year") >= 2000) & ~field("tags").contains("draft") & (field("author.name") == "Ada")
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lodestone import _arguments, _values
from lodestone._arguments import Encoding, Refusal, each, items
from lodestone._proto import query_pb2
from lodestone.types import Value


class Filter:
    """A test; combine with ``&``, ``|`` and ``~``."""

    def __init__(self, message: Any) -> None:
        self.message = message

    def __and__(self, other: Filter) -> Filter:
        return all_of(self, other)

    def __or__(self, other: Filter) -> Filter:
        return any_of(self, other)

    def __invert__(self) -> Filter:
        message = query_pb2.Filter()
        message.negation.CopyFrom(self.message)
        return Filter(message)

    def __bool__(self) -> bool:
        raise TypeError("combine filters with & and |, not with 'and' and 'or'")

    def __repr__(self) -> str:
        return f"Filter({str(self.message)!r})"


def all_of(*filters: Filter) -> Filter:
    """All of the filters hold; true when there is none."""
    message = query_pb2.Filter()
    message.all_of.SetInParent()
    message.all_of.filters.extend(_messages(filters))
    return Filter(message)


def any_of(*filters: Filter) -> Filter:
    """At least one of the filters holds; false when there is none."""
    message = query_pb2.Filter()
    message.any_of.SetInParent()
    message.any_of.filters.extend(_messages(filters))
    return Filter(message)


def _messages(filters: Iterable[Filter]) -> list[Any]:
    with Encoding():
        return [one.message for one in each(list(filters), Filter, "filters")]


def ids_in(ids: str | Iterable[str]) -> Filter:
    """The document's id is one of these; the metadata is ignored.

    >>> ids_in(["p1", "p2"]) & ~ids_in(seen)
    """
    message = query_pb2.Filter()
    message.ids.SetInParent()
    with Encoding():
        message.ids.ids.extend(_arguments.strings(ids, "ids"))
    return Filter(message)


class Field:
    """A field of the metadata, to compare with values."""

    def __init__(self, *path: str | Sequence[str]) -> None:
        with Encoding():
            # Several names are nested, unchanged; a single one may be a path.
            self._names = _arguments.path(path[0] if len(path) == 1 else path, "field")
        self.path = tuple(name.decode() for name in self._names)

    def __eq__(self, value: Value) -> Filter:  # type: ignore[override]
        message, comparison = self._comparison()
        self._write(comparison.equal, value)
        return Filter(message)

    def __ne__(self, value: Value) -> Filter:  # type: ignore[override]
        return ~(self == value)

    __hash__ = None  # type: ignore[assignment]

    def __ge__(self, value: Value) -> Filter:
        return self.between(lower=self._bound(value))

    def __gt__(self, value: Value) -> Filter:
        return self.between(lower=self._bound(value), lower_exclusive=True)

    def __le__(self, value: Value) -> Filter:
        return self.between(upper=self._bound(value))

    def __lt__(self, value: Value) -> Filter:
        return self.between(upper=self._bound(value), upper_exclusive=True)

    def between(
        self,
        lower: Value | None = None,
        upper: Value | None = None,
        *,
        lower_exclusive: bool = False,
        upper_exclusive: bool = False,
    ) -> Filter:
        """The field is between the given bounds."""
        message, comparison = self._comparison()
        comparison.range.SetInParent()
        if lower is not None:
            self._write(comparison.range.lower, lower)
            comparison.range.lower_exclusive = lower_exclusive
        if upper is not None:
            self._write(comparison.range.upper, upper)
            comparison.range.upper_exclusive = upper_exclusive
        return Filter(message)

    def is_in(self, values: Iterable[Value]) -> Filter:
        """The field equals one of the values."""
        message, comparison = self._comparison()
        comparison.in_list.SetInParent()
        with Encoding():
            listed = items(values, "values")
        for value in listed:
            self._write(comparison.in_list.values.add(), value)
        return Filter(message)

    def exists(self, is_there: bool = True) -> Filter:
        """The field exists or, with False, does not."""
        message, comparison = self._comparison()
        comparison.exists = bool(is_there)
        return Filter(message)

    def contains(self, part: Value) -> Filter:
        """The field is a list with this element, or a string with this part."""
        message, comparison = self._comparison()
        self._write(comparison.contains, part)
        return Filter(message)

    def _bound(self, value: Value) -> Value:
        if value is None:  # which ``between`` takes for no bound
            self._write(query_pb2.Filter().comparison.equal, value)
        return value

    def _comparison(self) -> tuple[Any, Any]:
        message = query_pb2.Filter()
        message.comparison.path.extend(self._names)
        return message, message.comparison

    def _write(self, message: Any, value: object) -> None:
        with Encoding():
            try:
                _values.write(message, value)
            except Refusal as refusal:
                raise refusal.at(".".join(self.path)).at("filter")


def field(*path: str | Sequence[str]) -> Field:
    """The field at a path in the form of filters on the command line: ``field("author.name")``.

    Dots separate the names. A name with a dot is in double quotes, ``'"x.y"'``. Several arguments
    or a list are nested names, unchanged: ``field("author", "x.y")``, ``field(["x.y"])``.
    """
    return Field(*path)
