#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# zvec 0.8.0: a number in a filter is cut to the bits of the field's type before the comparison.
# Expected: the comparison of numbers, or an error; a document with such a value is refused with a TypeError.
# Seen: an INT32 field of 5 passes `> 4294967296`, which becomes 0, and fails `< 3000000000`.
#   A UINT32 field of 5 passes `< -1` and fails `> -1`, since -1 becomes 4294967295.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check zvec==0.8.0
cd "$directory"
venv/bin/python - <<'PYTHON'
import zvec

zvec.init(log_level=zvec.LogLevel.ERROR)
schema = zvec.CollectionSchema(
    'items',
    fields=[
        zvec.FieldSchema('signed', zvec.DataType.INT32), zvec.FieldSchema('unsigned', zvec.DataType.UINT32),
    ],
    vectors=zvec.VectorSchema('v', zvec.DataType.VECTOR_FP32, 2, zvec.FlatIndexParam(zvec.MetricType.L2)),
)
collection = zvec.create_and_open('store', schema)
collection.insert(zvec.Doc('a', vectors={'v': [1.0, 0.0]}, fields={'signed': 5, 'unsigned': 5}))


def passes(condition):
    return len(collection.query(zvec.Query('v', vector=[1.0, 0.0]), topk=10, filter=condition)) == 1


conditions = ('signed > 4294967296', 'signed < 3000000000', 'unsigned < -1', 'unsigned > -1', 'signed > 4')
answers = {condition: passes(condition) for condition in conditions}
print(answers)
assert list(answers.values()) == [True, False, True, False, True]
print('zvec 0.8.0: as seen before')
PYTHON
