#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# LadybugDB 0.22.0 (Cypher): an undirected pattern finds an edge from a node to itself twice.
# Expected: once, since a pattern binds each relationship once (openCypher); so degrees counted
# by an undirected match are one too high for each such edge. Directed patterns find it once.
# Seen: undirected 2, outgoing 1, incoming 1.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check ladybug==0.22.0
cd "$directory"
venv/bin/python - <<'PYTHON'
import ladybug

connection = ladybug.Connection(ladybug.Database(':memory:'))
connection.execute('CREATE NODE TABLE Page(id STRING PRIMARY KEY)')
connection.execute('CREATE REL TABLE Links(FROM Page TO Page)')
connection.execute("CREATE (:Page {id: 'a'})")
connection.execute("MATCH (p:Page {id: 'a'}) CREATE (p)-[:Links]->(p)")
counts = {
    name: connection.execute(f'MATCH (p:Page){pattern}(q:Page) RETURN count(*)').get_all()[0][0]
    for name, pattern in (
        ('undirected', '-[:Links]-'), ('outgoing', '-[:Links]->'), ('incoming', '<-[:Links]-')
    )
}
print(counts)
assert counts == {'undirected': 2, 'outgoing': 1, 'incoming': 1}
print('LadybugDB', ladybug.__version__, 'one edge, found twice: as seen before')
PYTHON
