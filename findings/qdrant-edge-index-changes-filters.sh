#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# qdrant-edge-py 0.9.0: a payload index changes the points that pass a filter.
# Expected: an index changes the time of a query, never its points.
# Seen, without and with an index:
#   MatchExcept(['red'])      keyword index: green, 7 and true; then green only
#   MatchExcept([7])          integer index: 8 and red; then 8 only
#   MatchValue(7)             integer index: 7; then 7 and 7.0
#   MatchPhrase('red lamp')   text index: the document; then nothing (phrases are an option of that index)
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check qdrant-edge-py==0.9.0
cd "$directory"
venv/bin/python - <<'PYTHON'
import tempfile

import qdrant_edge as edge


def found(index, values, match):
    vectors = edge.EdgeVectorParams(size=2, distance=edge.Distance.Dot)
    shard = edge.EdgeShard.create(tempfile.mkdtemp(dir='.'), edge.EdgeConfig(vectors=vectors))
    if index:
        shard.update(edge.UpdateOperation.create_field_index('value', index))
    points = [edge.Point(number, [1.0, 0.0], {'value': value}) for number, value in enumerate(values)]
    shard.update(edge.UpdateOperation.upsert_points(points))
    filter = edge.Filter(must=[edge.FieldCondition(key='value', match=match)])
    return [values[point.id] for point in shard.scroll(edge.ScrollRequest(filter=filter, limit=10))[0]]


kinds = edge.PayloadSchemaType
answers = []
for index, values, match in (
    (kinds.Keyword, ['red', 'green', 7, True], edge.MatchExcept(['red'])),
    (kinds.Integer, [7, 8, 'red'], edge.MatchExcept([7])),
    (kinds.Integer, [7, 7.0], edge.MatchValue(7)),
    (kinds.Text, ['red lamp'], edge.MatchPhrase('red lamp')),
):
    answers.append((found(None, values, match), found(index, values, match)))
    print(type(match).__name__, 'of', values, *answers[-1])
assert repr(answers) == repr([
    (['green', 7, True], ['green']), ([8, 'red'], [8]), ([7], [7, 7.0]), (['red lamp'], []),
])
print('qdrant-edge-py 0.9.0: as seen before')
PYTHON
