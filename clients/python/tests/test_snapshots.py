# SPDX-License-Identifier: Apache-2.0
"""Snapshots, verification and compaction, against a real server."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from conftest import Server
from lodestone import Client, Code, Document, LodestoneError


def test_snapshot_holds_what_was_written(server: Server) -> None:
    with Client(server.address) as client:
        client.create_collection("snapped", 2)
        client.collection("snapped").index_many([Document("a", vector=[1, 0], text="red")])
        made = client.snapshot("from-python")
        assert made.name == "from-python"
        assert made.sequence_number == client.ping()
        assert made.byte_count > 0
        assert made in client.snapshots()
        with pytest.raises(LodestoneError) as raised:
            client.snapshot("from-python")
        assert raised.value.code is Code.ALREADY_EXISTS
        with pytest.raises(LodestoneError) as raised:
            client.snapshot("../outside")
        assert raised.value.code is Code.INVALID_ARGUMENT
        report = client.verify()
        assert report.is_clean and not report.damages
        assert report.rows >= 1 and report.vectors >= 1


def test_snapshot_is_fetched_in_parts_and_resumed(server: Server, tmp_path: Path) -> None:
    with Client(server.address) as client:
        client.create_collection("fetched", 256)
        fetched = client.collection("fetched")
        # Numbers that don't get smaller when they are compressed.
        number = random.Random(1).random
        rows = [Document(f"d{row}", vector=[number() for _ in range(256)]) for row in range(3_000)]
        fetched.index_many(rows)
        made = client.snapshot("whole")
        wanted = (tmp_path / "store/snapshots/whole.lodestone").read_bytes()
        target = tmp_path / "copy.lodestone"
        assert client.fetch_snapshot("whole", target) == made.byte_count > 1 << 20
        assert target.read_bytes() == wanted
        with pytest.raises(FileExistsError):
            client.fetch_snapshot("whole", target)
        # Existing bytes are not fetched again: a wrong byte behind the start stays.
        part = tmp_path / "again.lodestone.part"
        marked = bytearray(wanted[: 1 << 20])
        marked[-1] ^= 255
        part.write_bytes(marked)
        client.fetch_snapshot("whole", tmp_path / "again.lodestone")
        assert (tmp_path / "again.lodestone").read_bytes() == bytes(marked) + wanted[1 << 20 :]
        # The beginning of another file is thrown away, and so is one that is too long.
        for other in (b"x" * 10_000, wanted + b"x"):
            part.write_bytes(other)
            (tmp_path / "again.lodestone").unlink()
            client.fetch_snapshot("whole", tmp_path / "again.lodestone")
            assert (tmp_path / "again.lodestone").read_bytes() == wanted
        with pytest.raises(LodestoneError) as raised:
            client.fetch_snapshot("nothing", tmp_path / "nothing")
        assert raised.value.code is Code.NOT_FOUND


def test_a_compaction_changes_no_result(server: Server) -> None:
    with Client(server.address) as client:
        client.create_collection("compacted", 2)
        compacted = client.collection("compacted")
        compacted.index_many([Document("a", vector=[1, 0], text="red"), Document("b", vector=[0, 1])])
        assert compacted.drop(["b"]).sequence_number == compacted.compact()
        assert [one.id for one in compacted.get(["a", "b"])] == ["a"]
        assert compacted.describe().vectors == 1
        with pytest.raises(LodestoneError) as raised:
            client.collection("nothing").compact()
        assert raised.value.code is Code.NOT_FOUND


def test_an_erasure_names_the_snapshots_that_may_have_the_data(server: Server, tmp_path: Path) -> None:
    with Client(server.address) as client:
        client.create_collection("forgetful", 0)
        forgetful = client.collection("forgetful")
        forgetful.index_many([Document("a", text="xylophonezebra"), Document("b", text="red")])
        client.snapshot("before")
        dropped = forgetful.drop(["a"])
        receipt = client.erase("forgetful")
        assert receipt.sequence_number == dropped.sequence_number
        assert receipt.snapshots == ["before"]
        files = [path for path in (tmp_path / "store").iterdir() if path.is_file()]
        assert files and not any(b"xylophonezebra" in path.read_bytes() for path in files)
        client.delete_snapshot("before")
        assert client.snapshots() == []
        assert client.erase().snapshots == []
        assert [one.id for one in forgetful.get(["a", "b"])] == ["b"]
