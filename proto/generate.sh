#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes the C of CLodestoneProto and the Python of clients/python from lodestone/v1/*.proto.
# With --check it writes elsewhere and fails when the committed files differ.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
c_out="$root/Sources/CLodestoneProto"
py_out="$root/clients/python/lodestone/_proto"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir -p "$out/c/include" "$out/py"
cd "$here"
protoc --c_out="$out/c" --python_out="$out/py" --pyi_out="$out/py" lodestone/v1/*.proto
mv "$out/c/lodestone" "$out/c/include/"
for file in "$out"/c/include/lodestone/v1/*.pb-c.c; do mv "$file" "$out/c/"; done
# The Python modules live inside the package, so that no second top-level name is installed.
sed -i 's/^from lodestone\.v1 import/from lodestone._proto import/' "$out"/py/lodestone/v1/*.py*
if [ "${1-}" = --check ]; then
    diff -r "$out/c/include/lodestone" "$c_out/include/lodestone"
    for file in "$out"/c/*.pb-c.c; do diff "$file" "$c_out/$(basename "$file")"; done
    for file in "$out"/py/lodestone/v1/*.py*; do diff "$file" "$py_out/$(basename "$file")"; done
    echo "generated code matches proto/"
else
    mkdir -p "$c_out/include" "$py_out"
    rm -rf "$c_out/include/lodestone" "$c_out"/*.pb-c.c
    cp -r "$out/c/include/lodestone" "$c_out/include/"
    cp "$out"/c/*.pb-c.c "$c_out/"
    cp "$out"/py/lodestone/v1/*.py* "$py_out/"
fi
