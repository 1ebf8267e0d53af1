# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154 # variables of the row and its architecture
# The guest's whole file system: busybox, the suites, the programs under test and a few modules of
# its kernel.

# unpack_module FILE FOLDER: prints the module's plain name.
unpack_module()
{
	local name=${1##*/}

	case $name in
	*.ko)	cp "$1" "$2/" ;;
	*.xz)	name=${name%.xz}; xz -dc "$1" >"$2/$name" ;;
	*.gz)	name=${name%.gz}; gzip -dc "$1" >"$2/$name" ;;
	*.zst)	name=${name%.zst}; zstd -qdc "$1" >"$2/$name" ;;
	*)	return 1 ;;
	esac
	echo "$name"
}

# add_modules KERNEL FOLDER: the modules of the row and its architecture and what they need, with
# their order of loading.
add_modules()
{
	local release module path
	release=$(cd "$1/lib/modules" && echo *)

	mkdir -p "$2"
	for module in $modules_iommu $modules; do
		modprobe -d "$1" -S "$release" --show-depends "$module" || return 1
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$2/paths"
	while read -r path; do
		unpack_module "$path" "$2" || return 1
	done <"$2/paths" >"$2/order"
	rm "$2/paths"
}

# add_tools ROOT FOLDER...: programs of unpacked packages, the C library and its loader.
add_tools()
{
	local root=$1 folder file
	shift

	for folder; do
		while read -r file; do
			mkdir -p "$root/${file%/*}"
			cp -P "$folder/$file" "$root/$file" || return 1
		done < <(cd "$folder" && find . -path './usr/bin/strace' -o -path './lib64/ld*' \
			-o -path './lib/*/libc.so.6' -o -path './lib/*/ld64.so.2')
	done
}

# make_initramfs KERNEL BUSYBOX PROGRAMS OUT TOOL...: all but PROGRAMS and OUT are folders of
# unpacked packages.
make_initramfs()
{
	local root=$4.root out=$4

	rm -rf "$root"
	mkdir -p "$root"/{bin,dev,etc,proc,sys,tmp,guest/bin}
	cp -r "$VM_SRC/guest/init" "$VM_SRC"/guest/*.sh "$VM_SRC/guest/suites" "$root/guest/"
	mv "$root/guest/init" "$root/init"
	chmod 755 "$root/init"
	cp "$2"/bin/busybox "$root/bin/" 2>/dev/null ||
		cp "$2"/usr/bin/busybox "$root/bin/" || return 1
	cp "$3"/* "$root/guest/bin/" || return 1
	mv "$root/guest/bin/cksum" "$root/bin/cksum"
	add_modules "$1" "$root/modules" || return 1
	shift 4
	add_tools "$root" "$@" || return 1
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1) >"$out" || return 1
	rm -rf "$root"
}
