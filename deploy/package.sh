#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: deploy/package.sh PROGRAMS OUTPUT [VERSION]
# Makes the Debian package from the built programs of the folder PROGRAMS, into the folder OUTPUT.
# VERSION is that of the source without a third argument; tests of upgrades need another one.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
programs=$(cd "$1" && pwd)
mkdir -p "$2"
output=$(cd "$2" && pwd)
release=$(sed -n 's/.*release = "\(.*\)".*/\1/p' "$root/Sources/LodestoneCore/Calls/Version.swift")
version=${3:-$release}
source=$output/lodestone-$version
rm -rf "$source"
mkdir -p "$source"/{bin,man,pages,completions/{bash,zsh,fish}}

# The same sources give the same package: its times are those of the last commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

cp -r "$root/deploy/debian" "$source/debian"
cp "$root/deploy/lodestone.service" "$source/debian/lodestone.service"
cp "$root/deploy/lodestone.json" "$source"
cp "$root/"{README,CHANGELOG}.md "$root/deploy/CONFIGURATION.md" "$root/proto/PROTOCOL.md" "$source/pages"
mkdir -p "$source/debian/source"
echo "3.0 (native)" >"$source/debian/source/format"
cat >"$source/debian/changelog" <<END
lodestone ($version) unstable; urgency=medium

  * Release $version. The changes are in /usr/share/doc/lodestone/CHANGELOG.md.gz.

 -- $(sed -n 's/^Maintainer: //p' "$source/debian/control")  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END

for program in lodestone lodestoned; do
    install -m 755 "$programs/$program" "$source/bin/$program"
    for shell in bash zsh fish; do
        case $shell in
        bash) name=$program ;;
        zsh) name=_$program ;;
        fish) name=$program.fish ;;
        esac
        # A script that is only sourced has no line for an interpreter.
        "$programs/$program" --generate-completion-script "$shell" | sed '1{/^#!/d}' \
            >"$source/completions/$shell/$name"
    done
done
"$programs/lodestone" --experimental-dump-help \
    | python3 "$root/deploy/man.py" --section 1 --version "$version" "$source/man"
"$programs/lodestoned" --experimental-dump-help \
    | python3 "$root/deploy/man.py" --section 8 --version "$version" "$source/man"

(cd "$source" && dpkg-buildpackage --build=binary --unsigned-changes --unsigned-buildinfo \
    >"$output/build.log" 2>&1) || {
    cat "$output/build.log" >&2
    exit 1
}
ls "$output/lodestone_${version}_"*.deb
