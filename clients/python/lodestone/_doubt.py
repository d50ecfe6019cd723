# SPDX-License-Identifier: Apache-2.0
"""Detects that a server without replies is dead."""

from __future__ import annotations

import fcntl
import socket
import sys
import termios
import time

#: Seconds that a server may be silent after it let a deadline pass.
_SILENCE = 2.0
#: Seconds between two checks whether bytes to the server still move.
_LOOK = 0.25


class Doubt:
    """The check of a silent server: a deadline without a reply begins it, and a message ends it.

    The client has sent a cancellation, to which the server must reply. Bytes sent before it may
    take longer than any grace period on a slow link, so the time counts from their last progress.
    Later bytes don't count, because the operating system accepts them even if the server hangs.

    Any thread may begin the check; the connection's thread does the rest.
    """

    def __init__(self) -> None:
        #: The time when the doubt arose, or when the bytes that the server needs last moved; None:
        #: there is no doubt.
        self._since: float | None = None
        #: The end of the bytes that the server needs, counted since the connection was made.
        self._needed: int | None = None
        #: The number of bytes that the other end had taken at the last check.
        self._delivered = 0

    @property
    def exists(self) -> bool:
        """Whether there is a doubt: the server must send something."""
        return self._since is not None

    def arise(self) -> None:
        """Begins a doubt: a deadline has passed, and the server is told to cancel the call."""
        self._since = self._since or time.monotonic()

    def end(self) -> None:
        """Ends the doubt: the server has sent something."""
        self._since = self._needed = None

    def until_next_check(self) -> float | None:
        """Milliseconds until the next check; None: there is no doubt."""
        since = self._since
        if since is None:
            return None
        return min(max(0.0, since + _SILENCE - time.monotonic()), _LOOK) * 1000 + 1

    def is_certain(self, written: int, delivered: int) -> bool:
        """Whether the server was silent too long with all the bytes it needs, or with none moving.

        ``written`` is the number of bytes to send since the connection was made, and ``delivered``
        is the number of bytes that the other end has taken.
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
    """Bytes that the system has taken and the other end has not; 0 where this isn't known.

    On a Unix socket the number is the memory that they take, which is more.
    """
    try:
        count = fcntl.ioctl(connected or -1, termios.TIOCOUTQ, b"\0\0\0\0")
    except (OSError, ValueError):
        return 0
    return int.from_bytes(count, sys.byteorder)
