# SPDX-License-Identifier: Apache-2.0
"""The state of a server, snapshots and verification."""

from __future__ import annotations

from typing import Any

from lodestone._codec.collections import read_description
from lodestone.types import (
    Damage,
    EraseReceipt,
    QueryShape,
    SlowRequest,
    SlowRequests,
    SnapshotDescription,
    Statistic,
    Stats,
    Timestamp,
    VerifyReport,
)


def read_slow_requests(message: Any) -> SlowRequests:
    return SlowRequests(
        [_read_slow_request(one) for one in message.latest],
        [_read_slow_request(one) for one in message.slowest],
        [
            QueryShape(
                str(one.shape, "utf-8"),
                str(one.collection, "utf-8"),
                one.count,
                one.error_count,
                one.total_us / 1e6,
                one.p99_us / 1e6,
                one.longest_us / 1e6,
            )
            for one in message.shapes
        ],
        Timestamp(message.since_us),
    )


def _read_slow_request(message: Any) -> SlowRequest:
    return SlowRequest(
        str(message.call, "utf-8"),
        _optional_text(message, "collection"),
        str(message.query, "utf-8"),
        _optional_text(message, "path"),
        message.duration_us / 1e6,
        [_read_statistic(step) for step in message.steps],
        _optional_text(message, "error"),
        str(message.client, "utf-8"),
        str(message.peer, "utf-8"),
        message.request,
        _optional_text(message, "trace_parent"),
        Timestamp(message.began_us),
    )


def _optional_text(message: Any, name: str) -> str | None:
    return str(getattr(message, name), "utf-8") if message.HasField(name) else None


def _read_statistic(message: Any) -> Statistic:
    return Statistic(str(message.name, "utf-8"), message.value, str(message.unit, "utf-8"))


def read_stats(message: Any) -> Stats:
    return Stats(
        str(message.server_version, "utf-8"),
        str(message.store_version, "utf-8"),
        message.sequence_number,
        [read_description(collection) for collection in message.collections],
        [_read_statistic(figure) for figure in message.statistics],
        str(message.compaction_failure, "utf-8") if message.HasField("compaction_failure") else None,
    )


def read_snapshot(message: Any) -> SnapshotDescription:
    return SnapshotDescription(
        str(message.name, "utf-8"),
        message.sequence_number,
        message.bytes,
        Timestamp(message.created_us),
    )


def read_erase_receipt(message: Any) -> EraseReceipt:
    return EraseReceipt(
        message.sequence_number, [str(name, "utf-8") for name in message.snapshots]
    )


def read_verify_report(message: Any) -> VerifyReport:
    return VerifyReport(
        message.sequence_number,
        message.batches,
        message.rows,
        message.vectors,
        message.edges,
        [
            Damage(
                str(damage.kind, "utf-8"),
                str(damage.collection, "utf-8") if damage.HasField("collection") else None,
                str(damage.object, "utf-8"),
                str(damage.message, "utf-8"),
                str(damage.recovery, "utf-8"),
                damage.repaired,
            )
            for damage in message.damages
        ],
        message.damage_count,
    )
