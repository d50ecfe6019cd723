#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: deploy/image.sh PACKAGE TAG
# Makes a container image of the Debian package and the libraries that it depends on. It needs root,
# mmdebstrap, and buildah or podman.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
package=$(realpath "$1")
tag=$2
builder=$(command -v buildah || command -v podman)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Names without versions and alternatives. No script of a package runs in the image's root, so
# adduser has nothing to do there.
depends=$(dpkg-deb --field "$package" Depends | tr ',' '\n' \
    | sed 's/^ *//; s/[ (|].*//' | grep -v '^adduser$' | paste -sd,)
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
mmdebstrap --quiet --variant=extract --include="base-files,ca-certificates,tzdata,$depends" \
    "$codename" "$folder/root"
dpkg-deb --extract "$package" "$folder/root"
cd "$folder/root"
cat usr/share/ca-certificates/mozilla/*.crt >etc/ssl/certs/ca-certificates.crt
cat >etc/passwd <<'END'
root:x:0:0:root:/root:/usr/sbin/nologin
lodestone:x:5633:5633:Lodestone server:/var/lib/lodestone:/usr/sbin/nologin
END
cat >etc/group <<'END'
root:x:0:
lodestone:x:5633:
END
install -d -o 5633 -g 5633 -m 700 var/lib/lodestone
# Licenses stay, and the rest of the documentation is in the package.
find usr/share/doc -type f ! -name copyright -delete
rm -rf usr/share/{man,locale,info,perl5,debconf,lintian,bash-completion,zsh,fish} usr/share/ca-certificates
rm -rf var/cache/* var/lib/{apt,dpkg} var/log/* etc/{apt,hostname,resolv.conf,fstab} lib/systemd
# The libraries need none of the tools of the packages around them.
find usr/bin usr/sbin bin sbin -type f ! -name lodestone ! -name lodestoned -delete
find usr/bin usr/sbin bin sbin -type l -delete

# An archive keeps the owners of files, which a copy into an image does not.
# Only the format of Docker has health checks.
mkdir "$folder/context"
tar --create --file "$folder/context/root.tar" --directory "$folder/root" --numeric-owner .
"$builder" build --format docker --file "$root/deploy/Containerfile" --tag "$tag" "$folder/context"
