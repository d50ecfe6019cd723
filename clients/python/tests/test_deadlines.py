# SPDX-License-Identifier: Apache-2.0
"""Deadlines of calls, and the state of a client after a signal."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from conftest import Server
from lodestone import Client, Code, Document, LodestoneError, Outcome
from lodestone._proto import service_pb2
from scripted import (
    SILENCE,
    be_silent,
    failing,
    first,
    hang_up,
    read_request,
    scripted,
    write_response,
    written,
)

ROWS = 3_000


def timed(call: Any) -> tuple[float, LodestoneError]:
    """How long a call takes to fail, and how."""
    started = time.monotonic()
    with pytest.raises(LodestoneError) as raised:
        call()
    return time.monotonic() - started, raised.value


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def batch(letter: str, value: float) -> dict[str, Any]:
    """Some 12 MB."""
    return {
        "ids": [f"{letter}{row}" for row in range(ROWS)],
        "vectors": np.full((ROWS, 1_000), value, np.float32),
    }


def test_a_large_batch_that_the_server_does_not_read_ends_at_its_deadline(
    server: Server,
) -> None:
    with Client(server.address) as client:
        client.create_collection("c", 1_000)
        collection = client.collection("c")
        results: list[tuple[float, LodestoneError]] = []

        def write() -> None:
            results.append(timed(lambda: collection.index_many(**batch("a", 7), deadline=1)))

        with stopped(server):
            writer = threading.Thread(target=write)
            writer.start()
            time.sleep(0.2)
            results.append(timed(lambda: client.ping(deadline=0.5)))
            writer.join()
        for took, error in results:
            assert took < 1.2
            assert error.code is Code.DEADLINE_EXCEEDED
        assert [error.outcome for _, error in results] == [Outcome.NOT_APPLIED, Outcome.UNKNOWN]
        # The rest of the frame has been sent, and cancelled, behind the caller's back.
        assert collection.describe(deadline=10).documents in (0, ROWS)
        assert collection.index_many(**batch("b", 3), deadline=20).inserted == ROWS


class Interrupt(BaseException):
    """The exception of a signal handler, like that of Ctrl-C."""


@pytest.mark.parametrize("kind", [Interrupt, KeyboardInterrupt, TimeoutError])
def test_an_interrupt_inside_a_large_batch_ends_the_call_and_not_the_client(server: Server, kind: Any) -> None:
    def strike(number: int, frame: Any) -> None:
        raise kind

    with Client(server.address) as client:
        client.create_collection("c", 1_000, metric="euclidean")
        collection = client.collection("c")
        before = signal.signal(signal.SIGALRM, strike)
        try:
            with stopped(server), pytest.raises(kind):
                signal.setitimer(signal.ITIMER_REAL, 0.3)
                collection.index_many(**batch("a", 7))
        finally:
            signal.signal(signal.SIGALRM, before)
        for value in (1, 2, 3):
            collection.index_many(
                ids=[f"b{value}"], vectors=np.full((1, 1_000), value, np.float32), deadline=10
            )
        documents = collection.describe(deadline=10).documents
        assert documents in (3, 3 + ROWS)
        for one in collection.documents(page_size=300):
            value = 7 if one.id[0] == "a" else float(one.id[1])
            assert one.vector is not None and set(one.vector) == {value}


def silent_listener() -> socket.socket:
    """Takes connections into its backlog, as a stopped server does."""
    return socket.create_server(("127.0.0.1", 0))


def address(listener: socket.socket) -> str:
    return "{}:{}".format(*listener.getsockname())


def test_a_server_that_never_replies_to_hello_is_given_up() -> None:
    with silent_listener() as listener:
        took, error = timed(lambda: Client(address(listener), connect_timeout=0.3))
    assert took < 0.5
    assert (error.code, error.reason) == (Code.UNAVAILABLE, "CONNECT_FAILED")


def test_a_connection_to_a_host_that_never_replies_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        took, error = timed(lambda: Client(address(listener), connect_timeout=0.3))
        for filler in fillers:
            filler.close()
    assert took < 0.5
    assert error.reason == "CONNECT_FAILED"


def test_a_slow_name_lookup_ends_at_the_connect_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = threading.Event()

    def look_up(*_: Any, **__: Any) -> Any:
        is_over.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "no reply")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    took, error = timed(lambda: Client("database.example:1", connect_timeout=0.3))
    is_over.set()
    assert took < 0.5
    assert error.code is Code.UNAVAILABLE


def test_a_new_connection_is_waited_for_no_longer_than_the_deadline() -> None:
    with scripted(hang_up) as (server, requests), Client(server) as client:
        # The script serves one connection; the next one stays in the backlog.
        took, error = timed(lambda: client.collection("c").drop(["a"], deadline=0.6))
    assert took < 0.8
    assert error.code is Code.UNAVAILABLE
    # The first attempt may have dropped it.
    assert error.outcome is Outcome.UNKNOWN
    assert len(requests) == 1


def test_a_call_that_expires_in_the_queue_is_not_applied() -> None:
    with scripted(be_silent) as (server, requests), Client(server) as client:
        others = [
            threading.Thread(
                target=lambda: timed(lambda: client.collection("c").get(["a"], deadline=1))
            )
            for _ in range(4)  # as many as the script allows at once
        ]
        for one in others:
            one.start()
        while len(requests) < 4:
            time.sleep(0.01)
        took, error = timed(lambda: client.collection("c").drop(["a"], deadline=0.3))
        for one in others:
            one.join()
    assert 0.3 <= took < 0.5
    assert (error.code, error.outcome) == (Code.DEADLINE_EXCEEDED, Outcome.NOT_APPLIED)


def test_a_connection_to_a_silent_server_is_replaced() -> None:
    with scripted(be_silent, written) as (server, _), Client(server) as client:
        collection = client.collection("c")
        timed(lambda: collection.index_many([Document("a")], deadline=0.2))
        # The script's next connection begins when this one has ended.
        assert collection.index_many([Document("b")], deadline=10).inserted == 1


@pytest.mark.parametrize("wrong", [-1, float("nan"), "soon", None])
def test_an_invalid_timeout_is_refused(wrong: Any) -> None:
    with pytest.raises(LodestoneError) as raised:
        Client("127.0.0.1:1", connect_timeout=wrong)
    assert (raised.value.reason, raised.value.field) == ("BAD_ARGUMENT", "connect_timeout")


def test_a_call_with_an_infinite_deadline_has_no_time_limit() -> None:
    with scripted(first(written)) as (server, requests), Client(server) as client:
        assert client.collection("c").drop(["a"], deadline=float("inf")).inserted == 1
    assert requests[0].deadline_ms > 10**9


def test_a_slow_link_to_the_server_is_not_taken_for_silence() -> None:
    # Some 8 MB at 2 MB/s: the first call's deadline passes long before the server has it.
    received: list[int] = []

    def read_slowly(listener: socket.socket) -> None:
        accepted, _ = listener.accept()
        with accepted, accepted.makefile("rwb") as stream:
            hello = read_request(stream)
            reply = service_pb2.Response(id=hello.id)
            reply.hello.max_frame_bytes = 16 << 20
            reply.hello.max_in_flight = 4
            write_response(stream, reply)
            while chunk := accepted.recv(100_000):
                received.append(len(chunk))
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        reader = threading.Thread(target=read_slowly, args=(listener,), daemon=True)
        reader.start()
        with Client(address(listener)) as client:
            collection = client.collection("c")
            vectors = np.ones((2_000, 1_000), np.float32)
            ids = [f"{row}" for row in range(2_000)]
            timed(lambda: collection.index_many(ids=ids, vectors=vectors, deadline=0.2))
            # All of it arrives on the one connection, though no caller waits for it any more.
            end = time.monotonic() + 20
            while sum(received) < 8_000_000 and time.monotonic() < end:
                time.sleep(0.05)
            assert sum(received) > 8_000_000


def test_a_passed_deadline_is_not_reported_as_a_cancellation() -> None:
    seen: list[int] = []

    def reply_to(request: Any) -> Any:
        if not request.HasField("cancel"):
            seen.append(request.id)
            return SILENCE
        return failing(1)(service_pb2.Request(id=request.cancel.id))

    with scripted(reply_to) as (server, _), Client(server) as client:
        for _ in range(200):
            _, error = timed(lambda: client.ping(deadline=0.002))
            assert error.code is Code.DEADLINE_EXCEEDED
    assert seen
