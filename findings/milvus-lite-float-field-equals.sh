#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# milvus-lite 3.2.2: a FLOAT field of 0.1 fails == 0.1 and <= 0.1, since 32 bits are compared with 64.
# Expected: the literal gets the type of the field, as in zvec 0.8.0, where a FLOAT field of 0.1 passes f = 0.1.
# Seen: rows of 0.1, 0.5 and 0.7 in a FLOAT field; == 0.1 finds nothing, == 0.5 finds 0.5 (exact in binary),
#   >= 0.7 finds nothing. A DOUBLE field finds each.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check \
    milvus-lite==3.2.2 pymilvus==3.0.2 zvec==0.8.0
cd "$directory"
venv/bin/python - <<'PYTHON'
import logging

import zvec
from pymilvus import DataType, MilvusClient

logging.disable(logging.CRITICAL)
client = MilvusClient('store.db')
schema = client.create_schema(auto_id=False)
schema.add_field('id', DataType.INT64, is_primary=True)
schema.add_field('v', DataType.FLOAT_VECTOR, dim=2)
schema.add_field('f', DataType.FLOAT)
schema.add_field('d', DataType.DOUBLE)
index = client.prepare_index_params()
index.add_index('v', index_type='FLAT', metric_type='L2')
client.create_collection('items', schema=schema, index_params=index)
values = [0.1, 0.5, 0.7]
client.insert('items', [{'id': number, 'v': [1, 0], 'f': x, 'd': x} for number, x in enumerate(values)])


def found(condition):
    return [values[row['id']] for row in client.query('items', filter=condition, output_fields=['id'])]


answers = {
    name: [found(f'{name} {tail}') for tail in ('== 0.1', '<= 0.1', '== 0.5', '>= 0.7')] for name in ('f', 'd')
}
print(answers)
assert answers == {'f': [[], [], [0.5], []], 'd': [[0.1], [0.1], [0.5], [0.7]]}
zvec.init(log_level=zvec.LogLevel.ERROR)
peer = zvec.create_and_open('peer', zvec.CollectionSchema(
    'items',
    fields=[zvec.FieldSchema('f', zvec.DataType.FLOAT)],
    vectors=zvec.VectorSchema('v', zvec.DataType.VECTOR_FP32, 2, zvec.FlatIndexParam(zvec.MetricType.L2)),
))
peer.insert(zvec.Doc('a', vectors={'v': [1.0, 0.0]}, fields={'f': 0.1}))
assert len(peer.query(zvec.Query('v', vector=[1.0, 0.0]), topk=5, filter='f = 0.1')) == 1
print('milvus-lite 3.2.2: as seen before')
PYTHON
