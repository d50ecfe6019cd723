# SPDX-License-Identifier: Apache-2.0
"""Arguments of callers: names and lists of them, values of numpy and pandas, and refused values."""

from __future__ import annotations

import datetime
import decimal
import enum
import math
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from lodestone import (
    HNSW,
    LSH,
    Client,
    Code,
    Collection,
    Document,
    Edge,
    Flat,
    Highlight,
    LodestoneError,
    MinMax,
    Query,
    SourcedEdge,
    Timestamp,
    Walk,
    field,
    matching,
    near,
)

UTC = datetime.timezone.utc
NOON = datetime.datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def collection(client: Client) -> Iterator[Collection]:
    client.create_collection("arguments", 2, metric="euclidean")
    yield client.collection("arguments")
    client.drop_collection("arguments")


def refusal(call: Any) -> LodestoneError:
    with pytest.raises(LodestoneError) as raised:
        call()
    assert raised.value.code is Code.INVALID_ARGUMENT
    return raised.value


# One string is one name


def test_a_single_string_is_accepted_where_names_are_listed(client: Client, collection: Collection) -> None:
    collection.index_many(
        ids=["moon", "m", "o", "n"],
        texts=["moon", "m", "o", "n"],
        edges=SourcedEdge("moon", Edge("near", "m")),
    )
    assert [one.id for one in collection.walk(Walk(start="moon")).reached] == ["m"]
    assert [one.id for one in collection.walk(Walk("moon", labels="near")).reached] == ["m"]
    assert [one.id for one in collection.edges("moon", labels="near", page_size=1)] == ["m"]
    hit = collection.search(Query(matching("moon"), highlight=Highlight(fields="text"))).hits[0]
    assert list(hit.highlights) == ["text"]
    assert collection.drop("moon").dropped == 1
    assert [one.id for one in collection.documents()] == ["m", "o", "n"]
    client.alter_collection("arguments", add_indexes="year")
    assert list(collection.describe().metadata_indexes) == [("year",)]
    client.alter_collection("arguments", drop_indexes="year")
    assert list(collection.describe().metadata_indexes) == []


def test_one_document_is_written_as_columns(collection: Collection) -> None:
    collection.index_many(ids="xyz", vectors=[1, 2], texts="a text", metadata={"n": 1})
    assert [one.id for one in collection.documents()] == ["xyz"]
    found = collection.get("xyz")
    assert found is not None and found.text == {"text": "a text"} and found.metadata == {"n": 1}


def test_ids_are_accepted_in_arrays_series_and_generators(collection: Collection) -> None:
    pandas = pytest.importorskip("pandas")
    ids = np.array(["x", "y"])
    assert collection.index_many(ids=ids, vectors=np.eye(2)).inserted == 2
    assert [one.id for one in collection.get(ids)] == ["x", "y"]
    assert [one.id for one in collection.get(pandas.Series(ids))] == ["x", "y"]
    assert [one.id for one in collection.get(id for id in ids)] == ["x", "y"]
    assert collection.get([]) == []
    assert collection.get(ids[:0]) == []
    assert collection.index_many(pandas.Series([Document("z")])).inserted == 1
    assert collection.drop(pandas.Index(["x", "z"])).dropped == 2


LISTS = [
    (lambda c: c.drop(b"moon"), "ids"),
    (lambda c: c.drop([b"moon"]), "ids[0]"),
    (lambda c: c.drop(["a", 5]), "ids[1]"),
    (lambda c: c.drop(5), "ids"),
    (lambda c: c.drop({"a": 1}), "ids"),
    (lambda c: c.get([1]), "ids[0]"),
    (lambda c: c.get(7), "ids"),
    (lambda c: c.get(["\ud800"]), "ids[0]"),
    (lambda c: c.walk(Walk(start=["a", None])), "walks[0].start[1]"),
    (lambda c: c.walk(Walk(start=b"a")), "walks[0].start"),
    (lambda c: c.walk(Walk("a", labels=[1])), "walks[0].labels[0]"),
    (lambda c: c.walk([Walk("a"), "b"]), "walks[1]"),
    (lambda c: c.list_edges(7), "id"),
    (lambda c: c.list_edges("a", direction="in"), "direction"),
    (lambda c: c.list_edges("a", labels=["to", None]), "labels[1]"),
    (lambda c: c.list_edges("a", limit="many"), "limit"),
    (lambda c: c.list_edges("a", cursor="x"), "cursor"),
    (lambda c: c.search("moon"), "queries"),
    (lambda c: c.search([Query(matching("a")), "moon"]), "queries[1]"),
    (lambda c: c.search(Query("moon")), "queries[0].sources"),
    (lambda c: c.search(Query([near([1, 0]), 5])), "queries[0].sources[1]"),
    (
        lambda c: c.search(Query(matching("a"), highlight=Highlight(fields=b"t"))),
        "queries[0].highlight.fields",
    ),
    (lambda c: c.search(Query(matching("a"), filter="n = 1")), "queries[0].filter"),
    (lambda c: c.search(Query(matching("a"), fusion="rrf")), "queries[0].fusion"),
    (lambda c: c.search(Query(matching("a"), fusion=MinMax)), "queries[0].fusion"),
    (lambda c: c.search(Query(matching(b"a"))), "queries[0].sources[0].query"),
    (lambda c: c.search(Query(matching("a"), limit=-1)), "queries[0].limit"),
    (lambda c: c.search(Query(matching("a"), limit=2**40)), "queries[0].limit"),
    (lambda c: c.search(Query(matching("a"), limit=10.5)), "queries[0].limit"),
    (lambda c: c.search(Query(matching("a"), limit=None)), "queries[0].limit"),
    (lambda c: c.search(Query(matching("a", candidates=-1))), "queries[0].sources[0].candidates"),
    (lambda c: c.search(Query(matching("a", weight="1"))), "queries[0].sources[0].weight"),
    (lambda c: c.search(Query(near([1, math.nan]))), "queries[0].sources[0].vector"),
    (lambda c: c.search(Query(near(np.eye(2)))), "queries[0].sources[0].vector"),
    (lambda c: c.search(Query(near("ab"))), "queries[0].sources[0].vector"),
    (lambda c: c.search(Query(matching("a"), include="text")), "queries[0].include"),
    (lambda c: c.search(Query(matching("a"), facets={"n": -1})), "queries[0].facets[0].limit"),
    (lambda c: c.count(facets=["n"]), "facets"),
    (lambda c: c.scan(limit=-1), "limit"),
    (lambda c: c.scan(cursor="abc"), "cursor"),
    (lambda c: c.scan(order_by=5), "order_by"),
    (lambda c: c.index_many("a"), "documents"),
    (lambda c: c.index_many([{"id": "a"}]), "documents[0]"),
    (lambda c: c.index_many(ids="ab", texts=["a", "b"]), "texts"),
    (lambda c: c.index_many(ids=["a", "b"], texts="ab"), "texts"),
    (lambda c: c.index_many(ids=["a", "b"], vectors=[1, 2]), "vectors"),
    (lambda c: c.index_many(ids=["a", "b"], vectors=[[1, 2], [1]]), "vectors"),
    (lambda c: c.index_many(ids=["a", "b"], vectors=[[1, 2], None]), "vectors"),
    (lambda c: c.index_many(ids=["a", "b"], vectors=[[1, 2], [1e300, 0]]), "documents[1].vector"),
    (lambda c: c.index_many([Document("a", [[1, 2], [3, 4]])]), "documents[0].vector"),
    (lambda c: c.index_many([Document("a", edges=[("to", "b")])]), "documents[0].edges[0]"),
    (lambda c: c.index_many([Document("a", edges=[Edge("to", 5)])]), "documents[0].edges[0].target"),
    (lambda c: c.index_many([Document("a", text=5)]), "documents[0].text"),
    (lambda c: c.index_many([Document("a", text={"t": b"x"})]), "documents[0].text.t"),
    (lambda c: c.index_many([Document("a", metadata=[1])]), "documents[0].metadata"),
    (lambda c: c.index_many([Document("a", metadata={5: 1})]), "documents[0].metadata[5]"),
    (lambda c: c.index_many([Document(5)]), "documents[0].id"),
    (lambda c: c.index_many(ids=[1, 2], texts=["a", "b"]), "documents[0].id"),
    (lambda c: c.index_many(ids=np.arange(2), texts=["a", "b"]), "documents[0].id"),
    (lambda c: c.index_many([Document("a")], request_id="abc"), "request_id"),
    (lambda c: c.index_many([Document("a")], deadline="1"), "deadline"),
    (lambda c: c._client.collection(5), "name"),
    (lambda c: c._client.create_collection("x", -1), "dimension"),
    (lambda c: c._client.create_collection("x", 2, vector_strategy="tree"), "vector_strategy"),
    (lambda c: c._client.create_collection("x", 2, vector_strategy=HNSW), "vector_strategy"),
    (lambda c: c._client.create_collection("x", 2, vector_strategy=HNSW(m=-1)), "vector_strategy.m"),
    (lambda c: c._client.create_collection("x", metadata_indexes=b"year"), "metadata_indexes"),
    (lambda c: c._client.create_collection("x", metadata_indexes=["a", ""]), "metadata_indexes[1]"),
    (lambda c: c._client.create_collection("x", metric=None), "metric"),
    (lambda c: field("a").is_in("abc"), "values"),
    (lambda c: field("a").is_in(b"abc"), "values"),
    (lambda c: field("a") == b"abc", "filter.a"),
    (lambda c: field("a", "b") > None, "filter.a.b"),
    (lambda c: field("a") == None, "filter.a"),  # noqa: E711
    (lambda c: field("a") == math.nan, "filter.a"),
    (lambda c: (field("a") == 1) & 5, "filters[1]"),
    (lambda c: Client("nowhere:port"), "address"),
    (lambda c: Client("127.0.0.1", token=5), "token"),
]


@pytest.mark.parametrize("row", range(len(LISTS)))
def test_an_argument_that_is_no_list_or_no_name_is_refused_with_its_field(
    collection: Collection, row: int
) -> None:
    call, field_name = LISTS[row]
    assert refusal(lambda: call(collection)).field == field_name
    assert collection.count().count == 0


def test_strategies_are_created_by_name(client: Client) -> None:
    for name, strategy in [("flat", Flat()), ("hnsw", HNSW()), ("lsh", LSH())]:
        client.create_collection("by-name", 2, vector_strategy=name)
        assert client.collection("by-name").describe().vector_strategy == strategy
        client.drop_collection("by-name")


# Values


class Color(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    LARGE = 3


REFUSED = [
    b"abc",
    bytearray(b"abc"),
    memoryview(b"abc"),
    np.bytes_(b"abc"),
    datetime.date(2024, 5, 1),
    datetime.time(12),
    datetime.datetime(2024, 5, 1),
    datetime.timedelta(seconds=1),
    np.timedelta64(5, "ns"),
    np.timedelta64(5, "D"),
    decimal.Decimal("1.5"),
    uuid.UUID(int=5),
    Color.RED,
    {1, 2},
    object(),
    1j,
    np.complex128(1j),
    math.nan,
    np.float32("nan"),
    2**63,
    -(2**63) - 1,
    np.uint64(2**63),
    np.datetime64(2**62, "s"),
    np.datetime64(10**6, "Y"),
    [1, None],
    [1, np.datetime64("NaT")],
    [b"abc"],
    {"inner": b"abc"},
    {5: 1},
    np.array(5, dtype=object),
    "half a pair \ud800",
]


@pytest.mark.parametrize("value", REFUSED, ids=repr)
def test_a_value_without_a_metadata_type_is_refused_with_field_row_and_id(
    collection: Collection, value: Any
) -> None:
    documents = [Document(f"d{row}") for row in range(60)]
    documents[57].metadata = {"good": 1, "author": {"name": value}}
    error = refusal(lambda: collection.index_many(documents))
    assert error.field is not None
    assert error.field.startswith("documents[57].metadata.author.name")
    assert error.object == "d57"
    assert "documents[57].metadata.author.name" in str(error) and "d57" in str(error)
    metadata = [{}] * 57 + [{"x": value}]
    error = refusal(lambda: collection.index_many(ids=[f"e{n}" for n in range(58)], metadata=metadata))
    assert error.field is not None and error.field.startswith("documents[57].metadata.x")
    assert error.object == "e57"
    edge = SourcedEdge("a", Edge("to", "b", metadata={"x": value}))
    error = refusal(lambda: collection.index_many(edges=[edge]))
    assert error.field is not None and error.field.startswith("edges[0].metadata.x")
    assert collection.count().count == 0


def test_values_that_contain_themselves_are_refused(collection: Collection) -> None:
    endless: list[Any] = []
    endless.append(endless)
    error = refusal(lambda: collection.index_many([Document("a", metadata={"x": endless})]))
    assert error.reason == "NESTING_TOO_DEEP"


def stored(collection: Collection, value: Any) -> Any:
    collection.index_many([Document("a", metadata={"x": value})])
    found = collection.get("a")
    assert found is not None
    return found.metadata.get("x", "nothing")


@pytest.mark.parametrize(
    "value, expected",
    [
        (np.bool_(True), True),
        (np.int8(-5), -5),
        (np.uint64(2**63 - 1), 2**63 - 1),
        (np.float16(0.5), 0.5),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.longdouble(0.5), 0.5),
        (np.inf, math.inf),
        (np.str_("text"), "text"),
        (Size.LARGE, 3),
        (np.array([1, 2]), [1, 2]),
        (np.array([[1.5], [2.5]]), [[1.5], [2.5]]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([1, "a"], dtype=object), [1, "a"]),
        (np.array([], dtype=np.int64), []),
        ((1, "a", True), [1, "a", True]),
        (range(3), [0, 1, 2]),
        ({"n": np.int64(1), "none": None}, {"n": 1}),
        (NOON, Timestamp.of(NOON)),
        (NOON.astimezone(datetime.timezone(datetime.timedelta(hours=5.5))), Timestamp.of(NOON)),
        (np.array(["2024-05-01T12"], dtype="datetime64[ns]"), [Timestamp.of(NOON)]),
        (None, "nothing"),
        (np.datetime64("NaT"), "nothing"),
        (np.datetime64("NaT", "ns"), "nothing"),
        (np.timedelta64("NaT"), "nothing"),
    ],
    ids=repr,
)
def test_numpy_scalars_and_arrays_are_stored_as_metadata_values(
    collection: Collection, value: Any, expected: Any
) -> None:
    found = stored(collection, value)
    assert found == expected
    assert type(found) is type(expected)


MIDNIGHT = datetime.datetime(2024, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "25s"])
@pytest.mark.parametrize("text", ["2024-05-01T00:00:00", "1969-07-20T20:17:40", "1492-10-12"])
def test_datetimes_of_every_numpy_unit_become_timestamps(collection: Collection, unit: str, text: str) -> None:
    if unit in ("ns", "ps") and text.startswith("1492"):
        text = "1970-01-02T00:00:00"  # 64 bits of them begin later
    value = np.datetime64(text).astype(f"datetime64[{unit}]")
    exact = value.astype("datetime64[us]").astype(object).replace(tzinfo=UTC)
    found = stored(collection, value)
    assert type(found) is Timestamp and found.to_datetime() == exact
    assert collection.count(field("x") == exact).count == 1
    assert collection.count(field("x") == value).count == 1
    assert collection.count(field("x") > exact).count == 0


def test_timestamps_beyond_the_range_of_datetime_round_trip(collection: Collection) -> None:
    days = 146_097 * 100 + int(np.datetime64("2024-05-01", "D").astype(int))
    for value in (np.datetime64("42024-05", "M"), np.datetime64(days, "D")):
        assert stored(collection, value) == Timestamp(days * 86_400_000_000)
    assert stored(collection, np.datetime64(-1, "ns")) == Timestamp(-1)


def test_pandas_values_are_stored_as_metadata(collection: Collection) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "seen": pandas.to_datetime(["2024-05-01T12:00:00", None]),
            "zoned": pandas.to_datetime(["2024-05-01T14:00:00+02:00", None]),
            "count": pandas.array([3, None], dtype="Int64"),
            "title": ["a", None],
            "flag": [True, False],
        }
    )
    frame["title"] = frame["title"].astype(object).where(frame["title"].notna(), None)
    collection.index_many(ids=["a", "b"], metadata=frame.to_dict("records"))
    first, second = collection.get(["a", "b"])
    noon = Timestamp.of(NOON)
    assert first.metadata == {"seen": noon, "zoned": noon, "count": 3, "title": "a", "flag": True}
    assert second.metadata == {"flag": False}
    assert collection.count(field("seen") >= MIDNIGHT).count == 1
    assert collection.count(field("seen") == frame["seen"][0]).count == 1
    assert collection.count(field("seen").is_in(frame["seen"][:1])).count == 1
    assert stored(collection, pandas.Series([1, 2])) == [1, 2]
    assert stored(collection, pandas.NA) == "nothing"
    refusal(lambda: stored(collection, pandas.Timedelta(seconds=1)))


def test_missing_texts_are_left_out(collection: Collection) -> None:
    collection.index_many(
        [Document("a", text=None), Document("b", text={"title": None, "body": "fox"})]
    )
    collection.index_many(ids=["c", "d"], texts=[None, "fox"], metadata=[None, {"n": 1}])
    collection.index_many(ids=["e"], texts=[math.nan])  # as pandas has it in a column of texts
    texts = [one.text for one in collection.get(["a", "b", "c", "d", "e"])]
    assert texts == [{}, {"body": "fox"}, {}, {"text": "fox"}, {}]


# Paths


def test_a_field_path_means_the_same_as_on_the_command_line(client: Client) -> None:
    client.create_collection("paths", metadata_indexes=["author.name", '"x.y"', ("p.q", "r")])
    paths = client.collection("paths")
    paths.index_many(
        [
            Document("a", metadata={"author": {"name": "Ada"}, "x.y": 1, "p.q": {"r": 2}}),
            Document("b", metadata={"author.name": "Ada", "x": {"y": 1}, "my field": {'a"b': 3}}),
        ]
    )

    def ids(filter: Any) -> list[str]:
        return [one.id for one in paths.documents(filter=filter)]

    assert ids(field("author.name") == "Ada") == ["a"]
    assert ids(field("author", "name") == "Ada") == ["a"]
    assert ids(field('"author.name"') == "Ada") == ["b"]
    assert ids(field(["author.name"]) == "Ada") == ["b"]
    assert ids(field('"x.y"') == 1) == ["a"]
    assert ids(field("x.y") == 1) == ["b"]
    assert ids(field('"p.q".r') == 2) == ["a"]
    assert ids(field("p.q", "r") == 2) == ["a"]
    assert ids(field('my field."a""b"') == 3) == ["b"]
    assert list(paths.describe().metadata_indexes) == [("author", "name"), ("x.y",), ("p.q", "r")]
    page = paths.scan(order_by='"x.y"')
    assert [one.id for one in page.documents] == ["a", "b"]
    counted = paths.count(facets={"author.name": 5, '"author.name"': 5, ("x", "y"): 5})
    assert [facet.path for facet in counted.facets] == [
        ("author", "name"),
        ("author.name",),
        ("x", "y"),
    ]
    assert [facet.distinct_values for facet in counted.facets] == [1, 1, 1]
    client.drop_collection("paths")


@pytest.mark.parametrize("path", ["", ".", "a..b", "a.", ".a", '"a', '"a"b', '""', 5, None, []])
def test_a_malformed_field_path_is_refused(path: Any) -> None:
    assert refusal(lambda: field(path)).field == "field"
