#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Groonga 13.0.0 (Debian 12): load stores another value where a number or a text doesn't suit the type.
# Expected: an error for each, as for a time that doesn't exist (seen, too: "failed to cast to <Time>").
# Seen, each without an error: 3000000000 in an Int32 column is -1294967296, 300 in a UInt8 column is 44,
#   -1 is 255, and the text "false" in a Bool column is true.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
version=13.0.0+dfsg-3~deb12u1
apt-get download -qq "groonga-bin=$version" "libgroonga0=$version" libmsgpackc2=4.0.0-3 2>/dev/null
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$directory/root" -name 'libgroonga.so.0')")
export LD_LIBRARY_PATH
root/usr/bin/groonga -n store.db > replies.txt <<'COMMANDS'
table_create Item TABLE_NO_KEY
column_create Item signed COLUMN_SCALAR Int32
column_create Item small COLUMN_SCALAR UInt8
column_create Item flag COLUMN_SCALAR Bool
column_create Item moment COLUMN_SCALAR Time
load --table Item --values '[{"signed": 3000000000, "small": 300, "flag": "false"}, {"small": -1, "flag": false}]'
select Item --output_columns signed,small,flag
load --table Item --values '[{"moment": "2024-13-45 00:00:00"}]'
COMMANDS
python3 - <<'PYTHON'
import json

with open('replies.txt') as file:
    replies = [json.loads(line) for line in file]
assert replies[5][0][0] == 0 and replies[5][1] == 2
rows = replies[6][1][0][2:]
print(rows, 'time:', replies[7][0][3])
assert rows == [[-1294967296, 44, True], [0, 255, False]]
assert replies[7][0][0] != 0
print('Groonga 13.0.0: as seen before')
PYTHON
