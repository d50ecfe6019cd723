# SPDX-License-Identifier: Apache-2.0
"""Documents with their edges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lodestone import _values
from lodestone._arguments import Refusal, each, items, real, refuse, utf8
from lodestone._codec.vectors import VectorReader, Vectors, floats
from lodestone._proto import service_pb2
from lodestone.types import Document, Edge, Page, SourcedEdge, Vector


def write_edge(message: Any, edge: Edge) -> None:
    message.label = utf8(edge.label, "label")
    message.target = utf8(edge.target, "target")
    weight = real(edge.weight, "weight")
    if weight != 1:
        message.weight = weight
    _write_metadata(message, edge.metadata)


def write_sourced_edges(messages: Any, edges: object) -> None:
    for row, edge in enumerate(each(edges, SourcedEdge, "edges")):
        message = messages.add()
        try:
            message.source = utf8(edge.source, "source")
            if not isinstance(edge.edge, Edge):
                refuse(edge.edge, "an Edge", "Give an Edge.", "edge")
            write_edge(message.edge, edge.edge)
        except Refusal as refusal:
            raise refusal.at(f"edges[{row}]")


def _write_metadata(message: Any, metadata: object) -> None:
    if metadata is None or (type(metadata) is dict and not metadata):
        return
    try:
        _values.write_metadata(message.metadata, metadata)
    except Refusal as refusal:
        raise refusal.at("metadata")


def _write_text(message: Any, text: object) -> None:
    """Writes texts by their fields; a string is the field ``text``, and missing ones are left out.
    """
    if isinstance(text, str):
        message.text.add(name=b"text", text=utf8(text, "text"))
        return
    if _is_no_text(text):
        return
    if not isinstance(text, Mapping):
        refuse(text, "a str, nor a mapping of names to them", "Give a text.", "text")
    for name, value in text.items():
        if not _is_no_text(value):
            message.text.add(name=utf8(name, "text"), text=utf8(value, f"text.{name}"))


def _is_no_text(text: object) -> bool:
    """Whether a text is missing: columns of texts in pandas have NaN for it."""
    return _values.is_missing(text) or (isinstance(text, float) and text != text)


def write_document(message: Any, document: Document) -> None:
    """Writes all parts of a document except the vector."""
    message.id = utf8(document.id, "id")
    _write_text(message, document.text)
    _write_metadata(message, document.metadata)
    if document.edges:
        for row, edge in enumerate(each(document.edges, Edge, "edges")):
            try:
                write_edge(message.edges.add(), edge)
            except Refusal as refusal:
                raise refusal.at(f"edges[{row}]")
    if document.vector is not None:
        message.has_vector = True


def read_contents(message: Any, id: str, vector: Vector | None) -> Document:
    return Document(
        id=id,
        vector=vector,
        text={str(field.name, "utf-8"): str(field.text, "utf-8") for field in message.text},
        metadata=_values.read_metadata(message.metadata),
        edges=[
            Edge(
                str(edge.label, "utf-8"),
                str(edge.target, "utf-8"),
                edge.weight if edge.HasField("weight") else 1.0,
                _values.read_metadata(edge.metadata),
            )
            for edge in message.edges
        ],
    )


def read_documents(message: Any) -> list[Document]:
    """Reads the documents of a reply that carries all their vectors in one field."""
    vectors = VectorReader(message, sum(document.has_vector for document in message.documents))
    return [
        read_contents(
            document, str(document.id, "utf-8"), vectors.next() if document.has_vector else None
        )
        for document in message.documents
    ]


def read_page(message: Any) -> Page:
    return Page(
        read_documents(message),
        bytes(message.next_cursor) if message.HasField("next_cursor") else None,
        bytes(message.edges_cursor) if message.HasField("edges_cursor") else None,
    )


def index_many(
    collection: object,
    documents: object,
    ids: object,
    vectors: object,
    texts: object,
    metadata: object,
    edges: object,
) -> tuple[Any, bytes]:
    """Encodes a batch of documents, of columns, or of both."""
    message = service_pb2.IndexManyRequest(collection=utf8(collection, "collection"))
    packed = Vectors()
    for row, document in enumerate(each(documents, Document, "documents")):
        try:
            write_document(message.documents.add(), document)
            if document.vector is not None:
                packed.append(document.vector, "vector")
        except Refusal as refusal:
            raise _of_row(refusal, row, document.id)
    _write_columns(message, packed, ids, vectors, texts, metadata)
    write_sourced_edges(message.edges, edges)
    return message, packed.encoded(lambda index: _location_of_vector(message, index))


def _write_columns(
    message: Any, packed: Vectors, ids: object, vectors: object, texts: object, metadata: object
) -> None:
    if isinstance(ids, str):
        # A column for a single document may be its bare value.
        ids = [ids]
        texts = [texts] if isinstance(texts, (str, Mapping)) else texts
        metadata = [metadata] if isinstance(metadata, Mapping) else metadata
        if vectors is not None:
            row = floats(vectors, "vectors")
            vectors = row.reshape(1, -1) if row.ndim == 1 else row
    names = items(ids, "ids")
    matrix = None if vectors is None else floats(vectors, "vectors")
    columns = {
        "texts": None if texts is None else items(texts, "texts"),
        "metadata": None if metadata is None else items(metadata, "metadata"),
    }
    for name, column in {"vectors": matrix, **columns}.items():
        count = None if column is None else len(column) if getattr(column, "ndim", 1) else 0
        if count is not None and count != len(names):
            raise Refusal(
                f"has {count} rows for {len(names)} ids",
                "Give ids, and every column one row per id.",
                "BAD_COLUMN",
            ).at(name)
    start = len(message.documents)
    for index, id in enumerate(names):
        text = columns["texts"][index] if columns["texts"] is not None else None
        values = columns["metadata"][index] if columns["metadata"] is not None else None
        written = message.documents.add()
        try:
            written.id = utf8(id, "id")
            _write_text(written, text)
            if not _values.is_missing(values):
                _write_metadata(written, values)
        except Refusal as refusal:
            raise _of_row(refusal, start + index, id)
        if matrix is not None:
            written.has_vector = True
    if matrix is not None and names:
        packed.extend(matrix, "vectors")


def _of_row(refusal: Refusal, row: int, id: object) -> Refusal:
    """Adds to a refusal the document that it concerns."""
    if isinstance(id, str):
        refusal.object = id
    return refusal.at(f"documents[{row}]")


def _location_of_vector(message: Any, index: int) -> tuple[str, str]:
    """The location and the id of the document that has the vector with this index."""
    having = [row for row, document in enumerate(message.documents) if document.has_vector]
    row = having[index]
    return f"documents[{row}].vector", str(message.documents[row].id, "utf-8")
