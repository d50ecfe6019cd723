# SPDX-License-Identifier: Apache-2.0
"""Servers that are away for a while, full, or of another release."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import Counter
from typing import Any

import pytest

from conftest import Server
from lodestone import Client, Code, Document, LodestoneError, Outcome, RetryPolicy
from lodestone._proto import service_pb2
from scripted import failing, hang_up, read_request, scripted, write_response, written


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_threads_do_not_notice_that_a_server_is_away_for_a_second(
    server: Server, end: str
) -> None:
    with Client(server.address, deadline=20) as client:
        client.create_collection("c")
        collection = client.collection("c")
        is_over = threading.Event()
        errors: Counter[str] = Counter()
        receipts: list[Any] = []

        def write(thread: int) -> None:
            number = 0
            while not is_over.is_set():
                number += 1
                try:
                    receipts.append(collection.index_many([Document(f"{thread}-{number}")]))
                except LodestoneError as error:
                    errors[str(error)] += 1

        threads = [threading.Thread(target=write, args=(thread,)) for thread in range(64)]
        for one in threads:
            one.start()
        time.sleep(0.3)
        getattr(server, end)()
        time.sleep(1)
        server.start()
        time.sleep(0.3)
        is_over.set()
        for one in threads:
            one.join()
        assert not errors
        assert {receipt.inserted for receipt in receipts} == {1}
        assert client.ping() == 1 + len(receipts)


def test_a_client_made_while_the_server_starts_waits_for_it(server: Server) -> None:
    server.stop()
    starter = threading.Timer(0.7, server.start)
    starter.start()
    with Client(server.address, connect_timeout=20) as client:
        assert client.ping() == 0
    starter.join()


def test_a_retry_policy_of_one_attempt_does_not_wait(server: Server) -> None:
    with Client(server.address, retry=RetryPolicy(attempts=1)) as client:
        server.kill()
        started = time.monotonic()
        with pytest.raises(LodestoneError) as raised:
            for _ in range(3):  # the first may still be on the old connection
                client.ping()
        assert time.monotonic() - started < 2
        assert raised.value.code is Code.UNAVAILABLE


def test_a_call_has_as_many_attempts_as_its_retry_policy() -> None:
    policy = RetryPolicy(attempts=50, first_wait=0.0001, longest_wait=0.001)
    with scripted(failing(14)) as (address, requests), Client(address, retry=policy) as client:
        with pytest.raises(LodestoneError):
            client.ping()
    assert len(requests) == 50


def test_a_connection_that_breaks_under_many_calls_is_one_failure() -> None:
    is_over = threading.Event()
    replies: list[Any] = []

    def wait_for_four(request: Any) -> Any:
        # Three get no reply; the connection breaks under all four.
        return None if len(requests) % 4 == 0 else service_pb2.Response(id=10**6)

    # As often as the budget would suffer for, were every call counted.
    with scripted(*[wait_for_four] * 3, written) as (address, requests):
        with Client(address, deadline=20) as client:
            threads = [
                threading.Thread(
                    target=lambda: replies.append(client.collection("c").drop(["a"]))
                )
                for _ in range(4)
            ]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
    is_over.set()
    assert len(replies) == 4
    assert len({request.request_id for request in requests}) == 4


def refuse_once(listener: socket.socket, times: int) -> None:
    """A server that is full, and then is not."""
    for turn in range(times + 1):
        accepted, _ = listener.accept()
        with accepted, accepted.makefile("rwb") as stream:
            if turn < times:
                refusal = service_pb2.Response(id=0)
                refusal.error.code = 14
                refusal.error.outcome = 0
                refusal.error.reason = b"TOO_MANY_CONNECTIONS"
                refusal.error.message = b"The server has its 7 connections."
                write_response(stream, refusal)
                continue
            while (request := read_request(stream)) is not None:
                reply = service_pb2.Response(id=request.id)
                if request.HasField("hello"):
                    reply.hello.max_frame_bytes = 1 << 20
                    reply.hello.max_in_flight = 4
                else:
                    reply.ping.sequence_number = 7
                write_response(stream, reply)


@pytest.mark.parametrize("times", [3, 1_000])
def test_a_full_server_reports_the_reason_and_calls_wait_for_it(times: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse_once, args=(listener, times), daemon=True)
        thread.start()
        address = "{}:{}".format(*listener.getsockname())
        if times == 3:
            with Client(address) as client:
                assert client.ping() == 7
            return
        with pytest.raises(LodestoneError) as raised:
            Client(address, connect_timeout=0.5)
    assert raised.value.reason == "TOO_MANY_CONNECTIONS"
    assert "7 connections" in raised.value.message
    assert raised.value.outcome is Outcome.NOT_APPLIED


def varint(number: int, value: int) -> bytes:
    assert value < 128
    return bytes([number << 3, value])


@pytest.mark.parametrize("code, outcome", [(2, 3), (99, 0), (99, 3), (2, None)])
def test_an_error_code_or_outcome_of_a_later_release_is_unknown(code: int, outcome: int | None) -> None:
    error = varint(1, code) + (b"" if outcome is None else varint(5, outcome))

    def reply_to(request: Any) -> Any:
        reply = service_pb2.Response(id=request.id)
        # Field 2 is the error; a parser that knows no such number keeps none of it.
        reply.MergeFromString(struct.pack("BB", 2 << 3 | 2, len(error)) + error)
        return reply

    with scripted(reply_to) as (address, _), Client(address) as client:
        with pytest.raises(LodestoneError) as raised:
            client.collection("c").drop(["a"])
    assert raised.value.code is Code.UNKNOWN
    expected = Outcome.UNKNOWN if outcome != 0 else Outcome.NOT_APPLIED
    assert raised.value.outcome is expected


def test_an_error_after_a_lost_attempt_has_an_unknown_outcome() -> None:
    with scripted(hang_up, failing(9)) as (address, _), Client(address) as client:
        with pytest.raises(LodestoneError) as raised:
            client.collection("c").index_many([Document("a")])
    assert raised.value.code is Code.FAILED_PRECONDITION
    assert raised.value.outcome is Outcome.UNKNOWN
