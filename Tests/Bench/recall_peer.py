# SPDX-License-Identifier: Apache-2.0
"""One library's graph, grown next to Lodestone's by `lodestone-bench recall --vs`.

usage: recall_peer.py LIBRARY FOLDER METRIC DIMENSION K M EF_CONSTRUCTION EF

FOLDER has rows.f32 and queries.f32. Each line of input is a number of rows: the graph links the
rows up to there, and the output is the rows that each query finds. M is Lodestone's, which has four
links times M at the bottom; a graph of the library gets as many.
"""
import json
import sys

import numpy as np

library, folder, metric, dimension, k, m, ef_construction, ef = sys.argv[1:9]
dimension, k, links = int(dimension), int(k), 4 * int(m)
rows = np.fromfile(folder + "/rows.f32", np.float32).reshape(-1, dimension)
queries = np.fromfile(folder + "/queries.f32", np.float32).reshape(-1, dimension)
euclidean = metric == "euclidean"
if metric == "cosine":
    rows = np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    queries = np.ascontiguousarray(queries / np.linalg.norm(queries, axis=1, keepdims=True))


def faiss():
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexHNSWFlat(
        dimension, links // 2, faiss.METRIC_L2 if euclidean else faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = int(ef_construction)
    index.hnsw.efSearch = int(ef)
    return index.add, lambda: index.search(queries, k)[1]


add, search = {"faiss": faiss}[library]()
done = 0
for line in sys.stdin:
    end = int(line)
    add(rows[done:end])
    done = end
    found = [[int(row) for row in query if row >= 0] for query in search()]
    print(json.dumps({"rows": found}), flush=True)
