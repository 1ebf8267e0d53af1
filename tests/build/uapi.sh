#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# backends/uapi agrees with the kernel's own headers: every constant, the size of every structure, and
# where each member begins and how long it is.
#
#   uapi.sh FOLDER     holds linux/iommufd.h and linux/vfio.h, as linux-libc-dev has them
#
# Not part of make check, which needs no network: scripts/test fetches headers that are new enough.
set -eu
headers=$1
top=$(cd "$(dirname "$0")/../.." && pwd)
ours=$top/backends/uapi/iommufd.h
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Linux 6.13 brought these; Debian 12's backports end with 6.12.
newer="IOMMU_IOAS_MAP_FILE iommu_ioas_map_file"

in_headers() { grep -qw -- "$1" "$headers/linux/iommufd.h" "$headers/linux/vfio.h"; }

# What our header defines: "constant NAME", "struct NAME", "member STRUCT NAME", without our prefix.
names()
{
	awk '
		/^#define IOM_[A-Z_]+ / { sub(/^IOM_/, "", $2); print "constant", $2 }
		/^struct iom_[a-z_]+ \{$/ { type = $2; sub(/^iom_/, "", type); print "struct", type }
		/^\tu?int[0-9]+_t / && type {
			sub(/;.*/, "")
			sub(/^\tu?int[0-9]+_t /, "")
			n = split($0, member, /, */)
			for (i = 1; i <= n; i++)
				print "member", type, member[i]
			next
		}
		/^\};/ { type = "" }
		type && !/^struct / { print "unknown", $0 }' "$ours"
}

names >"$work/names"
for kind in constant struct member; do
	grep -q "^$kind " "$work/names" || { echo "Bail out! no $kind was found in $ours"; exit 1; }
done
while read -r kind name member; do
	if [ "$kind" = unknown ]; then
		echo "Bail out! what is this in $ours: $name $member"
		exit 1
	fi
	case " $newer " in
	*" $name "*)
		if ! in_headers "$name"; then
			[ "$kind" = member ] || echo "NEWER($name);"
			continue
		fi ;;
	esac
	case $kind:$member in
	constant:*)	echo "CONSTANT($name);" ;;
	struct:*)	echo "SIZE($name);" ;;
	member:reserved) echo "MEMBER($name, $member, __reserved);" ;;
	member:*)	echo "MEMBER($name, $member, $member);" ;;
	esac
done <"$work/names" >"$work/uapi-names.h"

# shellcheck disable=SC2086 # a command and its options
${CC:-cc} -std=gnu11 -Wall -Werror -isystem "$headers" -isystem "$headers/$(${CC:-cc} -print-multiarch)" \
	-I"$top" -I"$work" "$top/tests/build/uapi.c" -o "$work/uapi"
"$work/uapi"
