# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154 # variables of the row and its architecture
# The programs that run in guests: a static build of their own for each architecture.

# shellcheck disable=SC2034 # for those who call build_programs
guest_targets="tests/contract/contract tests/conformance/conformance examples/nvme_poll
	examples/nic_poll examples/vmm_replay tools/iommuctl bench/bench
	tests/vm/guest/cksum tests/vm/guest/journal tests/vm/guest/map_cost tests/vm/guest/map_once
	tests/vm/guest/numa tests/vm/guest/reach tests/vm/guest/tree"
# shellcheck disable=SC2034
demo_targets="examples/nvme_poll tests/vm/guest/cksum"

# build_programs SOURCE FOLDER TARGETS: sets PROGRAMS, the folder that holds the built programs and
# nothing else.
build_programs()
{
	local dir=$2 log=$2.log target

	PROGRAMS=$dir/guest-programs
	# What was built from another tree would have make find that one's programs.
	[ ! -e "$dir/Makefile" ] || grep -qxF "srcdir = $1" "$dir/Makefile" || rm -rf "$dir"
	rm -rf "$PROGRAMS"
	mkdir -p "$PROGRAMS"
	# This make is not part of a make that may have called us. Where configure itself is out of
	# date, make runs it again, and must not hand it libtool's flag.
	# shellcheck disable=SC2086 # a list of targets
	(
		unset MAKEFLAGS MFLAGS MAKELEVEL
		cd "$dir" &&
		{ [ -e config.status ] ||
			"$1/configure" --disable-shared ${cross:+"--host=$triplet"}; } &&
		make Makefile && make -j"$(nproc)" LDFLAGS=-all-static $3
	) >"$log" 2>&1 </dev/null || return 1
	for target in $3; do
		cp "$dir/$target" "$PROGRAMS/" || return 1
	done
}
