# SPDX-License-Identifier: Apache-2.0
"""The file of a snapshot that is fetched from a server."""

from __future__ import annotations

import os
from collections.abc import Callable

from lodestone.errors import Code, LodestoneError

#: Bytes that are compared to recognize the beginning of the same snapshot. No two snapshots have
#: the same, because they contain the creation time and checksums.
_START = 4_096
#: The bytes of a snapshot that are fetched per call.
_PART = 1 << 20


def fetch_into(
    path: str | os.PathLike[str], name: str, part: Callable[[int, int], tuple[bytes, int]]
) -> int:
    """Fetches a snapshot into a file, or the missing part of it; returns the bytes of the file.

    ``part`` returns bytes of the snapshot from an offset on, and the number of all bytes. It
    returns as many bytes as requested, unless the snapshot has fewer.
    """
    target = os.fspath(path)
    if os.path.exists(target):
        raise FileExistsError(f"There is a file {target!r} already.")
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    # Only the owner may read the file, because it contains the whole store.
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
        # Another snapshot may have got the name between two parts.
        if part(0, _START) != (first, total):
            raise changed
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{target}.part", target)
    return size
