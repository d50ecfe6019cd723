#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# voyager 2.2.3: Space.InnerProduct finds few of the best when short vectors follow longer ones.
# Expected: about the same recall for each order of insertion, as of other HNSW indexes; voyager adds a
#   dimension for the length (Bachrach 2014) so that inner products make a metric.
# Seen on 2,000 vectors of varying length, 50 queries, query_ef 100, recall@10 against exact products:
#   shortest first 1.00, random order 0.72, the longest and then shortest first 0.35. query_ef 1000: 1.00, 0.91, 0.79.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check voyager==2.2.3 numpy==2.4.6
cd "$directory"
venv/bin/python - <<'PYTHON'
import numpy as np
import voyager

generator = np.random.default_rng(0)
vectors = generator.normal(size=(2000, 16))
lengths = generator.lognormal(0, 1, 2000)
vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) * lengths[:, None]).astype(np.float32)
queries = generator.normal(size=(50, 16)).astype(np.float32)
truth = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
orders = {
    'short first': np.argsort(lengths),
    'random': np.arange(2000),
    'longest first': np.roll(np.argsort(lengths), 1),
}
recall = {}
for name, order in orders.items():
    index = voyager.Index(voyager.Space.InnerProduct, 16)
    index.add_items(vectors[order], ids=[int(row) for row in order], num_threads=1)
    for effort in (100, 1000):
        found, _ = index.query(queries, 10, query_ef=effort)
        recall[name, effort] = np.mean([len(set(map(int, a)) & set(map(int, b))) / 10 for a, b in zip(found, truth)])
        print(name, 'query_ef', effort, 'recall@10', round(float(recall[name, effort]), 3))
assert recall['short first', 100] > 0.98
assert recall['random', 100] < 0.85 and recall['longest first', 100] < 0.6 and recall['longest first', 1000] < 0.9
print('voyager 2.2.3: as seen before')
PYTHON
