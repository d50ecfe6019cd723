#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# rustworkx 0.18.1: min_depth and cutoff of all_simple_paths count the nodes of a path, ends included.
# Expected: edges, as the cutoff of NetworkX counts and as "depth" means in a walk; so a moved program
#   loses its longest paths without an error.
# Seen for the path 0 to 3 with three edges: NetworkX finds it from cutoff 3, rustworkx from cutoff 4.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check rustworkx==0.18.1 networkx==3.6.1
cd "$directory"
venv/bin/python - <<'PYTHON'
import networkx
import rustworkx

edges = [(0, 1), (1, 2), (2, 3)]
ours, theirs = rustworkx.PyDiGraph(), networkx.DiGraph(edges)
ours.extend_from_edge_list(edges)
cutoffs = range(1, 6)
found = {
    'networkx': [c for c in cutoffs if list(networkx.all_simple_paths(theirs, 0, 3, cutoff=c))],
    'rustworkx': [c for c in cutoffs if rustworkx.all_simple_paths(ours, 0, 3, cutoff=c)],
    'rustworkx min_depth': [c for c in cutoffs if rustworkx.all_simple_paths(ours, 0, 3, min_depth=c)],
}
print('a path of three edges is found with', found)
assert found == {'networkx': [3, 4, 5], 'rustworkx': [4, 5], 'rustworkx min_depth': [1, 2, 3, 4]}
print('rustworkx 0.18.1: as seen before')
PYTHON
