# SPDX-License-Identifier: Apache-2.0
"""Collections with their options and state, and what a write answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lodestone._codec.names import Names, read_path, write_path
from lodestone._proto import collection_pb2
from lodestone.types import (
    HNSW,
    LSH,
    TEXT_LANGUAGES,
    CollectionDescription,
    Flat,
    IndexStatus,
    Strategy,
    TextOptions,
    WriteReceipt,
)

_METRICS = Names("metric", "cosine", "euclidean", "dot_product")
_TEXT_STRATEGIES = Names("text_strategy", "fts5", "postings")
_TEXT_LANGUAGES = Names("language", *TEXT_LANGUAGES)
_QUANTIZATIONS = Names("quantization", "int8", "none", "int4")
_INDEX_STATES = Names("state", "ready", "building", "scanning")
_DURABILITIES = Names("durability", "full", "relaxed")


def collection_options(
    dimension: int,
    metric: str,
    vector_strategy: Strategy,
    text_strategy: str,
    text: TextOptions,
    metadata_indexes: Iterable[str | Sequence[str]] = (),
) -> Any:
    options = collection_pb2.CollectionOptions(dimension=dimension)
    options.metric = _METRICS.value(metric)
    options.text_strategy = _TEXT_STRATEGIES.value(text_strategy)
    write_strategy(options.vector_strategy, vector_strategy)
    if text != TextOptions():
        _write_text_options(options.text, text)
    for path in metadata_indexes:
        write_path(options.metadata_indexes.add().path, path)
    return options


def _write_text_options(message: Any, text: TextOptions) -> None:
    for name, weight in text.fields.items():
        field = message.fields.add()
        field.name = name.encode()
        field.weight = weight
    if text.k1 is not None:
        message.k1 = text.k1
    message.b = text.b
    message.exact_weight = text.exact_weight
    message.language = _TEXT_LANGUAGES.value(text.language)
    message.keeps_stop_words = text.keeps_stop_words


def _read_text_options(message: Any) -> TextOptions:
    default = TextOptions()
    return TextOptions(
        {
            str(field.name, "utf-8"): field.weight if field.HasField("weight") else 1.0
            for field in message.fields
        },
        message.k1 if message.HasField("k1") else None,
        message.b if message.HasField("b") else default.b,
        message.exact_weight if message.HasField("exact_weight") else default.exact_weight,
        _TEXT_LANGUAGES.name(message.language),
        message.keeps_stop_words,
    )


def write_strategy(message: Any, strategy: Strategy) -> None:
    if isinstance(strategy, LSH):
        message.lsh.tables = strategy.tables
        message.lsh.hyperplanes = strategy.hyperplanes
        message.lsh.probes = strategy.probes
    elif isinstance(strategy, HNSW):
        message.hnsw.inline_indexing = strategy.inline
        message.hnsw.m = strategy.m
        message.hnsw.ef_construction = strategy.ef_construction
        message.hnsw.ef_search = strategy.ef_search
        message.hnsw.quantization = _QUANTIZATIONS.value(strategy.quantization)
    else:
        message.flat.SetInParent()


def _read_strategy(message: Any) -> Strategy:
    if message.HasField("lsh"):
        lsh = message.lsh
        return LSH(lsh.tables, lsh.hyperplanes, lsh.probes)
    if message.HasField("hnsw"):
        hnsw = message.hnsw
        return HNSW(
            hnsw.inline_indexing,
            hnsw.m,
            hnsw.ef_construction,
            hnsw.ef_search,
            _QUANTIZATIONS.name(hnsw.quantization),
        )
    return Flat()


def _read_index_status(message: Any) -> IndexStatus:
    return IndexStatus(
        _read_strategy(message.strategy),
        _INDEX_STATES.name(message.state),
        message.indexed_vectors,
        message.scanned_vectors,
        message.progress,
        message.bytes,
        message.unreachable_nodes,
        message.self_recall if message.HasField("self_recall") else None,
        str(message.message, "utf-8"),
    )


def read_description(message: Any) -> CollectionDescription:
    options = message.options
    return CollectionDescription(
        str(message.name, "utf-8"),
        options.dimension,
        _METRICS.name(options.metric),
        _read_strategy(options.vector_strategy),
        _TEXT_STRATEGIES.name(options.text_strategy),
        message.documents,
        message.vectors,
        message.edges,
        message.sequence_number,
        message.changes_since_base,
        message.base_bytes,
        _read_index_status(message.index) if message.HasField("index") else None,
        _read_text_options(options.text),
        [read_path(index.path) for index in options.metadata_indexes],
        [read_path(index.path) for index in message.building_indexes],
    )


def read_receipt(message: Any) -> WriteReceipt:
    return WriteReceipt(
        message.sequence_number,
        _DURABILITIES.name(message.durability),
        message.inserted,
        message.replaced,
        message.dropped,
        message.repeated_request,
    )
