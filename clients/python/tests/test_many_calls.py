# SPDX-License-Identifier: Apache-2.0
"""Many calls that wait for their turn are given up in no time, and are in nobody's way."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from lodestone import Client
from lodestone._pending import Pending
from lodestone._proto import service_pb2
from lodestone._wire import Call
from scripted import be_silent, scripted

#: As many as the script allows at once.
PLACES = 4
WAITING = 20_000

Order = Callable[[list[Pending]], list[Pending]]
ORDERS: dict[str, Order] = {
    "first to last": lambda calls: calls,
    "last to first": lambda calls: calls[::-1],
    "shuffled": lambda calls: random.Random(1).sample(calls, len(calls)),
}


@pytest.mark.parametrize("order", ORDERS)
def test_waiting_calls_are_given_up_at_once_in_any_order(order: str) -> None:
    with scripted(be_silent) as (server, _), Client(server) as client:
        connection = client._line._connected()
        ping = Call("ping", service_pb2.PingRequest())
        end = time.monotonic() + 60
        # Without a thread for each of them, but as the threads of callers do it.
        calls = [Pending(ping, None, end, True) for _ in range(PLACES + WAITING)]
        for call in calls:
            connection._submit(call)
        given_up = ORDERS[order](calls[PLACES:-1])
        started = time.monotonic()
        for call in given_up:
            connection._abandon(call)
        took = time.monotonic() - started
        # Nobody but the last of them is left to have the next place.
        connection._abandon(calls[0])
        assert calls[-1].turn is not None and calls[-1].turn.acquire(timeout=5)
        assert all(call.id == 0 for call in given_up)
    # 0.02 s; searching the queue for each of them took several seconds.
    assert took < 0.5
