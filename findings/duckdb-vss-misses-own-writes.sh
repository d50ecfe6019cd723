#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# DuckDB 1.5.5, extension vss: within a transaction, a search by an HNSW index doesn't see the rows written there.
# Expected: a transaction reads its own writes, as SQL has it and as count(*) of the same transaction does.
# Seen: the nearest row, inserted in the transaction, is counted and not found. After a DELETE of three near rows
#   LIMIT 5 returns two rows of 2,998. After COMMIT both searches are right.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5 duckdb-extension-vss==1.5.5
cd "$directory"
venv/bin/python - <<'PYTHON'
import pathlib

import duckdb
import duckdb_extension_vss

extension = next(pathlib.Path(duckdb_extension_vss.__file__).parent.rglob('vss.duckdb_extension'))
connection = duckdb.connect()
connection.execute(f"LOAD '{extension}'")
connection.execute('CREATE TABLE items (id INTEGER, v FLOAT[2])')
connection.execute('INSERT INTO items SELECT i, [i, 0]::FLOAT[2] FROM range(3000) r(i)')
connection.execute('CREATE INDEX near ON items USING HNSW (v)')


def ids(query):
    return [row[0] for row in connection.execute(query).fetchall()]


def nearest():
    return ids('SELECT id FROM items ORDER BY array_distance(v, [-1, 0]::FLOAT[2]) LIMIT 5')


connection.execute('BEGIN')
connection.execute('INSERT INTO items VALUES (7777, [-1, 0])')
counted, inside = ids('SELECT count(*) FROM items WHERE id = 7777'), nearest()
connection.execute('COMMIT')
after = nearest()
print('inserted: counted', counted, 'found inside', inside, 'after', after)
assert counted == [1] and inside == [0, 1, 2, 3, 4] and after == [7777, 0, 1, 2, 3]
connection.execute('BEGIN')
connection.execute('DELETE FROM items WHERE id < 3')
counted, inside = ids('SELECT count(*) FROM items'), nearest()
connection.execute('COMMIT')
after = nearest()
print('deleted: counted', counted, 'found inside', inside, 'after', after)
assert counted == [2998] and inside == [7777, 3] and after == [7777, 3, 4, 5, 6]
print('duckdb-extension-vss 1.5.5: as seen before')
PYTHON
