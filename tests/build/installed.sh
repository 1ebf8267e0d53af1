#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# make install into a folder; programs in C and C++ find all there with pkg-config, link, and run.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes and nothing
set -eu
. "${srcdir:?}/tests/build/common.sh"

[ "${cross_compiling:?}" = no ] || [ -n "${EMULATOR:-}" ] || skip_all 'cross build'
[ -z "$SANITIZE" ] || skip_all 'sanitized build'
[ -n "$PKG_CONFIG" ] || skip_all 'no pkg-config'
[ -e .libs/libiommu.so ] || skip_all 'no shared library was built'
[ -e .libs/libiommu.a ] || skip_all 'no static library was built'

scratch
root=$scratch/root

passes 'make install' apart "$MAKE" install DESTDIR="$root"

PKG_CONFIG_LIBDIR=$(dirname "$(find "$root" -name libiommu.pc)")
PKG_CONFIG_SYSROOT_DIR=$root
PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
export PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS PKG_CONFIG_ALLOW_SYSTEM_LIBS
libdir=$(dirname "$(find "$root" -name libiommu.so)")
version=$("$PKG_CONFIG" --modversion libiommu)

{
	echo '#include <libiommu.h>'
	echo '#include <string.h>'
	echo 'typedef void function(void);'
	echo 'function *const volatile all[] = {'
	declared | sed 's/.*/\t(function *)&,/'
	echo '};'
	echo 'int main(void)'
	echo '{'
	echo '	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)'
	echo '		if (!all[i])'
	echo '			return 1;'
	echo "	return strcmp(iom_version(), \"$version\") || strcmp(iom_errmsg(), \"\");"
	echo '}'
} > "$scratch/consumer.c"

# builds NAME COMPILER LANGUAGE BEFORE AFTER PKG-CONFIG-FLAG...
builds() {
	out=$scratch/$1 compiler=$2 language=$3 before=$4 after=$5
	shift 5
	# The builder's flags find what a cross build links with.
	# shellcheck disable=SC2046,SC2086 # lists of flags
	$compiler ${LINK_FLAGS:-} -o "$out" -x "$language" "$scratch/consumer.c" -x none \
		$("$PKG_CONFIG" --cflags libiommu) $before $("$PKG_CONFIG" "$@" --libs libiommu) $after
}

# runs NAME yes|no: succeeds, and loads the shared library or does not
runs() {
	loads=no
	$OBJDUMP -p "$scratch/$1" | grep -q 'NEEDED *libiommu\.so\.0$' && loads=yes
	[ "$loads" = "$2" ] || { echo "loads libiommu.so.0: $loads"; return 1; }
	# shellcheck disable=SC2086 # a command and its options
	LD_LIBRARY_PATH=$libdir ${EMULATOR:-} "$scratch/$1"
}

for language in c c++; do
	compiler=$CC
	[ "$language" = c ] || compiler=$CXX
	if [ "$compiler" = no ]; then
		skip "$language" 'no compiler'
		continue
	fi
	passes "$language, shared: builds" builds "$language-shared" "$compiler" "$language" '' ''
	passes "$language, shared: runs" runs "$language-shared" yes
	passes "$language, static: builds" builds "$language-static" "$compiler" "$language" \
		-Wl,-Bstatic -Wl,-Bdynamic --static
	passes "$language, static: runs" runs "$language-static" no
done

passes 'make uninstall' apart "$MAKE" uninstall DESTDIR="$root"
nothing 'make uninstall leaves no file' find "$root" ! -type d
tap_end
