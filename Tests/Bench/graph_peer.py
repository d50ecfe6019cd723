# SPDX-License-Identifier: Apache-2.0
"""Walks in LadybugDB, on command: python graph_peer.py ladybug EDGES.tsv.zst DIRECTION

A line {"depth": D, "starts": [id, ...]} counts the documents that each walk reaches; the reply has
the seconds of processor time of all walks.
"""

import json
import subprocess
import sys
import tempfile
import time

import ladybug


def main() -> None:
    _, name, path, direction = sys.argv
    assert name == "ladybug"
    lines = subprocess.run(["zstdcat", path], check=True, capture_output=True, text=True).stdout
    edges = [line.split("\t")[:3] for line in lines.splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        nodes = sorted({edge[0] for edge in edges} | {edge[2] for edge in edges})
        with open(f"{folder}/nodes.csv", "w", encoding="utf-8") as file:
            file.writelines(f"{node}\n" for node in nodes)
        with open(f"{folder}/edges.csv", "w", encoding="utf-8") as file:
            file.writelines(f"{source},{target},{label}\n" for source, label, target in edges)
        connection = ladybug.Connection(ladybug.Database(f"{folder}/db"), num_threads=1)
        for statement in (
            "create node table N(id string primary key)",
            "create rel table R(from N to N, l string)",
            f"copy N from '{folder}/nodes.csv'",
            f"copy R from '{folder}/edges.csv'",
        ):
            connection.execute(statement)
        left, right = {"outgoing": ("-", "->"), "incoming": ("<-", "-"), "both": ("-", "-")}[direction]
        for line in sys.stdin:
            request = json.loads(line)
            statement = connection.prepare(
                f"match (a:N {{id:$s}}){left}[:R* SHORTEST 1..{request['depth']}]{right}(b:N) "
                "return count(*)"
            )
            start = time.process_time()
            for document in request["starts"]:
                connection.execute(statement, {"s": document}).get_next()
            print(json.dumps({"seconds": time.process_time() - start}), flush=True)


if __name__ == "__main__":
    main()
