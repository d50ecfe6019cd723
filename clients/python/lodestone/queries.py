# SPDX-License-Identifier: Apache-2.0
"""Queries: sources of hits, their fusion, and walks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Union

from lodestone.filters import Filter
from lodestone.types import Include, Vector


@dataclass(frozen=True)
class NearVector:
    """Documents whose vectors are near; ``exact`` compares with all of them."""

    vector: Vector | Sequence[float]
    exact: bool = False
    ef_search: int | None = None


@dataclass(frozen=True)
class Fuzzy:
    """The permitted distance between a word of the query and the words that match it.

    An edit inserts, deletes or replaces a letter or swaps two neighbors.
    """

    #: The most edits, 0 to 2; "auto": none for words of up to 2 letters, one for up to 5, else two.
    distance: int | Literal["auto"] = "auto"
    #: The number of first letters that must be the same.
    prefix_length: int = 0
    #: The most stems that match a word in addition to its own, 1 to 1,000.
    max_expansions: int = 50


@dataclass(frozen=True)
class MatchText:
    """Documents whose text matches: any of the words, or ``syntax``.

    Syntax: words, "phrases", prefix*, *substring*, p*n, typo~, typo~1, field:word, AND, OR, NOT and
    parentheses.
    """

    query: str
    syntax: bool = False
    #: A distance, or a Fuzzy with more options; None: words match exactly.
    fuzzy: Fuzzy | int | Literal["auto"] | None = None


@dataclass(frozen=True)
class Walk:
    """A breadth-first walk over edges; missing starts are ignored.

    ``direction`` is ``outgoing``, ``incoming`` or ``both``; without labels, every label counts.
    """

    start: str | Sequence[str] = ()
    labels: str | Sequence[str] = ()
    direction: str = "outgoing"
    depth: int = 1
    max_nodes: int = 10_000
    max_edges: int = 1_000_000
    #: The most seconds; None: the deadline of the call.
    max_time: float | None = None


@dataclass(frozen=True)
class WalkFrom:
    """Documents reached by a walk: from its start, or from the hits of the other sources."""

    walk: Walk
    from_hits: bool = False


@dataclass(frozen=True)
class Source:
    """One source of hits, with its weight in the fusion."""

    kind: Union[NearVector, MatchText, WalkFrom]
    #: The weight; None: 1 by reciprocal rank. By scores None is 0.6 for a text and 0.4 for others,
    #: or 0.8 and 0.2 where text fields have weights.
    weight: float | None = None
    #: The number of best hits that enter the fusion; None: 100. Further hits of a larger limit
    #: follow.
    candidates: int | None = None


def near(
    vector: Vector | Sequence[float],
    *,
    exact: bool = False,
    ef_search: int | None = None,
    weight: float | None = None,
    candidates: int | None = None,
) -> Source:
    """Documents near ``vector``."""
    return Source(NearVector(vector, exact, ef_search), weight, candidates)


def matching(
    query: str,
    *,
    syntax: bool = False,
    fuzzy: Fuzzy | int | Literal["auto"] | None = None,
    weight: float | None = None,
    candidates: int | None = None,
) -> Source:
    """Documents whose text matches ``query``."""
    return Source(MatchText(query, syntax, fuzzy), weight, candidates)


def walked(walk: Walk, *, weight: float | None = None, candidates: int | None = None) -> Source:
    """Documents reached from the start of ``walk``."""
    return Source(WalkFrom(walk), weight, candidates)


def walked_from_hits(walk: Walk, *, weight: float | None = None, candidates: int | None = None) -> Source:
    """Documents reached from the hits of the other sources; the walk's start is not used."""
    return Source(WalkFrom(walk, from_hits=True), weight, candidates)


@dataclass(frozen=True)
class ReciprocalRank:
    """Sum of weight / (k + rank); equal scores of a source have equal ranks."""

    k: int = 60


@dataclass(frozen=True)
class MinMax:
    """Weighted sum of scores, each scaled from 0 (no match, or the smallest score) to 1 (the
    largest)."""


@dataclass(frozen=True)
class Best:
    """Weighted sum of scores as shares of each source's best: the default.

    The first ranks add a little. If sources disagree, the first five of each rise to the top. The
    only document that matches a text comes first.
    """


#: The earlier name of :class:`Best`.
Deviation = Best

Fusion = Union[ReciprocalRank, MinMax, Best]


@dataclass(frozen=True)
class Highlight:
    """Options for the matching parts of a hit's texts."""

    #: The text fields to highlight; none: all.
    fields: str | Sequence[str] = ()
    #: The approximate length of a fragment, in Unicode code points; 0: the whole field.
    fragment_size: int = 150
    #: The most fragments of one field.
    max_fragments: int = 3
    #: The text before and after each match; the document's text is not escaped.
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Query:
    """One query. With one source, a hit has that source's score."""

    sources: Source | Sequence[Source]
    filter: Filter | None = None
    fusion: Fusion = field(default_factory=Best)
    limit: int = 10
    include: Include = Include.NOTHING
    #: The highlights of each hit's texts; None: none.
    highlight: Highlight | None = None
    #: Fields whose values are counted, over all documents that pass the filter, each with the most
    #: values to return: ``{"year": 10, "author.name": 5}``.
    facets: Mapping[str | tuple[str, ...], int] = field(default_factory=dict)
