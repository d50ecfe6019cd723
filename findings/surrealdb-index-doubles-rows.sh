#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# surrealdb 2.0.0 (Python, embedded): with an index on a field of arrays, a record comes once per element.
# Expected: a SELECT on one table returns each record at most once, with or without an index.
# Seen: three records. ORDER BY marks returns three without an index and five with it; WHERE marks > 0 likewise.
#   LIMIT 3 then returns two records. count() says five.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check surrealdb==2.0.0
cd "$directory"
venv/bin/python - <<'PYTHON'
from surrealdb import Surreal


def answers(index):
    with Surreal('mem://') as database:
        database.use('test', 'test')
        if index:
            database.query('DEFINE INDEX by_marks ON student FIELDS marks')
        for name, marks in (('a', [1, 2]), ('b', [3, 4]), ('c', [5])):
            database.query(f"CREATE student SET name = '{name}', marks = {marks}")
        return {
            tail: ''.join(row['name'] for row in database.query(f'SELECT name, marks FROM student {tail}'))
            for tail in ('ORDER BY marks', 'WHERE marks > 0 ORDER BY marks', 'ORDER BY marks LIMIT 3')
        } | {'count': database.query('SELECT count() FROM student WHERE marks > 0 GROUP ALL')[0]['count']}


scanned, indexed = answers(False), answers(True)
print('without index', scanned)
print('with index   ', indexed)
assert list(scanned.values()) == ['abc', 'abc', 'abc', 3]
assert list(indexed.values()) == ['aabbc', 'aabbc', 'aab', 5]
print('surrealdb 2.0.0: as seen before')
PYTHON
