# SPDX-License-Identifier: Apache-2.0
"""Runs Tests/Conformance/cases.json; its README has the format."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lodestone import (
    HNSW,
    LSH,
    Client,
    Code,
    Best,
    Deviation,
    Document,
    Edge,
    Filter,
    Flat,
    Fuzzy,
    Highlight,
    Include,
    LodestoneError,
    MinMax,
    Query,
    ReciprocalRank,
    Source,
    SourcedEdge,
    TextOptions,
    Timestamp,
    Walk,
    all_of,
    any_of,
    ids_in,
    field,
    matching,
    near,
    walked,
    walked_from_hits,
)
from lodestone._proto import service_pb2

CASES = json.loads(
    (Path(__file__).parents[3] / "Tests/Conformance/cases.json").read_text(encoding="utf-8")
)


# The values of a case as types of the client


def value(json: Any) -> Any:
    if isinstance(json, list):
        return [value(element) for element in json]
    if isinstance(json, dict):
        ((kind, inner),) = json.items()
        if kind == "object":
            return metadata(inner)
        return {"double": float, "timestamp": Timestamp}[kind](inner)
    return json


def metadata(json: Any) -> dict[str, Any]:
    return {name: value(inner) for name, inner in dict(json).items()}


def vector(json: Any) -> Any:
    return np.array([float(element) for element in json], dtype=np.float32)


def edge(json: Any) -> Edge:
    return Edge(
        json["label"], json["target"], json.get("weight", 1), metadata(json.get("metadata", {}))
    )


def sourced_edges(args: Any) -> list[SourcedEdge]:
    return [SourcedEdge(json["source"], edge(json)) for json in args.get("edges", [])]


def document(json: Any) -> Document:
    return Document(
        json["id"],
        vector(json["vector"]) if "vector" in json else None,
        dict(json.get("text", {})),
        metadata(json.get("metadata", {})),
        [edge(inner) for inner in json.get("edges", [])],
    )


def filter(json: Any) -> Filter:
    ((kind, inner),) = json.items()
    if kind in ("and", "or"):
        return (all_of if kind == "and" else any_of)(*(filter(part) for part in inner))
    if kind == "not":
        return ~filter(inner)
    if kind == "ids":
        return ids_in(inner)
    tested, operand = field(*inner[0]), inner[1]
    if kind == "equal":
        return tested == value(operand)
    if kind == "one_of":
        return tested.is_in([value(element) for element in operand])
    if kind == "contains":
        return tested.contains(value(operand))
    if kind == "exists":
        return tested.exists(operand)
    bounds = {side: value(operand[side]) for side in ("lower", "upper") if side in operand}
    flags = {name: flag for name, flag in operand.items() if name.endswith("_exclusive")}
    return tested.between(**bounds, **flags)


def walk(json: Any) -> Walk:
    return Walk(
        json.get("from", []),
        json.get("labels", []),
        json.get("direction", "outgoing"),
        json.get("depth", 1),
        json.get("nodes", 10_000),
        json.get("edges", 1_000_000),
    )


def fuzzy(json: Any) -> Fuzzy | None:
    if "fuzzy" not in json:
        return None
    return Fuzzy(json["fuzzy"], json.get("prefix_length", 0), json.get("max_expansions", 50))


def source(json: Any) -> Source:
    say = {"weight": json.get("weight"), "candidates": json.get("candidates")}
    if "vector" in json:
        return near(
            vector(json["vector"]),
            exact=json.get("exact", False),
            ef_search=json.get("ef_search"),
            **say,
        )
    if "text" in json:
        return matching(
            json["text"],
            syntax=json.get("mode") == "query_syntax",
            fuzzy=fuzzy(json),
            **say,
        )
    start = walked_from_hits if json.get("from_hits") else walked
    return start(walk(json["walk"]), **say)


def include(names: list[str]) -> Include:
    included = Include.NOTHING
    for name in names:
        included |= Include[name.upper()]
    return included


def query(json: Any) -> Query:
    fusion: Any = Best()
    if "reciprocal_rank" in json.get("fusion", {}):
        fusion = ReciprocalRank(json["fusion"]["reciprocal_rank"])
    elif "fusion" in json:
        named = {"best": Best(), "min_max": MinMax(), "deviation": Deviation()}
        fusion = named[json["fusion"]["weighted_scores"]]
    return Query(
        [source(inner) for inner in json["sources"]],
        filter(json["filter"]) if "filter" in json else None,
        fusion,
        json.get("limit", 10),
        include(json.get("include", [])),
        Highlight(**json["highlight"]) if "highlight" in json else None,
        facets(json),
    )


def facets(json: Any) -> Any:
    return {tuple(one["path"]): one.get("limit", 10) for one in json.get("facets", [])}


def strategy(json: Any) -> Any:
    ((kind, options),) = json.items()
    return {"flat": Flat, "lsh": LSH, "hnsw": HNSW}[kind](**options)


# The result against the expected one


def check_number(actual: float, expected: float) -> None:
    assert actual == pytest.approx(expected, rel=1e-5, abs=1e-5)


def check_value(actual: Any, expected: Any) -> None:
    assert type(actual) is type(expected)
    if isinstance(expected, list):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected):
            check_value(one, other)
    elif isinstance(expected, dict):
        assert actual.keys() == expected.keys()
        for name, inner in expected.items():
            check_value(actual[name], inner)
    else:
        assert actual == expected


def check_edges(actual: Any, expected: Any) -> None:
    assert [(edge.label, edge.target) for edge in actual] == [
        (json["label"], json["target"]) for json in expected
    ]
    for one, json in zip(actual, expected):
        if "weight" in json:
            check_number(one.weight, json["weight"])
        if "metadata" in json:
            check_value(one.metadata, metadata(json["metadata"]))


def check_document(actual: Document, expected: Any) -> None:
    assert actual.id == expected["id"]
    if "vector" in expected:
        if expected["vector"] is None:
            assert actual.vector is None
        else:
            assert isinstance(actual.vector, np.ndarray) and actual.vector.dtype == np.float32
            np.testing.assert_allclose(actual.vector, vector(expected["vector"]), 1e-5, 1e-5)
    if "text" in expected:
        assert actual.text == dict(expected["text"])
    if "metadata" in expected:
        check_value(actual.metadata, metadata(expected["metadata"]))
    if "edges" in expected:
        check_edges(actual.edges, expected["edges"])


def check_documents(actual: Any, expected: Any) -> None:
    assert [document.id for document in actual] == [json["id"] for json in expected]
    for document, json in zip(actual, expected):
        check_document(document, json)


def check_facets(actual: Any, expected: Any) -> None:
    assert len(actual) == len(expected)
    for facet, wanted in zip(actual, expected):
        assert facet.distinct_values == wanted["distinct_values"]
        assert [[one.value, one.count] for one in facet.values] == [
            [value(json), count] for json, count in wanted["values"]
        ]


def check_result(actual: Any, expected: Any) -> None:
    if "any_order" in expected:
        assert sorted(actual.ids) == sorted(expected["any_order"])
    if "hits" in expected:
        assert actual.ids == [json["id"] for json in expected["hits"]]
        for hit, json in zip(actual.hits, expected["hits"]):
            if "score" in json:
                check_number(hit.score, json["score"])
            if "document" in json:
                if json["document"] is None:
                    assert hit.document is None
                else:
                    check_document(hit.document, json["document"])
            if "source_scores" in json:
                assert len(hit.source_scores) == len(json["source_scores"])
                for said, one in zip(hit.source_scores, json["source_scores"]):
                    assert (said.source, said.rank) == (one["source"], one.get("rank"))
                    if "score" in one:
                        check_number(said.score, one["score"])
    if "facets" in expected:
        check_facets(actual.facets, expected["facets"])
    if "highlights" in expected:
        shown = [
            {
                name: [
                    {"text": one.text, "matches": [list(match) for match in one.matches]}
                    for one in fragments
                ]
                for name, fragments in hit.highlights.items()
            }
            for hit in actual.hits
        ]
        assert shown == expected["highlights"]
    if "text_explanations" in expected:
        assert [dataclasses.asdict(one) for one in actual.text_explanations] == [
            {"left_out": []} | one for one in expected["text_explanations"]
        ]
    if "explanations" in expected:
        assert [dataclasses.asdict(one) for one in actual.explanations] == expected["explanations"]
    if "filter" in expected:
        check_filter(actual.filter, expected["filter"])
    if expected.get("falling"):
        assert all(one > other for one, other in itertools.pairwise(actual.scores))
    if "partial" in expected:
        assert actual.partial == expected["partial"]


def check_filter(actual: Any, expected: Any) -> None:
    assert {name: getattr(actual, name) for name in expected} == expected


def check_walk(actual: Any, expected: Any) -> None:
    if "reached" in expected:
        reached = sorted(actual.reached, key=lambda one: (one.depth, one.id))
        wanted = sorted(expected["reached"], key=lambda json: (json["depth"], json["id"]))
        assert [(one.id, one.depth) for one in reached] == [
            (json["id"], json["depth"]) for json in wanted
        ]
        for one, json in zip(reached, wanted):
            names = {"from": "source", "label": "label", "incoming": "incoming"}
            for name in names.keys() & json.keys():
                assert getattr(one, names[name]) == json[name]
            if "weight" in json:
                check_number(one.weight, json["weight"])
        depths = [one.depth for one in actual.reached]
        assert depths == sorted(depths)
    if "count" in expected:
        assert len(actual.reached) == expected["count"]
    if "ended_by" in expected:
        assert actual.ended_by == expected["ended_by"]
    if "edges_followed" in expected:
        assert actual.edges_followed == expected["edges_followed"]


def check_error(actual: LodestoneError, expected: Any) -> None:
    found = {
        "code": actual.code.name,
        "reason": actual.reason,
        "field": actual.field,
        "object": actual.object,
        "outcome": actual.outcome.name,
    }
    assert {name: found[name] for name in expected} == expected, str(actual)
    assert actual.message and actual.recovery


class Runner:
    """Runs the steps of one case, under names that no other case uses."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.prefix = f"conformance-{secrets.token_hex(6)}-"
        self.request_ids: dict[str, bytes] = {}
        self.cursors: dict[str, bytes] = {}

    def run(self, step: Any) -> None:
        expected = step["expect"]
        try:
            reply = self.send(step["call"], step.get("args", {}))
        except LodestoneError as error:
            if "error" not in expected:
                raise
            check_error(error, expected["error"])
            return
        assert "error" not in expected, f"the reply is {reply!r}"
        if "save_cursor" in step:
            self.cursors[step["save_cursor"]] = reply.next_cursor
        if "save_edges_cursor" in step:
            self.cursors[step["save_edges_cursor"]] = reply.edges_cursor
        ((kind, wanted),) = expected.items()
        getattr(self, f"check_{kind}")(reply, wanted)

    def send(self, call: str, args: Any) -> Any:
        name = self.prefix + args.get("collection", "")
        collection = self.client.collection(name)
        write: dict[str, Any] = {}
        if label := args.get("request_id"):
            write["request_id"] = self.request_ids.setdefault(label, os.urandom(16))
        match call:
            case "ping" | "stats" | "collections":
                return getattr(self.client, call)()
            case "create_collection":
                kept = {key: args[key] for key in ("dimension", "metric", "text_strategy") if key in args}
                if "vector_strategy" in args:
                    kept["vector_strategy"] = strategy(args["vector_strategy"])
                if "language" in args:
                    kept["text"] = TextOptions(language=args["language"])
                if "metadata_indexes" in args:
                    kept["metadata_indexes"] = args["metadata_indexes"]
                return self.client.create_collection(name, **kept, **write)
            case "alter_collection":
                wanted = strategy(args["vector_strategy"]) if "vector_strategy" in args else None
                kept = {key: args[key] for key in ("add_indexes", "drop_indexes") if key in args}
                return self.client.alter_collection(name, wanted, **kept, **write)
            case "build_index":
                return collection.build_index()
            case "drop_collection":
                return self.client.drop_collection(name, **write)
            case "describe":
                return collection.describe()
            case "compact":
                return collection.compact()
            case "index_many":
                documents = [document(json) for json in args["documents"]]
                return collection.index_many(documents, edges=sourced_edges(args), **write)
            case "drop":
                if "filter" in args:
                    write["filter"] = filter(args["filter"])
                return collection.drop(args.get("ids", []), edges=sourced_edges(args), **write)
            case "get":
                if not args["ids"]:
                    # The client does this by itself; the case is about the server.
                    request = service_pb2.GetRequest(collection=collection.name.encode())
                    return self.client._read("get", request)
                return collection.get(args["ids"], **self.included(args))
            case "scan":
                numbers = {key: args[key] for key in ("limit", "max_edges") if key in args}
                kept = self.included(args) | numbers
                if "filter" in args:
                    kept["filter"] = filter(args["filter"])
                if "order" in args:
                    kept["order_by"] = args["order"]["path"]
                    kept["descending"] = args["order"].get("descending", False)
                if "cursor" in args:
                    kept["cursor"] = self.cursors[args["cursor"]]
                return collection.scan(**kept)
            case "list_edges":
                kept = {key: args[key] for key in ("direction", "labels", "limit") if key in args}
                if "cursor" in args:
                    kept["cursor"] = self.cursors[args["cursor"]]
                return collection.list_edges(args["id"], **kept)
            case "count":
                wanted = filter(args["filter"]) if "filter" in args else None
                return collection.count(wanted, facets=facets(args))
            case "search":
                return collection.search([query(json) for json in args["queries"]])
            case "walk":
                return collection.walk([walk(json) for json in args["walks"]])
        raise AssertionError(f"no call {call}")

    def included(self, args: Any) -> dict[str, Any]:
        return {"include": include(args["include"])} if "include" in args else {}

    def clean_up(self) -> None:
        try:
            for collection in self.client.collections():
                if collection.name.startswith(self.prefix):
                    self.client.drop_collection(collection.name)
        except LodestoneError as error:
            # The server has ended: the test has said so, and there is nothing left to drop.
            if error.code is not Code.UNAVAILABLE:
                raise

    def check_pong(self, reply: Any, wanted: Any) -> None:
        assert reply >= 0

    def check_done(self, reply: Any, wanted: Any) -> None:
        assert reply > 0

    def check_stats(self, reply: Any, wanted: Any) -> None:
        assert reply.server_version and reply.statistics

    def check_receipt(self, reply: Any, wanted: Any) -> None:
        assert {name: getattr(reply, name) for name in wanted} == wanted
        assert reply.sequence_number > 0

    def check_collections(self, reply: Any, wanted: Any) -> None:
        names = [one.name for one in reply if one.name.startswith(self.prefix)]
        assert sorted(name.removeprefix(self.prefix) for name in names) == sorted(wanted)

    def check_collection(self, reply: Any, wanted: Any) -> None:
        plain = {name: wanted[name] for name in wanted.keys() - {"vector_strategy", "index"}}
        for name in plain.keys() & {"metadata_indexes", "building_indexes"}:
            plain[name] = [tuple(path) for path in plain[name]]
        assert {name: getattr(reply, name) for name in plain} == plain
        if "vector_strategy" in wanted:
            assert reply.vector_strategy == strategy(wanted["vector_strategy"])
            assert reply.index.strategy == reply.vector_strategy
        index = wanted.get("index", {})
        assert {name: getattr(reply.index, name) for name in index} == index

    def check_documents(self, reply: Any, wanted: Any) -> None:
        check_documents(reply, wanted)

    def check_page(self, reply: Any, wanted: Any) -> None:
        check_documents(reply.documents, wanted["documents"])
        assert (reply.next_cursor is not None) == wanted["more"]
        assert (reply.edges_cursor is not None) == wanted.get("lacks_edges", False)

    def check_edges(self, reply: Any, wanted: Any) -> None:
        assert (reply.next_cursor is not None) == wanted["more"]
        if "count" in wanted:
            assert len(reply.edges) == wanted["count"]
        if "edges" not in wanted:
            return
        edges, expected = list(reply.edges), wanted["edges"]
        if wanted.get("any_order"):
            edges.sort(key=lambda edge: (edge.label, edge.id))
            expected = sorted(expected, key=lambda json: (json["label"], json["id"]))
        assert [(edge.label, edge.id) for edge in edges] == [
            (json["label"], json["id"]) for json in expected
        ]
        for edge, json in zip(edges, expected):
            if "weight" in json:
                check_number(edge.weight, json["weight"])
            if "metadata" in json:
                assert edge.metadata == metadata(json["metadata"])

    def check_count(self, reply: Any, wanted: Any) -> None:
        if "count" in wanted:
            assert reply.count == wanted["count"]
        if "filter" in wanted:
            check_filter(reply.filter, wanted["filter"])
        if "facets" in wanted:
            check_facets(reply.facets, wanted["facets"])

    def check_results(self, reply: Any, wanted: Any) -> None:
        assert len(reply.results) == len(wanted)
        for position, (result, expected) in enumerate(zip(reply.results, wanted)):
            try:
                check_result(result, expected)
            except AssertionError as error:
                raise AssertionError(f"results[{position}]: {error}\n{result}") from error

    def check_walks(self, reply: Any, wanted: Any) -> None:
        assert len(reply.results) == len(wanted)
        for position, (result, expected) in enumerate(zip(reply.results, wanted)):
            try:
                check_walk(result, expected)
            except AssertionError as error:
                raise AssertionError(f"walks[{position}]: {error}\n{result}") from error


@pytest.fixture
def runner(client: Client) -> Iterator[Runner]:
    runner = Runner(client)
    yield runner
    runner.clean_up()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_conformance(case: Any, runner: Runner) -> None:
    for position, step in enumerate(case["steps"]):
        try:
            runner.run(step)
        except Exception as error:
            raise AssertionError(f"step {position}, {step['call']}: {error}") from error
