#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The IOVA of an address inside a region costs what base + offset costs: the same instructions.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes
set -eu
. "${srcdir:?}/tests/build/common.sh"

scratch
$CC -dM -E -x c /dev/null > "$scratch/machine"
grep -q '__x86_64__' "$scratch/machine" || skip_all 'not x86-64'
command -v "$OBJDUMP" > "$scratch/objdump" || skip_all 'no objdump'

cat > "$scratch/region.c" <<- 'END'
	#include <libiommu.h>

	struct plain {
		uint64_t before[3], offset;
	};

	uint64_t by_offset(const struct plain *plain, const void *va);
	uint64_t by_region(const struct iom_region *region, const void *va);
	void list_by_offset(const struct plain *plain, const char *va, uint64_t *restrict list);
	void list_by_region(const struct iom_region *region, const char *va, uint64_t *restrict list);
	int by_checked_region(const struct iom_region *region, const void *va, uint64_t *iova);

	uint64_t by_offset(const struct plain *plain, const void *va)
	{
		return (uint64_t)(uintptr_t)va + plain->offset;
	}

	uint64_t by_region(const struct iom_region *region, const void *va)
	{
		return iom_region_iova(region, va);
	}

	void list_by_offset(const struct plain *plain, const char *va, uint64_t *restrict list)
	{
		for (int i = 0; i < 512; i++)
			list[i] = (uint64_t)(uintptr_t)(va + i * 4096) + plain->offset;
	}

	void list_by_region(const struct iom_region *region, const char *va, uint64_t *restrict list)
	{
		for (int i = 0; i < 512; i++)
			list[i] = iom_region_iova(region, va + i * 4096);
	}

	int by_checked_region(const struct iom_region *region, const void *va, uint64_t *iova)
	{
		return iom_region_find(region, va, 512, iova);
	}
END

# instructions OBJECT FUNCTION: one a line, places counted from where the function begins
instructions() {
	$OBJDUMP -d --no-show-raw-insn "$1" | awk -v begin="<$2>:" '
		$2 == begin { on = 1; next }
		!NF { on = 0 }
		on {
			sub(/^[^:]*:[ \t]*/, "")
			sub(/[ \t]*(#.*)?$/, "")
			sub(/[0-9a-f]+ <[^+>]*/, "")
			if ($1 !~ /^(nop|data16|cs|xchg)/)
				print
		}'
}

# compare COMPILER...
compare() {
	object=$scratch/$1.o
	if ! "$@" -std=gnu11 -O2 -fcf-protection=none -I"$srcdir/include" -c -o "$object" \
		"$scratch/region.c" 2> "$scratch/$1.err"; then
		skip "$1: a region and base + offset" 'it does not compile for this machine'
		return
	fi
	for name in by_offset by_region list_by_offset list_by_region by_checked_region; do
		instructions "$object" "$name" > "$scratch/$1.$name"
	done
	same "$1: a region is base + offset" "$scratch/$1.by_offset" "$scratch/$1.by_region"
	passes "$1: that is an addition" few "$scratch/$1.by_region" 3
	same "$1: so it is in a loop" "$scratch/$1.list_by_offset" "$scratch/$1.list_by_region"
	passes "$1: checked, it calls nothing" few "$scratch/$1.by_checked_region" 20
}

# few FILE N: some instructions, no more than N, and no call
few() {
	cat "$1"
	[ -s "$1" ] && [ "$(wc -l < "$1")" -le "$2" ] && ! grep -q '^call' "$1"
}

for compiler in gcc clang; do
	if command -v "$compiler" > "$scratch/found"; then
		compare "$compiler"
	else
		skip "$compiler: a region and base + offset" 'not installed'
	fi
done
tap_end
