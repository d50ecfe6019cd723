#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Groonga 13.0.0 (Debian 12): a new record gets the id of a deleted one, and with it the links to that one.
# Expected: links to a deleted record become empty, or the delete is refused.
# Seen, tables with hash and double-array keys: b links to a in a vector and in a single reference; a is deleted,
#   and both links read as ''. The next record, x, gets the id of a, and b links to x. With a patricia trie the
#   links keep the name of the deleted record. An index column on the vector removes the link there.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
version=13.0.0+dfsg-3~deb12u1
apt-get download -qq "groonga-bin=$version" "libgroonga0=$version" libmsgpackc2=4.0.0-3 2>/dev/null
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$directory/root" -name 'libgroonga.so.0')")
export LD_LIBRARY_PATH
for kind in HASH DAT PAT; do
    root/usr/bin/groonga -n "$kind.db" > "$kind.txt" <<COMMANDS
table_create Page TABLE_${kind}_KEY ShortText
column_create Page links COLUMN_VECTOR Page
column_create Page best COLUMN_SCALAR Page
load --table Page --values '[{"_key": "a"}, {"_key": "b", "links": ["a"], "best": "a"}]'
delete Page --key a
select Page --output_columns links,best --filter '_key == "b"'
load --table Page --values '[{"_key": "x"}]'
select Page --output_columns links,best --filter '_key == "b"'
COMMANDS
done
python3 - <<'PYTHON'
import json

seen = {}
for kind in ('HASH', 'DAT', 'PAT'):
    with open(f'{kind}.txt') as file:
        replies = [json.loads(line) for line in file]
    assert all(reply[0][0] == 0 for reply in replies), replies
    seen[kind] = [replies[step][1][0][2] for step in (5, 7)]
    print(kind, 'after delete', seen[kind][0], 'after the next record', seen[kind][1])
for kind in ('HASH', 'DAT'):
    assert seen[kind] == [[[''], ''], [['x'], 'x']]
assert seen['PAT'] == [[['a'], 'a'], [['a'], 'a']]
print('Groonga 13.0.0: as seen before')
PYTHON
