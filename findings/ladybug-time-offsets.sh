#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# LadybugDB 0.22.0: the offset of a time is dropped or applied, depending on the way in.
# Expected: one instant, 2024-01-01T00:00:00+02:00, is 2023-12-31T22:00:00 in UTC by each way.
# Seen: cast(… AS TIMESTAMP_TZ), cast(… AS TIMESTAMP_MS) and COPY from CSV apply the offset; timestamp(…)
#   drops it, and so does a datetime with a time zone as a parameter, for a TIMESTAMP_TZ column as well.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check ladybug==0.22.0
cd "$directory"
venv/bin/python - <<'PYTHON'
import datetime

import ladybug

TEXT = '2024-01-01T00:00:00+02:00'
connection = ladybug.Connection(ladybug.Database(':memory:'))
connection.execute('CREATE NODE TABLE Seen(way STRING PRIMARY KEY, plain TIMESTAMP, zoned TIMESTAMP_TZ)')
connection.execute(
    "CREATE (:Seen {way: 'parameter', plain: $moment, zoned: $moment})",
    {'moment': datetime.datetime.fromisoformat(TEXT)},
)
connection.execute(
    f"CREATE (:Seen {{way: 'function', plain: timestamp('{TEXT}'), zoned: cast('{TEXT}' AS TIMESTAMP_TZ)}})"
)
with open('seen.csv', 'w') as file:
    file.write(f'csv,{TEXT},{TEXT}\n')
connection.execute("COPY Seen FROM 'seen.csv'")
rows = connection.execute('MATCH (s:Seen) RETURN s.way, s.plain, s.zoned').get_all()
hours = {way: (plain.hour, zoned.hour) for way, plain, zoned in rows}
milliseconds = connection.execute(f"RETURN cast('{TEXT}' AS TIMESTAMP_MS)").get_all()[0][0].hour
print('hour by way, without and with zone', hours, 'cast to TIMESTAMP_MS', milliseconds)
assert hours == {'parameter': (0, 0), 'function': (0, 22), 'csv': (22, 22)} and milliseconds == 22
print('LadybugDB', ladybug.__version__, 'as seen before')
PYTHON
