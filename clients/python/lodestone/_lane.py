# SPDX-License-Identifier: Apache-2.0
"""The places that a connection has for calls, and the calls that wait for one."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator

from lodestone._pending import Pending


class Lane:
    """Calls that share a number of places: those under way, and those that wait for one.

    The lock of the connection guards it. A signal may end each method of a caller's thread between
    any two steps; no call has two entries in between, so none is left behind.
    """

    __slots__ = ("places", "under_way", "queue", "_ids")

    def __init__(self, ids: Iterator[int]) -> None:
        """``ids`` numbers the requests of the connection."""
        #: How many may be under way; none before the server has said hello.
        self.places = 0
        #: Calls by the ids of their requests.
        self.under_way: dict[int, Pending] = {}
        #: First come, first served; a call that is given up is taken out at once, however many wait.
        self.queue: OrderedDict[Pending, None] = OrderedDict()
        self._ids = ids

    def enter(self, pending: Pending) -> None:
        """Gives a call a place, or has it wait for its turn."""
        if self.queue or not self._admit(pending):
            pending.turn = threading.Lock()
            pending.turn.acquire()
            self.queue[pending] = None

    def forget(self, pending: Pending) -> None:
        """Takes out a call that the server has not got."""
        if pending.id == 0:
            self.queue.pop(pending, None)
        else:
            self.under_way.pop(pending.id, None)

    def sweep(self) -> None:
        """Lets calls from the queue in, as far as there are places."""
        now = time.monotonic()
        if len(self.under_way) >= self.places:
            # A caller may have been interrupted before it sent anything, and again at cleaning up.
            for one in [one for one in self.under_way.values() if not one.has_begun]:
                if one.end + 1 < now:
                    del self.under_way[one.id]
        while self.queue and len(self.under_way) < self.places:
            first, _ = self.queue.popitem(last=False)
            if first.end >= now and self._admit(first) and first.turn is not None:
                first.turn.release()

    def drop_impatient(self, now: float) -> list[Pending]:
        """Takes out calls whose time is over, and those that don't wait while there is no server.

        Returns the latter.
        """
        waiting = [one for one in self.queue if one.end > now]
        self.queue = OrderedDict.fromkeys(one for one in waiting if one.is_patient)
        return [one for one in waiting if not one.is_patient]

    def take_unbegun(self, last_request: int | None) -> list[Pending]:
        """Takes out calls that wait, and those that the server has not begun, after ``last_request``.

        None: the server has not said which that is.
        """
        queued, self.queue = list(self.queue), OrderedDict()
        late = [
            one
            for id, one in self.under_way.items()
            if not one.has_begun or (last_request is not None and id > last_request)
        ]
        for one in late:
            del self.under_way[one.id]
        return queued + late

    def all(self) -> list[Pending]:
        """Every call, those under way first."""
        return [*self.under_way.values(), *self.queue]

    def clear(self) -> None:
        """Forgets every call."""
        self.under_way.clear()
        self.queue.clear()

    def _admit(self, pending: Pending) -> bool:
        """Gives a call its number if there is a place for it."""
        if len(self.under_way) >= self.places:
            return False
        pending.id = next(self._ids)
        self.under_way[pending.id] = pending
        return True
