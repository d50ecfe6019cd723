# SPDX-License-Identifier: Apache-2.0
"""Encrypted connections, against a real server with certificates of a real authority."""

from __future__ import annotations

import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import Server
from lodestone import Client, Code, Document, LodestoneError, Query, matching

_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout"]


class Authority:
    """A certificate authority, made by the program openssl."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory / name
        self._directory.mkdir()
        self.certificate = self._directory / "ca.pem"
        self._key = self._directory / "ca.key"
        _openssl(
            "req", "-x509", *_NEW_KEY, self._key, "-out", self.certificate, "-subj", f"/CN={name}"
        )

    def issue(self, name: str, *, days: int = 1) -> dict[str, Path]:
        """Makes a key and signs its certificate, for localhost and 127.0.0.1."""
        key, certificate, request = (
            self._directory / f"{name}.{kind}" for kind in ("key", "pem", "csr")
        )
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        _openssl("req", "-new", *_NEW_KEY, key, "-out", request, "-subj", f"/CN={name}",
                 "-addext", names)
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key,
                 "-days", days, "-copy_extensions", "copy", "-out", certificate)
        return {"certificate": certificate, "key": key}


def _openssl(*arguments: Any) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


class EncryptedServer(Server):
    """A server that speaks TLS."""

    def __init__(self, directory: Path, authority: Authority, *more: Any, days: int = 1) -> None:
        program = os.environ.get("LODESTONE_SERVER")
        if not program:
            pytest.skip("NOT RUN: set LODESTONE_SERVER to the program lodestoned")
        super().__init__(program, directory / "store")
        issued = authority.issue("server", days=days)
        self._command += ["--tls-certificate", str(issued["certificate"])]
        self._command += ["--tls-key", str(issued["key"]), *map(str, more)]

    @property
    def url(self) -> str:
        return f"lodestones://localhost:{self.address.rpartition(':')[2]}"


@pytest.fixture
def encrypted(tmp_path: Path, authority: Authority) -> Iterator[EncryptedServer]:
    server = EncryptedServer(tmp_path, authority)
    server.start()
    yield server
    server.stop()


def _failure(address: str, **settings: Any) -> LodestoneError:
    with pytest.raises(LodestoneError) as caught:
        Client(address, connect_timeout=20, **settings)
    return caught.value


def test_calls_over_tls(encrypted: EncryptedServer, authority: Authority) -> None:
    context = ssl.create_default_context(cafile=authority.certificate)
    for settings in ({"ca": authority.certificate}, {"ssl_context": context}):
        with Client(encrypted.url, **settings) as client:
            assert client.ping() >= 0
    with Client(encrypted.address, ca=authority.certificate) as client:  # an address, not a name
        client.create_collection("a", dimension=4)
        found = client.collection("a")
        found.index_many([Document("x", vector=[1, 2, 3, 4], text="on search")])
        assert [hit.id for hit in found.search(Query(matching("search"))).hits] == ["x"]


def test_large_frames_and_threads_over_tls(
    encrypted: EncryptedServer, authority: Authority
) -> None:
    with Client(encrypted.url, ca=authority.certificate, deadline=120) as client:
        client.create_collection("a", dimension=1024)
        collection = client.collection("a")
        rows = np.random.default_rng(18).random((4_000, 1024), dtype=np.float32)
        failures: list[BaseException] = []

        def work(start: int) -> None:
            try:
                ids = [f"d{row}" for row in range(start, start + 500)]
                part = rows[start : start + 500]
                collection.index_many(
                    [Document(id, vector=vector) for id, vector in zip(ids, part)]
                )
                for document, vector in zip(collection.get(ids), part):
                    assert np.array_equal(document.vector, vector)
                for _ in range(50):
                    client.ping()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 4_000, 500)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures


def test_wrong_servers_are_refused(
    tmp_path: Path, encrypted: EncryptedServer, authority: Authority
) -> None:
    stranger = Authority(tmp_path, "stranger")
    wrong_name = _failure(encrypted.url, ca=authority.certificate, server_name="other.example")
    assert (wrong_name.code, wrong_name.reason) == (Code.UNAUTHENTICATED, "TLS_CERTIFICATE")
    assert "ostname mismatch" in wrong_name.message
    assert _failure(encrypted.url, ca=stranger.certificate).reason == "TLS_CERTIFICATE"
    assert _failure(encrypted.url).reason == "TLS_CERTIFICATE"


def test_an_expired_certificate_is_refused(tmp_path: Path, authority: Authority) -> None:
    server = EncryptedServer(tmp_path, authority, days=-1)
    server.start()
    assert "expired" in _failure(server.url, ca=authority.certificate).message
    server.stop()


def test_a_server_may_need_certificates_of_clients(tmp_path: Path, authority: Authority) -> None:
    clients = Authority(tmp_path, "clients")
    server = EncryptedServer(tmp_path, authority, "--tls-client-ca", clients.certificate)
    server.start()
    refused = _failure(server.url, ca=authority.certificate)
    assert (refused.code, refused.reason) == (Code.UNAUTHENTICATED, "TLS_REFUSED")
    with Client(server.url, ca=authority.certificate, **clients.issue("client")) as client:
        client.ping()
    server.stop()


def test_only_one_end_speaks_tls(
    address: str, encrypted: EncryptedServer, authority: Authority
) -> None:
    cleartext = _failure(encrypted.address)
    assert (cleartext.code, cleartext.reason) == (Code.FAILED_PRECONDITION, "TLS_REQUIRED")
    alone = _failure(address, ca=authority.certificate)
    assert (alone.code, alone.reason) == (Code.FAILED_PRECONDITION, "NOT_TLS")


def test_deadlines_and_restarts_over_tls(encrypted: EncryptedServer, authority: Authority) -> None:
    with Client(encrypted.url, ca=authority.certificate) as client:
        client.ping()
        encrypted.kill()
        with pytest.raises(LodestoneError) as caught:
            client.ping(deadline=0.3)
        assert caught.value.code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)
        encrypted.start()
        client.ping()


def test_settings_that_contradict_each_other(authority: Authority, tmp_path: Path) -> None:
    context = ssl.create_default_context()
    key = authority.issue("client")["key"]
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("lodestone://localhost", {"ca": authority.certificate}, "BAD_ADDRESS"),
        ("localhost", {"ca": authority.certificate, "ssl_context": context}, "BAD_TLS_FILE"),
        ("localhost", {"ca": tmp_path / "none"}, "BAD_TLS_FILE"),
        ("localhost", {"key": key}, "BAD_TLS_FILE"),
        ("localhost", {"certificate": key}, "BAD_TLS_FILE"),
        ("unix:/tmp/none", {"ca": authority.certificate}, "TLS_CERTIFICATE"),
    ]
    for address, settings, reason in cases:
        assert _failure(address, **settings).reason == reason
