#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# libsql 0.1.11 (Python): vector_top_k(index, query, k) returns about 200 rows at most, for any larger k.
# Expected: k rows where the table has as many, or an error for a k that the index can't serve.
# Seen with 500 rows: 200 for a k of 200, 200 to 202 for 300 and 1,000; with search_l=400 in the index, 300 for 300 and
#   400 for 1,000. So search_l, named as the effort of a search, limits the hits as well.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check libsql==0.1.11
cd "$directory"
venv/bin/python - <<'PYTHON'
import libsql


def counts(options):
    connection = libsql.connect(':memory:')
    connection.execute('CREATE TABLE items (id INTEGER PRIMARY KEY, v F32_BLOB(2))')
    connection.execute(f"CREATE INDEX near ON items (libsql_vector_idx(v, 'metric=l2'{options}))")
    for number in range(500):
        connection.execute('INSERT INTO items VALUES (?, vector32(?))', (number, f'[{number}, 0]'))
    query = "SELECT count(*) FROM vector_top_k('near', '[0, 0]', ?)"
    return [connection.execute(query, (k,)).fetchone()[0] for k in (100, 200, 300, 1000)]


by_default, wider = counts(''), counts(", 'search_l=400'")
print('k of 100, 200, 300, 1000:', by_default, 'with search_l=400:', wider)
assert by_default[:2] == [100, 200] and all(200 <= count < 220 for count in by_default[2:])
assert wider[:3] == [100, 200, 300] and 400 <= wider[3] < 420
print('libsql 0.1.11: as seen before')
PYTHON
