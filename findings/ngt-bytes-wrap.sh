#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ngt 2.8.0.post1 (ngtpy): object_type='Byte' cuts numbers outside of 0 to 255 to eight bits, in silence.
# Expected: an error. Vectors of int8, as embedding models return them, have values from -128 to 127.
# Seen: [-1, 5] is stored as [255, 5], and [300, 2] as [44, 2]. For the query [0, 5] the vector [-1, 5], at a
#   distance of 1, comes last of four, with a distance of 255, behind [100, 5].
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check ngt==2.8.0.post1 numpy==2.4.6
cd "$directory"
venv/bin/python - <<'PYTHON'
import ngtpy
import numpy as np

ngtpy.create(b'index', 2, distance_type='L2', object_type='Byte')
index = ngtpy.Index(b'index')
for vector in ([-1, 5], [100, 5], [0, 7]):
    index.insert(np.array(vector, dtype=np.int8))
wide = index.insert(np.array([300, 2], dtype=np.float32))
index.build_index()
hits = index.search(np.array([0, 5], dtype=np.int8), 10)
stored = [index.get_object(0), index.get_object(wide)]
print('hits', hits, 'stored', stored)
assert stored == [[255, 5], [44, 2]]
assert [hit[0] for hit in hits] == [2, 3, 1, 0] and hits[3][1] == 255
print('ngt 2.8.0.post1: as seen before')
PYTHON
