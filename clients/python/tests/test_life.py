# SPDX-License-Identifier: Apache-2.0
"""A server without replies: the client waits for one over a slow link, and gives up one that hangs."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pytest

from lodestone import Client, Code, LodestoneError, RetryPolicy
from lodestone._proto import service_pb2
from scripted import written

Link = tuple[str, list[int]]


def reply(request: Any, replies: bool) -> Any:
    response = service_pb2.Response(id=request.id)
    if request.HasField("hello"):
        response.hello.max_frame_bytes = 64 << 20
        response.hello.max_in_flight = 100_000
    elif not replies or request.HasField("ping"):
        return None
    elif request.HasField("cancel"):
        response.id = request.cancel.id
        response.error.code = Code.CANCELLED
    elif request.HasField("index_many"):
        return written(request)
    else:
        response.get.SetInParent()
    return response


@contextmanager
def server(rate: float, replies: bool) -> Iterator[Link]:
    """Takes so many bytes a second; its address, and how many bytes came on each connection.

    Pings get their replies once they are cancelled.
    """
    counts: list[int] = []

    def serve(accepted: socket.socket, number: int) -> None:
        unread = bytearray()
        with suppress(OSError), accepted:
            while chunk := accepted.recv(16 << 10):
                time.sleep(len(chunk) / rate)
                counts[number] += len(chunk)
                unread += chunk
                while len(unread) >= (end := 4 + int.from_bytes(unread[:4], "big")):
                    request = service_pb2.Request.FromString(bytes(unread[4:end]))
                    del unread[:end]
                    if (response := reply(request, replies)) is not None:
                        body = response.SerializeToString()
                        accepted.sendall(len(body).to_bytes(4, "big") + body)

    def listen(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                accepted, _ = listener.accept()
                counts.append(0)
                threading.Thread(
                    target=serve, args=(accepted, len(counts) - 1), daemon=True
                ).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=listen, args=(listener,), daemon=True).start()
        yield "{}:{}".format(*listener.getsockname()), counts


@contextmanager
def reads(client: Client, deadline: float) -> Iterator[list[str]]:
    """Short calls, one after the other; the reasons of their failures."""
    is_over = threading.Event()
    reasons: list[str] = []

    def read() -> None:
        while not is_over.is_set():
            try:
                client.collection("c").get(["a"], deadline=deadline)
            except LodestoneError as error:
                reasons.append(error.reason)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield reasons
    finally:
        is_over.set()
        reader.join()


def ping(client: Client) -> None:
    with pytest.raises(LodestoneError) as raised:
        client.ping(deadline=1.5)
    assert raised.value.reason == "DEADLINE"


# Both take 5 s and more: one mostly with bytes that this end's system holds, one with bytes that it doesn't.
@pytest.mark.parametrize(("rate", "rows"), [(800_000, 1_000), (2_000_000, 4_000)])
def test_a_batch_arrives_over_a_slow_link_although_reads_end_meanwhile(
    rate: float, rows: int
) -> None:
    with (
        server(rate, replies=True) as (address, counts),
        Client(address, retry=RetryPolicy(attempts=1)) as client,
    ):
        # Its end comes while the batch is sent, and so does the doubt about the server.
        pinging = threading.Thread(target=ping, args=(client,))
        before = counts[0]
        pinging.start()
        while counts[0] == before:
            time.sleep(0.001)
        with reads(client, 0.2) as reasons:
            receipt = client.collection("c").index_many(
                ids=[f"{row}" for row in range(rows)],
                vectors=np.ones((rows, 1_000), np.float32),
                deadline=40,
            )
        pinging.join()
        assert receipt.inserted == 1
        assert reasons.count("DEADLINE") > 5
        assert len(counts) == 1 and counts[0] > rows * 4_000


def test_a_hanging_server_is_given_up_although_its_system_accepts_bytes() -> None:
    with (
        server(1e9, replies=False) as (address, _),
        Client(address, retry=RetryPolicy(attempts=1)) as client,
        reads(client, 0.05),
        pytest.raises(LodestoneError) as raised,
    ):
        client.collection("c").get(["long"], deadline=10)
    assert raised.value.reason == "CONNECTION_LOST"
    assert "no longer replies" in raised.value.message
