# SPDX-License-Identifier: Apache-2.0
"""Checks of callers' arguments; a wrong argument is refused with its location.

A function deep inside of an argument raises Refusal, which collects its location on the way out.
Encoding turns it into the error that callers see.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, NoReturn

from lodestone.errors import LodestoneError, invalid


class Refusal(Exception):
    """The fault of a part of an argument: ``what`` follows the name of its location."""

    def __init__(self, what: str, recovery: str, reason: str = "BAD_ARGUMENT") -> None:
        super().__init__(what)
        self.what = what
        self.recovery = recovery
        self.reason = reason
        self.object: str | None = None
        self._location = ""

    def at(self, location: str) -> Refusal:
        """Prepends ``location``, a name or an index in brackets, to the location."""
        joint = "" if not self._location or self._location.startswith("[") else "."
        self._location = location + joint + self._location
        return self

    def error(self) -> LodestoneError:
        """The error for the caller."""
        subject = self._location or "An argument"
        if self.object is not None:
            subject += f" (of {self.object!r})"
        return invalid(
            self.reason,
            f"{subject} {self.what}.",
            self.recovery,
            self._location or None,
            self.object,
        )


class Encoding:
    """Turns a fault inside of ``with Encoding():`` into a LodestoneError."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, LodestoneError):
            return
        if isinstance(error, Refusal):
            raise error.error() from error.__cause__
        if isinstance(error, RecursionError):
            raise invalid(
                "NESTING_TOO_DEEP",
                "An argument contains itself, or is nested too deep.",
                "Give values that have an end.",
            ) from error
        if isinstance(error, (TypeError, ValueError, OverflowError, AttributeError, LookupError)):
            raise invalid(
                "BAD_ARGUMENT",
                f"An argument can't be sent: {error}.",
                "See what types the method takes.",
            ) from error


def shown(value: object) -> str:
    """A value for an error: short, with its type."""
    text = repr(value)
    if len(text) > 80:
        text = text[:77] + "..."
    return f"{text} ({type(value).__name__})"


def refuse(value: object, expected: str, recovery: str, location: str = "") -> NoReturn:
    """Raises a Refusal of a value that is not ``expected``."""
    raise Refusal(f"is {shown(value)}, not {expected}", recovery).at(location)


def utf8(value: object, location: str = "") -> bytes:
    """A string as UTF-8 for a message."""
    if not isinstance(value, str):
        refuse(value, "a str", _recovery_for_text(value), location)
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise Refusal(
            f"is {value[:40]!r}, which has half of a surrogate pair at {error.start}",
            "Give text that UTF-8 can hold.",
            "BAD_UTF8",
        ).at(location) from error


def _recovery_for_text(value: object) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "Decode it."
    if value is None:
        return "Leave it out, or give a text."
    return "Convert it with str()."


def strings(values: object, location: str) -> list[bytes]:
    """Strings as UTF-8; a single string is a list of one, and None an empty list."""
    if isinstance(values, str):
        return [utf8(values, location)]
    if isinstance(values, bytes):
        utf8(values, location)
    encoded = []
    for row, value in enumerate(items(values, location)):
        try:
            encoded.append(utf8(value))
        except Refusal as refusal:
            raise refusal.at(f"[{row}]").at(location)
    return encoded


def items(values: object, location: str) -> list[Any]:
    """The elements of a list, an array or any other iterable except text and mappings."""
    if values is None:
        return []
    if isinstance(values, list):
        return values
    if isinstance(values, (str, bytes, bytearray, memoryview, Mapping)):
        refuse(values, "a list", "Put it into a list: [...].", location)
    if not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0:
        refuse(values, "a list", "Give a list, or something else to iterate over.", location)
    return list(values)


def each(values: object, kind: type[Any], location: str) -> list[Any]:
    """A list of objects of one kind; a single object is a list of one."""
    if isinstance(values, kind):
        return [values]
    found = items(values, location)
    for row, value in enumerate(found):
        if not isinstance(value, kind):
            name = kind.__name__
            raise Refusal(f"is {shown(value)}, not a {name}", f"Give a {name}.").at(
                f"[{row}]"
            ).at(location)
    return found


def whole(value: object, location: str, most: int = 2**32 - 1) -> int:
    """A whole number from 0 to ``most``."""
    if type(value) is int and 0 <= value <= most:
        return value
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        refuse(value, "a whole number", "Give an int.", location)
    number = operator.index(value)
    if not 0 <= number <= most:
        raise Refusal(
            f"is {number}; it must be 0 to {most}", "Give a number in that range.", "LIMIT"
        ).at(location)
    return number


def real(value: object, location: str) -> float:
    """A number."""
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        refuse(value, "a number", "Give a float.", location)
    except OverflowError:
        refuse(value, "a number that a float can hold", "Give a smaller one.", location)


def seconds(value: float, location: str) -> float:
    """Checks a time in seconds, which is a number and not negative."""
    with Encoding():
        time = real(value, location)
        if not time >= 0:
            refuse(value, "a time in seconds", "Give one from 0 on.", location)
        return time


def path(names: object, location: str) -> list[bytes]:
    """The path of a field, from the outermost name to the innermost.

    A string is a path in the form of filters on the command line: names joined by dots. A name with
    a dot is in double quotes, in which a double quote is doubled. In a sequence each string is a
    name, unchanged.
    """
    if isinstance(names, str):
        return [utf8(name, location) for name in _names(names, location)]
    encoded = strings(names, location)
    if not encoded:
        refuse(names, "the name of a field", "Name a field.", location)
    return encoded


def _names(text: str, location: str) -> list[str]:
    names = []
    start = 0
    while True:
        if text.startswith('"', start):
            name, end = _quoted(text, start, location)
        else:
            end = text.find(".", start)
            end = len(text) if end < 0 else end
            name = text[start:end]
        if not name:
            raise _bad_path(text, "has an empty name", location)
        names.append(name)
        if end == len(text):
            return names
        if text[end] != ".":
            raise _bad_path(text, f"has something behind a quote, at {end}", location)
        start = end + 1


def _quoted(text: str, start: int, location: str) -> tuple[str, int]:
    """The name between the quote at ``start`` and the closing one, and the index after it."""
    parts = []
    place_of_part = start + 1
    while True:
        end = text.find('"', place_of_part)
        if end < 0:
            raise _bad_path(text, f"has a quote that is never closed, at {start}", location)
        parts.append(text[place_of_part:end])
        if not text.startswith('""', end):
            return '"'.join(parts), end + 1
        place_of_part = end + 2


def _bad_path(text: str, what: str, location: str) -> Refusal:
    return Refusal(
        f"is {text!r}, which {what}",
        'Write names joined by dots, or ("author", "name"); a name with a dot or a quote stands in'
        ' double quotes: \'"x.y"\'.',
    ).at(location)
