# SPDX-License-Identifier: Apache-2.0
"""A call on a connection, how it can fail there, and the errors that a connection has of its own."""

from __future__ import annotations

import threading
import time
from typing import Any

from lodestone._wire import Call, Frame
from lodestone.errors import Code, LodestoneError, Outcome


class Failure(Exception):
    """A call that failed on one connection."""

    def __init__(
        self, error: LodestoneError, is_unsent: bool = False, is_counted: bool = False
    ) -> None:
        super().__init__(str(error))
        self.error = error
        #: The server has not begun the call, so making it elsewhere is no second attempt.
        self.is_unsent = is_unsent
        #: The retry budget knows of it: calls that fail with one connection count once.
        self.is_counted = is_counted


class Ended(Exception):
    """The connection took no more calls, so there has been no attempt here."""


class Pending:
    """A call that waits: for its turn, then for its reply."""

    __slots__ = ("call", "request_id", "end", "is_patient", "id", "frame", "turn", "bell", "result")

    def __init__(
        self, call: Call | None, request_id: bytes | None, end: float, is_patient: bool
    ) -> None:
        self.call = call
        self.request_id = request_id
        #: When it is given up, by time.monotonic().
        self.end = end
        #: It goes on waiting when a try to reach the server fails.
        self.is_patient = is_patient
        #: 0 until its turn has come.
        self.id = 0
        self.frame: Frame | None = None
        self.turn: threading.Lock | None = None
        self.bell = threading.Lock()
        self.bell.acquire()
        self.result: Any = None

    @property
    def has_begun(self) -> bool:
        """The server may have something of it."""
        return self.frame is not None and self.frame.has_begun

    def settle(self, result: Any) -> None:
        """Ends the wait with a reply or a Failure: for the thread that took it out of the calls."""
        if self.result is not None:
            return  # by a fork, in a child that goes on with the call
        self.result = result
        self.bell.release()
        if self.turn is not None and self.id == 0:
            self.turn.release()

    def failure(self, error: LodestoneError, is_counted: bool = False) -> Failure:
        """What a failure of the connection means for this call."""
        is_open_question = self.request_id is not None and self.has_begun
        outcome = Outcome.UNKNOWN if is_open_question else Outcome.NOT_APPLIED
        return Failure(error.with_outcome(outcome), not self.has_begun, is_counted)


def until(end: float) -> float:
    """Seconds until ``end``, as locks take them."""
    return min(max(0.0, end - time.monotonic()), threading.TIMEOUT_MAX)


def closed() -> LodestoneError:
    """The client was closed."""
    return LodestoneError(
        Code.FAILED_PRECONDITION, "CLOSED", "The client is closed.", "Make another."
    )


def going_away() -> LodestoneError:
    return LodestoneError(
        Code.UNAVAILABLE,
        "GO_AWAY",
        "The server is leaving and has not begun the call.",
        "Send it again on another connection.",
    )


def lost(what: str) -> LodestoneError:
    return LodestoneError(
        Code.UNAVAILABLE,
        "CONNECTION_LOST",
        f"The connection {what}.",
        "Send it again, a write under the same request id.",
    )


def too_large(call: Call, byte_count: int, limit: int) -> LodestoneError:
    recovery = "Ask for less in one call, or raise the server's maxFrameBytes."
    fitting = call.rows * limit // byte_count
    if fitting > 1:
        recovery = (
            f"Write the {call.rows:,} documents in several calls: of this size about"
            f" {fitting * 9 // 10 or 1:,} fit into one. Each call is all or none, the whole is not."
            " Or raise the server's maxFrameBytes."
        )
    return LodestoneError(
        Code.RESOURCE_EXHAUSTED,
        "FRAME_TOO_LARGE",
        f"A frame has {byte_count} bytes; the limit is {limit} bytes.",
        recovery,
    )
