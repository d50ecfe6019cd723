#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# CozoDB 0.7.6: + of integers wraps, sum() doesn't; -0.0 isn't 0.0, and is_in is stricter than ==.
# Expected: an error or a float for an overflow, as for other invalid arithmetic; IEEE 754; and
#   is_in(x, [5.0]) wherever x == 5.0.
# Seen: 9223372036854775807 + 1 is -9223372036854775808, their sum() is the float 9.22e18; -0.0 == 0.0 is
#   false; 5 == 5.0 is true, and is_in(5, [5.0]) is false.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check cozo-embedded==0.7.6 pycozo==0.7.6
cd "$directory"
venv/bin/python - <<'PYTHON'
from pycozo.client import Client

client = Client('mem', '', dataframe=False)
expressions = (
    '9223372036854775807 + 1', '-0.0 == 0.0', '5 == 5.0', 'is_in(5, [5.0])', 'is_in(5, [5])',
)
answers = {e: client.run(f'?[x] := x = {e}')['rows'][0][0] for e in expressions}
total = client.run('?[sum(n)] := n in [9223372036854775807, 1]')['rows'][0][0]
print(answers, 'sum()', total)
assert list(answers.values()) == [-(2**63), False, True, False, True] and total == 2.0**63
print('CozoDB 0.7.6: as seen before')
PYTHON
