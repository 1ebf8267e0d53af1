#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Runs a test of a cross build by $EMULATOR: a program, or what a test_WHAT-BACKEND of tests/unit
# ends with. Cases that need what qemu-user has not are skipped, if they fail:
#
#   MADV_DONTFORK     a child must not see what its parent has of a file, or of a buffer
#   MADV_POPULATE     memory is there before it is mapped
#
#   EMULATOR='qemu-ppc64le -L FOLDER' make check LOG_COMPILER='sh .../emulated.sh'
set -eu
# Emulated, all takes longer.
export CK_TIMEOUT_MULTIPLIER=10
no_dontfork='test_sys.c:sys:(mapped_files|buffers):|test_map_file.c:map_file:a_child:|/file-in-a-forked-child$'
no_dontfork="$no_dontfork|test_buf.c:buf:not_in_a_child:"
no_populate='test_populate.c:populate:before_the_kernel:'

case $(head -c 2 "$1") in
'#!')	script=$(sed "s|exec \./|exec ${EMULATOR:?} ./|" "$1")
	set -- sh -c "$script" ;;
*)	# shellcheck disable=SC2086 # a command and its options
	set -- ${EMULATOR:?} "$@" ;;
esac

{
	status=0
	"$@" || status=$?
	echo "@@ $status"
} | awk -v dontfork="$no_dontfork" -v populate="$no_populate" '
	function skip(what) {
		sub(/^not /, "")
		$0 = $0 " # SKIP qemu-user has no " what
		skipped++
	}
	$1 == "@@" { status = $2; next }
	/^not ok / && $0 ~ dontfork { skip("MADV_DONTFORK") }
	/^not ok / && $0 ~ populate { skip("MADV_POPULATE") }
	/^not ok / { failed++ }
	{ print; fflush() }
	END { exit status == 1 && skipped && !failed ? 0 : status }'
