#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Debian's packages: they build, lintian finds nothing wrong, and what they hold is unpacked, for
# the tests of what is installed. It is for a program that has exported the sources.
#
#   packages.sh SOURCES      leaves the packages beside SOURCES, and their files in root, in this folder
#
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes and nothing
set -eu
. "${srcdir:?}/tests/build/common.sh"

sources=$(cd "$1" && pwd)
packages=$(sed -n 's/^Package: //p' "$sources/debian/control")
root=$PWD/root
rm -rf "$root"
export LC_ALL=C
cd "$sources/.."

builds() {
	cd "$sources" && apart env -u CC -u CXX -u NM -u OBJDUMP -u MAKE -u PKG_CONFIG \
		DEB_BUILD_OPTIONS="parallel=$(nproc)" dpkg-buildpackage -us -uc
}

# file_of PACKAGE
file_of() {
	find . -maxdepth 1 -name "$1_*.deb" | grep .
}

none_missing() {
	for package in $packages; do
		file_of "$package" || return 1
	done
}

faults() {
	lintian --allow-root --tag-display-limit 0 --fail-on error,warning ./*.changes
}

in_two() {
	for package in $packages; do
		dpkg-deb --fsys-tarfile "$(file_of "$package")" | tar -t | grep -v '/$'
	done | sort | uniq -d
}

unpacks() {
	for package in $packages; do
		dpkg-deb -x "$(file_of "$package")" "$root" || return 1
	done
}

# binaries: what is loaded or run
binaries() {
	find "$root" -type f \( -perm -u+x -o -name '*.so*' \) -exec sh -c '
		for file; do ! readelf -h "$file" > /dev/null 2>&1 || echo "$file"; done' sh {} +
}

not_hardened() {
	[ "$(binaries | wc -l)" -ge 4 ] || echo 'few binaries were found'
	binaries | while read -r file; do
		readelf -hW "$file" | grep -q 'Type: *DYN' || echo "$file: at a fixed address"
		readelf -dW "$file" | grep -qw BIND_NOW || echo "$file: bound lazily"
		readelf -lW "$file" | grep -qw GNU_RELRO || echo "$file: relocations stay writable"
		readelf -sW --dyn-syms "$file" | grep -q '__stack_chk_fail' || echo "$file: no canaries"
	done
}

passes 'dpkg-buildpackage: sources and packages' builds
[ "$tap_failed" = 0 ] || tap_end
passes 'each package is there' none_missing
passes 'lintian has no error and no warning' faults
nothing 'no file is in two packages' in_two
passes 'they are unpacked' unpacks
nothing 'what is loaded or run is hardened' not_hardened
tap_end
