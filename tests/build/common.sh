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

# declared: the names of the functions that the public header declares, without those it defines
declared() {
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
				if (statement[i] ~ /(^|[ \t])(typedef|static)[ \t]/)
					continue
				if (match(statement[i], /[A-Za-z_][A-Za-z_0-9]*[ \t]*\(/)) {
					name = substr(statement[i], RSTART, RLENGTH)
					sub(/[ \t]*\(/, "", name)
					print name
				}
			}
		}
	' | LC_ALL=C sort
}
