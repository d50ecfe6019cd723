# SPDX-License-Identifier: Apache-2.0
"""One library's vector index, measured next to Lodestone's by `lodestone-bench ann --vs`.

usage: ann_peer.py LIBRARY FOLDER METRIC DIMENSION K THREADS

FOLDER has rows.f32, queries.f32 and truth.u32. Answers once the index is there: vectors "built" a
second of processor time, and what the process grew by. Then each line of input is a beam width, and
each answer one pass over all queries, on one thread: recall, and queries a second of processor time.
"""
import ctypes
import importlib
import json
import sys
import time

import numpy as np

library, folder, metric, dimension, k, threads = sys.argv[1:7]
dimension, k, threads = int(dimension), int(k), int(threads)
rows = np.fromfile(folder + "/rows.f32", np.float32).reshape(-1, dimension)
queries = np.fromfile(folder + "/queries.f32", np.float32).reshape(-1, dimension)
truth = np.fromfile(folder + "/truth.u32", np.uint32).reshape(len(queries), -1)
euclidean = metric == "euclidean"
if metric == "cosine":
    rows = np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    queries = np.ascontiguousarray(queries / np.linalg.norm(queries, axis=1, keepdims=True))


def hnswlib():
    import hnswlib

    index = hnswlib.Index("l2" if euclidean else "ip", dimension)
    index.init_index(len(rows), M=16, ef_construction=200)
    index.set_num_threads(threads)
    index.add_items(rows)
    index.set_num_threads(1)

    def search(ef):
        index.set_ef(max(ef, k))
        return lambda query: index.knn_query(query, k)[0][0]

    return search


def faiss(make):
    import faiss

    faiss.omp_set_num_threads(threads)
    index = make(faiss, faiss.METRIC_L2 if euclidean else faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 200
    if not index.is_trained:
        index.train(rows)
    index.add(rows)
    faiss.omp_set_num_threads(1)

    def search(ef):
        index.hnsw.efSearch = ef
        return lambda query: index.search(query[None], k)[1][0]

    return search


def usearch():
    from usearch.index import Index

    index = Index(
        ndim=dimension, metric="l2sq" if euclidean else "cos", dtype="f32", connectivity=16,
        expansion_add=200)
    index.add(np.arange(len(rows)), rows, threads=threads)

    def search(ef):
        index.expansion_search = ef
        return lambda query: index.search(query, k, threads=1).keys

    return search


def svs():
    import svs

    parameters = svs.VamanaBuildParameters(
        graph_max_degree=64, window_size=200, alpha=1.2 if euclidean else 0.95)
    distance = svs.DistanceType.L2 if euclidean else svs.DistanceType.MIP
    index = svs.Vamana.build(parameters, rows.astype(np.float16), distance, num_threads=threads)
    index.num_threads = 1

    def search(ef):
        index.search_window_size = max(ef, k)
        return lambda query: index.search(query[None], k)[0][0]

    return search


def symphonyqg():
    import rabitqlib

    index = rabitqlib.SymqgIndex(dimension, 32, "l2" if euclidean else "ip")
    index.build(rows, 200, threads)
    return lambda ef: lambda query: index.search(query[None], k, ef, 1)[0][0]


LIBRARIES = {
    "hnswlib": hnswlib,
    "faiss": lambda: faiss(lambda f, m: f.IndexHNSWFlat(dimension, 16, m)),
    "faiss-sq8": lambda: faiss(
        lambda f, m: f.IndexHNSWSQ(dimension, f.ScalarQuantizer.QT_8bit, 16, m)),
    "usearch": usearch,
    "svs": svs,
    "symphonyqg": symphonyqg,
}

MODULES = {"faiss-sq8": "faiss", "usearch": "usearch.index", "symphonyqg": "rabitqlib"}


def memory():
    """Bytes of this process in memory, after unused ones are returned to the system."""
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) * 1024


# A library's own code is neither build time nor memory of the index.
importlib.import_module(MODULES.get(library, library))
before = memory()
started = time.process_time()
find = LIBRARIES[library]()
build = len(rows) / (time.process_time() - started)
grown = (memory() - before) / len(rows)
print(json.dumps({"built": build, "bytesPerVector": grown}), flush=True)
for line in sys.stdin:
    search = find(int(line))
    for query in queries[:20]:
        search(query)
    started = time.process_time()
    found = [search(query) for query in queries]
    seconds = time.process_time() - started
    right = sum(len(set(map(int, a[:k])) & set(map(int, b[:k]))) for a, b in zip(found, truth))
    print(
        json.dumps({"qps": len(queries) / seconds, "recall": right / (k * len(queries))}),
        flush=True)
