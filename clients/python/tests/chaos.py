# SPDX-License-Identifier: Apache-2.0
"""Trouble for a client for a given time, and a count of the faults that it should prevent.

    LODESTONE_SERVER=.build/debug/lodestoned python clients/python/tests/chaos.py --seconds 600

Each mode runs workers that write versions of documents of their own and read them, and constant
documents, while forks, signals, restarts or stops of the server go on. Four things are faults:

- a wrong result: another document, or a version older than the last one acknowledged;
- a write that had its effect twice, or not at all though it was acknowledged: the server's sequence
  number counts them;
- an error of a call whose deadline would have allowed to heal it;
- a call that ended later after its deadline than is allowed, 0.2 s.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conftest import Server
from lodestone import Client, Document, LodestoneError, Outcome, Query, matching

STABLE = 100
#: Seconds that any trouble here is over in, restart of a debug build included.
LONG = 20.0
SHORT = 1.0
#: Seconds that a client needs to notice that a server is back.
HEALING = 0.5
#: Seconds after its deadline at which a call must have ended.
GRACE = 0.2


class Outages:
    """When the server was away, on the clock that all processes share."""

    def __init__(self) -> None:
        self._last_end = -1e9
        self._since: float | None = None

    def begin(self) -> None:
        self._since = time.monotonic()

    def end(self) -> None:
        self._last_end, self._since = time.monotonic(), None

    def excuse(self, end: float) -> bool:
        """Whether a call that failed at ``end`` had no time to heal."""
        return self._since is not None or self._last_end + HEALING > end


@dataclass
class Tally:
    """Counts of calls and faults; the counts of workers are added up."""

    calls: int = 0
    acknowledged: int = 0
    #: Writes of unknown outcome.
    unknown: int = 0
    interrupted: int = 0
    latest: float = 0.0
    excused: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        for name in ("calls", "acknowledged", "unknown", "interrupted"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.latest = max(self.latest, other.latest)
        self.excused += other.excused
        self.faults += other.faults


class Struck(BaseException):
    """The exception that the signal handler raises."""


class Worker:
    """Successive calls, and the judge of their results."""

    def __init__(self, name: str, run: Run) -> None:
        self.tally = Tally()
        self._grace = run.grace
        self._name = name
        self._collection = run.client.collection("chaos")
        self._outages = run.outages
        self._random = random.Random(name)
        #: The versions that each document of its own may have.
        self._versions: dict[str, set[int]] = {}
        self._next = 0

    def step(self) -> None:
        """One call, and a check of its result."""
        what = self._random.random()
        deadline = LONG if self._random.random() < 0.7 else SHORT
        started = time.monotonic()
        try:
            if what < 0.3:
                self._write(deadline)
            elif what < 0.5:
                self._read_own(deadline)
            elif what < 0.8:
                self._read_stable(deadline)
            else:
                self._search(deadline)
        except LodestoneError as error:
            end = time.monotonic()
            kind = f"{error.code.name} {error.reason} {error.outcome.name}"
            if self._outages.excuse(end) and deadline == SHORT:
                self.tally.excused[kind] += 1
            else:
                self.tally.faults[f"{kind} after {end - started:.2f} of {deadline} s"] += 1
        self.tally.calls += 1
        late = time.monotonic() - started - deadline
        self.tally.latest = max(self.tally.latest, late)
        if late > self._grace:
            self.tally.faults[f"later than its deadline + {self._grace} s"] += 1

    def _write(self, deadline: float) -> None:
        id = f"{self._name}-{self._random.randrange(5)}"
        self._next += 1
        version = self._next
        before = self._versions.get(id, {0})
        # Until the receipt is there it may be either, also when a signal ends the call.
        self._versions[id] = before | {version}
        self.tally.unknown += 1
        try:
            receipt = self._collection.index_many(
                [Document(id, text=f"of {self._name}", metadata={"version": version})],
                deadline=deadline,
            )
        except LodestoneError as error:
            if error.outcome is Outcome.NOT_APPLIED:
                self._versions[id] = before
                self.tally.unknown -= 1
            raise
        self._versions[id] = {version}
        self.tally.acknowledged += 1
        self.tally.unknown -= 1
        if receipt.inserted + receipt.replaced != 1:
            self.tally.faults["wrong receipt"] += 1

    def _read_own(self, deadline: float) -> None:
        id = f"{self._name}-{self._random.randrange(5)}"
        allowed = self._versions.get(id, {0})
        found = self._collection.get(id, deadline=deadline)
        version = 0 if found is None else found.metadata["version"]
        if version not in allowed or (found is not None and found.id != id):
            self.tally.faults["wrong version"] += 1
        # A write of unknown outcome may still be under way, but never goes back.
        self._versions[id] = {one for one in allowed if one >= version}  # type: ignore[operator]

    def _read_stable(self, deadline: float) -> None:
        ids = [f"d{self._random.randrange(STABLE)}" for _ in range(3)]
        found = self._collection.get(ids, deadline=deadline)
        if [(one.id, one.text) for one in found] != [(id, {"text": f"word{id}"}) for id in ids]:
            self.tally.faults["wrong documents"] += 1

    def _search(self, deadline: float) -> None:
        id = f"d{self._random.randrange(STABLE)}"
        if self._collection.search(Query(matching(f"word{id}")), deadline=deadline).ids != [id]:
            self.tally.faults["wrong hits"] += 1


class Run:
    """A mode at work."""

    def __init__(self, server: Server, client: Client, seconds: float, grace: float) -> None:
        self.server = server
        self.grace = grace
        self.client = client
        self.outages = Outages()
        self.tally = Tally()
        self.end = time.monotonic() + seconds
        self._lock = threading.Lock()

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.end

    def work(self, name: str) -> None:
        """The work of a thread."""
        worker = Worker(name, self)
        while self.goes_on:
            worker.step()
        with self._lock:
            self.tally.add(worker.tally)

    def threads(self, count: int, name: str = "t") -> list[threading.Thread]:
        running = [
            threading.Thread(target=self.work, args=(f"{name}{number}",))
            for number in range(count)
        ]
        for one in running:
            one.start()
        return running

    def fork(self, name: str, seconds: float) -> Callable[[], None]:
        """Starts a process that works with the inherited client; returns a wait for its end."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(reading)
                worker = Worker(name, self)
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    worker.step()
                with os.fdopen(writing, "wb") as output:
                    pickle.dump(worker.tally, output)
                status = 0
            finally:
                os._exit(status)
        os.close(writing)

        def wait() -> None:
            with os.fdopen(reading, "rb") as input:
                said = input.read()
            if os.waitpid(child, 0)[1] == 0:
                self.tally_of_child(pickle.loads(said))
            else:
                self.tally_of_child(Tally(faults=Counter({"a child has died": 1})))

        return wait

    def tally_of_child(self, tally: Tally) -> None:
        with self._lock:
            self.tally.add(tally)


def threads(run: Run) -> None:
    """64 threads, and nothing else."""
    for one in run.threads(64):
        one.join()


def fork(run: Run) -> None:
    """Eight processes at a time, forked again and again while threads of the parent are in calls."""
    running = run.threads(8)
    generation = 0
    while run.goes_on:
        generation += 1
        children = [run.fork(f"g{generation}c{number}", 1.0) for number in range(8)]
        for wait in children:
            wait()
    for one in running:
        one.join()


def signals(run: Run) -> None:
    """63 threads, and a main thread that a signal handler interrupts anywhere in its calls."""
    running = run.threads(63)
    worker = Worker("main", run)
    is_armed = False

    def strike(number: int, frame: Any) -> None:
        nonlocal is_armed
        if is_armed:
            is_armed = False
            raise Struck

    before = signal.signal(signal.SIGALRM, strike)
    while run.goes_on:
        try:
            is_armed = True
            signal.setitimer(signal.ITIMER_REAL, random.expovariate(1 / 0.004) + 1e-6)
            while True:
                worker.step()
        except Struck:
            worker.tally.interrupted += 1
        if worker.tally.interrupted % 10 == 0:
            worker.step()  # A call without an interrupt has its reply as ever.
    signal.signal(signal.SIGALRM, before)
    run.tally_of_child(worker.tally)
    for one in running:
        one.join()


def restarts(run: Run) -> None:
    """64 threads, while the server is stopped or killed, and comes back in up to 3 s."""
    running = run.threads(64)
    is_killed = False
    while run.goes_on:
        time.sleep(random.uniform(0.2, 2))
        run.outages.begin()
        (run.server.kill if is_killed else run.server.stop)()
        is_killed = not is_killed
        time.sleep(random.choice([0, 0.3, random.uniform(0.5, 3)]))
        run.server.start()
        run.outages.end()
    for one in running:
        one.join()


def frozen(run: Run) -> None:
    """64 threads, while the server is stopped for up to 6 s and goes on."""
    running = run.threads(64)
    while run.goes_on:
        time.sleep(random.uniform(0.2, 2))
        run.outages.begin()
        os.kill(run.server.pid, signal.SIGSTOP)
        time.sleep(random.choice([0.2, 1, random.uniform(2, 6)]))
        os.kill(run.server.pid, signal.SIGCONT)
        run.outages.end()
    for one in running:
        one.join()


MODES: dict[str, Callable[[Run], None]] = {
    mode.__name__: mode for mode in (threads, fork, signals, restarts, frozen)
}


def chaos(server: Server, mode: str, seconds: float, grace: float = GRACE) -> Tally:
    """Runs a mode against a server without data."""
    with Client(server.address) as client:
        client.create_collection("chaos")
        client.collection("chaos").index_many(
            [Document(f"d{row}", text=f"wordd{row}") for row in range(STABLE)]
        )
        first = client.ping()
        run = Run(server, client, seconds, grace)
        MODES[mode](run)
        written = client.ping() - first
        tally = run.tally
        if not tally.acknowledged <= written <= tally.acknowledged + tally.unknown:
            tally.faults[
                f"{written} writes; {tally.acknowledged} acknowledged, {tally.unknown} unknown"
            ] += 1
        return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of each mode")
    parser.add_argument("--mode", action="append", choices=sorted(MODES))
    wanted = parser.parse_args()
    faults = 0
    for mode in wanted.mode or MODES:
        with tempfile.TemporaryDirectory() as directory:
            server = Server(os.environ["LODESTONE_SERVER"], Path(directory) / "store")
            server.start()
            try:
                tally = chaos(server, mode, wanted.seconds)
            finally:
                server.kill()
        print(f"{mode}: {tally}", flush=True)
        faults += tally.faults.total()
    return min(faults, 1)


if __name__ == "__main__":
    sys.exit(main())
