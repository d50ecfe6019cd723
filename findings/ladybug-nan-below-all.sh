#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# LadybugDB 0.22.0 (Cypher): NaN < n is true for each number n, yet ORDER BY puts NaN after infinity.
# Expected: false for < and for > (IEEE 754, openCypher), or one order for filters and ORDER BY.
# Seen: p.score < 0 and p.score <= 100 pass NaN, p.score > 0 does not. ORDER BY: 1, infinity, NaN; max: NaN.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check ladybug==0.22.0
cd "$directory"
venv/bin/python - <<'PYTHON'
import ladybug

connection = ladybug.Connection(ladybug.Database(':memory:'))
connection.execute('CREATE NODE TABLE Page(id STRING PRIMARY KEY, score DOUBLE)')
for name, score in (('nan', float('nan')), ('infinity', float('inf')), ('one', 1.0)):
    connection.execute('CREATE (:Page {id: $name, score: $score})', {'name': name, 'score': score})


def found(tail):
    return [row[0] for row in connection.execute(f'MATCH (p:Page) {tail}').get_all()]


answers = {
    condition: sorted(found(f'WHERE p.score {condition} RETURN p.id'))
    for condition in ('< 0', '<= 100', '> 0', '= p.score')
}
order = found('RETURN p.id, p.score ORDER BY p.score')
print(answers, 'order', order, 'max', found('RETURN max(p.score)'))
numbers = ['infinity', 'one']
assert answers == {'< 0': ['nan'], '<= 100': ['nan', 'one'], '> 0': numbers, '= p.score': numbers}
assert order == ['one', 'infinity', 'nan']
print('LadybugDB', ladybug.__version__, 'as seen before')
PYTHON
