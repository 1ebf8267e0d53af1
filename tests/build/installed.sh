#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# make install into a folder, or the packages; programs in C and C++ find all there with pkg-config,
# link, and run.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes and nothing
set -eu
. "${srcdir:?}/tests/build/common.sh"

needs_installed
[ -n "${PACKAGES_ROOT:-}" ] || passes 'make install' apart "$MAKE" install DESTDIR="$root"
use_installed
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

# there PATH: a file of this path below whatever prefix; packages have pages compressed, and linked
there() { find "$root" ! -type d \( -path "*/$1" -o -path "*/$1.gz" \) | grep .; }

lacks_page() {
	{ declared; echo iom_dma_unmap; } | while read -r name; do
		there "man3/$name.3" > /dev/null || echo "$name"
	done
}

lacks_program() {
	programs | while read -r name; do
		[ -x "$scratch/examples/$name" ] || echo "$name"
	done
}

# There is no such device: no machine has a function 7 of the last bus of the last segment.
says_why() {
	status=0
	# shellcheck disable=SC2086 # a command and its options
	said=$(LD_LIBRARY_PATH=$libdir ${EMULATOR:-} "$scratch/examples/01_hello_map" ffff:ff:1f.7 2>&1) ||
		status=$?
	echo "$said"
	[ "$status" = 1 ] && echo "$said" | grep -q 'attach ffff:ff:1f.7: '
}

passes 'the command' there bin/iommuctl
# shellcheck disable=SC2086 # a command and its options
passes 'it runs' env LD_LIBRARY_PATH="$libdir" ${EMULATOR:-} "$(there bin/iommuctl)" --version
passes 'its page' there man1/iommuctl.1
passes 'its completion' there share/bash-completion/completions/iommuctl
passes 'its suite' there libiommu/conformance

# A page, or a link to one, for each function; and the examples, built as a reader would.
passes 'libiommu(7)' there man7/libiommu.7
nothing 'each function has a page' lacks_page
examples=$(dirname "$(there examples/01_hello_map.c)")
cp -R "$examples" "$scratch/examples"
# programs: what is to be made of the sources that are there
programs() { (cd "$scratch/examples" && grep -lE '^int main\(' -- *.c) | sed 's/\.c$//'; }
passes 'examples: there are some' test "$(programs | wc -l)" -ge 8
passes 'examples: all are built' apart "$MAKE" -C "$scratch/examples" CC="$CC" \
	CFLAGS='-O2 -Wall -Wextra -Werror' LDFLAGS="${LINK_FLAGS:-}"
nothing 'examples: each has its program' lacks_program
passes 'examples: the first says what is missing' says_why

[ -z "${PACKAGES_ROOT:-}" ] || tap_end
passes 'make uninstall' apart "$MAKE" uninstall DESTDIR="$root"
nothing 'make uninstall leaves no file' find "$root" ! -type d
tap_end
