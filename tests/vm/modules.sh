# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154,SC2034 # variables of the row and its architecture; PACKAGE
# Kernels with iommufd: a stock kernel of Debian with the modules that iommufd-recipe.sh makes. Kept
# in the cache as PACKAGE+iommufd-RECIPE, where RECIPE is a checksum of the recipe.

recipe=$VM_SRC/iommufd-recipe.sh
MODULES_LOG=$BUILD/vm/modules.log

recipe_suffix() { printf '+iommufd-%.12s' "$(sha256sum <"$recipe")"; }

# source_versions: those that the lists have of the kernel's source.
source_versions() { apt-cache "${APT[@]}" madison "$source" | awk -F ' *[|] *' '{ print $2 }'; }

# try_rebuilt SPEC: sets PACKAGE, the newest kernel that SPEC admits, or else any suite's, whose
# source has the same version, with the modules.
try_rebuilt()
{
	local versions stock folder

	versions=$(source_versions | xargs)
	if [ -z "$versions" ]; then
		say "the lists have no $source"
		return 1
	fi
	if ! try_package "$1" "$versions" && ! try_package "any:${1#*:}" "$versions"; then
		say "no kernel that matches ${1#*:} could be had in a version of $source ($versions)"
		return 1
	fi
	stock=$PACKAGE
	folder=${stock##*/}$(recipe_suffix)
	[ -d "$CACHE/packages/$folder" ] || rebuild "$stock" "$folder" || return 1
	touch "$CACHE/packages/$folder/.libiommu"
	PACKAGE=$CACHE/packages/$folder
}

# rebuild STOCK FOLDER: from the mirror to CACHE/packages/FOLDER; a build that fails ends the
# program.
rebuild()
{
	local tmp name version release started=$EPOCHREALTIME

	IFS=_ read -r name version _ <<<"${1##*/}"
	version=${version//%3a/:}
	release=${name#linux-image-}
	tmp=$(new_folder) || return 1
	say "fetching source and headers of $name $version (170 MB)"
	if ! (cd "$tmp" && download "$source=$version" "linux-headers-$release=$version" \
		"linux-headers-${release%-*}-common=$version" \
		"linux-kbuild-${release%-*}=$version"); then
		say "they could not be fetched; see $FETCH_LOG"
		rm -rf "$tmp"
		return 1
	fi
	say "building modules: iommufd, vfio, vfio_iommu_type1, vfio-pci-core, vfio-pci"
	: >"$MODULES_LOG"
	if ! { unpack_source "$tmp" && run_recipe "$tmp" && add_rebuilt "$tmp" "$1" "$release"; }; then
		show_tail "$MODULES_LOG"
		rm -rf "$tmp"
		die "the modules for $name $version could not be built; see $MODULES_LOG"
	fi
	keep_folder "$tmp" "$2" || return 1
	say "built in $(seconds_since "$started") s"
}

# unpack_source TMP: of the source, what the recipe reads; and the headers.
unpack_source()
(
	cd "$1" && exec >>"$MODULES_LOG" 2>&1 && mkdir source headers &&
	for deb in linux-headers-*.deb linux-kbuild-*.deb; do
		dpkg -x "$deb" headers || exit 1
	done &&
	dpkg --fsys-tarfile linux-source-*.deb |
		tar -xOf - --wildcards './usr/src/linux-source-*.tar.xz' | xz -T0 -dc |
		tar -xf - -C source --strip-components=1 --wildcards \
			'*/drivers/vfio' '*/drivers/iommu' '*/lib/interval_tree.c'
)

# run_recipe TMP: shows how far it is.
run_recipe()
{
	local line n=0

	# Not by awk: Debian's reads a pipe in large pieces.
	sh "$recipe" "$1/source" "$1/headers" "$1/work" 2>&1 | tee -a "$MODULES_LOG" |
		while read -r line; do
			case $line in
			"CC [M]"*.mod.o) ;;
			"CC [M]"*.o)
				n=$((n + 1))
				[ $((n % 5)) != 0 ] || say "$n files compiled" ;;
			esac
		done
}

# add_rebuilt TMP STOCK RELEASE: TMP/root, which is STOCK (sharing its files) and the modules.
add_rebuilt()
(
	exec >>"$MODULES_LOG" 2>&1
	{ cp -al "$2" "$1/root" || { rm -rf "$1/root" && cp -a "$2" "$1/root"; }; } &&
	rm -f "$1/root/.libiommu" && mkdir -p "$1/root/lib/modules/$3/updates" &&
	find "$1/work" -name '*.ko' -exec cp -t "$1/root/lib/modules/$3/updates" {} + &&
	# These are files that are shared; depmod makes new ones.
	rm -f "$1/root/lib/modules/$3"/modules.{alias,dep,devname,softdep,symbols}* &&
	index_modules "$1/root" &&
	modprobe -d "$1/root" -S "$3" --show-depends vfio-pci | grep -q '/updates/iommufd\.ko'
)

fetch_rebuilt() { fetch try_rebuilt "$1" "[+]$(recipe_suffix | cut -c2-)"; }
