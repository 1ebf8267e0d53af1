# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154,SC2034 # variables of the row and its architecture; PACKAGE
# Packages that guests are made of, unpacked in the cache and never installed: kernels, busybox.
# A folder of the cache is named after package and version; it is filled under another name and
# renamed, so a folder that is there is whole.

# newest_package SPEC: "NAME VERSION" of the newest package that SPEC (SUITE:REGEX) admits.
newest_package()
{
	local suite=${1%%:*} regex=${1#*:} names

	[ "$suite" != any ] || suite='[^/]*'
	mapfile -t names < <(apt-cache "${APT[@]}" pkgnames "${regex%%[\\^(\[.+]*}" |
		grep -Ex "$regex" || true)
	[ ${#names[@]} -gt 0 ] || return 0
	apt-cache "${APT[@]}" madison "${names[@]}" |
		awk -F ' *[|] *' -v suite=" $suite/" '
			$3 ~ suite { sub(/^ */, "", $1); print $2, $1 }' |
		sort -V | awk 'END { if (NR) print $2, $1 }'
}

# newest_cached SPEC: the folder name of the newest package in the cache that SPEC admits.
newest_cached()
{
	(cd "$CACHE/packages" 2>/dev/null && printf '%s\n' *_"$deb_arch") |
		grep -Ex "${1#*:}_.*_$deb_arch" | sort -V | tail -n 1
}

# unpack_package NAME VERSION FOLDER: from the mirror to CACHE/packages/FOLDER.
unpack_package()
{
	local tmp old

	# Half a package of somebody who was interrupted (the lock is ours), and what nobody has
	# used for long; of ours only, which have a mark.
	rm -rf "$CACHE"/packages/.libiommu.*
	for old in "$CACHE"/packages/*/.libiommu; do
		[ -z "$(find "$old" -mtime +60 2>/dev/null)" ] || rm -rf "${old%/*}"
	done
	tmp=$(mktemp -d "$CACHE/packages/.libiommu.XXXXXX") || return 1
	if (cd "$tmp" && apt-get "${APT[@]}" download "$1=$2") >>"$FETCH_LOG" 2>&1 &&
	   mkdir "$tmp/root" && dpkg -x "$tmp"/*.deb "$tmp/root" >>"$FETCH_LOG" 2>&1 &&
	   index_modules "$tmp/root" >>"$FETCH_LOG" 2>&1 &&
	   touch "$tmp/root/.libiommu" && chmod 755 "$tmp/root" && mv -T "$tmp/root" "$CACHE/packages/$3"; then
		rm -rf "$tmp"
		return 0
	fi
	rm -rf "$tmp"
	[ -d "$CACHE/packages/$3" ]
}

index_modules()
{
	local dir
	for dir in "$1"/lib/modules/* "$1"/usr/lib/modules/*; do
		[ -d "$dir" ] || continue
		[ -e "$1/lib" ] || ln -s usr/lib "$1/lib"
		depmod -b "$1" "${dir##*/}" || return 1
	done
}

# try_package SPEC: sets PACKAGE, the folder of the newest package that the lists name, fetched if
# need be.
try_package()
{
	local name version folder

	read -r name version < <(newest_package "$1") || return 1
	folder=${name}_${version//:/%3a}_$deb_arch
	if [ ! -d "$CACHE/packages/$folder" ]; then
		say "fetching $name $version"
		unpack_package "$name" "$version" "$folder" || return 1
	fi
	touch "$CACHE/packages/$folder/.libiommu"
	PACKAGE=$CACHE/packages/$folder
}

# fetch_package SPEC: sets PACKAGE, or ends the program.
fetch_package()
{
	local folder

	mkdir -p "$CACHE/packages"
	lock_cache
	if ! { apt_world "$deb_arch" "$FETCH_LOG" && try_package "$1"; } &&
	   # The lists may name a package that has left the mirror since.
	   ! { apt_update "$FETCH_LOG" && try_package "$1"; }; then
		folder=$(newest_cached "$1") || true
		[ -n "$folder" ] ||
			die "no package for this guest: the mirror cannot be reached, or has none" \
				"that matches ${1#*:}, nor has the cache, $CACHE; see $FETCH_LOG"
		say "the mirror cannot be reached; from the cache: $folder"
		PACKAGE=$CACHE/packages/$folder
	fi
	unlock_cache
}
