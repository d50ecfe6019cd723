#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# seekdb 1.4.0 (Python, embedded): ORDER BY l2_distance(…) DESC APPROXIMATE returns the nearest rows, nearest first.
# Expected: the farthest rows, as without APPROXIMATE, or an error, as for ORDER BY -l2_distance(…) APPROXIMATE.
# Seen for five rows at 1 to 5: DESC LIMIT 2 is 5 and 4; DESC APPROXIMATE LIMIT 2 is 1 and 2, as with ASC.
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
    return [row[0] for row in cursor.fetchall()]


rows('CREATE TABLE items (id INT PRIMARY KEY, v VECTOR(2),'
     ' VECTOR INDEX near (v) WITH (distance=l2, type=hnsw, lib=vsag))')
rows('INSERT INTO items VALUES ' + ', '.join(f"({number}, '[{number}, 0]')" for number in range(1, 6)))
orders = ('DESC', 'DESC APPROXIMATE', 'ASC APPROXIMATE')
answers = [rows(f"SELECT id FROM items ORDER BY l2_distance(v, '[0, 0]') {order} LIMIT 2") for order in orders]
print(dict(zip(orders, answers)))
assert answers == [[5, 4], [1, 2], [1, 2]]
try:
    rows("SELECT id FROM items ORDER BY -l2_distance(v, '[0, 0]') APPROXIMATE LIMIT 2")
    raise SystemExit('the negated distance is accepted now')
except seekdb.SeekdbError as error:
    print('negated:', error)
print('seekdb 1.4.0: as seen before')
PYTHON
