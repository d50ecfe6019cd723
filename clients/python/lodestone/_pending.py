# SPDX-License-Identifier: Apache-2.0
"""A call on a connection, its failures there, and the connection's own errors."""

from __future__ import annotations

import threading
import time
from typing import Any

from lodestone._wire import Call, Frame
from lodestone.errors import Code, LodestoneError, Outcome


class Failure(Exception):
    """The failure of a call on one connection."""

    def __init__(
        self, error: LodestoneError, is_unsent: bool = False, is_counted: bool = False
    ) -> None:
        super().__init__(str(error))
        self.error = error
        #: Whether the server has not begun the call, so that a call elsewhere is no second attempt.
        self.is_unsent = is_unsent
        #: Whether the retry budget has counted it: calls that fail with one connection count once.
        self.is_counted = is_counted


class Ended(Exception):
    """The connection took no more calls, so there was no attempt here."""


class Pending:
    """A call that waits: for its slot, then for its reply."""

    __slots__ = (
        "call", "request_id", "end", "waits_for_server", "id", "frame", "turn", "done", "result"
    )

    def __init__(
        self, call: Call | None, request_id: bytes | None, end: float, waits_for_server: bool
    ) -> None:
        self.call = call
        self.request_id = request_id
        #: The time at which the call is given up, by time.monotonic().
        self.end = end
        #: Whether the call continues to wait when a try to reach the server fails.
        self.waits_for_server = waits_for_server
        #: The id of the request; 0 until the call has a slot.
        self.id = 0
        self.frame: Frame | None = None
        self.turn: threading.Lock | None = None
        self.done = threading.Lock()
        self.done.acquire()
        self.result: Any = None

    @property
    def has_begun(self) -> bool:
        """Whether the server may have a part of the call."""
        return self.frame is not None and self.frame.has_begun

    def settle(self, result: Any) -> None:
        """Ends the wait with a reply or a Failure; by the thread that removed the call."""
        if self.result is not None:
            return  # by a fork, in a child that goes on with the call
        self.result = result
        self.done.release()
        if self.turn is not None and self.id == 0:
            self.turn.release()

    def failure(self, error: LodestoneError, is_counted: bool = False) -> Failure:
        """The failure of this call when the connection fails."""
        is_outcome_open = self.request_id is not None and self.has_begun
        outcome = Outcome.UNKNOWN if is_outcome_open else Outcome.NOT_APPLIED
        return Failure(error.with_outcome(outcome), not self.has_begun, is_counted)


def until(end: float) -> float:
    """Seconds until ``end``, within the range of locks."""
    left = end - time.monotonic()
    if left <= 0.0:
        return 0.0
    return left if left < threading.TIMEOUT_MAX else threading.TIMEOUT_MAX


def closed() -> LodestoneError:
    """The error when the client was closed."""
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


def lost(event: str) -> LodestoneError:
    return LodestoneError(
        Code.UNAVAILABLE,
        "CONNECTION_LOST",
        f"The connection {event}.",
        "Send it again, a write under the same request id.",
    )


def too_large(call: Call, byte_count: int, limit: int) -> LodestoneError:
    recovery = "Request less in one call, or raise the server's maxFrameBytes."
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
