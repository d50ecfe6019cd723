# SPDX-License-Identifier: Apache-2.0
"""Questions: sources of hits, how they are merged, and walks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Union

from lodestone.filters import Filter
from lodestone.types import Include, Vector


@dataclass(frozen=True)
class NearVector:
    """Documents whose vectors are near; ``exact`` compares with all of them."""

    vector: Vector | Sequence[float]
    exact: bool = False
    ef_search: int | None = None


@dataclass(frozen=True)
class MatchText:
    """Documents whose text matches: any of the words, or ``syntax``.

    Syntax: words, "phrases", prefix*, AND, OR, NOT and parentheses.
    """

    query: str
    syntax: bool = False
    fuzzy_distance: int = 0


@dataclass(frozen=True)
class Walk:
    """A breadth-first walk over edges; starts that don't exist are passed over.

    ``direction`` is ``outgoing``, ``incoming`` or ``both``; no labels means every label.
    """

    start: Sequence[str] = ()
    labels: Sequence[str] = ()
    direction: str = "outgoing"
    depth: int = 1
    max_nodes: int = 10_000
    max_edges: int = 1_000_000
    #: Seconds; None: the deadline of the call.
    max_time: float | None = None


@dataclass(frozen=True)
class WalkFrom:
    """Documents reached by a walk: from its start, or from the hits of the other sources."""

    walk: Walk
    from_hits: bool = False


@dataclass(frozen=True)
class Source:
    """One source of hits, with its say in the fusion."""

    kind: Union[NearVector, MatchText, WalkFrom]
    #: None: 1 by reciprocal rank, and by scores 0.6 for a text and 0.4 for others.
    weight: float | None = None
    #: How many of its best hits enter the fusion; None: the larger of 100 and the limit.
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
    fuzzy_distance: int = 0,
    weight: float | None = None,
    candidates: int | None = None,
) -> Source:
    """Documents whose text matches ``query``."""
    return Source(MatchText(query, syntax, fuzzy_distance), weight, candidates)


def walked(walk: Walk, *, weight: float | None = None, candidates: int | None = None) -> Source:
    """Documents reached from the start of ``walk``."""
    return Source(WalkFrom(walk), weight, candidates)


def walked_from_hits(walk: Walk, *, weight: float | None = None, candidates: int | None = None) -> Source:
    """Documents reached from the hits of the other sources; the walk's start is not used."""
    return Source(WalkFrom(walk, from_hits=True), weight, candidates)


@dataclass(frozen=True)
class ReciprocalRank:
    """Sum of weight / (k + rank)."""

    k: int = 60


@dataclass(frozen=True)
class MinMax:
    """Weighted sum of scores, scaled by the smallest and largest of each source."""


@dataclass(frozen=True)
class Deviation:
    """Weighted sum of scores, scaled by mean and deviation of each source: the rule."""


Fusion = Union[ReciprocalRank, MinMax, Deviation]


@dataclass(frozen=True)
class Query:
    """One question. With one source, a hit's score is that source's own."""

    sources: Source | Sequence[Source]
    filter: Filter | None = None
    fusion: Fusion = field(default_factory=Deviation)
    limit: int = 10
    include: Include = Include.NOTHING
