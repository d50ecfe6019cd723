# SPDX-License-Identifier: Apache-2.0
"""Metadata to messages and back.

Values of numpy and pandas are converted to the equal values of Lodestone. A value without a type in
Lodestone is refused, and never stored as a similar value.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lodestone._arguments import Refusal, refuse, shown, utf8
from lodestone.errors import Code, LodestoneError
from lodestone.types import Timestamp, Value

_LIMIT = 2**63
#: Types that never mean a missing value; most values have one of these.
_PLAIN = frozenset((bool, int, float, str, list, dict))
_MICROSECONDS = {
    "W": (604_800_000_000, 1),
    "D": (86_400_000_000, 1),
    "h": (3_600_000_000, 1),
    "m": (60_000_000, 1),
    "s": (1_000_000, 1),
    "ms": (1_000, 1),
    "us": (1, 1),
    "ns": (1, 10**3),
    "ps": (1, 10**6),
    "fs": (1, 10**9),
    "as": (1, 10**12),
}


def is_missing(value: object) -> bool:
    """Whether a value is missing: None, or a missing value of numpy or pandas except NaN."""
    if value is None:
        return True
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    return type(value).__name__ in ("NaTType", "NAType") and _is_of_pandas(value)


def _is_of_pandas(value: object) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas"


def write(message: Any, value: object) -> None:
    """Writes one value into a Value message; raises Refusal."""
    kind = type(value)
    if kind is str:
        message.string_value = utf8(value)
    elif kind is int:
        message.int_value = _int64(value)  # type: ignore[arg-type]
    elif kind is float:
        message.double_value = _double(value)  # type: ignore[arg-type]
    elif kind is list:
        _write_list(message, value)
    else:
        _write_other(message, value)


def _write_other(message: Any, value: object) -> None:
    # To Python a bool is an int, and so is a Timestamp.
    if isinstance(value, (bool, np.bool_)):
        message.bool_value = bool(value)
    elif isinstance(value, Timestamp):
        message.timestamp_value = _int64(int(value))
    elif isinstance(value, (int, np.integer)) and not isinstance(value, np.timedelta64):
        message.int_value = _int64(int(value))
    elif isinstance(value, (float, np.floating)):
        message.double_value = _double(float(value))
    elif isinstance(value, str):
        message.string_value = utf8(value)
    elif is_missing(value):
        refuse(value, "a value", "Leave it out; in a filter, use exists().")
    elif (time := _time(value)) is not None:
        message.timestamp_value = _int64(time)
    elif isinstance(value, Mapping):
        message.object_value.SetInParent()
        write_metadata(message.object_value, value)
    elif (elements := _elements(value)) is not None:
        _write_list(message, elements)
    else:
        raise Refusal(f"is {shown(value)}, which is no value of metadata", _recovery(value))


def _write_list(message: Any, elements: Any) -> None:
    message.list_value.SetInParent()
    values = message.list_value.values
    for index, element in enumerate(elements):
        try:
            write(values.add(), element)
        except Refusal as refusal:
            raise refusal.at(f"[{index}]")


def _int64(value: int) -> int:
    if not -_LIMIT <= value < _LIMIT:
        raise Refusal(
            f"is {value}; it must be -2^63 to 2^63 - 1", "Store it as a text, or a float.", "LIMIT"
        )
    return value


def _double(value: float) -> float:
    if math.isnan(value):
        raise Refusal(
            "is NaN, which equals nothing", "Leave the field out, or give None.", "BAD_VALUE"
        )
    return value


def _time(value: object) -> int | None:
    """Microseconds since 1970, rounded down; None when the value is no time."""
    if isinstance(value, np.datetime64):
        return _microseconds(value)
    if not isinstance(value, datetime.datetime):
        return None
    if _is_of_pandas(value):
        # A time of pandas is converted like a datetime64 of numpy: without a zone it means UTC.
        return _microseconds(value.asm8)  # type: ignore[attr-defined]
    if value.tzinfo is None:
        raise Refusal(
            f"is {value!r}, which has no time zone",
            "Give it one: value.replace(tzinfo=datetime.timezone.utc) if it is in UTC.",
            "BAD_VALUE",
        )
    return int(Timestamp.of(value))


def _microseconds(value: np.datetime64) -> int:
    unit, count = np.datetime_data(value.dtype)
    if unit in ("Y", "M"):
        months = int(value.astype(np.int64)) * count * (12 if unit == "Y" else 1) + 12 * 1970
        years, month = divmod(months, 12)
        # The calendar repeats every 400 years, which are 146,097 days.
        cycles, year = divmod(years - 2000, 400)
        days = datetime.date(2000 + year, month + 1, 1).toordinal() + cycles * 146_097
        return (days - datetime.date(1970, 1, 1).toordinal()) * _MICROSECONDS["D"][0]
    if unit not in _MICROSECONDS:
        refuse(value, "a time of a known unit", "Give it a unit: np.datetime64(value, 'us').")
    factor, divisor = _MICROSECONDS[unit]
    return int(value.astype(np.int64)) * count * factor // divisor


def _elements(value: object) -> Sequence[Any] | None:
    """The elements of a list; None when the value is no list."""
    if isinstance(value, (bytes, bytearray, memoryview, np.generic)):
        return None
    if isinstance(value, np.ndarray) or hasattr(value, "__array__"):
        array = np.asarray(value)
        # An array without axes is a single value.
        return array if array.ndim else None  # type: ignore[return-value]
    return value if isinstance(value, Sequence) else None


def _recovery(value: object) -> str:
    """Advice on a value to store instead."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "Decode it, or store it as a text: base64.b64encode(value).decode()."
    if isinstance(value, (datetime.timedelta, np.timedelta64)):
        return "Store it as a number of a unit of yours: value / np.timedelta64(1, 's')."
    if isinstance(value, datetime.date):
        return (
            "Store value.isoformat(), or the time at which it begins:"
            " datetime.datetime(y, m, d, tzinfo=datetime.timezone.utc)."
        )
    if isinstance(value, datetime.time):
        return "Store value.isoformat()."
    if isinstance(value, decimal.Decimal):
        return "Store float(value), or str(value) to keep every digit."
    if isinstance(value, uuid.UUID):
        return "Store str(value)."
    if isinstance(value, enum.Enum):
        return "Store value.value, or value.name."
    if isinstance(value, (set, frozenset)):
        return "Store it as a list: sorted(value)."
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return "Store value[()]."
    return (
        "Values are bool, int, float, str, Timestamp, aware datetimes, datetime64, and lists and"
        " dicts of them."
    )


def write_metadata(message: Any, metadata: object) -> None:
    """Writes metadata in the byte order of its names; missing values are left out."""
    if type(metadata) is not dict and not isinstance(metadata, Mapping):
        refuse(metadata, "a mapping of names to values", "Give a dict.")
    named = []
    for name, value in metadata.items():
        if not isinstance(name, str):
            refuse(name, "a name", "Names of fields are str.", f"[{name!r}]")
        named.append((utf8(name), name, value))
    named.sort(key=lambda one: one[0])
    for encoded, name, value in named:
        if type(value) not in _PLAIN and is_missing(value):
            continue
        field = message.fields.add()
        field.name = encoded
        try:
            write(field.value, value)
        except Refusal as refusal:
            raise refusal.at(name)


def read(message: Any) -> Value:
    """The value of a Value message."""
    kind = message.WhichOneof("kind")
    if kind == "bool_value":
        return bool(message.bool_value)
    if kind == "int_value":
        return int(message.int_value)
    if kind == "double_value":
        return float(message.double_value)
    if kind == "string_value":
        return str(message.string_value, "utf-8")
    if kind == "timestamp_value":
        return Timestamp(message.timestamp_value)
    if kind == "list_value":
        return [read(value) for value in message.list_value.values]
    if kind == "object_value":
        return read_metadata(message.object_value)
    raise LodestoneError(
        Code.UNIMPLEMENTED,
        "UNKNOWN_KIND",
        "The kind of a value is unknown to this release of the client.",
        "Use a client of the server's release.",
    )


def read_metadata(message: Any) -> dict[str, Value]:
    """The metadata of a Metadata message."""
    return {str(field.name, "utf-8"): read(field.value) for field in message.fields}
