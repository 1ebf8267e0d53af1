# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154,SC2034 # variables of the row and its architecture; PACKAGE
# Packages that guests are made of, unpacked in the cache and never installed: kernels, busybox,
# newer headers of the kernel.
# A folder of the cache is named after package and version; it is filled under another name and
# renamed, so a folder that is there is whole.

# newest_package SPEC [VERSIONS]: "NAME VERSION" of the newest package that SPEC (SUITE:REGEX)
# admits, and of one of these versions if any are given.
newest_package()
{
	local suite=${1%%:*} regex=${1#*:} versions=${2:-} names

	[ "$suite" != any ] || suite='[^/]*'
	mapfile -t names < <(apt-cache "${APT[@]}" pkgnames "${regex%%[\\^(\[.+]*}" |
		grep -Ex "$regex" || true)
	[ ${#names[@]} -gt 0 ] || return 0
	apt-cache "${APT[@]}" madison "${names[@]}" |
		awk -F ' *[|] *' -v suite=" $suite/" -v versions=" $versions " '
			$3 ~ suite && (versions == "  " || index(versions, " " $2 " ")) {
				sub(/^ */, "", $1)
				print $2, $1
			}' |
		sort -V | awk 'END { if (NR) print $2, $1 }'
}

# newest_cached SPEC [SUFFIX]: the folder name of the newest package in the cache that SPEC admits.
newest_cached()
{
	(cd "$CACHE/packages" 2>/dev/null && printf '%s\n' *_"$deb_arch"*) |
		grep -Ex "${1#*:}_.*_$deb_arch${2:-}" | sort -V | tail -n 1
}

# new_folder: prints a folder in the cache to work in; keep_folder gives it its name.
new_folder()
{
	local old

	# Half a package of somebody who was interrupted (the lock is ours), and what nobody has
	# used for long; of ours only, which have a mark.
	rm -rf "$CACHE"/packages/.libiommu.*
	for old in "$CACHE"/packages/*/.libiommu; do
		[ -z "$(find "$old" -mtime +60 2>/dev/null)" ] || rm -rf "${old%/*}"
	done
	mktemp -d "$CACHE/packages/.libiommu.XXXXXX"
}

# keep_folder TMP FOLDER: TMP/root becomes CACHE/packages/FOLDER, and TMP goes.
keep_folder()
{
	touch "$1/root/.libiommu" && chmod 755 "$1/root" &&
		mv -T "$1/root" "$CACHE/packages/$2" && rm -rf "$1"
}

# download NAME=VERSION...: into the current folder.
download() { apt-get "${APT[@]}" download "$@" >>"$FETCH_LOG" 2>&1; }

# unpack_package NAME VERSION FOLDER: from the mirror to CACHE/packages/FOLDER.
unpack_package()
{
	local tmp

	tmp=$(new_folder) || return 1
	if (cd "$tmp" && download "$1=$2") &&
	   mkdir "$tmp/root" && dpkg -x "$tmp"/*.deb "$tmp/root" >>"$FETCH_LOG" 2>&1 &&
	   index_modules "$tmp/root" >>"$FETCH_LOG" 2>&1 && keep_folder "$tmp" "$3"; then
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

# try_package SPEC [VERSIONS]: sets PACKAGE, the folder of the newest package that the lists name,
# fetched if need be.
try_package()
{
	local name version folder

	read -r name version < <(newest_package "$@") || return 1
	folder=${name}_${version//:/%3a}_$deb_arch
	if [ ! -d "$CACHE/packages/$folder" ]; then
		say "fetching $name $version"
		unpack_package "$name" "$version" "$folder" || return 1
	fi
	touch "$CACHE/packages/$folder/.libiommu"
	PACKAGE=$CACHE/packages/$folder
}

# fetch TRY SPEC [SUFFIX]: sets PACKAGE by calling TRY SPEC, where TRY is try_package or the like,
# or to what the cache has under this suffix, or ends the program.
fetch()
{
	local folder

	mkdir -p "$CACHE/packages"
	lock_cache
	if ! { apt_world "$deb_arch" "$FETCH_LOG" && "$1" "$2"; } &&
	   # The lists may name a package that has left the mirror since.
	   ! { apt_update "$FETCH_LOG" && "$1" "$2"; }; then
		folder=$(newest_cached "$2" "${3:-}") || true
		[ -n "$folder" ] ||
			die "no package for this guest: the mirror cannot be reached, or has none" \
				"that matches ${2#*:}, nor has the cache, $CACHE; see $FETCH_LOG"
		say "the mirror cannot be reached; from the cache: $folder"
		PACKAGE=$CACHE/packages/$folder
	fi
	unlock_cache
}

fetch_package() { fetch try_package "$1"; }
