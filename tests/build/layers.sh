#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Dependencies point one way: examples, tools -> libiommu.h -> lib -> backends/backend.h <- backends -> lib/sys.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes and nothing
set -eu
. "${srcdir:?}/tests/build/common.sh"

scratch
distributed > "$scratch/files"
cd "$srcdir"
srcdir=.

# includes FILE...: FILE:LINE:INCLUDED, quoted or not
includes() {
	grep -HnoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"][^>"]*' "$@" |
		sed -E 's/:[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]/:/'
}

sources() {
	find "$@" -name '*.[ch]'
}

kernel_words() {
	sources lib | grep -vE '^lib/sys(_vma)?\.[ch]$' |
		xargs grep -nwE 'ioctl|(VFIO|IOMMU)_[A-Za-z0-9_]+|sys/ioctl\.h|linux/(vfio|iommufd)\.h'
}

# A thread may be cancelled in these, with a lock held: only where cancellation is off meanwhile
# (lib/cancel.h; tests/unit/test_cancel.c goes through lib/sys).
cancellation_points() {
	sources lib backends | grep -vE '^lib/(sys(_[a-z]+)?\.c|cancel\.h|log\.c)$' |
		xargs grep -nE '(^|[^A-Za-z_0-9>.*])(pthread_(cond_(timed)?wait|join|testcancel)|sem_wait|open(at|dir)?|creat|close|fcntl|p?read(v|dir)?|p?writev?|f(open|close|gets|getc|read|write|printf|puts|flush|sync)|getline|printf|puts|perror|poll|ppoll|p?select|epoll_wait|u?sleep|nanosleep|clock_nanosleep|pause|wait(pid|id)?|msync|syslog|system)\('
}

vfio_words() {
	sources lib | xargs grep -n VFIO_
}

backend_names() {
	for name in $(backends); do
		sources lib | xargs grep -nE "\"$name\"" || :
	done
}

lib_includes() {
	# shellcheck disable=SC2046 # no white space in the tree's names
	includes $(sources lib) | grep -E ':(.*/)?(backends|sim|examples|tools|tests)/' |
		grep -vE ':(\.\./)?backends/backend\.h$'
}

# A backend may include its own folder, the shared ones, and above backends/ only backend.h and lib/.
backend_includes() {
	for name in $(backends); do
		others=$(backends | grep -vx "$name" | paste -sd '|' -)
		[ -n "$others" ] || continue
		# shellcheck disable=SC2046
		includes $(sources "backends/$name") | grep -E ":(.*/)?($others)/" || :
	done
	for name in $shared_by_backends; do
		[ -d "backends/$name" ] || continue
		# shellcheck disable=SC2046
		includes $(sources "backends/$name") | grep -E ":(.*/)?($(backends | paste -sd '|' -))/" || :
	done
	# shellcheck disable=SC2046
	includes $(sources backends) | grep -E ':(.*/)?(sim|examples|tools|tests)/' || :
}

# Where the conformance cases meet the simulation, and see what users do not.
sim_world='tests/conformance/sim/machines.c
tests/conformance/sim/machines.h
tests/conformance/sim/world_sim.c'

outsiders() {
	sources examples tests/conformance | grep -vxF "$sim_world"
}

# Quoted: a file of examples/. In angle brackets: ours is libiommu.h only.
example_includes() {
	# shellcheck disable=SC2046
	grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' $(outsiders) |
	while IFS= read -r line; do
		folder=$(dirname "${line%%:*}")
		file=${line#*\"}
		file=${file%%\"*}
		[ -e "$folder/$file" ] || [ -e "examples/$file" ] ||
			[ -e "tests/conformance/$file" ] || echo "$line"
	done
	# shellcheck disable=SC2046
	includes $(outsiders) | grep -E ':(.*/)?(lib|backends|sim|include)/' || :
}

# iommuctl: as examples, with their options and sentences.
tool_includes() {
	# shellcheck disable=SC2046
	grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' $(sources tools) |
	while IFS= read -r line; do
		file=${line#*\"}
		file=${file%%\"*}
		[ -e "tools/$file" ] || case $file in
		args.h|sentence.h) ;;
		*) echo "$line" ;;
		esac
	done
	# shellcheck disable=SC2046
	includes $(sources tools) | grep -E ':(.*/)?(lib|backends|sim|include|tests|bench)/' || :
}

# The simulation must not share a backend's misunderstanding.
sim_includes() {
	# shellcheck disable=SC2046
	includes $(sources sim) | grep -E ':(.*/)?(lib|backends|examples|tools|tests)/' |
		grep -vE ':(lib/sys|backends/uapi/[a-z]+)\.h$'
}

# The library on the simulation: what makes one of the two, and nothing else knows it.
simulate_includes() {
	# shellcheck disable=SC2046
	includes $(sources simulate) | grep -E ':(.*/)?(backends|sim|examples|tools|tests|bench)/' |
		grep -vE ':(sim/sim|backends/backend)\.h$'
	# shellcheck disable=SC2046
	includes $(sources lib backends sim examples tools tests bench include) |
		grep -E ':(.*/)?simulate/' | grep -v '^tests/fuzz/fuzz_words\.c:' || :
}

# The benchmark stands beside the tests, and nothing else knows it.
bench_includes() {
	# shellcheck disable=SC2046
	includes $(sources bench) | grep -E ':(.*/)?(examples|tools|tests)/' || :
	# shellcheck disable=SC2046
	includes $(sources lib backends sim examples tools tests include) | grep -E ':(.*/)?bench/' || :
}

header_includes() {
	includes include/libiommu.h | grep -vE ':(errno|stddef|stdint|sys/uio)\.h$'
}

# The public header is the manual besides, and the mutants are a list.
long_files() {
	xargs wc -l < "$scratch/files" |
		awk '$2 != "total" && $2 != "tests/mutants/table" &&
			$1 > ($2 ~ /^(include\/libiommu.h|tests\/mutants\/table)$/ ? 1250 : 600) {
			print $2 ": " $1 " lines" }'
}

# Some of debian/ have a form that takes no comment; its copyright file covers them.
no_licence() {
	grep -vE '^LICENSE$|\.md$|^debian/(README\.source|changelog|copyright|source/format)$' \
		"$scratch/files" | while read -r file; do
		head -n 2 "$file" | grep -q 'SPDX-License-Identifier: BSD-3-Clause' || echo "$file"
	done
}

nothing 'lib/ speaks of no kernel interface, lib/sys apart' kernel_words
nothing 'lib/ knows nothing of VFIO, lib/sys neither' vfio_words
nothing 'no thread is cancelled but where cancellation is off' cancellation_points
nothing 'lib/ names no backend' backend_names
nothing 'lib/ includes nothing above it but backends/backend.h' lib_includes
nothing 'backends do not know each other' backend_includes
nothing 'examples and conformance include only the public header of ours' example_includes
nothing 'iommuctl includes only the public header of ours' tool_includes
nothing 'the simulation knows nothing of ours but lib/sys.h and the kernel definitions' sim_includes
nothing 'libiommu-sim knows lib/ and the simulation, and nothing else knows it' simulate_includes
nothing 'the benchmark and the tests do not know each other, nor does the rest know it' bench_includes
nothing 'libiommu.h includes only what its types need' header_includes
passes 'there are files to look at' test -s "$scratch/files"
nothing 'no file has more than 600 lines' long_files
nothing 'every file names its licence in its first two lines' no_licence
tap_end
