#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# qdrant-edge-py 0.9.0: MatchValue(True) finds the number 1, and never true. MatchValue(False) finds 0.
# Expected: the points whose payload is true, since the signature of MatchValue permits a bool, and since
# the local mode of qdrant-client 1.20.0 finds them. A bool is a number in Python; the query loses the bool.
# Seen: {'sold': true} is found by neither of the two, with or without a bool index.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check qdrant-edge-py==0.9.0 qdrant-client==1.20.0
cd "$directory"
venv/bin/python - <<'PYTHON'
import tempfile

import qdrant_edge as edge
from qdrant_client import QdrantClient, models

VALUES = {1: True, 2: 1, 3: False, 4: 0}


def edge_ids(indexed, value):
    vectors = edge.EdgeVectorParams(size=2, distance=edge.Distance.Dot)
    shard = edge.EdgeShard.create(tempfile.mkdtemp(dir='.'), edge.EdgeConfig(vectors=vectors))
    if indexed:
        shard.update(edge.UpdateOperation.create_field_index('sold', edge.PayloadSchemaType.Bool))
    points = [edge.Point(number, [1.0, 0.0], {'sold': sold}) for number, sold in VALUES.items()]
    shard.update(edge.UpdateOperation.upsert_points(points))
    condition = edge.FieldCondition(key='sold', match=edge.MatchValue(value))
    request = edge.ScrollRequest(filter=edge.Filter(must=[condition]), limit=10)
    return [point.id for point in shard.scroll(request)[0]]


def local_ids(value):
    client = QdrantClient(':memory:')
    client.create_collection(
        'items', vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT)
    )
    client.upsert('items', [
        models.PointStruct(id=number, vector=[1, 0], payload={'sold': sold}) for number, sold in VALUES.items()
    ])
    condition = models.FieldCondition(key='sold', match=models.MatchValue(value=value))
    return [point.id for point in client.scroll('items', scroll_filter=models.Filter(must=[condition]))[0]]


for value, right, seen in ((True, [1], [2]), (False, [3], [4])):
    answers = edge_ids(False, value), edge_ids(True, value), local_ids(value)
    print(value, 'edge', answers[0], 'edge with index', answers[1], 'local mode', answers[2])
    assert answers == (seen, seen, right)
print('qdrant-edge-py 0.9.0: as seen before')
PYTHON
