#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tantivy 0.27.0 (Python): date fields keep seconds. A fraction in a range's bound is kept, in the document not.
# Expected: a document of 00:00:00.999999 is within [00:00:00.5 TO 00:00:01].
# Seen: that range finds nothing, and asking for exactly .000001 finds .999999, too.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check tantivy==0.27.0
cd "$directory"
venv/bin/python - <<'PYTHON'
import datetime

import tantivy

builder = tantivy.SchemaBuilder()
builder.add_date_field('seen', stored=True, indexed=True, fast=True)
builder.add_text_field('name', stored=True)
schema = builder.build()
index = tantivy.Index(schema)
writer = index.writer()
for microsecond in (1, 999999):
    moment = datetime.datetime(2024, 1, 1, 0, 0, 0, microsecond)
    writer.add_document(tantivy.Document(seen=moment, name=str(microsecond)))
writer.commit()
index.reload()
searcher = index.searcher()


def found(question):
    hits = searcher.search(index.parse_query(question, ['name']), 10).hits
    return sorted(searcher.doc(address)['name'][0] for _, address in hits)


ranged = found('seen:[2024-01-01T00:00:00.5Z TO 2024-01-01T00:00:01Z]')
exact = found('seen:"2024-01-01T00:00:00.000001Z"')
print('range', ranged, 'exact', exact)
assert ranged == [] and exact == ['1', '999999']
print('tantivy 0.27.0 dates of whole seconds: as seen before')
PYTHON
