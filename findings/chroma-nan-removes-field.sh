#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# chromadb 1.5.9: a metadata value of NaN or infinity is dropped without an error, with its field.
# Expected: an error, as for NaN and infinity in a filter ("Invalid where clause"), or the value itself.
# Seen, in memory and on disk: {'score': nan, 'page': 1} reads back as {'page': 1}, infinity likewise. An update to
#   NaN removes the stored 7.5, so no comparison with score finds the record, and $ne finds it.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check chromadb==1.5.9
cd "$directory"
venv/bin/python - <<'PYTHON'
import tempfile

import chromadb

settings = chromadb.Settings(anonymized_telemetry=False)
clients = (chromadb.EphemeralClient(settings), chromadb.PersistentClient(tempfile.mkdtemp(dir='.'), settings))
for client in clients:
    records = client.create_collection('records', embedding_function=None)
    records.add(ids=['a', 'b', 'c'], embeddings=[[1.0, 0.0]] * 3, metadatas=[
        {'score': float('nan'), 'page': 1}, {'score': float('inf'), 'page': 2}, {'score': 7.5, 'page': 3},
    ])
    written = records.get()['metadatas']
    records.update(ids=['c'], metadatas=[{'score': float('nan')}])
    updated = records.get(ids=['c'])['metadatas']
    above = records.get(where={'score': {'$gte': 0}})['ids']
    below = records.get(where={'score': {'$lt': 0}})['ids']
    other = records.get(where={'score': {'$ne': 1}})['ids']
    print('written', written, 'updated', updated, '>= 0', above, '< 0', below, '!= 1', other)
    assert written == [{'page': 1}, {'page': 2}, {'page': 3, 'score': 7.5}] and updated == [{'page': 3}]
    assert above == below == [] and other == ['a', 'b', 'c']
    try:
        records.get(where={'score': float('nan')})
        raise SystemExit('a filter with NaN is accepted now')
    except chromadb.errors.InvalidArgumentError as error:
        print('filter with NaN:', error)
print('chromadb 1.5.9: as seen before')
PYTHON
