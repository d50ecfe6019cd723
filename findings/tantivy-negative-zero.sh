#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tantivy 0.27.0 (Python): -0.0 and 0.0 are two values of a float field.
# Expected: equal, as IEEE 754 and SQL have it.
# Seen: f:0 and f:[0 TO 1] miss the document with -0.0; f:"-0.0" finds that one alone.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check tantivy==0.27.0
cd "$directory"
venv/bin/python - <<'PYTHON'
import tantivy

builder = tantivy.SchemaBuilder()
builder.add_float_field('f', stored=True, indexed=True, fast=True)
builder.add_text_field('name', stored=True)
schema = builder.build()
index = tantivy.Index(schema)
writer = index.writer()
writer.add_document(tantivy.Document(f=0.0, name='plus'))
writer.add_document(tantivy.Document(f=-0.0, name='minus'))
writer.commit()
index.reload()
searcher = index.searcher()


def found(question):
    hits = searcher.search(index.parse_query(question, ['name']), 10).hits
    return sorted(searcher.doc(address)['name'][0] for _, address in hits)


answers = {question: found(question) for question in ('f:0', 'f:[0 TO 1]', 'f:"-0.0"')}
print(answers)
assert answers == {'f:0': ['plus'], 'f:[0 TO 1]': ['plus'], 'f:"-0.0"': ['minus']}
print('tantivy 0.27.0 two zeros: as seen before')
PYTHON
