#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usearch 2.26.6: metric='haversine' reads degrees and returns radians of arc; numkong 7.8.6, its library of
#   kernels, reads radians and returns meters. The documentation of usearch names no unit.
# Expected: radians in, as in scikit-learn and numkong, so that both packages of one author agree.
# Seen for London to Paris (344 km, 0.054 radians of arc): 0.054 from degrees, 0.0011 from radians; the wrong
#   unit gives no error. numkong: 18,487 km from degrees, 342 km from radians.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check usearch==2.26.6 numkong==7.8.6 numpy==2.4.6
cd "$directory"
venv/bin/python - <<'PYTHON'
import numkong
import numpy as np
from usearch.index import Index

LONDON, PARIS = np.array([51.5074, -0.1278]), np.array([48.8566, 2.3522])


def usearch_distance(a, b):
    index = Index(ndim=2, metric='haversine', dtype='f64')
    index.add(1, b)
    return float(index.search(a, 1).distances[0])


def numkong_distance(a, b):
    return float(np.asarray(numkong.haversine(*(np.array([x]) for x in (a[0], a[1], b[0], b[1]))))[0])


answers = {
    name: (distance(LONDON, PARIS), distance(np.radians(LONDON), np.radians(PARIS)))
    for name, distance in (('usearch', usearch_distance), ('numkong', numkong_distance))
}
print('from degrees, from radians:', answers)
assert 0.053 < answers['usearch'][0] < 0.055 and answers['usearch'][1] < 0.002
assert answers['numkong'][0] > 1e7 and 3.3e5 < answers['numkong'][1] < 3.5e5
print('usearch 2.26.6 and numkong 7.8.6: as seen before')
PYTHON
