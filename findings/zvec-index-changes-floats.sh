#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# zvec 0.8.0: an inverted index on a FLOAT field changes the documents that a filter passes.
# Expected: an index changes the time of a query, never its documents.
# Seen: without an index f = 0 finds -0.0, and NaN passes no comparison (IEEE 754).
#   With an index f = 0 misses -0.0, and NaN passes f > 1.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check zvec==0.8.0
cd "$directory"
venv/bin/python - <<'PYTHON'
import zvec

zvec.init(log_level=zvec.LogLevel.ERROR)
VALUES = {'zero': 0.0, 'minus zero': -0.0, 'one': 1.0, 'two': 2.0, 'nan': float('nan')}


def answers(indexed):
    index = zvec.InvertIndexParam(enable_range_optimization=True) if indexed else None
    collection = zvec.create_and_open(f'store-{indexed}', zvec.CollectionSchema(
        'items',
        fields=[zvec.FieldSchema('f', zvec.DataType.FLOAT, False, index)],
        vectors=zvec.VectorSchema('v', zvec.DataType.VECTOR_FP32, 2, zvec.FlatIndexParam(zvec.MetricType.L2)),
    ))
    for number, value in enumerate(VALUES.values()):
        collection.insert(zvec.Doc(str(number), vectors={'v': [1.0, 0.0]}, fields={'f': value}))
    names = list(VALUES)
    return {
        condition: sorted(names[int(doc.id)] for doc in collection.query(
            zvec.Query('v', vector=[1.0, 0.0]), topk=10, filter=condition
        ))
        for condition in ('f = 0', 'f > 1', 'f < 1')
    }


scanned, indexed = answers(False), answers(True)
print('without index', scanned)
print('with index   ', indexed)
assert scanned == {'f = 0': ['minus zero', 'zero'], 'f > 1': ['two'], 'f < 1': ['minus zero', 'zero']}
assert indexed == {'f = 0': ['zero'], 'f > 1': ['nan', 'two'], 'f < 1': ['minus zero', 'zero']}
print('zvec 0.8.0: as seen before')
PYTHON
