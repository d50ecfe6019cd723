#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pyoxigraph 0.5.13 (SPARQL): an xsd:integer beyond 64 bits is stored, and fails each comparison but equality.
# Expected: XML Schema has no largest integer, so 9223372036854775808 passes ?n > 5 and ?n != 5, or the store
#   refuses it, as it refuses a statement that isn't valid.
# Seen: ?n > 5, ?n <= 5, ?n != 5 and isNumeric(?n) are false of it; ?n = 9223372036854775808 and
#   datatype(?n) = xsd:integer are true. The sum of 9223372036854775807 and 1 is unbound.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check pyoxigraph==0.5.13
cd "$directory"
venv/bin/python - <<'PYTHON'
import pyoxigraph as ox

INTEGER = ox.NamedNode('http://www.w3.org/2001/XMLSchema#integer')
PREFIX = 'PREFIX xsd: <http://www.w3.org/2001/XMLSchema#> '
store = ox.Store()
for value in ('7', '9223372036854775807', '9223372036854775808'):
    subject = ox.NamedNode(f'http://example.org/{value}')
    store.add(ox.Quad(subject, ox.NamedNode('http://example.org/n'), ox.Literal(value, datatype=INTEGER)))


def found(condition):
    rows = store.query(f'{PREFIX} SELECT ?n WHERE {{ ?s ?p ?n FILTER({condition}) }}')
    return sorted(int(row['n'].value) for row in rows)


largest = 2**63 - 1
answers = {c: found(c) for c in (
    '?n > 5', '?n <= 5', '?n != 5', 'isNumeric(?n)', f'?n = {2**63}', 'datatype(?n) = xsd:integer',
)}
total = next(iter(store.query(f'SELECT (SUM(?n) AS ?t) WHERE {{ VALUES ?n {{ {largest} 1 }} }}')))['t']
print(answers, 'sum', total)
assert list(answers.values()) == [
    [7, largest], [], [7, largest], [7, largest], [2**63], [7, largest, 2**63],
]
assert total is None
print('pyoxigraph 0.5.13: as seen before')
PYTHON
