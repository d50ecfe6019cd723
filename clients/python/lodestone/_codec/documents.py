# SPDX-License-Identifier: Apache-2.0
"""Documents with their edges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from lodestone import _values
from lodestone._codec.vectors import VectorReader, Vectors, floats
from lodestone._proto import service_pb2
from lodestone.errors import invalid
from lodestone.types import Document, Edge, Page, SourcedEdge, Vector


def write_edge(message: Any, edge: Edge) -> None:
    message.label = edge.label.encode()
    message.target = edge.target.encode()
    if edge.weight != 1:
        message.weight = edge.weight
    if edge.metadata:
        _values.write_metadata(message.metadata, edge.metadata)


def write_sourced_edges(messages: Any, edges: Iterable[SourcedEdge]) -> None:
    for edge in edges:
        message = messages.add()
        message.source = edge.source.encode()
        write_edge(message.edge, edge.edge)


def write_document(message: Any, document: Document) -> None:
    """Writes all but the vector."""
    message.id = document.id.encode()
    text = document.text
    fields: Mapping[str, str] = {"text": text} if isinstance(text, str) else text
    for name, value in fields.items():
        message.text.add(name=name.encode(), text=value.encode())
    if document.metadata:
        _values.write_metadata(message.metadata, document.metadata)
    for edge in document.edges:
        write_edge(message.edges.add(), edge)
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
    """The documents of a reply that carries their vectors together."""
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
    )


def index_many(
    collection: str,
    documents: Sequence[Document],
    ids: Sequence[str] | None,
    vectors: npt.ArrayLike | None,
    texts: Sequence[Mapping[str, str] | str | None] | None,
    metadata: Sequence[Mapping[str, Any] | None] | None,
    edges: Iterable[SourcedEdge],
) -> tuple[Any, bytes]:
    """A batch of documents, of columns, or of both."""
    message = service_pb2.IndexManyRequest(collection=collection.encode())
    packed = Vectors()
    for document in documents:
        write_document(message.documents.add(), document)
        if document.vector is not None:
            packed.append(document.vector)
    matrix = None if vectors is None else floats(vectors)
    for name, column in {"vectors": matrix, "texts": texts, "metadata": metadata}.items():
        if column is not None and len(column) != len(ids or ()):
            raise invalid(
                "BAD_COLUMN",
                f"{name} has {len(column)} rows for {len(ids or ())} ids.",
                "Give ids, and every column one row an id.",
                name,
            )
    for row, id in enumerate(ids or ()):
        text = texts[row] if texts is not None else None
        values = metadata[row] if metadata is not None else None
        written = message.documents.add()
        write_document(written, Document(id, text=text or {}, metadata=values or {}))
        written.has_vector = matrix is not None
    if matrix is not None and ids:
        packed.append(matrix)
    write_sourced_edges(message.edges, edges)
    return message, packed.encoded()
