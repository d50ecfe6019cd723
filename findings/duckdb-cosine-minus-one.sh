#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# DuckDB 1.5.5, the version of its vss extension: the cosine similarity of FLOAT arrays is -1 when a sum of squares
#   leaves the range of a float.
# Expected: 1 for a vector with itself, as DOUBLE arrays have it; NaN, NULL or an error for a vector of zeros.
# Seen: -1, "the opposite direction", for [1e-30, 0] with itself, for [1e30, 0] with itself and for [0, 0] with
#   anything, the last in DOUBLE arrays as well. The distance is 2, so such rows come behind all others.
#   DuckDB 2.0.0, for which PyPI has no vss extension, has 1, 1 and NaN.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
cat > similarities.py <<'PYTHON'
import sys

import duckdb

pairs = (('[1e-30, 0]', '[1e-30, 0]'), ('[1e30, 0]', '[1e30, 0]'), ('[0, 0]', '[3, 4]'), ('[3, 4]', '[3, 4]'))
answers = []
for left, right in pairs:
    answers += duckdb.sql(f'''
        SELECT array_cosine_similarity({left}::FLOAT[2], {right}::FLOAT[2]),
               array_cosine_distance({left}::FLOAT[2], {right}::FLOAT[2]),
               array_cosine_similarity({left}::DOUBLE[2], {right}::DOUBLE[2])
    ''').fetchall()
    print(left, right, 'float: similarity, distance', answers[-1][:2], 'double: similarity', answers[-1][2])
floats, doubles = [answer[:2] for answer in answers], [answer[2] for answer in answers]
zeros = 'nan' if sys.argv[1] == '2.0.0' else '-1.0'
assert [str(number) for number in doubles] == ['1.0', '1.0', zeros, '1.0']
if sys.argv[1] == '2.0.0':
    assert repr(floats) == repr([(1.0, 0.0), (1.0, 0.0), (float('nan'), float('nan')), (1.0, 0.0)])
else:
    assert floats == [(-1, 2), (-1, 2), (-1, 2), (1, 0)]
PYTHON
for version in 1.5.5 2.0.0; do
    python3 -m venv "$version"
    "$version/bin/pip" install --quiet --disable-pip-version-check "duckdb==$version"
    "$version/bin/python" similarities.py "$version"
    echo "duckdb $version: as seen before"
done
