# SPDX-License-Identifier: Apache-2.0
"""The client: its connection, and the calls that concern the whole server."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

from lodestone import _codec
from lodestone._arguments import Encoding, refuse, seconds, shown, utf8
from lodestone._line import Line
from lodestone._proto import service_pb2
from lodestone._reach import Peer, encrypts, parse_address
from lodestone._snapshot_file import fetch_into
from lodestone._tls import encryption
from lodestone._wire import Call
from lodestone.collection import Collection
from lodestone.errors import Code, LodestoneError, Outcome, invalid
from lodestone.retries import RetryPolicy
from lodestone.types import (
    CollectionDescription,
    EraseReceipt,
    Flat,
    SlowRequests,
    SnapshotDescription,
    Stats,
    Strategy,
    TextOptions,
    VerifyReport,
    WriteReceipt,
)


#: The names of replies that differ from the names of their calls.
_REPLIES = {
    **dict.fromkeys(
        ("create_collection", "alter_collection", "drop_collection", "index_many", "drop_many"),
        "written",
    ),
    "compact": "done",
    "build_index": "done",
    "delete_snapshot": "done",
    "erase": "erased",
}


#: The same for every ping.
_PING = Call("ping", service_pb2.PingRequest())


class Client:
    """A client of a server, with one connection that is replaced when it breaks.

    Any number of threads may use one client; their calls are in flight at the same time. A process
    that is forked, as by ``multiprocessing``, may use it too: it makes its own connection.

    ``deadline`` is in seconds and covers everything: the wait for a turn, the connection, sending,
    all attempts. No call takes longer. A write is repeated under the same request id, so it has its
    effect once. Without a server, calls wait for one until their deadlines. The constructor waits
    ``connect_timeout``, which is also the time of one try to reach the server.

    By default the server accepts 64 calls at a time from a connection. Further calls wait for their
    turn, in the order of their arrival; only ``ping``, ``collections``, ``stats`` and ``describe``
    pass them. Use a separate client for bulk work, so that other calls wait neither for their turn
    nor for large batches.

    An address ``lodestones://host:port`` means that connections are encrypted, and so does each of
    ``ca``, ``certificate``, ``key``, ``server_name`` and ``ssl_context``. The server must show a
    certificate for its name. ``ca`` is the path of a file with the authorities to trust, instead of
    those of the system; ``certificate`` and ``key`` are the paths of the client's own, if the server
    wants one; ``server_name`` is the name in the server's certificate, if it is not the host. All
    files are in PEM. ``ssl_context`` replaces the files; its application protocol becomes that of
    Lodestone.
    """

    def __init__(
        self,
        address: str = "127.0.0.1:5633",
        *,
        token: str | bytes | None = None,
        deadline: float = 30.0,
        connect_timeout: float = 5.0,
        retry: RetryPolicy = RetryPolicy(),
        client_name: str = "python",
        ca: str | os.PathLike[str] | None = None,
        certificate: str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
        server_name: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._deadline = seconds(deadline, "deadline")
        timeout = seconds(connect_timeout, "connect_timeout")
        with Encoding():
            secret = utf8(token, "token") if isinstance(token, str) else token
            if not isinstance(secret, (bytes, type(None))):
                refuse(token, "a str or bytes", "Give the token as it stands in its file.", "token")
            utf8(client_name, "client_name")
        place, is_encrypted = parse_address(address), encrypts(address)
        has_settings = any(
            one is not None for one in (ca, certificate, key, server_name, ssl_context)
        )
        if is_encrypted is False and has_settings:
            raise invalid(
                "BAD_ADDRESS",
                f"{address!r} is for clear text, and the client has settings for TLS.",
                "Write lodestones:// in front of the host, or leave the settings out.",
                "address",
            )
        rules = None
        if is_encrypted or has_settings:
            host = None if isinstance(place, str) else place[0]
            rules = encryption(host, ca, certificate, key, server_name, ssl_context)
        self._line = Line(Peer(place, secret, client_name, timeout, rules), retry)
        try:
            self._line.perform(None, None, min(timeout, self._deadline))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; calls in flight fail."""
        self._line.close()

    def ping(self, *, deadline: float | None = None) -> int:
        """Checks that the server replies; returns its last sequence number."""
        return int(self._send(_PING, None, deadline).ping.sequence_number)

    def create_collection(
        self,
        name: str,
        dimension: int = 0,
        *,
        metric: str = "cosine",
        vector_strategy: Strategy | str = Flat(),
        text_strategy: str = "postings",
        text: TextOptions = TextOptions(),
        metadata_indexes: Iterable[str | Sequence[str]] = (),
        request_id: bytes | None = None,
        deadline: float | None = None,
    ) -> WriteReceipt:
        """Creates a collection; ``metric`` is ``cosine``, ``euclidean`` or ``dot_product``.

        ``vector_strategy`` may be one of the names ``flat``, ``hnsw`` and ``lsh``.
        ``metadata_indexes`` are the fields for which filters, facets and scans use an index instead
        of reading documents. Each is a path as for ``field``, or a tuple of nested names.

        ``request_id`` is the idempotency key of the write, 16 random bytes: sent again within a day,
        the write has one effect. Later the server may apply it again.
        """
        with Encoding():
            message = service_pb2.CreateCollectionRequest(
                name=utf8(name, "name"),
                options=_codec.collection_options(
                    dimension, metric, vector_strategy, text_strategy, text, metadata_indexes
                ),
            )
        return self._write("create_collection", message, b"", request_id, deadline)

    def alter_collection(
        self,
        name: str,
        vector_strategy: Strategy | str | None = None,
        *,
        add_indexes: Iterable[str | Sequence[str]] = (),
        drop_indexes: Iterable[str | Sequence[str]] = (),
        request_id: bytes | None = None,
        deadline: float | None = None,
    ) -> WriteReceipt:
        """Changes a collection's vector strategy and its indexed fields.

        The documents are not sent again: the server builds the indexes. Meanwhile results are right
        but slower, and ``building_indexes`` of the description has the fields with incomplete
        indexes. The same strategy, an added field that is indexed, and a dropped field that isn't
        indexed change nothing. ``request_id`` is as in ``create_collection``.
        """
        with Encoding():
            message = service_pb2.AlterCollectionRequest(name=utf8(name, "name"))
            if vector_strategy is not None:
                _codec.write_strategy(message.vector_strategy, vector_strategy)
            _codec.write_paths(message.add_indexes, add_indexes, "add_indexes")
            _codec.write_paths(message.drop_indexes, drop_indexes, "drop_indexes")
        return self._write("alter_collection", message, b"", request_id, deadline)

    def drop_collection(
        self, name: str, *, request_id: bytes | None = None, deadline: float | None = None
    ) -> WriteReceipt:
        """Drops a collection with everything in it; ``request_id`` as in ``create_collection``."""
        with Encoding():
            message = service_pb2.DropCollectionRequest(name=utf8(name, "name"))
        return self._write("drop_collection", message, b"", request_id, deadline)

    def collections(self, *, deadline: float | None = None) -> list[CollectionDescription]:
        """Describes every collection."""
        reply = self._read(
            "list_collections", service_pb2.ListCollectionsRequest(), deadline=deadline
        )
        return [_codec.read_description(one) for one in reply.list_collections.collections]

    def stats(self, *, deadline: float | None = None) -> Stats:
        """The state of the server and its store."""
        reply = self._read("stats", service_pb2.StatsRequest(), deadline=deadline)
        return _codec.read_stats(reply.stats)

    def slow_requests(self, limit: int = 128, *, deadline: float | None = None) -> SlowRequests:
        """The slow requests of the server, and its reads by their shape, since its start.

        The requests have the constants of other clients' queries, so the call needs the role admin.
        ``limit`` is the most requests of each kind, and the most shapes, at most 128.
        """
        with Encoding():
            message = service_pb2.SlowRequestsRequest(limit=limit)
        reply = self._read("slow_requests", message, deadline=deadline)
        return _codec.read_slow_requests(reply.slow_requests)

    def snapshot(self, name: str, *, deadline: float = 86_400.0) -> SnapshotDescription:
        """Writes a snapshot of the store on the server, which accepts writes meanwhile.

        The client does not repeat the call. ``name`` is 1 to 64 of a-z, 0-9, ``_`` and ``-``.
        """
        with Encoding():
            message = service_pb2.SnapshotRequest(name=utf8(name, "name"))
        call = Call("snapshot", message)
        # The request id makes the client report when it can't know whether the snapshot was
        # written.
        reply = self._send(call, os.urandom(16), deadline, RetryPolicy(attempts=1))
        return _codec.read_snapshot(reply.snapshot)

    def snapshots(self, *, deadline: float | None = None) -> list[SnapshotDescription]:
        """The snapshots on the server, by name."""
        reply = self._read("list_snapshots", service_pb2.ListSnapshotsRequest(), deadline=deadline)
        return [_codec.read_snapshot(one) for one in reply.list_snapshots.snapshots]

    def delete_snapshot(self, name: str, *, deadline: float | None = None) -> None:
        """Removes a snapshot on the server, if there is one of that name."""
        with Encoding():
            message = service_pb2.DeleteSnapshotRequest(name=utf8(name, "name"))
        self._read("delete_snapshot", message, deadline=deadline)

    def fetch_snapshot(
        self, name: str, path: str | os.PathLike[str], *, deadline: float | None = None
    ) -> int:
        """Copies a snapshot from the server into a file, which must not exist yet.

        The file gets its name when it is complete; until then it is ``path`` with ``.part``. A part
        of the same snapshot that an earlier call has fetched is not fetched again. ``deadline``
        applies to each part. Returns the bytes of the file. ``lodestone snapshot verify`` checks
        it.
        """

        def part(offset: int, size: int) -> tuple[bytes, int]:
            with Encoding():
                message = service_pb2.FetchSnapshotRequest(
                    name=utf8(name, "name"), offset=offset, max_bytes=size
                )
            reply = self._read("fetch_snapshot", message, deadline=deadline).fetch_snapshot
            return reply.data, reply.byte_count

        return fetch_into(path, name, part)

    def erase(self, collection: str | None = None, *, deadline: float = 86_400.0) -> EraseReceipt:
        """Erases dropped and replaced documents from all files of the store.

        Without ``collection`` it erases them for all collections. Writes wait while the database is
        rewritten. Snapshots don't change; the receipt names those that may have such documents.
        """
        with Encoding():
            message = service_pb2.EraseRequest()
            if collection is not None:
                message.collection = utf8(collection, "collection")
        reply = self._read("erase", message, deadline=deadline)
        return _codec.read_erase_receipt(reply.erased)

    def verify(self, *, deadline: float = 86_400.0) -> VerifyReport:
        """Compares the server's store with its checksums, and its parts with each other."""
        reply = self._read("verify", service_pb2.VerifyRequest(), deadline=deadline)
        return _codec.read_verify_report(reply.verify)

    def collection(self, name: str) -> Collection:
        """The collection of a name; nothing is sent."""
        return Collection(self, name)

    # Calls and attempts

    def _read(
        self,
        name: str,
        message: Any,
        vectors: bytes = b"",
        deadline: float | None = None,
    ) -> Any:
        return self._send(Call(name, message, vectors), None, deadline)

    def _write(
        self,
        name: str,
        message: Any,
        vectors: bytes,
        request_id: bytes | None,
        deadline: float | None,
        rows: int = 0,
    ) -> WriteReceipt:
        # The request id is the same for every attempt, which makes repetitions harmless.
        id = os.urandom(16) if request_id is None else request_id
        if not isinstance(id, bytes):
            raise invalid(
                "BAD_REQUEST_ID",
                f"The request id is {shown(id)}.",
                "Give 16 random bytes: os.urandom(16), or uuid.uuid4().bytes.",
                "request_id",
            )
        reply = self._send(Call(name, message, vectors, rows), id, deadline)
        receipt = _codec.read_receipt(reply.written)
        self._saw(receipt.sequence_number)
        return receipt

    def _send(
        self,
        call: Call,
        request_id: bytes | None,
        deadline: float | None,
        retry: RetryPolicy | None = None,
    ) -> Any:
        time = self._deadline if deadline is None else seconds(deadline, "deadline")
        reply = self._line.perform(call, request_id, time, retry)
        expected = _REPLIES.get(call.name, call.name)
        if not reply.HasField(expected):
            raise LodestoneError(
                Code.INTERNAL,
                "UNEXPECTED_REPLY",
                f"The reply to {call.name} is {reply.WhichOneof('result')}, not {expected}.",
                "Use a client and a server of the same release.",
                Outcome.UNKNOWN if request_id is not None else Outcome.NOT_APPLIED,
            )
        return reply

    def _saw(self, sequence_number: int) -> None:
        self._line.saw(sequence_number)
