#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# LadybugDB 0.22.0: levenshtein() counts bytes of UTF-8, size() and substring() count characters.
# Expected: characters in both, so one edit between the spellings of Köln with and without its umlaut.
# Seen: levenshtein('köln', 'koln') = 2 and levenshtein('日本', '日本語') = 3, size('日本') = 2.
# A threshold of one typing error on it passes English words only.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check ladybug==0.22.0
cd "$directory"
venv/bin/python - <<'PYTHON'
import ladybug

connection = ladybug.Connection(ladybug.Database(':memory:'))
row = connection.execute(
    "RETURN levenshtein('köln', 'koln'), levenshtein('日本', '日本語'), size('日本')"
).get_all()[0]
print(row)
assert row == [2, 3, 2]
print('LadybugDB', ladybug.__version__, 'edits in bytes: as seen before')
PYTHON
