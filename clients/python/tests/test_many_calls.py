# SPDX-License-Identifier: Apache-2.0
"""Many calls that wait for their turn are given up quickly and delay no other call."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from lodestone import Client, LodestoneError
from lodestone._pending import Pending
from lodestone._proto import service_pb2
from lodestone._wire import Call
from scripted import SILENCE, be_silent, scripted

#: As many as the script allows at once.
SLOTS = 4
WAITING = 20_000

Order = Callable[[list[Pending]], list[Pending]]
ORDERS: dict[str, Order] = {
    "first to last": lambda calls: calls,
    "last to first": lambda calls: calls[::-1],
    "shuffled": lambda calls: random.Random(1).sample(calls, len(calls)),
}


def submit(connection: Any, call: Call, count: int) -> list[Pending]:
    end = time.monotonic() + 60
    calls = [Pending(call, None, end, True) for _ in range(count)]
    for one in calls:
        connection._submit(one)
    return calls


@pytest.mark.parametrize("order", ORDERS)
def test_waiting_calls_are_given_up_at_once_in_any_order(order: str) -> None:
    with scripted(be_silent) as (server, _), Client(server) as client:
        connection = client._line._connected()
        # Without a thread for each of them, but as the threads of callers do it.
        calls = submit(connection, Call("get", service_pb2.GetRequest()), SLOTS + WAITING)
        given_up = ORDERS[order](calls[SLOTS:-1])
        started = time.monotonic()
        for call in given_up:
            connection._abandon(call)
        took = time.monotonic() - started
        # Only the last of them is left to get the next slot.
        connection._abandon(calls[0])
        assert calls[-1].turn is not None and calls[-1].turn.acquire(timeout=5)
        assert all(call.id == 0 for call in given_up)
    # 0.02 s; searching the queue for each of them took several seconds.
    assert took < 0.5


def test_calls_about_the_server_pass_waiting_calls() -> None:
    def reply(request: Any) -> Any:
        response = service_pb2.Response(id=request.id)
        if request.HasField("ping"):
            response.ping.sequence_number = 7
        elif request.HasField("list_collections"):
            response.list_collections.SetInParent()
        elif request.HasField("stats"):
            response.stats.SetInParent()
        elif request.HasField("describe_collection"):
            response.describe_collection.SetInParent()
        else:
            return SILENCE
        return response

    def get() -> None:
        with pytest.raises(LodestoneError):
            client.collection("c").get(["a"])

    with scripted(reply) as (server, requests):
        client = Client(server)
        others = [threading.Thread(target=get) for _ in range(3 * SLOTS)]
        for one in others:
            one.start()
        while len(requests) < SLOTS:
            time.sleep(0.001)
        assert client.ping(deadline=5) == 7
        assert client.collections(deadline=5) == []
        client.stats(deadline=5)
        client.collection("c").describe(deadline=5)
        client.close()
        for one in others:
            one.join()
    assert [request.HasField("get") for request in requests] == [True] * SLOTS + [False] * 4


def test_at_most_16_calls_pass_waiting_calls_at_once() -> None:
    with scripted(be_silent) as (server, _), Client(server) as client:
        connection = client._line._connected()
        pings = submit(connection, Call("ping", service_pb2.PingRequest()), 40)
        assert [one.turn is None for one in pings] == [True] * 16 + [False] * 24
        # They take no slot of others.
        gets = submit(connection, Call("get", service_pb2.GetRequest()), SLOTS + 1)
        assert [one.turn is None for one in gets] == [True] * SLOTS + [False]
        connection._abandon(pings[0])
        turn = pings[16].turn
        assert turn is not None and turn.acquire(timeout=5)
        assert gets[-1].id == 0 and pings[17].id == 0
