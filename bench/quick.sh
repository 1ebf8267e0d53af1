#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The benchmark, a moment for each row: all of it runs, and what is counted holds; times need not.
set -eu
[ "${cross_compiling:?}" = no ] || [ -n "${EMULATOR:-}" ] || {
	echo '1..0 # SKIP cross build'
	exit 0
}
# shellcheck disable=SC2086 # a command and its options
exec ${EMULATOR:-} bench/bench --quick --tap
