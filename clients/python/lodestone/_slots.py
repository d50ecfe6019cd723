# SPDX-License-Identifier: Apache-2.0
"""The slots of a connection for calls, and the calls that wait for a slot."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator

from lodestone._pending import Pending


class CallSlots:
    """Calls that share a number of slots: the calls in flight, and the calls that wait.

    The lock of the connection guards it. A signal may end each method of a caller's thread between
    any two steps; a call never has two entries in between, so none is left behind.
    """

    __slots__ = ("count", "in_flight", "queue", "_ids")

    def __init__(self, ids: Iterator[int]) -> None:
        """Creates no slots yet; ``ids`` numbers the requests of the connection."""
        #: The number of slots; none before the server's hello.
        self.count = 0
        #: Calls by the ids of their requests.
        self.in_flight: dict[int, Pending] = {}
        #: The waiting calls, in the order of their arrival; a call that is given up is removed at
        #: once.
        self.queue: OrderedDict[Pending, None] = OrderedDict()
        self._ids = ids

    def enter(self, pending: Pending) -> None:
        """Gives a call a slot, or lets it wait for its turn."""
        if self.queue or not self._admit(pending):
            pending.turn = threading.Lock()
            pending.turn.acquire()
            self.queue[pending] = None

    def forget(self, pending: Pending) -> None:
        """Removes a call that was not sent to the server."""
        if pending.id == 0:
            self.queue.pop(pending, None)
        else:
            self.in_flight.pop(pending.id, None)

    def sweep(self) -> None:
        """Gives free slots to calls from the queue."""
        now = time.monotonic()
        if len(self.in_flight) >= self.count:
            # A caller may have been interrupted before it sent anything, and again while it cleaned
            # up.
            for one in [one for one in self.in_flight.values() if not one.has_begun]:
                if one.end + 1 < now:
                    del self.in_flight[one.id]
        while self.queue and len(self.in_flight) < self.count:
            first, _ = self.queue.popitem(last=False)
            if first.end >= now and self._admit(first) and first.turn is not None:
                first.turn.release()

    def drop_unwaiting(self, now: float) -> list[Pending]:
        """Removes calls whose time is over, and calls that don't wait while there is no server.

        Returns the latter.
        """
        waiting = [one for one in self.queue if one.end > now]
        self.queue = OrderedDict.fromkeys(one for one in waiting if one.waits_for_server)
        return [one for one in waiting if not one.waits_for_server]

    def take_unbegun(self, last_request: int | None) -> list[Pending]:
        """Removes and returns the calls that the server has not begun.

        These are the calls that wait, those not yet sent, and those after ``last_request``.
        ``last_request`` is None when the server has not said which request was its last.
        """
        queued, self.queue = list(self.queue), OrderedDict()
        late = [
            one
            for id, one in self.in_flight.items()
            if not one.has_begun or (last_request is not None and id > last_request)
        ]
        for one in late:
            del self.in_flight[one.id]
        return queued + late

    def all(self) -> list[Pending]:
        """All calls, those in flight first."""
        return [*self.in_flight.values(), *self.queue]

    def clear(self) -> None:
        """Removes all calls."""
        self.in_flight.clear()
        self.queue.clear()

    def _admit(self, pending: Pending) -> bool:
        """Gives a call a slot and its number, if a slot is free."""
        if len(self.in_flight) >= self.count:
            return False
        pending.id = next(self._ids)
        self.in_flight[pending.id] = pending
        return True
