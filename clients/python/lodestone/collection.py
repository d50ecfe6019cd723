# SPDX-License-Identifier: Apache-2.0
"""A collection of a client, and the calls that concern it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy.typing as npt

from lodestone import _codec
from lodestone._arguments import Encoding, strings, utf8, whole
from lodestone._proto import service_pb2
from lodestone.errors import LodestoneError
from lodestone.filters import Filter
from lodestone.queries import Query, Walk
from lodestone.types import (
    CollectionDescription,
    CountResponse,
    Document,
    EdgePage,
    Include,
    IndexStatus,
    ListedEdge,
    Page,
    QueryResult,
    SearchResponse,
    SourcedEdge,
    WalkResponse,
    WalkResult,
    WriteReceipt,
)

if TYPE_CHECKING:
    from lodestone.client import Client


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
        that a document can't have is refused with its location, ``documents[57].metadata.year``.

        ``request_id`` is the idempotency key of the write, 16 random bytes: sent again within a day,
        the write has one effect. Later the server may apply it again.
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
        """Drops documents with the edges that leave or enter them, and edges; missing ones are
        ignored.

        A single id may be given without a list.

        With ``filter``, and neither ids nor edges, it drops every document that passes the filter
        at the time of the write, all or none; ``count`` counts them.

        ``request_id`` is as in ``index_many``.
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
        """Runs one query, or many on one version of the collection."""
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
        """Makes one walk over edges, or many over one version of the collection."""
        with Encoding():
            message = service_pb2.WalkRequest(collection=self._encoded_name, columns=True)
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

        Outgoing edges come in the byte order of label and target. Incoming edges come in an order
        that the server chooses. Without ``labels`` every label counts. A page of large edges ends
        before ``limit``; only a page without ``next_cursor`` is the last one.
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
        """All edges of one document, fetched in pages during the iteration.

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

        ``order_by`` is an indexed field, as for ``field``. Documents with a single value come in
        its order, and the others follow. A page of large documents ends before ``limit``; only a
        page without ``next_cursor`` is the last one. A document with more than ``max_edges`` edges
        comes without them, as the last one of its page: ``list_edges`` has them, from
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
        """All documents, fetched in pages during the iteration.

        A document that is not written meanwhile comes exactly once. A replaced document may come
        again in its new version; in the order of a field the scan may also miss it.
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
        10, "author.name": 5}``. It is cheap if the fields are indexed.
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

        The server also does so by itself after enough writes. Searches and writes continue
        meanwhile. Returns the sequence number of the last batch in the base.
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
        """Rebuilds the collection's index from its rows on the server; returns when it is in use.

        The server also does so by itself after a change of the strategy, and after enough writes.
        Searches and writes continue meanwhile. ``progress`` is called a few times per second, on
        its own thread. If the call ends early, the build ends, too, and searches still use the
        earlier index. Returns the sequence number up to which the index covers the collection.
        """
        message = service_pb2.BuildIndexRequest(collection=self._encoded_name)
        is_done = threading.Event()

        def watch(report: Callable[[IndexStatus], None]) -> None:
            while not is_done.is_set():
                try:
                    status = self.describe().index
                except LodestoneError:
                    # Without a reply there is nothing to report; the build's own call has the
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
        """Describes the current state of the collection."""
        message = service_pb2.DescribeCollectionRequest(name=self._encoded_name)
        reply = self._client._read("describe_collection", message, deadline=deadline)
        return _codec.read_description(reply.describe_collection.collection)
