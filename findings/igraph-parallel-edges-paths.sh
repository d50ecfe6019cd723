#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# igraph 1.0.0 (Python): with parallel edges, get_all_shortest_paths repeats a path, get_all_simple_paths doesn't.
# Expected: one rule for both, since both return lists of vertices; the documentation names no difference.
# Seen for two edges a to b and two edges b to c: the shortest path abc four times, the simple path abc once.
#   So a count of shortest paths is a count of choices of edges, and a count of simple paths is not.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check igraph==1.0.0
cd "$directory"
venv/bin/python - <<'PYTHON'
import igraph

graph = igraph.Graph(n=3, edges=[(0, 1), (0, 1), (1, 2), (1, 2)], directed=True)
shortest, simple = graph.get_all_shortest_paths(0, 2), graph.get_all_simple_paths(0, 2)
print('shortest', shortest, 'simple', simple)
assert shortest == [[0, 1, 2]] * 4 and simple == [[0, 1, 2]]
print('igraph', igraph.__version__, 'as seen before')
PYTHON
