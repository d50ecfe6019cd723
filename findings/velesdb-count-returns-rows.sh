#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# velesdb 7.0.0 (Python): SELECT COUNT(*), SUM, MAX and GROUP BY return ten rows of the collection, without an error.
# Expected: the aggregate, since EXPLAIN shows a step "Aggregate" for the query, or an error.
# Seen, by Collection.query and by Database.execute_query: len() of the answer for COUNT(*) is 10 for 25 points, the
#   default limit, and each row is a point. No key of a row holds a count.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check velesdb==7.0.0 numpy==2.4.6
cd "$directory"
venv/bin/python - <<'PYTHON'
import tempfile

import velesdb

database = velesdb.Database(tempfile.mkdtemp(dir='.'))
items = database.create_collection('items', dimension=2, metric='cosine')
items.upsert([{'id': n, 'vector': [1, n], 'payload': {'n': n, 'kind': n % 3}} for n in range(25)])
for query in ('SELECT COUNT(*) FROM items', 'SELECT MAX(n) FROM items',
              'SELECT kind, COUNT(*) FROM items GROUP BY kind'):
    assert 'Aggregate' in items.explain(query)['tree']
    for run in (items.query, database.execute_query):
        rows = run(query)
        print(query, len(rows), 'rows, the first', rows[0])
        assert len(rows) == 10 and all(set(row['payload']) == {'n', 'kind'} for row in rows)
        assert not any('count' in key.lower() or 'max' in key.lower() for row in rows for key in row)
assert items.count() == 25
print('velesdb 7.0.0: as seen before')
PYTHON
