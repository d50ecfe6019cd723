# SPDX-License-Identifier: Apache-2.0
"""Clients in processes that are forked, as by multiprocessing, gunicorn and celery."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from conftest import Server
from lodestone import Client, Collection, Document, LodestoneError
from scripted import scripted, written

IDS = [f"d{row}" for row in range(40)]
SHARED: list[Collection] = []


def forked(work: Callable[[], Any]) -> Callable[[], Any]:
    """Runs ``work`` in a child process; the result is a function that waits for its result."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            result: Any = work()
        except BaseException as error:
            result = repr(error)
        with os.fdopen(writing, "wb") as output:
            pickle.dump(result, output)
        os._exit(0)
    os.close(writing)

    def wait() -> Any:
        with os.fdopen(reading, "rb") as input:
            result = pickle.load(input)
        os.waitpid(child, 0)
        return result

    return wait


@contextmanager
def busy(work: Callable[[], None], threads: int = 8) -> Iterator[None]:
    """Lets threads repeat ``work`` meanwhile, and expects that none of them raises."""
    is_done = threading.Event()
    raised: list[Exception] = []

    def loop() -> None:
        while not is_done.is_set():
            try:
                work()
            except Exception as error:
                raised.append(error)
                return

    running = [threading.Thread(target=loop) for _ in range(threads)]
    for one in running:
        one.start()
    try:
        yield
    finally:
        is_done.set()
        for one in running:
            one.join()
    assert raised == []


@pytest.fixture
def filled(client: Client) -> Iterator[Collection]:
    client.create_collection("forks")
    collection = client.collection("forks")
    collection.index_many([Document(id, text=f"text of {id}") for id in IDS])
    SHARED.append(collection)
    yield collection
    SHARED.clear()
    client.drop_collection("forks")


def wrong_results(collection: Collection, rounds: int = 5) -> int:
    """Gets every document by itself, and counts the wrong ones."""
    wrong = 0
    for _ in range(rounds):
        for id in IDS:
            found = collection.get(id, deadline=20)
            wrong += found is None or found.id != id or found.text != {"text": f"text of {id}"}
    return wrong


def test_parent_and_children_get_the_replies_to_their_own_calls(filled: Collection) -> None:
    children = [forked(lambda: wrong_results(filled)) for _ in range(4)]
    assert wrong_results(filled) == 0
    assert [wait() for wait in children] == [0, 0, 0, 0]


def get_shared(id: str) -> Any:
    document = SHARED[0].get(id, deadline=20)
    return document and document.id


def test_a_pool_of_processes_uses_a_client_of_the_parent(filled: Collection) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(get_shared, IDS * 5, chunksize=7) == IDS * 5


def test_a_fork_while_other_threads_are_in_calls_disturbs_no_call(filled: Collection) -> None:
    def get_again() -> None:
        assert get_shared("d7") == "d7"

    with busy(get_again):
        children = [forked(lambda: wrong_results(filled, 1)) for _ in range(12)]
        assert [wait() for wait in children] == [0] * 12


def test_a_write_of_a_child_process_is_acknowledged_and_stored(filled: Collection) -> None:
    def write() -> int:
        return filled.index_many([Document("of the child")], deadline=20).inserted

    assert forked(write)() == 1
    assert filled.get("of the child") == Document("of the child", edges=[])


def test_a_child_that_ends_leaves_the_connection_of_its_parent_alone() -> None:
    with scripted(written) as (address, requests), Client(address) as client:
        client.collection("c").index_many([Document("a")])
        assert forked(lambda: client.close())() is None
        # The script accepts no second connection.
        assert client.collection("c").index_many([Document("b")], deadline=5).inserted == 1
    assert len(requests) == 2


def test_a_fork_while_a_frame_is_sent_disturbs_no_call(server: Server) -> None:
    vectors = np.arange(3_000_000, dtype=np.float32).reshape(3_000, 1_000)
    ids = [f"{row}" for row in range(3_000)]
    with Client(server.address, deadline=60) as client:
        client.create_collection("c", 1_000, metric="euclidean")
        collection = client.collection("c")
        os.kill(server.pid, signal.SIGSTOP)
        writer = threading.Thread(target=lambda: collection.index_many(ids=ids, vectors=vectors))
        writer.start()
        time.sleep(0.3)  # more than the system buffers waits to be sent by now
        child = forked(lambda: client.ping(deadline=60))
        time.sleep(0.1)
        os.kill(server.pid, signal.SIGCONT)
        writer.join()
        assert child() >= 1
        for start in range(0, 3_000, 500):
            found = collection.get(ids[start : start + 500])
            assert np.array_equal([one.vector for one in found], vectors[start : start + 500])


def test_a_fork_by_a_signal_handler_inside_a_call_disturbs_no_call(filled: Collection) -> None:
    children: list[int] = []

    def fork(number: int, frame: Any) -> None:
        if len(children) == 8 or children == [0]:
            return
        child = os.fork()
        if child == 0:
            children[:] = [0]
        else:
            children.append(child)

    before = signal.signal(signal.SIGALRM, fork)
    parent = os.getpid()
    try:
        wrong = 0
        while len(children) < 8 and children != [0]:
            # A little later each time, so that it strikes here and there.
            signal.setitimer(signal.ITIMER_REAL, 0.003 + 0.0007 * len(children))
            wrong += wrong_results(filled, 1)
    except BaseException:
        wrong = 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if os.getpid() != parent:
            try:
                wrong += wrong_results(filled, 1)
            except BaseException:
                wrong += 1
            os._exit(min(wrong, 100))
    statuses = [os.waitpid(child, 0)[1] for child in children]
    assert wrong == 0
    assert statuses == [0] * len(children)


def test_an_iterator_of_documents_continues_in_both_processes_after_a_fork(filled: Collection) -> None:
    documents = filled.documents(page_size=7)
    start = [next(documents).id for _ in range(10)]
    child = forked(lambda: [one.id for one in documents])
    assert start + [one.id for one in documents] == IDS
    assert start + child() == IDS


def refused(name: str) -> None:
    SHARED[0]._client.collection(name).describe()


def test_an_error_of_a_child_process_reaches_the_parent_unchanged(filled: Collection) -> None:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        with pytest.raises(LodestoneError) as raised:
            pool.apply_async(refused, ["no such"]).get(20)
    with pytest.raises(LodestoneError) as direct:
        refused("no such")
    assert vars(raised.value) == vars(direct.value)
    assert str(raised.value) == str(direct.value)
