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


class Client:
    """A connection to a server, which is made again when it breaks.

    Any number of threads may use one client; their calls are under way at the same time. A process
    that is forked, as by ``multiprocessing``, may use it too: it makes its own connection.

    ``deadline`` is in seconds and covers all that a call needs: its turn, a connection, sending,
    all attempts. No call takes longer. A write is tried again under the same request id, so it has
    its effect once. While the server is away, calls wait for it until their deadlines. The
    constructor waits ``connect_timeout``, which is also the time of one try to reach the server.

    The server takes 64 calls at once unless it is set otherwise. Further calls wait for their turn,
    in the order of their arrival; only ``ping``, ``collections``, ``stats`` and ``describe`` pass
    them. Use a separate client for bulk work, so that other calls need not wait behind it, for
    their turn or for large batches to be sent.
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
        """Checks that the server answers; returns its last sequence number."""
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
        ``metadata_indexes`` are the fields for which filters, facets and scans read no documents.
        Each is a path as for ``field``, or a tuple of nested names.
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
        """Changes how a collection finds near vectors, and which metadata fields are indexed.

        The documents are not sent again: the server builds the indexes. Its answers meanwhile are
        right, only slower; ``building_indexes`` of the description has the fields whose index isn't
        there yet. The same strategy again, a field that is indexed already and a field to drop that
        isn't indexed change nothing.
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
        """Describes every collection."""
        reply = self._read(
            "list_collections", service_pb2.ListCollectionsRequest(), deadline=deadline
        )
        return [_codec.read_description(one) for one in reply.list_collections.collections]

    def stats(self, *, deadline: float | None = None) -> Stats:
        """The state of the server and its store."""
        reply = self._read("stats", service_pb2.StatsRequest(), deadline=deadline)
        return _codec.read_stats(reply.stats)

    def snapshot(self, name: str, *, deadline: float = 86_400.0) -> SnapshotDescription:
        """Writes a snapshot of the store on the server, which accepts writes meanwhile.

        The call is tried once. ``name`` is 1 to 64 of a-z, 0-9, ``_`` and ``-``.
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

        The file gets its name once it is complete; until then it is ``path`` with ``.part``. The
        part that an earlier call has fetched of the same snapshot is not fetched again.
        ``deadline`` applies to each part. Returns the bytes of the file. ``lodestone snapshot
        verify`` checks it.
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
        written again. Snapshots stay as they are: the receipt names those that may have such
        documents.
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
    """Checks a time in seconds, which is a number and not negative."""
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

        Documents are objects, or columns: ``ids`` and, with one row per id, a matrix of ``vectors``
        (float32), ``texts`` and ``metadata``. In texts and metadata, None is left out, and so are
        the missing values of numpy and pandas; NaN only in texts. Before anything is sent, a value
        that a document can't hold is refused with its place, ``documents[57].metadata.year``.
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
        """Drops documents with the edges at them, and edges; missing ones are passed over.

        A single id may be given without a list.

        With ``filter``, and neither ids nor edges, it drops every document that passes the filter
        when the server processes the call, all or none; ``count`` says how many there are.
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
        """Answers one query, or many from one state of the collection."""
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

        Outgoing edges come by label and target, in the order of their bytes. Incoming edges come in
        an order of the server's own. Without ``labels`` every label counts. A page of large edges
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

        An edge that is not written meanwhile comes exactly once.
        """
        if not isinstance(labels, str):
            # The labels are read once, because every page needs them.
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
        """The document of an id, or None; or the existing documents of ids, in their order."""
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
        """A page of documents in the order of writing, or in the order of a field.

        ``order_by`` is an indexed field, as for ``field``. Documents whose field is a single value
        come in its order, and the others follow. A page of large documents ends before ``limit``;
        only a page without ``next_cursor`` is the last one. A document with more than ``max_edges``
        edges comes without them, as the last one of its page: ``list_edges`` has them, from
        ``edges_cursor`` on.
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

        A document that is not written meanwhile comes exactly once. A document that is replaced may
        come again in its new version; in the order of a field it may also be missed.
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
        """Counts the documents that pass a filter, and the values of facets among them.

        ``facets`` maps each field whose values are counted to the most values to return: ``{"tag":
        10, "author.name": 5}``. It is cheap where the fields are indexed.
        """
        with Encoding():
            message = service_pb2.CountRequest(collection=self._encoded_name)
            _codec.write_filter(message, filter)
            _codec.write_facets(message, facets)
        reply = self._client._read("count", message, deadline=deadline).count
        self._client._saw(reply.sequence_number)
        return _codec.read_count(reply)

    def compact(self, *, deadline: float = 86_400.0) -> int:
        """Compacts the collection: the server merges all changes since its base into a new base.

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
        """Has the server rebuild the collection's index from its rows, and waits until it serves.

        It happens by itself when the strategy changes and once enough has been written; searches
        and writes go on meanwhile. ``progress`` is called a few times per second, on its own
        thread. When the call ends early, the build ends, too, and the earlier index goes on
        answering. Returns the sequence number up to which the index goes.
        """
        message = service_pb2.BuildIndexRequest(collection=self._encoded_name)
        is_done = threading.Event()

        def watch(report: Callable[[IndexStatus], None]) -> None:
            while not is_done.is_set():
                try:
                    status = self.describe().index
                except LodestoneError:
                    # Without an answer there is nothing to report; the build's own call has the
                    # error.
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
        """Describes the collection as it is now."""
        message = service_pb2.DescribeCollectionRequest(name=self._encoded_name)
        reply = self._client._read("describe_collection", message, deadline=deadline)
        return _codec.read_description(reply.describe_collection.collection)
