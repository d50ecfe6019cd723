# SPDX-License-Identifier: Apache-2.0
"""The places of a connection for calls, and the calls that wait for a place."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator

from lodestone._pending import Pending


class Lane:
    """Calls that share a number of places: the calls under way, and the calls that wait.

    The lock of the connection guards it. A signal may end each method of a caller's thread between
    any two steps; a call never has two entries in between, so none is left behind.
    """

    __slots__ = ("places", "under_way", "queue", "_ids")

    def __init__(self, ids: Iterator[int]) -> None:
        """Creates a lane; ``ids`` numbers the requests of the connection."""
        #: The number of places; none before the server has said hello.
        self.places = 0
        #: Calls by the ids of their requests.
        self.under_way: dict[int, Pending] = {}
        #: The waiting calls, in the order of their arrival; a call that is given up is removed at
        #: once.
        self.queue: OrderedDict[Pending, None] = OrderedDict()
        self._ids = ids

    def enter(self, pending: Pending) -> None:
        """Gives a call a place, or lets it wait for its turn."""
        if self.queue or not self._admit(pending):
            pending.turn = threading.Lock()
            pending.turn.acquire()
            self.queue[pending] = None

    def forget(self, pending: Pending) -> None:
        """Removes a call that was not sent to the server."""
        if pending.id == 0:
            self.queue.pop(pending, None)
        else:
            self.under_way.pop(pending.id, None)

    def sweep(self) -> None:
        """Gives free places to calls from the queue."""
        now = time.monotonic()
        if len(self.under_way) >= self.places:
            # A caller may have been interrupted before it sent anything, and again while it cleaned
            # up.
            for one in [one for one in self.under_way.values() if not one.has_begun]:
                if one.end + 1 < now:
                    del self.under_way[one.id]
        while self.queue and len(self.under_way) < self.places:
            first, _ = self.queue.popitem(last=False)
            if first.end >= now and self._admit(first) and first.turn is not None:
                first.turn.release()

    def drop_impatient(self, now: float) -> list[Pending]:
        """Removes calls whose time is over, and calls that don't wait while there is no server.

        Returns the latter.
        """
        waiting = [one for one in self.queue if one.end > now]
        self.queue = OrderedDict.fromkeys(one for one in waiting if one.is_patient)
        return [one for one in waiting if not one.is_patient]

    def take_unbegun(self, last_request: int | None) -> list[Pending]:
        """Removes and returns the calls that the server has not begun.

        These are the calls that wait, those not yet sent, and those after ``last_request``.
        ``last_request`` is None when the server has not said which request was its last.
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
        """All calls, those under way first."""
        return [*self.under_way.values(), *self.queue]

    def clear(self) -> None:
        """Removes all calls."""
        self.under_way.clear()
        self.queue.clear()

    def _admit(self, pending: Pending) -> bool:
        """Gives a call a place and its number, if a place is free."""
        if len(self.under_way) >= self.places:
            return False
        pending.id = next(self._ids)
        self.under_way[pending.id] = pending
        return True
