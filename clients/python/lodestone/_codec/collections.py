# SPDX-License-Identifier: Apache-2.0
"""Collections with their options and state, and receipts of writes."""

from __future__ import annotations

from typing import Any

from lodestone._arguments import Encoding, Refusal, real, refuse, shown, utf8, whole
from lodestone._codec.names import Names, read_path, write_paths
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
_STRATEGIES: dict[str, Strategy] = {"flat": Flat(), "hnsw": HNSW(), "lsh": LSH()}


def collection_options(
    dimension: int,
    metric: str,
    vector_strategy: Strategy | str,
    text_strategy: str,
    text: TextOptions,
    metadata_indexes: object = (),
) -> Any:
    with Encoding():
        options = collection_pb2.CollectionOptions(dimension=whole(dimension, "dimension"))
        options.metric = _METRICS.value(metric)
        options.text_strategy = _TEXT_STRATEGIES.value(text_strategy)
        write_strategy(options.vector_strategy, vector_strategy)
        if not isinstance(text, TextOptions):
            refuse(text, "TextOptions", "Give TextOptions(...).", "text")
        if text != TextOptions():
            try:
                _write_text_options(options.text, text)
            except Refusal as refusal:
                raise refusal.at("text")
        write_paths(options.metadata_indexes, metadata_indexes, "metadata_indexes")
        return options


def _write_text_options(message: Any, text: TextOptions) -> None:
    for name, weight in text.fields.items():
        field = message.fields.add()
        field.name = utf8(name, "fields")
        field.weight = real(weight, f"fields.{name}")
    if text.k1 is not None:
        message.k1 = real(text.k1, "k1")
    message.b = real(text.b, "b")
    message.exact_weight = real(text.exact_weight, "exact_weight")
    message.language = _TEXT_LANGUAGES.value(text.language)
    message.keeps_stop_words = bool(text.keeps_stop_words)


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
        _TEXT_LANGUAGES.read(message, "language"),
        message.keeps_stop_words,
    )


def write_strategy(message: Any, strategy: Strategy | str) -> None:
    try:
        _write_strategy(message, strategy)
    except Refusal as refusal:
        raise refusal.at("vector_strategy")


def _write_strategy(message: Any, strategy: object) -> None:
    if isinstance(strategy, str) and strategy in _STRATEGIES:
        strategy = _STRATEGIES[strategy]
    if isinstance(strategy, LSH):
        message.lsh.tables = whole(strategy.tables, "tables")
        message.lsh.hyperplanes = whole(strategy.hyperplanes, "hyperplanes")
        message.lsh.probes = whole(strategy.probes, "probes")
    elif isinstance(strategy, HNSW):
        message.hnsw.inline_indexing = bool(strategy.inline)
        message.hnsw.m = whole(strategy.m, "m")
        message.hnsw.ef_construction = whole(strategy.ef_construction, "ef_construction")
        message.hnsw.ef_search = whole(strategy.ef_search, "ef_search")
        message.hnsw.quantization = _QUANTIZATIONS.value(strategy.quantization)
    elif isinstance(strategy, Flat):
        message.flat.SetInParent()
    else:
        raise Refusal(
            f"is {shown(strategy)}",
            f"Use Flat(), HNSW(...) or LSH(...), or one of {', '.join(_STRATEGIES)}.",
            "UNKNOWN_ENUM",
        )


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
            _QUANTIZATIONS.read(hnsw, "quantization"),
        )
    return Flat()


def _read_index_status(message: Any) -> IndexStatus:
    return IndexStatus(
        _read_strategy(message.strategy),
        _INDEX_STATES.read(message, "state"),
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
        _METRICS.read(options, "metric"),
        _read_strategy(options.vector_strategy),
        _TEXT_STRATEGIES.read(options, "text_strategy"),
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
        message.number,
    )


def read_receipt(message: Any) -> WriteReceipt:
    return WriteReceipt(
        message.sequence_number,
        _DURABILITIES.read(message, "durability"),
        message.inserted,
        message.replaced,
        message.dropped,
        message.repeated_request,
    )
