#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# seekdb 1.4.0 (Python, embedded): an element of NaN, infinity or beyond 32 bits becomes 0 in a VECTOR column.
# Expected: an error, as for '[1e400, 5]', for text and for a wrong dimension ("Invalid argument").
# Seen, with and without a vector index: '[nan, 7]', '[inf, 7]' and '[1e39, 7]' are stored as [0,7]. A vector of
#   such elements is [0,0], so the rows of a broken model are the nearest of a query near zero.
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


def rows(statement):
    cursor.execute(statement)
    return cursor.fetchall()


rows('CREATE TABLE items (id INT PRIMARY KEY, plain VECTOR(2), v VECTOR(2),'
     ' VECTOR INDEX near (v) WITH (distance=l2, type=hnsw, lib=vsag))')
written = ('[nan, 7]', '[inf, 7]', '[1e39, 7]', '[nan, nan]', '[3e38, 7]')
for number, text in enumerate(written):
    rows(f"INSERT INTO items VALUES ({number}, '{text}', '{text}')")
stored = rows('SELECT plain, v FROM items ORDER BY id')
print(dict(zip(written, stored)))
assert stored == [(text, text) for text in ('[0,7]', '[0,7]', '[0,7]', '[0,0]', '[3e38,7]')]
nearest = rows("SELECT id FROM items ORDER BY l2_distance(v, '[0.1, 0.1]') APPROXIMATE LIMIT 1")
assert nearest == [(3,)], nearest
for text in ('[1e400, 5]', '[abc, 5]', '[1, 2, 3]'):
    try:
        rows(f"INSERT INTO items VALUES (9, '{text}', '{text}')")
        raise SystemExit(f'{text} is accepted now')
    except seekdb.SeekdbError as error:
        print(text, error)
print('seekdb 1.4.0: as seen before')
PYTHON
