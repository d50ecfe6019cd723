# SPDX-License-Identifier: Apache-2.0
"""Writes the store and the snapshot of one format, by a server and the client of its release.

usage: PYTHONPATH=TREE/clients/python python write.py PROGRAM FOLDER

TREE is a checkout of the release, and PROGRAM the lodestoned that was built from it. FOLDER gets
store.tar.zst and snapshot.lodestone. README.md has the whole recipe. The same data is written by every
release; a step that the release does not have is left out.
"""

from __future__ import annotations

import inspect
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import lodestone
from lodestone import Client, Document, Edge, SourcedEdge

NOTES = 60


def metadata(number: int) -> dict[str, object]:
    """Metadata with a value of each kind."""
    return {
        "even": number % 2 == 0,
        "number": number,
        "half": number / 2,
        "name": f"n{number}",
        "time": lodestone.Timestamp(1_700_000_000_000_000 + number),
        "list": [number, "two"],
        "map": {"inner": number},
    }


def write(client: Client) -> None:
    """Writes both collections, and drops a third."""
    parameters = inspect.signature(client.create_collection).parameters
    client.create_collection("plain", 4, text_strategy="fts5")
    plain = client.collection("plain")
    plain.index_many(
        [
            Document("a", [1, 0, 0, 0], "red fox in the snow", metadata(1), [
                Edge("cites", "b", 0.5, {"page": 3}), Edge("likes", "d"),
            ]),
            Document("b", [0, 1, 0, 0], "brown bears by the river", metadata(2), [Edge("cites", "c")]),
            Document("c", [0, 0, 1, 0], "a red deer", metadata(3)),
            Document("d", [0, 0, 0, 1], {"title": "blue whale", "body": "in the sea"}, metadata(4)),
            Document("e", [1, 1, 0, 0], "a lost fox", metadata(5), [Edge("cites", "a")]),
        ]
    )
    compact(plain)
    # The base lacks these changes; the log has them.
    plain.index_many([Document("c", [0, 0.9, 1, 0], "a grey wolf at night", metadata(6))])
    plain.index_many(edges=[SourcedEdge("c", Edge("cites", "d"))])
    plain.drop(["e"], edges=[SourcedEdge("a", Edge("likes", "d"))])

    options: dict[str, object] = {}
    if "metadata_indexes" in parameters:
        options["metadata_indexes"] = ["number"]
        # Releases before this parameter have the strategies in their interface only.
        options["vector_strategy"] = lodestone.HNSW(m=8, ef_construction=40)
    client.create_collection("notes", 4, metric="euclidean", **options)
    notes = client.collection("notes")
    documents = [
        Document(f"n{n}", [n, 1, n % 7, n % 3], f"note {n} about topic{n % 5}", metadata(n))
        for n in range(NOTES)
    ]
    # More edges than a row keeps since format 7.
    documents[0].edges = [
        Edge(label, f"n{n}") for label in ("to", "via") for n in range(1, NOTES)
    ]
    notes.index_many(documents)
    compact(notes)
    notes.index_many([Document("n60", [60, 1, 4, 0], "note 60 about topic0", metadata(60))])

    client.create_collection("dropped", 2)
    client.collection("dropped").index_many([Document("x", [1, 2], "words")])
    client.drop_collection("dropped")


def compact(collection: lodestone.Collection) -> None:
    """Makes a base, if the release has bases."""
    if hasattr(collection, "compact"):
        collection.compact()


def main() -> None:
    """Starts the server, writes, and packs the files."""
    program, folder = (Path(argument) for argument in sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        store = Path(place) / "store"
        server = subprocess.Popen(
            [program, "--data", store, "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        line = next(line for line in server.stdout if "listening on " in line)
        threading.Thread(target=server.stdout.read, daemon=True).start()
        with Client(line.split("listening on ")[1].split()[0]) as client:
            write(client)
            client.snapshot("whole")
        server.terminate()
        assert server.wait(60) == 0
        shutil.move(store / "snapshots/whole.lodestone", folder / "snapshot.lodestone")
        archive = subprocess.run(
            ["tar", "--create", "--sort=name", "--owner=0", "--group=0", "--directory", store, "."],
            stdout=subprocess.PIPE, check=True,
        )
        subprocess.run(
            ["zstd", "-19", "--quiet", "--force", "-o", folder / "store.tar.zst"],
            input=archive.stdout, check=True,
        )


main()
