# SPDX-License-Identifier: Apache-2.0
"""The file of a snapshot that is fetched from a server."""

from __future__ import annotations

import os
from collections.abc import Callable

from lodestone.errors import Code, LodestoneError

#: Bytes of a snapshot that are compared before a part of it is taken for the same one: more than any
#: two have alike, as the time of its making and checksums stand in them.
_START = 4_096
#: Bytes of a snapshot that are fetched at once.
_PART = 1 << 20


def fetch_into(
    path: str | os.PathLike[str], name: str, part: Callable[[int, int], tuple[bytes, int]]
) -> int:
    """Fetches a snapshot into a file, or what is missing of it there; returns the bytes of the file.

    ``part`` answers bytes of the snapshot from an offset on, as many as it is asked for if there are so
    many, and how many bytes there are altogether.
    """
    target = os.fspath(path)
    if os.path.exists(target):
        raise FileExistsError(f"There is a file {target!r} already.")
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    # Nobody else may read it: it is the whole store.
    with os.fdopen(os.open(f"{target}.part", flags, 0o600), "ab+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        start = file.read(_START)
        first, total = part(0, _START)
        if size > total or start != first[: len(start)]:
            size = file.truncate(0)
        changed = LodestoneError(
            Code.ABORTED,
            "SNAPSHOT_CHANGED",
            f"The snapshot {name!r} is not the one that it was before.",
            "Fetch it again.",
        )
        while size < total:
            data, now = part(size, _PART)
            if now != total or not data:
                raise changed
            file.write(data)
            size += len(data)
        # Another one may have got the name between two parts.
        if part(0, _START) != (first, total):
            raise changed
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{target}.part", target)
    return size
