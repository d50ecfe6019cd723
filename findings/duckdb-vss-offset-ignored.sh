#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# DuckDB 1.5.5, extension vss: with an HNSW index, ORDER BY distance LIMIT n OFFSET m ignores the offset.
# Expected: the rows after the first m. An approximate index may miss neighbors; it doesn't return a page twice.
# Seen: each page is the first page, so a program that reads page after page never ends and shows five rows. Without
#   the index, or with a second key in ORDER BY (no index is used then), the pages are right.
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


def pages(index, order):
    connection = duckdb.connect()
    connection.execute(f"LOAD '{extension}'")
    connection.execute('CREATE TABLE items (id INTEGER, v FLOAT[2])')
    connection.execute('INSERT INTO items SELECT i, [i, 0]::FLOAT[2] FROM range(3000) r(i)')
    if index:
        connection.execute('CREATE INDEX near ON items USING HNSW (v)')
    query = f'SELECT id FROM items ORDER BY {order} LIMIT 5 OFFSET '
    return [[row[0] for row in connection.execute(query + str(offset)).fetchall()] for offset in (0, 5, 10)]


distance = 'array_distance(v, [0, 0]::FLOAT[2])'
right = [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 14]]
without, indexed, tied = pages(False, distance), pages(True, distance), pages(True, distance + ', id')
print('without index', without, 'with', indexed, 'with, and id as second key', tied)
assert without == tied == right
assert indexed == [right[0]] * 3
print('duckdb-extension-vss 1.5.5: as seen before')
PYTHON
