#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# milvus-lite 3.2.2: in a JSON field, true equals 1 and passes comparisons of numbers.
# Expected: JSON has two types here, so {"n": true} fails n == 1 and n > 0, and {"n": 1} fails n == true.
# Seen: 1, 1.0 and true pass each of n == 1, n == true and n > 0; n != 1 leaves true out.
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
schema.add_field('data', DataType.JSON)
index = client.prepare_index_params()
index.add_index('v', index_type='FLAT', metric_type='L2')
client.create_collection('items', schema=schema, index_params=index)
values = [1, 1.0, True, 2, False, '1']
client.insert('items', [
    {'id': number, 'v': [1, 0], 'data': {'n': value}} for number, value in enumerate(values)
])
answers = {}
for condition in ('data["n"] == 1', 'data["n"] == true', 'data["n"] > 0', 'data["n"] != 1'):
    rows = client.query('items', filter=condition, output_fields=['id'])
    answers[condition] = [values[row['id']] for row in rows]
print(answers)
assert repr(list(answers.values())) == repr([[1, 1.0, True], [1, 1.0, True], [1, 1.0, True, 2], [2, False, '1']])
print('milvus-lite 3.2.2: as seen before')
PYTHON
