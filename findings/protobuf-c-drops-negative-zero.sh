#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# protobuf-c 1.4.1 (Debian 12), proto3: a field of -0.0 isn't written, so its reader gets 0.0.
# Expected: 5 bytes for a float and 9 for a double, as protobuf 7.36.2 (Python) writes them: only the value
#   with all bits 0 is the default. So 1/x differs in sign by the language of the writer.
# Seen: 0 bytes from protobuf-c, 14 from Python. Elements of a repeated field keep the sign in both.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check protobuf==7.36.2
cd "$directory"
apt-get download -qq libprotobuf-c-dev=1.4.1-1+b1 protobuf-c-compiler=1.4.1-1+b1 libprotoc32 libprotobuf32 2>/dev/null
for package in *.deb; do dpkg -x "$package" root; done
libraries=$(dirname "$(find "$directory/root" -name 'libprotobuf-c.a')")
cat > point.proto <<'PROTO'
syntax = "proto3";
message Point { float x = 1; double y = 2; repeated float list = 3; }
PROTO
LD_LIBRARY_PATH=$libraries root/usr/bin/protoc-c --c_out=. point.proto
cat > pack.c <<'C'
#include <stdio.h>
#include "point.pb-c.h"

int main(int argc, char **argv) {
    (void)argv;
    Point point = POINT__INIT;
    float list[1] = {-0.0f};
    point.x = -0.0f;
    point.y = -0.0;
    if (argc > 1) { point.n_list = 1; point.list = list; }
    uint8_t bytes[64];
    size_t count = point__pack(&point, bytes);
    for (size_t i = 0; i < count; i++) printf("%02x", bytes[i]);
    printf("\n");
    return 0;
}
C
cc -Iroot/usr/include pack.c point.pb-c.c "$libraries/libprotobuf-c.a" -o pack
venv/bin/python - "$(./pack)" "$(./pack list)" <<'PYTHON'
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

file = descriptor_pb2.FileDescriptorProto(name='point.proto', syntax='proto3')
message = file.message_type.add(name='Point')
kinds = descriptor_pb2.FieldDescriptorProto
message.field.add(name='x', number=1, label=kinds.LABEL_OPTIONAL, type=kinds.TYPE_FLOAT)
message.field.add(name='y', number=2, label=kinds.LABEL_OPTIONAL, type=kinds.TYPE_DOUBLE)
message.field.add(name='list', number=3, label=kinds.LABEL_REPEATED, type=kinds.TYPE_FLOAT)
pool = descriptor_pool.DescriptorPool()
pool.Add(file)
Point = message_factory.GetMessageClass(pool.FindMessageTypeByName('Point'))
python = Point(x=-0.0, y=-0.0).SerializeToString().hex()
print('Python', python, 'C', repr(sys.argv[1]), 'C with a list', sys.argv[2])
assert python == '0d00000080110000000000000080'
assert sys.argv[1] == '' and sys.argv[2] == '1a0400000080'
print('protobuf-c 1.4.1: as seen before')
PYTHON
