#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# seekdb 1.4.0 (Python, embedded): cosine_similarity() is (1 + cosine) / 2, and 1 - cosine_distance() is the cosine.
# Expected: the cosine from -1 to 1, as cosine_similarity means in DuckDB, MatrixOne and StarRocks; so the two
#   functions sum to 1.
# Seen: 0.854 at 45 degrees, where the cosine is 0.707; 0.5 for a right angle, and 0 for the opposite direction. So a
#   threshold of 0.8 from another engine passes angles up to 53 degrees here, and up to 37 there.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check pylibseekdb==1.4.0.post1
cd "$directory"
venv/bin/python - <<'PYTHON'
import tempfile

import pylibseekdb as seekdb

seekdb.open(db_dir=tempfile.mkdtemp(dir='.'))
cursor = seekdb.connect('test').cursor()
answers = {}
for vector in ('[1, 0]', '[1, 1]', '[0, 1]', '[-1, 0]'):
    cursor.execute(f"SELECT cosine_similarity('{vector}', '[1, 0]'), cosine_distance('{vector}', '[1, 0]')")
    answers[vector] = tuple(round(number, 3) for number in cursor.fetchall()[0])
print(answers)
assert answers == {'[1, 0]': (1, 0), '[1, 1]': (0.854, 0.293), '[0, 1]': (0.5, 1), '[-1, 0]': (0, 2)}
print('seekdb 1.4.0: as seen before')
PYTHON
