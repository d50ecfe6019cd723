# SPDX-License-Identifier: Apache-2.0
"""Metadata to messages and back."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lodestone.types import Metadata, Timestamp, Value


def write(message: Any, value: Value) -> None:
    """Writes one value into a Value message."""
    if isinstance(value, np.generic):
        value = value.item()
    # A bool is an int to Python, and a Timestamp is one as well.
    if isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, Timestamp):
        message.timestamp_value = value
    elif isinstance(value, datetime.datetime):
        message.timestamp_value = Timestamp.of(value)
    elif isinstance(value, int):
        message.int_value = value
    elif isinstance(value, float):
        message.double_value = value
    elif isinstance(value, str):
        message.string_value = value.encode()
    elif isinstance(value, Mapping):
        message.object_value.SetInParent()
        write_metadata(message.object_value, value)
    elif isinstance(value, (Sequence, np.ndarray)):
        message.list_value.SetInParent()
        for element in value:
            write(message.list_value.values.add(), element)
    else:
        raise TypeError(f"{value!r} is no value of metadata")


def write_metadata(message: Any, metadata: Metadata) -> None:
    """Writes metadata with its names in the order of their bytes."""
    for name, value in sorted(metadata.items(), key=lambda item: item[0].encode()):
        field = message.fields.add()
        field.name = name.encode()
        write(field.value, value)


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
    raise ValueError("a value is of no kind that this release knows")


def read_metadata(message: Any) -> dict[str, Value]:
    """The metadata of a Metadata message."""
    return {str(field.name, "utf-8"): read(field.value) for field in message.fields}
