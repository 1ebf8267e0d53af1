#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What is installed of the simulation: programs in C and C++ are built on it, and others, which know
# nothing of it, run on it.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes and nothing
set -eu
. "${srcdir:?}/tests/build/common.sh"

[ "${cross_compiling:?}" = no ] || skip_all 'cross build'
needs_installed
[ -n "${PACKAGES_ROOT:-}" ] || passes 'make install' apart "$MAKE" install DESTDIR="$root"
use_installed
unset LIBIOMMU_SIM LIBIOMMU_BACKEND LIBIOMMU_LOG

# builds COMPILER LANGUAGE
builds() {
	# shellcheck disable=SC2046,SC2086 # lists of flags
	$1 ${LINK_FLAGS:-} -Wall -Wextra -Werror -o "$scratch/$2" -x "$2" \
		"$srcdir/tests/build/simulated.c" -x none $("$PKG_CONFIG" --cflags --libs libiommu-sim)
}

# says WORDS COMMAND...: succeeds, and prints a line with these words
says() {
	words=$1
	shift
	said=$("$@" 2>&1) || { echo "failed: $said"; return 1; }
	echo "$said"
	echo "$said" | grep -qe "$words"
}

# refused STATUS WORDS COMMAND...: fails with this exit status, and prints a line with these words
refused() {
	wanted=$1 words=$2 status=0
	shift 2
	said=$("$@" 2>&1) || status=$?
	echo "status $status: $said"
	[ "$status" = "$wanted" ] && echo "$said" | grep -qe "$words"
}

for language in c c++; do
	compiler=$CC
	[ "$language" = c ] || compiler=$CXX
	if [ "$compiler" = no ]; then
		skip "$language" 'no compiler'
		continue
	fi
	passes "$language: builds" builds "$compiler" "$language"
	passes "$language: runs on a machine of its own" says '^powernv$' "$scratch/$language"
	passes "$language: runs on the machine of the process" says '^type1$' "$scratch/$language" process
	passes "$language: runs on the machine that is named" \
		says '^iommufd$' env LIBIOMMU_SIM=arm64-smmuv3,kernel=6.13,iommufd "$scratch/$language" process
	passes "$language: is told that there is none such" \
		refused 1 "open: LIBIOMMU_SIM: 'x86-64' is neither" env LIBIOMMU_SIM=x86-64 "$scratch/$language" process
done

# Examples, as a user builds them, with libiommu itself.
examples=$(dirname "$(find "$root" -name 01_hello_map.c)")
cp -R "$examples" "$scratch/examples"
passes 'examples are built' apart "$MAKE" -C "$scratch/examples" CC="$CC" LDFLAGS="${LINK_FLAGS:-}" \
	01_hello_map 02_batch 04_apertures 05_buffers
LD_LIBRARY_PATH=$(dirname "$(find "$root" -name libiommu.so)")
LIBIOMMU_SIM_LIBRARY=$(find "$root" -name simulated.so)
export LD_LIBRARY_PATH LIBIOMMU_SIM_LIBRARY
command=$(find "$root" -name iommu-sim)
# on WORDS EXAMPLE ADDRESS
on() {
	"$command" --machine "$1" "$scratch/examples/$2" "$3"
}

# either COMMAND...: it may fail
either() {
	"$@" || :
}

passes 'the command says its version' says "^iommu-sim (libiommu) [0-9]" "$command" --version
passes 'the command tells how it is called, by a letter' says '^usage: iommu-sim' "$command" -h
passes 'it runs an example' says 'is at IOVA 0x' \
	"$command" "$scratch/examples/01_hello_map" 0000:01:00.0
passes 'it runs one at an address of its own' says 'is at IOVA 0x' \
	on x86-amd,device=0000:41:00.0@7 01_hello_map 0000:41:00.0
passes 'batches are coalesced' says '256 buffers, 1 kernel call' on x86-39 02_batch 0000:01:00.0
passes 'POWER: batches are coalesced' says 'element 0: IOVA 0x' \
	on pseries 02_batch 0000:01:00.0
passes 'POWER: apertures are requested' says 'mapped at 0x' on powernv 04_apertures 0000:01:00.0
# Whether its memory is aligned to such pages is chance.
passes 'pages of 64 KiB are those of the IOMMU' says 'pages 0x20010000' \
	either on arm64-smmuv3,page=64k 04_apertures 0000:01:00.0
passes 'buffers come from pools' says '2 threads took' on iommufd 05_buffers 0000:01:00.0
passes 'a limit is met' refused 1 'RLIMIT_MEMLOCK' on memlock=64k 02_batch 0000:01:00.0
passes 'another address is not there' refused 1 'attach 0000:01:00.0: ' \
	on device=0000:41:00.0@7 01_hello_map 0000:01:00.0
passes 'a word without its value is refused' refused 1 "'kernel' cannot be ''" \
	on kernel 01_hello_map 0000:01:00.0
passes 'a value that is none is refused' refused 1 "'memlock' cannot be '64q'" \
	on memlock=64q 01_hello_map 0000:01:00.0
passes 'machines that there are not are refused' refused 1 'no such machine .*iommu-sim' \
	on kernel=6.1,iommufd 01_hello_map 0000:01:00.0
passes 'the status is that of the program' refused 7 '' "$command" sh -c 'exit 7'
passes 'nothing is run without the library' refused 125 'cannot be read' \
	env LIBIOMMU_SIM_LIBRARY="$scratch/none.so" "$command" true
passes 'options that there are not are refused' refused 125 "no option '--what'" "$command" --what true

# lacks_words: those that are taken, and platforms, that the page does not have
lacks_words() {
	{
		sed -nE 's/^	\{ "([a-z0-9-]+)", take_.*/\1/p' "$srcdir/simulate/words.c"
		sed -nE 's/^		\.name = "([a-z0-9-]+)",$/\1/p' "$srcdir/sim/sim.c"
	} > "$scratch/words"
	[ "$(wc -l < "$scratch/words")" -ge 20 ] || echo 'few words were found'
	while read -r word; do
		grep -qE "^\.(It )?Cm (.* )?$word( |,|\$)" "$srcdir/man/iommu-sim.1" || echo "$word"
	done < "$scratch/words"
}

nothing 'iommu-sim(1) has every word and every platform' lacks_words
tap_end
