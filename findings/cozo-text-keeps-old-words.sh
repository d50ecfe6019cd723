#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# CozoDB 0.7.6: after :put replaces a row, the full-text index finds the row by its old words, too.
# Expected: the row is found by the words of its stored text only.
# Seen: the text "cat" becomes "cow", then "hen"; cat, cow and hen each find the row. After :rm of the row the
#   old words raise "corrupted index". A :rm before the :put avoids both.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check cozo-embedded==0.7.6 pycozo==0.7.6
cd "$directory"
venv/bin/python - <<'PYTHON'
from pycozo.client import Client

client = Client('mem', '', dataframe=False)
client.run(':create page {id: Int => text: String}')
client.run('::fts create page:words {extractor: text, tokenizer: Simple, filters: [Lowercase]}')


def put(text):
    client.run('?[id, text] <- [[1, $text]] :put page {id => text}', {'text': text})


def found(word):
    try:
        rows = client.run('?[id] := ~page:words{id | query: $word, k: 10}', {'word': word})['rows']
    except Exception as error:
        return 'corrupted index' if 'corrupted index' in str(error) else str(error)
    return [row[0] for row in rows]


def drop():
    client.run('?[id] <- [[1]] :rm page {id}')


put('bird')
drop()
put('fish')
assert found('bird') == [] and found('fish') == [1]
drop()
for text in ('cat', 'cow', 'hen'):
    put(text)
stored = client.run('?[text] := *page{text}')['rows']
answers = {word: found(word) for word in ('cat', 'cow', 'hen', 'dog')}
drop()
dropped = {word: found(word) for word in answers}
print('stored', stored, 'found', answers, 'after :rm', dropped)
assert stored == [['hen']] and answers == {'cat': [1], 'cow': [1], 'hen': [1], 'dog': []}
assert dropped == {'cat': 'corrupted index', 'cow': 'corrupted index', 'hen': [], 'dog': []}
print('CozoDB 0.7.6: as seen before')
PYTHON
