# SPDX-License-Identifier: Apache-2.0
"""The state of a server, snapshots and verification."""

from __future__ import annotations

from typing import Any

from lodestone._codec.collections import read_description
from lodestone.types import (
    Damage,
    EraseReceipt,
    SnapshotDescription,
    Statistic,
    Stats,
    Timestamp,
    VerifyReport,
)


def read_stats(message: Any) -> Stats:
    return Stats(
        str(message.server_version, "utf-8"),
        str(message.store_version, "utf-8"),
        message.sequence_number,
        [read_description(collection) for collection in message.collections],
        [
            Statistic(str(figure.name, "utf-8"), figure.value, str(figure.unit, "utf-8"))
            for figure in message.statistics
        ],
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
