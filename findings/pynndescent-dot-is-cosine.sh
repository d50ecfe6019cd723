#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# PyNNDescent 0.7.0: metric='dot' ignores lengths; it ranks and answers as metric='cosine' does.
# Expected: the inner product, as 'dot' means in Qdrant, usearch and Annoy. That one is called 'inner_product' here.
# Seen on 500 vectors of varying length, 20 queries, recall@10 against the exact inner product:
#   dot 0.18, cosine 0.18, inner_product 1.00; the distances of dot equal those of cosine.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check pynndescent==0.7.0 numpy==2.4.6
cd "$directory"
venv/bin/python - <<'PYTHON'
import numpy as np
import pynndescent

generator = np.random.default_rng(1)
vectors = generator.normal(size=(500, 8)).astype(np.float32)
vectors *= generator.lognormal(0, 1, size=(500, 1)).astype(np.float32)
queries = generator.normal(size=(20, 8)).astype(np.float32)
truth = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
answers, recall = {}, {}
for metric in ('dot', 'cosine', 'inner_product'):
    index = pynndescent.NNDescent(vectors, metric=metric, random_state=1)
    answers[metric] = index.query(queries, k=10)
    found = answers[metric][0]
    recall[metric] = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, truth)])
    print(metric, 'recall@10 of the inner product', round(float(recall[metric]), 3))
assert recall['dot'] < 0.5 and recall['inner_product'] > 0.9
assert np.allclose(answers['dot'][1], answers['cosine'][1], atol=1e-5)
print('PyNNDescent', pynndescent.__version__, 'dot is cosine: as seen before')
PYTHON
