# SPDX-License-Identifier: Apache-2.0
"""Threads, deadlines, attempts and restarts, against a real server and real sockets."""

from __future__ import annotations

import datetime
import fcntl
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import Server
from lodestone import (
    HNSW,
    Client,
    Code,
    Document,
    Include,
    IndexStatus,
    LodestoneError,
    Outcome,
    Query,
    Timestamp,
    field,
    near,
)
from lodestone._reach import parse_address
from lodestone._proto import service_pb2
from lodestone.retries import RetryBudget
from scripted import failing, first, hang_up, scripted, written


def test_a_write_whose_connection_breaks_is_sent_again_under_its_request_id() -> None:
    with scripted(hang_up, hang_up, written) as (address, requests), Client(address) as client:
        receipt = client.collection("c").index_many([Document("a")])
    assert receipt.inserted == 1
    assert len(requests) == 3
    assert len({request.request_id for request in requests}) == 1
    assert len(requests[0].request_id) == 16


def test_a_call_is_attempted_four_times_at_most() -> None:
    with scripted(failing(14, 1)) as (address, requests), Client(address) as client:
        with pytest.raises(LodestoneError) as raised:
            client.ping()
    assert raised.value.code is Code.UNAVAILABLE
    assert raised.value.retry_after == 0.001
    assert len(requests) == 4


@pytest.mark.parametrize("code", [2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16])
def test_errors_of_other_codes_are_not_retried(code: int) -> None:
    with scripted(failing(code)) as (address, requests), Client(address) as client:
        with pytest.raises(LodestoneError) as raised:
            client.ping()
    assert raised.value.code == code
    assert len(requests) == 1


def test_a_call_is_repeated_after_the_retry_delay_of_a_full_server() -> None:
    ready = first(failing(8, 5), lambda request: service_pb2.Response(
        id=request.id, ping=service_pb2.PingResponse(sequence_number=7)
    ))
    with scripted(ready) as (address, requests), Client(address) as client:
        assert client.ping() == 7
    assert len(requests) == 2


def test_the_deadline_covers_all_attempts() -> None:
    with scripted(failing(14, 60_000)) as (address, requests), Client(address) as client:
        with pytest.raises(LodestoneError):
            client.ping(deadline=0.5)
    assert len(requests) == 1
    assert 0 < requests[0].deadline_ms <= 500


def test_a_reply_that_does_not_come_is_a_deadline_with_unknown_outcome() -> None:
    cancelled = threading.Event()

    def wait(request: Any) -> Any:
        if request.HasField("cancel"):
            cancelled.set()
        return service_pb2.Response(id=999)

    with scripted(wait) as (address, requests), Client(address) as client:
        with pytest.raises(LodestoneError) as raised:
            client.collection("c").index_many([Document("a")], deadline=0.05)
        assert raised.value.code is Code.DEADLINE_EXCEEDED
        assert raised.value.outcome is Outcome.UNKNOWN
        assert cancelled.wait(5)
    assert requests[1].cancel.id == requests[0].id


def test_a_call_that_a_leaving_server_did_not_start_goes_to_a_new_connection() -> None:
    def leave(request: Any) -> Any:
        response = service_pb2.Response()
        response.go_away.last_request = request.id - 1
        return response

    with scripted(leave, written) as (address, requests), Client(address) as client:
        assert client.collection("c").index_many([Document("a")]).inserted == 1
    assert [request.WhichOneof("call") for request in requests] == ["index_many"] * 2


def test_many_failures_stop_further_attempts() -> None:
    budget = RetryBudget()
    assert [budget.failed() for _ in range(6)] == [True] * 4 + [False] * 2
    for _ in range(30):
        budget.succeeded()
    assert budget.failed()


def test_a_client_without_a_server_reports_it_as_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(LodestoneError) as raised:
        Client(f"127.0.0.1:{port}", connect_timeout=0.2)
    assert raised.value.code is Code.UNAVAILABLE
    assert raised.value.outcome is Outcome.NOT_APPLIED


def test_addresses_are_parsed_and_malformed_ones_refused() -> None:
    assert parse_address("localhost") == ("localhost", 5633)
    assert parse_address("10.0.0.1:80") == ("10.0.0.1", 80)
    assert parse_address("[::1]:80") == ("::1", 80)
    assert parse_address("[::1]") == ("::1", 5633)
    assert parse_address("unix:/run/x.sock") == "/run/x.sock"
    for bad in ["", ":80", "host:", "host:port", "host:99999"]:
        with pytest.raises(ValueError):
            parse_address(bad)


def test_invalid_arguments_are_refused_before_anything_is_sent() -> None:
    with scripted(written) as (address, requests), Client(address) as client:
        collection = client.collection("c")
        for wrong in (
            lambda: collection.index_many([Document("a", [1, 2]), Document("b", [1, 2, 3])]),
            lambda: collection.index_many(ids=["a"], vectors=np.ones((2, 2))),
            lambda: collection.index_many(vectors=np.ones((2, 2))),
            lambda: collection.search(Query(near([]))),
            lambda: client.create_collection("c", metric="manhattan"),
        ):
            with pytest.raises(LodestoneError) as raised:
                wrong()
            assert raised.value.code is Code.INVALID_ARGUMENT
        with pytest.raises(TypeError):
            bool(field("a") == 1)
        with pytest.raises(LodestoneError) as raised:
            collection.index_many(ids=["a"], vectors=np.ones((1, 1 << 19), np.float32))
        assert raised.value.reason == "FRAME_TOO_LARGE"
    assert requests == []


def test_timestamps_keep_microseconds() -> None:
    time = datetime.datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=datetime.timezone.utc)
    assert Timestamp.of(time).to_datetime() == time
    with pytest.raises(ValueError):
        Timestamp.of(time.replace(tzinfo=None))


# A real server


def test_threads_share_a_client(client: Client) -> None:
    name = "threads"
    client.create_collection(name, 8, metric="euclidean")
    collection = client.collection(name)
    vectors = np.random.default_rng(1).random((400, 8), dtype=np.float32)

    def write(start: int) -> int:
        rows = range(start, start + 20)
        return collection.index_many(
            ids=[f"{row}" for row in rows], vectors=vectors[start : start + 20]
        ).inserted

    def get_one(row: int) -> str:
        return collection.search(Query(near(vectors[row]), limit=1)).ids[0]

    try:
        with ThreadPoolExecutor(16) as threads:
            assert sum(threads.map(write, range(0, 400, 20))) == 400
            assert list(threads.map(get_one, range(400))) == [f"{row}" for row in range(400)]
    finally:
        client.drop_collection(name)


def test_large_matrices_round_trip(client: Client) -> None:
    client.create_collection("large", 384, metric="dot_product")
    collection = client.collection("large")
    vectors = np.random.default_rng(2).standard_normal((1_000, 384)).astype(np.float32)
    ids = [f"{row:04}" for row in range(1_000)]
    try:
        collection.index_many(ids=ids, vectors=vectors)
        found = collection.get(ids)
        assert [document.id for document in found] == ids
        assert np.array_equal(np.stack([document.vector for document in found]), vectors)
    finally:
        client.drop_collection("large")


def test_a_client_continues_after_its_server_was_killed_and_restarted(server: Server) -> None:
    with Client(server.address) as client:
        client.create_collection("c")
        client.collection("c").index_many([Document("a")])
        server.kill()
        server.start()
        assert client.collection("c").get("a") == Document("a", edges=[])


def test_a_build_reports_its_progress(server: Server, tmp_path: Path) -> None:
    with Client(server.address) as client, (tmp_path / "store/compaction.lock").open("r+") as lock:
        client.create_collection("c", 2)
        collection = client.collection("c")
        collection.index_many(ids=["a"], vectors=[[1, 0]])
        client.alter_collection("c", HNSW(m=8))
        told: list[IndexStatus] = []

        def progress(status: IndexStatus) -> None:
            told.append(status)
            # Until then nothing can be built.
            fcntl.flock(lock, fcntl.LOCK_UN)

        fcntl.flock(lock, fcntl.LOCK_EX)
        assert collection.build_index(progress=progress) == 3
        assert told[0].strategy == HNSW(m=8)
        assert client.collections()[0].index == collection.describe().index

        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LodestoneError) as error:
            collection.build_index(deadline=0.05)
        assert error.value.code is Code.DEADLINE_EXCEEDED
        found = collection.search(Query(near([1, 0], exact=True), include=Include.EXPLAIN))
        assert found.ids == ["a"]
        assert [one.strategy for one in found.explanations] == ["exact"]


def test_documents_come_page_by_page_by_filter_and_in_order(client: Client) -> None:
    client.create_collection("pages", metadata_indexes=["n", ("by", "name")])
    pages = client.collection("pages")
    numbers = [5, 3, 8, 1, 9, 2]
    pages.index_many(
        [Document(f"d{n}", metadata={"n": n, "by": {"name": f"x{n % 2}"}}) for n in numbers]
    )
    odd = field("by", "name") == "x1"
    assert [one.id for one in pages.documents(page_size=2)] == [f"d{n}" for n in numbers]
    found = pages.documents(filter=odd, order_by="n", descending=True, page_size=2)
    assert [one.metadata["n"] for one in found] == [9, 5, 3, 1]
    counted = pages.count(odd & (field("n") > 1), facets={("by", "name"): 5, "n": 1})
    assert counted.count == 3
    assert counted.filter is not None and counted.filter.strategy == "indexed"
    assert [(one.value, one.count) for one in counted.facets[0].values] == [("x1", 3)]
    assert counted.facets[1].distinct_values == 3
    assert client.collection("pages").describe().metadata_indexes == [("n",), ("by", "name")]
    with pytest.raises(LodestoneError) as refused:
        pages.drop(["d1"], filter=odd)
    assert refused.value.reason == "FILTER_AND_IDS"
    assert pages.drop(filter=odd).dropped == 4
    assert sorted(one.id for one in pages.documents()) == ["d2", "d8"]
    client.drop_collection("pages")


def test_a_closed_client_refuses_calls(client: Client) -> None:
    client.close()
    with pytest.raises(LodestoneError) as raised:
        client.ping()
    assert raised.value.reason == "CLOSED"
