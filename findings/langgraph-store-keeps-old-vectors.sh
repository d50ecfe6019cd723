#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# langgraph-checkpoint 4.3.2, InMemoryStore: put() of a value without the indexed field keeps the old vector.
# Expected: a search ranks an item by the value that the store returns for it, or gives it no score, as it does for
#   an item that was always without a vector.
# Seen: "cat" is replaced by a value without text, and by a text with index=False; both stay the best hits for "cat",
#   with a score of 1. With two indexed fields, the field that is missing in the new value still answers.
# Also: the same text in two indexed fields of an item raises "Number of embeddings (1) does not match …".
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check langgraph-checkpoint==4.3.2 numpy==2.4.6
cd "$directory"
venv/bin/python - <<'PYTHON'
from langgraph.store.memory import InMemoryStore

words = ('cat', 'dog', 'sun')


def embed(texts):
    return [[float(word in text) for word in words] for text in texts]


store = InMemoryStore(index={'dims': 3, 'embed': embed, 'fields': ['text', 'title']})
for key in ('no-text', 'not-indexed', 'one-field'):
    store.put(('items',), key, {'text': 'cat', 'title': 'a cat'})
store.put(('items',), 'new', {'text': 'dog'}, index=False)
store.put(('items',), 'no-text', {'color': 'red'})
store.put(('items',), 'not-indexed', {'text': 'sun', 'title': 'a sun'}, index=False)
store.put(('items',), 'one-field', {'text': 'dog'})
hits = {item.key: (item.score, item.value) for item in store.search(('items',), query='cat', limit=10)}
print(hits)
assert hits == {
    'no-text': (1, {'color': 'red'}), 'not-indexed': (1, {'text': 'sun', 'title': 'a sun'}),
    'one-field': (1, {'text': 'dog'}), 'new': (None, {'text': 'dog'}),
}
try:
    store.put(('items',), 'twice', {'text': 'cat', 'title': 'cat'})
    raise SystemExit('one text in two fields is accepted now')
except ValueError as error:
    print(error)
print('langgraph-checkpoint 4.3.2: as seen before')
PYTHON
