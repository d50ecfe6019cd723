# SPDX-License-Identifier: Apache-2.0
"""The connection of all calls of a client, which is replaced when it is lost, and the attempts."""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import Any

from lodestone import _connection
from lodestone._connection import Connection
from lodestone._pending import Ended, Failure, closed
from lodestone._reach import Peer
from lodestone._wire import Call
from lodestone.errors import Code, LodestoneError, Outcome
from lodestone.retries import RetryBudget, RetryPolicy

#: Seconds before a new connection, when the last one had no reply.
_PAUSE = 0.05


class Line:
    """The state that the threads of a client share. ``_lock`` guards all of it, for moments only.
    """

    def __init__(self, peer: Peer, retry: RetryPolicy) -> None:
        self._peer = peer
        self._retry = retry
        self._budget = RetryBudget(retry.attempts)
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._connection: Connection | None = None
        self._sequence_number = 0
        self._is_closed = False
        _lines.add(self)

    @property
    def sequence_number(self) -> int:
        """The largest sequence number that the server has given this client; 0 before the first."""
        return self._sequence_number

    def saw(self, sequence_number: int) -> None:
        """Records a sequence number from the server."""
        with self._lock:
            self._sequence_number = max(self._sequence_number, sequence_number)

    def close(self) -> None:
        """Ends the connection; calls in flight fail."""
        with self._lock:
            self._is_closed = True
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def perform(
        self,
        call: Call | None,
        request_id: bytes | None,
        seconds: float,
        retry: RetryPolicy | None = None,
    ) -> Any:
        """Makes a call, with retries by the policy; returns its reply within ``seconds``.

        With None instead of a call, it waits for a connection.
        """
        end = time.monotonic() + seconds
        policy = retry or self._retry
        attempts = 0
        # If an attempt may have written something, no later attempt can exclude that.
        outcome = Outcome.NOT_APPLIED
        while True:
            try:
                reply = self._connected().call(call, request_id, end, policy.attempts > 1)
                self._budget.succeeded()
                return reply
            except Ended:
                continue
            except Failure as caught:
                failure = caught
            except LodestoneError as closing:
                raise closing.with_outcome(outcome)
            error = failure.error
            if error.outcome is not Outcome.NOT_APPLIED:
                outcome = error.outcome
            error = error.with_outcome(outcome)
            is_waiting = failure.is_unsent and error.code is Code.UNAVAILABLE
            if is_waiting and policy.attempts > 1 and time.monotonic() < end:
                continue  # for another connection; no request has been sent yet
            attempts += 1
            wait = policy.wait(attempts, error)
            if wait is None or not self._may_retry(failure):
                raise error
            if time.monotonic() + wait >= end:
                raise error
            time.sleep(wait)

    def _may_retry(self, failure: Failure) -> bool:
        # A retry at the time that the server gives is no unplanned load.
        if failure.is_counted or failure.error.retry_after is not None:
            return self._budget.allows_retry
        return self._budget.failed()

    def _connected(self) -> Connection:
        """The connection, or a new one if the last one accepts no more calls."""
        if self._pid != os.getpid():
            after_fork_in_child()  # the process was forked by other means than os.fork
        with self._lock:
            if self._is_closed:
                raise closed()
            last = self._connection
            if last is None or not last.takes_calls:
                self._connection = Connection(
                    self._peer,
                    lambda: self._sequence_number,
                    self._budget.failed,
                    0.0 if last is None or last.has_served else _PAUSE,
                )
            connection = self._connection
            assert connection is not None
            return connection

    def forget_after_fork(self) -> None:
        """Resets all state but the sequence number. Only in a child, which has one thread."""
        self._lock = threading.Lock()
        self._budget = RetryBudget(self._retry.attempts)
        self._pid = os.getpid()
        self._connection = None


_lines: weakref.WeakSet[Line] = weakref.WeakSet()


def after_fork_in_child() -> None:
    """Leaves all connections to the parent process; each client then makes its own."""
    for line in list(_lines):
        line.forget_after_fork()
    for connection in list(_connection.connections):
        connection.abandon_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork_in_child)
