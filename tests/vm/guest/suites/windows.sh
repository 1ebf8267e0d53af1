# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC1091 # init's environment, guest paths
# POWER: the poller's data goes through the default window, and through each kind of window that
# libiommu makes in its place or beside it.

. /guest/poll.sh

base=$(($(awk '/^KernelPageSize:/ { print $2; exit }' /proc/self/smaps) * 1024))
huge=$(($(awk '/^Hugepagesize:/ { print $2 }' /proc/meminfo) * 1024))
note "pages of $base bytes, huge pages of $huge bytes"

# Where a second window begins, on both platforms.
second=0x800000000000000

# through NAME FIRST LAST PAGES OPTION...: and both buffers lie in the aperture from FIRST to LAST,
# which has PAGES; LAST any: wherever it ends.
through()
{
	local name=$1 last=$3 found
	local wanted="$2 - $3, pages of $4"
	shift 4

	poll "$name" --span 8m --bs 128k --qd 8 --seconds 0 "$@"
	[ "$last" != any ] || wanted="${wanted%% *} - 0x[0-9a-f]+,${wanted##*,}"
	found=$(grep -cxE " +in aperture $wanted" "$work/out")
	[ "$found" = 2 ]
	verdict "$name-window" $? "$found of 2 buffers in '$wanted'"
}

# What is known of the default window comes with the row's words for the contract.
default_last=$(printf '0x%x' $((${tells#*,} - 1)))

through default 0x0 "$default_last" '4 KiB'
through default-of-32-bits 0x0 "$default_last" '4 KiB' --dma-bits 32
if [ "$base" = 65536 ]; then
	through pages-64k $second any '64 KiB' --expect-page 64k
else
	through pages-64k $second any '64 KiB' --expect-page 64k --hugepages
fi
if [ "$huge" = 16777216 ] && [ "$chosen" = pseries ]; then
	through pages-16m $second any '16 MiB' --expect-page 16m --hugepages
	through unasked $second any '16 MiB' --hugepages
	through pages-2m $second any '2 MiB' --expect-page 2m --hugepages
else
	through pages-2m $second any '2 MiB' --expect-page 2m --hugepages
	through unasked $second any '2 MiB' --hugepages
fi

# A device that cannot drive bit 59.
if [ "$chosen" = powernv ]; then
	through replaced-64k 0x0 "$default_last" '64 KiB' --dma-bits 32 --expect-page 64k
	through replaced-larger 0x100000000 0x3ffffffff '64 KiB' --dma-bits 40 --expect-page 64k \
		--expect-bytes 16g
else
	through not-replaced 0x0 "$default_last" '4 KiB' --dma-bits 32 --expect-page 64k
	grep -q 'no further aperture: only IOVAs up to 0xffffffff may be used, and on pSeries' \
		"$work/out"
	verdict not-replaced-says-why $? "no such words"
fi
