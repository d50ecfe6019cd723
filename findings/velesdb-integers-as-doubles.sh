#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# velesdb 7.0.0 (Python): filters compare integers as doubles, and the payload keeps all 64 bits.
# Expected: 9007199254740992 and 9007199254740993 are two values, as the payload that comes back shows them.
# Seen, in filters and in VelesQL: = finds both, > 9007199254740992 misses 9007199254740993, and an index of the field
#   changes nothing. Identifiers made of time and machine, such as Snowflake ids, are that large.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check velesdb==7.0.0 numpy==2.4.6
cd "$directory"
venv/bin/python - <<'PYTHON'
import tempfile

import velesdb

first, second = 2**53, 2**53 + 1
database = velesdb.Database(tempfile.mkdtemp(dir='.'))


def found(name, index):
    collection = database.create_collection(name, dimension=2, metric='cosine')
    if index:
        collection.create_index('n')
    collection.upsert([{'id': 1, 'vector': [1, 0], 'payload': {'n': first}},
                       {'id': 2, 'vector': [1, 0], 'payload': {'n': second}}])
    stored = [point['payload']['n'] for point in collection.get([1, 2])]
    answers = []
    for kind, operator in (('eq', '='), ('gt', '>')):
        condition = {'condition': {'type': kind, 'field': 'n', 'value': first}}
        hits = collection.search_request(velesdb.SearchOptions(vector=[1, 0], k=5, filter=condition))
        rows = collection.query(f'SELECT * FROM {name} WHERE n {operator} {first} LIMIT 5')
        answers.append((sorted(hit['id'] for hit in hits), sorted(row['id'] for row in rows)))
    return stored, answers


for name, index in (('plain', False), ('indexed', True)):
    stored, answers = found(name, index)
    print(name, 'stored', stored, '= and > by filter and by VelesQL', answers)
    assert stored == [first, second] and answers == [([1, 2], [1, 2]), ([], [])]
print('velesdb 7.0.0: as seen before')
PYTHON
