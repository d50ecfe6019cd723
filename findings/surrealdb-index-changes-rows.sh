#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# surrealdb 2.0.0 (Python, embedded): an index on a field changes the rows that a condition passes.
# Expected: an index changes the time of a query, never its rows.
# Seen for age < 18: without an index a child of 5, a record without age, NULL, 0, -0.0 and the decimal 5;
#   with an index 5, 0 and -0.0 only. Missing values sort before numbers, as documented, but the range in
#   the index begins at numbers, and it leaves out a decimal. age = 0 finds -0.0 without an index, not with it.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check surrealdb==2.0.0
cd "$directory"
venv/bin/python - <<'PYTHON'
from surrealdb import Surreal

VALUES = {'five': '5', 'missing': None, 'null': 'NULL', 'zero': '0', 'minus zero': '-0.0', 'decimal': '5dec'}


def found(index, condition):
    with Surreal('mem://') as database:
        database.use('test', 'test')
        if index:
            database.query('DEFINE INDEX ages ON person FIELDS age')
        for name, value in VALUES.items():
            age = '' if value is None else f', age = {value}'
            database.query(f"CREATE person SET name = '{name}'{age}")
        rows = database.query(f'SELECT name FROM person WHERE {condition}')
        return sorted(row['name'] for row in rows)


answers = {c: (found(False, c), found(True, c)) for c in ('age < 18', 'age = 0')}
for condition, (scanned, indexed) in answers.items():
    print(condition, 'without index', scanned, 'with index', indexed)
assert answers == {
    'age < 18': (sorted(VALUES), ['five', 'minus zero', 'zero']),
    'age = 0': (['minus zero', 'zero'], ['zero']),
}
print('surrealdb 2.0.0: as seen before')
PYTHON
