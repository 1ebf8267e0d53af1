# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
#
# For the tests of the build, which run in the build folder with srcdir and the names of tools in the
# environment (AM_TESTS_ENVIRONMENT): TAP, and lists of what there is.

tap_count=0
tap_failed=0

# tap_result NAME STATUS: one line, and if it failed $tap_output
tap_result() {
	tap_count=$((tap_count + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $tap_count - $1"
		return
	fi
	tap_failed=1
	echo "not ok $tap_count - $1"
	printf '%s\n' "$tap_output" | sed 's/^/# /'
}

# passes NAME COMMAND...: the command succeeds
passes() {
	tap_name=$1 tap_status=0
	shift
	tap_output=$("$@" 2>&1) || tap_status=$?
	tap_result "$tap_name" "$tap_status"
}

# nothing NAME COMMAND...: the command finds nothing, and nothing to complain of
nothing() {
	tap_name=$1 tap_status=0
	shift
	tap_output=$("$@" 2>&1) || :
	[ -z "$tap_output" ] || tap_status=1
	tap_result "$tap_name" "$tap_status"
}

# same NAME FILE FILE: the files have the same lines, and some
same() {
	tap_status=0
	tap_output=$(grep -q . "$2" && diff -u "$2" "$3" 2>&1) || tap_status=$?
	tap_result "$1" "$tap_status"
}

skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# The last word of each test: the plan, and an exit status for who runs it by hand.
tap_end() {
	echo "1..$tap_count"
	exit "$tap_failed"
}

# A folder of this test's own below the build folder, empty.
scratch() {
	scratch=$PWD/tests/build/$(basename "$0" .sh).tmp
	rm -rf "$scratch"
	mkdir -p "$scratch"
}

# What is installed is looked at in $root: of the packages, which $PACKAGES_ROOT names, or else below
# the folder of the test, which has to install it.
needs_installed() {
	[ "${cross_compiling:?}" = no ] || [ -n "${EMULATOR:-}" ] || skip_all 'cross build'
	[ -z "$SANITIZE" ] || skip_all 'sanitized build'
	[ -n "$PKG_CONFIG" ] || skip_all 'no pkg-config'
	scratch
	root=${PACKAGES_ROOT:-$scratch/root}
	[ -z "${PACKAGES_ROOT:-}" ] || return 0
	[ -e .libs/libiommu.so ] || skip_all 'no shared library was built'
	[ -e .libs/libiommu.a ] || skip_all 'no static library was built'
}

# use_installed: have pkg-config find what is there, and nothing else
use_installed() {
	PKG_CONFIG_LIBDIR=$(dirname "$(find "$root" -name libiommu.pc)")
	PKG_CONFIG_SYSROOT_DIR=$root
	PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
	export PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR
	export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS PKG_CONFIG_ALLOW_SYSTEM_LIBS
}

# apart COMMAND...: a make that is not part of the one that runs this test
apart() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "$@"
}

# distributed: the files of the tarball, without those that autoreconf makes
distributed() {
	apart "$MAKE" -s print-distfiles | sed "s|^${srcdir:?}/||; s|^\./||" |
		grep -vE '^(aclocal\.m4|configure|config\.h\.in|Makefile\.in|build-aux/.*)$' | LC_ALL=C sort -u
}

# The folders that several backends may use; every other one is a backend.
shared_by_backends='uapi vfio spapr'

# backends: their names
backends() {
	for dir in "${srcdir:?}"/backends/*/; do
		name=$(basename "$dir")
		case " $shared_by_backends " in
		*" $name "*) ;;
		*) echo "$name" ;;
		esac
	done
}

# prototypes: each function of the public header, as it is written there, on one line
prototypes() {
	printf '#include <libiommu.h>\n' | $CC -E -I"${srcdir:?}/include" -x c - |
	awk '
		/^# [0-9]+ "/ { ours = $3 ~ /libiommu\.h"$/; next }
		ours { text = text " " $0 }
		END {
			while (gsub(/[{][^{}]*[}]/, ";", text))
				;
			n = split(text, statement, ";")
			for (i = 1; i <= n; i++) {
				gsub(/__attribute__ *\(\(([^()]|\([^()]*\))*\)\)/, "", statement[i])
				if (statement[i] ~ /(^|[ \t])typedef[ \t]/)
					continue
				if (statement[i] ~ /[A-Za-z_][A-Za-z_0-9]*[ \t]*\(/)
					print statement[i]
			}
		}
	'
}

# names_of: of functions, from prototypes
names_of() {
	sed -E 's/[[:space:]]*\(.*//; s/.*[^A-Za-z_0-9]//' | LC_ALL=C sort
}

# declared: the names of the functions that the public header declares, without those it defines
declared() {
	prototypes | awk '!/(^|[ \t])static[ \t]/' | names_of
}

# map_names: those that the library's map exports
map_names() {
	tr -s ' \t;' '\n' < "${srcdir:?}/lib/libiommu.map" |
		awk '/^(global|local):$/ { on = /global/; next } on && NF' | LC_ALL=C sort
}
