# SPDX-License-Identifier: Apache-2.0
"""Questions to a document's metadata.

>>> (field("year") >= 2000) & ~field("tags").contains("draft") & (field("author", "name") == "Ada")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lodestone import _values
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
    """Every one holds; true when there is none."""
    message = query_pb2.Filter()
    message.all_of.SetInParent()
    message.all_of.filters.extend([inner.message for inner in filters])
    return Filter(message)


def any_of(*filters: Filter) -> Filter:
    """At least one holds; false when there is none."""
    message = query_pb2.Filter()
    message.any_of.SetInParent()
    message.any_of.filters.extend([inner.message for inner in filters])
    return Filter(message)


class Field:
    """A field of the metadata, to be compared with something."""

    def __init__(self, *path: str) -> None:
        if not path:
            raise ValueError("name a field")
        self.path = path

    def __eq__(self, value: Value) -> Filter:  # type: ignore[override]
        message, comparison = self._comparison()
        _values.write(comparison.equal, value)
        return Filter(message)

    def __ne__(self, value: Value) -> Filter:  # type: ignore[override]
        return ~(self == value)

    __hash__ = None  # type: ignore[assignment]

    def __ge__(self, value: Value) -> Filter:
        return self.between(lower=value)

    def __gt__(self, value: Value) -> Filter:
        return self.between(lower=value, lower_exclusive=True)

    def __le__(self, value: Value) -> Filter:
        return self.between(upper=value)

    def __lt__(self, value: Value) -> Filter:
        return self.between(upper=value, upper_exclusive=True)

    def between(
        self,
        lower: Value | None = None,
        upper: Value | None = None,
        *,
        lower_exclusive: bool = False,
        upper_exclusive: bool = False,
    ) -> Filter:
        """The field lies between the bounds that are given."""
        message, comparison = self._comparison()
        comparison.range.SetInParent()
        if lower is not None:
            _values.write(comparison.range.lower, lower)
            comparison.range.lower_exclusive = lower_exclusive
        if upper is not None:
            _values.write(comparison.range.upper, upper)
            comparison.range.upper_exclusive = upper_exclusive
        return Filter(message)

    def is_in(self, values: Sequence[Value]) -> Filter:
        """The field equals one of the values."""
        message, comparison = self._comparison()
        comparison.in_list.SetInParent()
        for value in values:
            _values.write(comparison.in_list.values.add(), value)
        return Filter(message)

    def exists(self, is_there: bool = True) -> Filter:
        """The field is there; or, with False, is not."""
        message, comparison = self._comparison()
        comparison.exists = is_there
        return Filter(message)

    def contains(self, part: Value) -> Filter:
        """The field is a list with this element, or a string with this part."""
        message, comparison = self._comparison()
        _values.write(comparison.contains, part)
        return Filter(message)

    def _comparison(self) -> tuple[Any, Any]:
        message = query_pb2.Filter()
        message.comparison.path.extend([name.encode() for name in self.path])
        return message, message.comparison


def field(*path: str) -> Field:
    """The field with this name, or with these names one inside the other."""
    return Field(*path)
