# SPDX-License-Identifier: Apache-2.0
"""Whether a server that answers nothing is still there."""

from __future__ import annotations

import fcntl
import socket
import sys
import termios
import time

#: Seconds that a server may be silent after it let a deadline pass.
_SILENCE = 2.0
#: Seconds between two looks at whether anything still moves to it.
_LOOK = 0.25


class Doubt:
    """Doubt about a server: it arises when a deadline passes without a word, and ends with the next one.

    The server was told to cancel the call and must answer that, once it has heard it. Bytes
    sent before can take longer than any patience over a slow link, so the time counts from when those
    last moved. Bytes sent later count for nothing: the system of a server that hangs takes them, too.

    Any thread may let it arise; the connection's thread does the rest.
    """

    def __init__(self) -> None:
        #: When it arose, or when the bytes that the server needs last moved; None: there is no doubt.
        self._since: float | None = None
        #: Where those end, in bytes since the connection was made.
        self._needed: int | None = None
        #: How many of all bytes it had at the last look.
        self._delivered = 0

    @property
    def exists(self) -> bool:
        """The server has to speak."""
        return self._since is not None

    def arise(self) -> None:
        """A deadline has passed, and the server is told to cancel the call."""
        self._since = self._since or time.monotonic()

    def end(self) -> None:
        """The server has said something."""
        self._since = self._needed = None

    def patience(self) -> float | None:
        """Milliseconds until the next look; None: there need not be one."""
        since = self._since
        if since is None:
            return None
        return min(max(0.0, since + _SILENCE - time.monotonic()), _LOOK) * 1000 + 1

    def is_certain(self, written: int, delivered: int) -> bool:
        """Whether the server has been silent for too long, with all that it needs or with none of it moving.

        ``written`` and ``delivered`` are the bytes to be sent since the connection was made, and those
        that the other end has taken.
        """
        since = self._since
        if since is None:
            return False
        now = time.monotonic()
        if self._needed is None:
            self._needed = written
        elif self._delivered < self._needed and delivered > self._delivered:
            self._since = since = now
        self._delivered = delivered
        return now >= since + _SILENCE


def undelivered_bytes(connected: socket.socket | None) -> int:
    """Bytes that the system has taken and the other end has not; 0 where that isn't told.

    Of a Unix socket it is how much memory they take, which is more.
    """
    try:
        answer = fcntl.ioctl(connected or -1, termios.TIOCOUTQ, b"\0\0\0\0")
    except (OSError, ValueError):
        return 0
    return int.from_bytes(answer, sys.byteorder)
