#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# milvus-lite 3.2.2: rows whose value is null pass `n not in [5]` and fail `n != 5` and `not (n == 5)`.
# Expected: one answer for the three, since they say the same.
# Also: `id in [1, 1]` on the primary key returns the row twice; expected once, as for other fields.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check milvus-lite==3.2.2 pymilvus==3.0.2
cd "$directory"
venv/bin/python - <<'PYTHON'
import logging

from pymilvus import DataType, MilvusClient

logging.disable(logging.CRITICAL)
client = MilvusClient('store.db')
schema = client.create_schema(auto_id=False)
schema.add_field('id', DataType.INT64, is_primary=True)
schema.add_field('v', DataType.FLOAT_VECTOR, dim=2)
schema.add_field('n', DataType.INT64, nullable=True)
index = client.prepare_index_params()
index.add_index('v', index_type='FLAT', metric_type='L2')
client.create_collection('items', schema=schema, index_params=index)
client.insert('items', [
    {'id': 1, 'v': [1, 0], 'n': 5}, {'id': 2, 'v': [1, 1], 'n': None}, {'id': 3, 'v': [0, 1], 'n': 7},
])


def found(condition):
    return [row['id'] for row in client.query('items', filter=condition, output_fields=['id'])]


answers = {c: found(c) for c in ('n != 5', 'not (n == 5)', 'n not in [5]', 'id in [1, 1]', 'n in [5, 5]')}
print(answers)
assert answers == {
    'n != 5': [3], 'not (n == 5)': [3], 'n not in [5]': [2, 3], 'id in [1, 1]': [1, 1], 'n in [5, 5]': [1],
}
print('milvus-lite 3.2.2: as seen before')
PYTHON
