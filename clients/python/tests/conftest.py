# SPDX-License-Identifier: Apache-2.0
"""The server that the tests talk to."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lodestone import Client


class Server:
    """A server of its own on a directory; may end and be started again, at the same address."""

    def __init__(self, program: str, directory: Path) -> None:
        self._command = [program, "--data", str(directory)]
        self._process: subprocess.Popen[str] | None = None
        self.address = "127.0.0.1:0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Runs the program until it listens."""
        self._process = subprocess.Popen(
            [*self._command, "--listen", self.address],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        seen = []
        for line in self._process.stdout:
            seen.append(line)
            if "listening on " in line:
                self.address = line.split("listening on ")[1].split()[0]
                break
        else:
            pytest.fail(f"the server ended without listening:\n{''.join(seen)}")
        # A server would stop at some point without a reader of its output.
        threading.Thread(target=self._process.stdout.read, daemon=True).start()

    def stop(self) -> None:
        """Stops the server, and expects that it ends in good order."""
        assert self._process is not None
        self._process.terminate()
        assert self._process.wait(60) == 0

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(60)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server for one test, of the program LODESTONE_SERVER."""
    program = os.environ.get("LODESTONE_SERVER")
    if not program:
        pytest.skip("NOT RUN: set LODESTONE_SERVER to the program lodestoned")
    server = Server(program, tmp_path / "store")
    server.start()
    yield server
    if server.is_running:
        server.stop()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server | None]:
    program = os.environ.get("LODESTONE_SERVER")
    if not program or os.environ.get("LODESTONE_ADDRESS"):
        yield None
        return
    server = Server(program, tmp_path_factory.mktemp("shared") / "store")
    yield server
    if server.is_running:
        server.stop()


@pytest.fixture
def address(shared_server: Server | None) -> str:
    """LODESTONE_ADDRESS, or a server of LODESTONE_SERVER that the tests share."""
    if given := os.environ.get("LODESTONE_ADDRESS"):
        return given
    if shared_server is None:
        pytest.skip("NOT RUN: set LODESTONE_ADDRESS or LODESTONE_SERVER to test against a server")
    if not shared_server.is_running:
        shared_server.start()
    return shared_server.address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address, client_name="tests") as client:
        yield client
