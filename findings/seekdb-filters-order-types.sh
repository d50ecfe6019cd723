#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pyseekdb 1.4.0.post1: {'n': {'$gt': 5}} finds each text, bool and list in the field, too, and {'n': 1} finds [1, 2].
# Expected: numbers above 5 only, as in chromadb 1.5.9, whose interface this is; and for '$gt': 'a' an error, as there.
# Seen: MySQL's order of JSON types decides, null < number < text < list < bool, so '$lt': 5 finds null, and
#   '$gt': 'a' finds bools and lists. '$ne' and '$nin' leave out records without the field; chromadb finds them.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check pyseekdb==1.4.0.post1 pylibseekdb==1.4.0.post1
cd "$directory"
venv/bin/python - <<'PYTHON'
import tempfile

import pyseekdb

client = pyseekdb.Client(path=tempfile.mkdtemp(dir='.'), database='test')
configuration = pyseekdb.HNSWConfiguration(dimension=2, distance='cosine')
records = client.create_collection('records', configuration=configuration, embedding_function=None)
values = [4, 9, 1, '4', 'red', True, False, None, [1, 2]]
records.add(
    ids=[str(number) for number in range(len(values) + 1)], embeddings=[[1.0, 0.0]] * (len(values) + 1),
    documents=['a text'] * (len(values) + 1), metadatas=[{'n': value} for value in values] + [{'other': 1}],
)


def found(condition):
    ids = sorted(int(name) for name in records.get(where={'n': condition})['ids'])
    return [values[number] if number < len(values) else 'no field' for number in ids]


conditions = ({'$gt': 5}, {'$lt': 5}, {'$gt': 'a'}, 1, {'$ne': 4}, {'$nin': [4]})
answers = [found(condition) for condition in conditions]
for condition, answer in zip(conditions, answers):
    print(condition, answer)
assert repr(answers) == repr([
    [9, '4', 'red', True, False, [1, 2]], [4, 1, None], ['red', True, False, [1, 2]], [1, [1, 2]],
    [9, 1, '4', 'red', True, False, None, [1, 2]], [9, 1, '4', 'red', True, False, None, [1, 2]],
])
print('pyseekdb 1.4.0.post1: as seen before')
PYTHON
