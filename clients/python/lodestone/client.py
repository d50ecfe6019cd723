# SPDX-License-Identifier: Apache-2.0
"""The client."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, overload

import numpy.typing as npt

from lodestone import _codec
from lodestone._arguments import Encoding, real, refuse, shown, strings, utf8, whole
from lodestone._line import Line
from lodestone._reach import Peer, parse_address
from lodestone._snapshot_file import fetch_into
from lodestone._wire import Call
from lodestone._proto import service_pb2
from lodestone.errors import Code, LodestoneError, Outcome, invalid
from lodestone.filters import Filter
from lodestone.queries import Query, Walk
from lodestone.retries import RetryPolicy
from lodestone.types import (
    CollectionDescription,
    CountResponse,
    Document,
    EdgePage,
    EraseReceipt,
    Flat,
    Include,
    IndexStatus,
    ListedEdge,
    Page,
    QueryResult,
    SearchResponse,
    SnapshotDescription,
    SourcedEdge,
    Stats,
    Strategy,
    TextOptions,
    VerifyReport,
    WalkResponse,
    WalkResult,
    WriteReceipt,
)


#: Replies that are not called as their calls are.
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


class Client:
    """A connection to a server, made again when it breaks.

    Any number of threads may use one client; their calls are under way at the same time. So may a
    process that is forked, as by ``multiprocessing``: it makes a connection of its own.

    ``deadline`` is in seconds and covers all that a call needs: its place among others, a
    connection, sending, all attempts. No call takes longer. A write is tried again under the same
    request id, so it has its effect once. While the server is away, calls wait for it as long as
    their deadlines allow; the constructor waits ``connect_timeout``, which is also the time of one
    try to reach the server.

    Calls beyond what the server takes at once, 64 unless it is set otherwise, wait their turn, first
    come, first served; only ``ping``, ``collections``, ``stats`` and ``describe`` pass them. Bulk work
    wants a client of its own, so that other calls need not wait behind it, for their turn or for large
    batches to be sent.
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
    ) -> None:
        self._deadline = _seconds(deadline, "deadline")
        timeout = _seconds(connect_timeout, "connect_timeout")
        with Encoding():
            secret = utf8(token, "token") if isinstance(token, str) else token
            if not isinstance(secret, (bytes, type(None))):
                refuse(token, "a str or bytes", "Give the token as it stands in its file.", "token")
            utf8(client_name, "client_name")
        self._line = Line(Peer(parse_address(address), secret, client_name, timeout), retry)
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
        """Ends the connection; calls under way fail."""
        self._line.close()

    def ping(self, *, deadline: float | None = None) -> int:
        """Asks whether the server is there; returns its last sequence number."""
        reply = self._read("ping", service_pb2.PingRequest(), deadline=deadline)
        return int(reply.ping.sequence_number)

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
        ``metadata_indexes`` names fields that filters, facets and scans read no document for: each as
        ``field`` takes it, or the names one inside the other in a tuple.
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
        """Changes how a collection finds near vectors, and which fields of the metadata are indexed.

        Nothing is sent again: the server builds the indexes in the background. What it answers
        meanwhile is right, only slower; ``building_indexes`` of the description names the fields
        whose index isn't there yet. The same strategy again, a field that is indexed and one to drop
        that isn't change nothing.
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
        """Drops a collection with everything in it."""
        with Encoding():
            message = service_pb2.DropCollectionRequest(name=utf8(name, "name"))
        return self._write("drop_collection", message, b"", request_id, deadline)

    def collections(self, *, deadline: float | None = None) -> list[CollectionDescription]:
        """Every collection."""
        reply = self._read(
            "list_collections", service_pb2.ListCollectionsRequest(), deadline=deadline
        )
        return [_codec.read_description(one) for one in reply.list_collections.collections]

    def stats(self, *, deadline: float | None = None) -> Stats:
        """The state of the server and its store."""
        reply = self._read("stats", service_pb2.StatsRequest(), deadline=deadline)
        return _codec.read_stats(reply.stats)

    def snapshot(self, name: str, *, deadline: float = 86_400.0) -> SnapshotDescription:
        """Has the server write a snapshot of its store, while it goes on being written to.

        It is tried once. ``name`` is 1 to 64 of a-z, 0-9, ``_`` and ``-``.
        """
        with Encoding():
            message = service_pb2.SnapshotRequest(name=utf8(name, "name"))
        call = Call("snapshot", message)
        # The request id is what makes the client tell when it can't know whether it was written.
        reply = self._send(call, os.urandom(16), deadline, RetryPolicy(attempts=1))
        return _codec.read_snapshot(reply.snapshot)

    def snapshots(self, *, deadline: float | None = None) -> list[SnapshotDescription]:
        """The snapshots that the server has, by name."""
        reply = self._read("list_snapshots", service_pb2.ListSnapshotsRequest(), deadline=deadline)
        return [_codec.read_snapshot(one) for one in reply.list_snapshots.snapshots]

    def delete_snapshot(self, name: str, *, deadline: float | None = None) -> None:
        """Has the server remove a snapshot, if it has one of that name."""
        with Encoding():
            message = service_pb2.DeleteSnapshotRequest(name=utf8(name, "name"))
        self._read("delete_snapshot", message, deadline=deadline)

    def fetch_snapshot(
        self, name: str, path: str | os.PathLike[str], *, deadline: float | None = None
    ) -> int:
        """Copies a snapshot from the server into a file, which must not exist yet.

        The file appears under its name once it is whole; until then it is ``path`` with ``.part``.
        What an earlier call has left there of the same snapshot is not fetched again. ``deadline`` is
        that of each part. Returns the bytes of the file. ``lodestone snapshot verify`` checks it.
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
        """Has the server make sure that no file has documents that were dropped or replaced.

        Of one collection, or of all. Writes wait while the database is written again. Snapshots stay
        as they are: the receipt names those that may have such documents.
        """
        with Encoding():
            message = service_pb2.EraseRequest()
            if collection is not None:
                message.collection = utf8(collection, "collection")
        reply = self._read("erase", message, deadline=deadline)
        return _codec.read_erase_receipt(reply.erased)

    def verify(self, *, deadline: float = 86_400.0) -> VerifyReport:
        """Has the server compare its store with its checksums, and its parts with each other."""
        reply = self._read("verify", service_pb2.VerifyRequest(), deadline=deadline)
        return _codec.read_verify_report(reply.verify)

    def collection(self, name: str) -> Collection:
        """The collection of this name; it is not looked up before it is used."""
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
        # The same for every attempt, which is what makes attempts harmless.
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
        seconds = self._deadline if deadline is None else _seconds(deadline, "deadline")
        reply = self._line.perform(call, request_id, seconds, retry)
        expected = _REPLIES.get(call.name, call.name)
        if reply.WhichOneof("result") != expected:
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


def _seconds(value: float, name: str) -> float:
    """A time in seconds, which is a number and not negative."""
    with Encoding():
        seconds = real(value, name)
        if not seconds >= 0:
            refuse(value, "a time in seconds", "Give one from 0 on.", name)
        return seconds


class Collection:
    """A collection by its name. Any number of threads may use one."""

    def __init__(self, client: Client, name: str) -> None:
        with Encoding():
            self._encoded_name = utf8(name, "name")
        self._client = client
        self.name = name

    def index_many(
        self,
        documents: Document | Iterable[Document] = (),
        *,
        ids: str | Iterable[str] | None = None,
        vectors: npt.ArrayLike | None = None,
        texts: Iterable[Mapping[str, str] | str | None] | None = None,
        metadata: Iterable[Mapping[str, Any] | None] | None = None,
        edges: SourcedEdge | Iterable[SourcedEdge] = (),
        request_id: bytes | None = None,
        deadline: float | None = None,
    ) -> WriteReceipt:
        """Inserts or replaces documents and adds edges, all of them or none.

        Documents come as such, or as columns: ``ids`` and, with one row per id, a matrix of
        ``vectors`` (float32), ``texts`` and ``metadata``. In texts and metadata, None is left out, as
        are the missing values of numpy and pandas; NaN only in texts. What a document can't hold is refused
        with its place, ``documents[57].metadata.year``, before anything is sent.
        """
        with Encoding():
            message, packed = _codec.index_many(
                self.name, documents, ids, vectors, texts, metadata, edges
            )
        rows = len(message.documents)
        return self._client._write("index_many", message, packed, request_id, deadline, rows)

    def drop(
        self,
        ids: str | Iterable[str] = (),
        *,
        edges: SourcedEdge | Iterable[SourcedEdge] = (),
        filter: Filter | None = None,
        request_id: bytes | None = None,
        deadline: float | None = None,
    ) -> WriteReceipt:
        """Drops documents with the edges at them, and edges. What doesn't exist is passed over.

        A single id may be given as it is.

        With ``filter``, and neither ids nor edges, every document that passes it when the server gets
        to it, all or none; ``count`` says how many there are.
        """
        with Encoding():
            message = service_pb2.DropManyRequest(
                collection=self._encoded_name, ids=strings(ids, "ids")
            )
            _codec.write_sourced_edges(message.edges, edges)
            _codec.write_filter(message, filter)
        return self._client._write("drop_many", message, b"", request_id, deadline)

    @overload
    def search(self, query: Query, *, deadline: float | None = None) -> QueryResult: ...
    @overload
    def search(
        self, query: Sequence[Query], *, deadline: float | None = None
    ) -> SearchResponse: ...

    def search(
        self, query: Query | Sequence[Query], *, deadline: float | None = None
    ) -> QueryResult | SearchResponse:
        """Answers one question, or many from one state of the collection."""
        with Encoding():
            message, packed = _codec.search(self.name, query)
        reply = self._client._read("search", message, packed, deadline).search
        results = [_codec.read_query_result(result) for result in reply.results]
        self._client._saw(reply.sequence_number)
        return results[0] if isinstance(query, Query) else SearchResponse(
            results, reply.sequence_number
        )

    @overload
    def walk(self, walk: Walk, *, deadline: float | None = None) -> WalkResult: ...
    @overload
    def walk(self, walk: Sequence[Walk], *, deadline: float | None = None) -> WalkResponse: ...

    def walk(
        self, walk: Walk | Sequence[Walk], *, deadline: float | None = None
    ) -> WalkResult | WalkResponse:
        """Walks over edges once, or many times over one state of the collection."""
        with Encoding():
            message = service_pb2.WalkRequest(collection=self._encoded_name)
            _codec.write_walks(message, walk)
        reply = self._client._read("walk", message, deadline=deadline).walk
        results = [_codec.read_walk_result(result) for result in reply.results]
        self._client._saw(reply.sequence_number)
        return results[0] if isinstance(walk, Walk) else WalkResponse(
            results, reply.sequence_number
        )

    def list_edges(
        self,
        id: str,
        *,
        direction: str = "outgoing",
        labels: str | Iterable[str] = (),
        limit: int = 1000,
        cursor: bytes | None = None,
        deadline: float | None = None,
    ) -> EdgePage:
        """A page of the edges of one document, ``outgoing`` or ``incoming``.

        Those that leave it come by label and target, in the order of their bytes; those that enter it in an
        order of the server's own. Without ``labels`` every label counts. A page of large edges
        ends before ``limit``; only a page without ``next_cursor`` is the last one.
        """
        with Encoding():
            message = _codec.list_edges(self.name, id, direction, labels, limit, cursor)
        reply = self._client._read("list_edges", message, deadline=deadline)
        return _codec.read_edge_page(reply.list_edges)

    def edges(
        self,
        id: str,
        *,
        direction: str = "outgoing",
        labels: str | Iterable[str] = (),
        page_size: int = 1000,
    ) -> Iterator[ListedEdge]:
        """All edges of one document, fetched page by page while they are read.

        An edge that nobody writes meanwhile comes exactly once.
        """
        if not isinstance(labels, str):
            # Every page asks for them.
            labels = list(labels)
        cursor = None
        while True:
            page = self.list_edges(
                id, direction=direction, labels=labels, limit=page_size, cursor=cursor
            )
            yield from page.edges
            cursor = page.next_cursor
            if cursor is None:
                return

    @overload
    def get(  # type: ignore[overload-overlap]
        self, ids: str, *, include: Include = ..., deadline: float | None = None
    ) -> Document | None: ...
    @overload
    def get(
        self, ids: Iterable[str], *, include: Include = ..., deadline: float | None = None
    ) -> list[Document]: ...

    def get(
        self,
        ids: str | Iterable[str],
        *,
        include: Include = Include.DOCUMENT,
        deadline: float | None = None,
    ) -> Document | None | list[Document]:
        """The document of an id, or None; or those that exist, in the order of the ids."""
        with Encoding():
            message = service_pb2.GetRequest(
                collection=self._encoded_name,
                ids=strings(ids, "ids"),
                include=_codec.include(include),
            )
        if not message.ids:
            return []
        reply = self._client._read("get", message, deadline=deadline)
        documents = _codec.read_documents(reply.get)
        if isinstance(ids, str):
            return documents[0] if documents else None
        return documents

    def scan(
        self,
        *,
        limit: int = 100,
        cursor: bytes | None = None,
        filter: Filter | None = None,
        order_by: str | Sequence[str] | None = None,
        descending: bool = False,
        include: Include = Include.DOCUMENT,
        max_edges: int | None = None,
        deadline: float | None = None,
    ) -> Page:
        """A page of documents in the order in which they were written, or in that of a field.

        ``order_by`` names an indexed field, as ``field`` does. Documents whose field is a single value come by it, the
        others follow. A page of large documents ends before ``limit``; only a page without
        ``next_cursor`` is the last one. A document with more than ``max_edges`` edges comes without
        them, as the last one of its page: ``list_edges`` has them, from ``edges_cursor`` on.
        """
        with Encoding():
            message = service_pb2.ScanRequest(
                collection=self._encoded_name,
                limit=whole(limit, "limit"),
                include=_codec.include(include),
            )
            _codec.write_cursor(message, cursor)
            _codec.write_filter(message, filter)
            if order_by is not None:
                _codec.write_path(message.order.path, order_by, "order_by")
                message.order.descending = bool(descending)
            if max_edges is not None:
                message.max_edges = whole(max_edges, "max_edges")
        return _codec.read_page(self._client._read("scan", message, deadline=deadline).scan)

    def documents(
        self,
        *,
        filter: Filter | None = None,
        order_by: str | Sequence[str] | None = None,
        descending: bool = False,
        include: Include = Include.DOCUMENT,
        page_size: int = 500,
    ) -> Iterator[Document]:
        """All documents, fetched page by page while they are read.

        A document that nobody writes meanwhile comes exactly once. One that is replaced may come
        again in its new version; in the order of a field it may also be passed over.
        """
        cursor = None
        while True:
            page = self.scan(
                limit=page_size,
                cursor=cursor,
                filter=filter,
                order_by=order_by,
                descending=descending,
                include=include,
            )
            yield from page.documents
            cursor = page.next_cursor
            if cursor is None:
                return

    def count(
        self,
        filter: Filter | None = None,
        *,
        facets: Mapping[str | tuple[str, ...], int] | None = None,
        deadline: float | None = None,
    ) -> CountResponse:
        """How many documents pass a filter, and how often values occur among them.

        ``facets`` has the fields whose values are counted, and the most values wanted of each:
        ``{"tag": 10, "author.name": 5}``. It is cheap where the fields are indexed.
        """
        with Encoding():
            message = service_pb2.CountRequest(collection=self._encoded_name)
            _codec.write_filter(message, filter)
            _codec.write_facets(message, facets)
        reply = self._client._read("count", message, deadline=deadline).count
        self._client._saw(reply.sequence_number)
        return _codec.read_count(reply)

    def compact(self, *, deadline: float = 86_400.0) -> int:
        """Has the server fold what was written since the collection's base into a new base.

        It happens by itself once enough has been written; searches and writes go on meanwhile.
        Returns the sequence number of the last batch in the base.
        """
        message = service_pb2.CompactRequest(collection=self._encoded_name)
        reply = self._client._read("compact", message, deadline=deadline)
        return int(reply.done.sequence_number)

    def build_index(
        self,
        *,
        deadline: float = 86_400.0,
        progress: Callable[[IndexStatus], None] | None = None,
    ) -> int:
        """Has the server make the collection's index from its rows again, and waits until it serves.

        It happens by itself when the strategy changes and once enough has been written; searches
        and writes go on meanwhile. ``progress`` is called a few times a second, on a thread of its
        own. When the call ends early, the build ends, too, and what answered before goes on.
        Returns the sequence number up to which the index goes.
        """
        message = service_pb2.BuildIndexRequest(collection=self._encoded_name)
        is_done = threading.Event()

        def watch(report: Callable[[IndexStatus], None]) -> None:
            while not is_done.is_set():
                try:
                    status = self.describe().index
                except LodestoneError:
                    # Without an answer there is nothing to tell; the build's own call knows more.
                    status = None
                if status is not None:
                    report(status)
                is_done.wait(0.2)

        watcher = threading.Thread(target=watch, args=(progress,), daemon=True)
        if progress is not None:
            watcher.start()
        try:
            reply = self._client._read("build_index", message, deadline=deadline)
        finally:
            is_done.set()
            if progress is not None:
                watcher.join()
        return int(reply.done.sequence_number)

    def describe(self, *, deadline: float | None = None) -> CollectionDescription:
        """The collection as it stands."""
        message = service_pb2.DescribeCollectionRequest(name=self._encoded_name)
        reply = self._client._read("describe_collection", message, deadline=deadline)
        return _codec.read_description(reply.describe_collection.collection)
