# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC1091 # init's environment, lists, guest paths
# When all is closed: nothing is pinned, locked or held, and the kernel's drivers can have the
# devices.

set -- $(pins)
note "pins: $*"
acquired=${1#*=}
released=${2#*=}
if [ "${acquired:-0}" -eq 0 ]; then
	not_ok pins-balance "no page was ever pinned: nothing was tested"
else
	[ "$acquired" = "$released" ]
	verdict pins-balance $? "$acquired acquired, $released released"
fi

if has_huge; then
	set -- $(free_huge)
	note "huge pages: total $1, free $2, reserved $3"
	[ "$1" -gt 0 ] && [ "$1" = "$2" ] && [ "$3" = 0 ]
	verdict huge-pages-are-back $? "$2 of $1 free, $3 reserved"
else
	skip huge-pages-are-back "the processor has none"
fi

locked=$(awk '/^(Mlocked|Unevictable):/ { n += $2 } END { print n + 0 }' /proc/meminfo)
[ "$locked" = 0 ]
verdict no-locked-memory $? "$locked kB mlocked or unevictable"

bind "$drive" vfio-pci
group_opens "$drive"
verdict group-of-the-drive-opens $? "/dev/vfio/$(group_of "$drive") is still held"
held=
for bdf in $edu $edu2 $(echo "$edus" | tr , ' ') $wide $wide2 $elsewhere $unequal; do
	bind "$bdf" vfio-pci
	group_opens "$bdf" || held="$held /dev/vfio/$(group_of "$bdf")"
done
if [ -n "$edu" ]; then
	[ -z "$held" ]
	verdict group-of-edu-opens $? "still held:$held"
else
	skip group-of-edu-opens "no edu device"
fi

for which in drive pair mate; do
	eval "bdf=\$$which"
	kernel_cksum "$bdf" 0 4096 >/dev/null
	verdict "kernel-takes-$which" $? "the nvme driver cannot read $bdf"
done

# What the kernel reads here, the host will look for in the image file.
bytes=$(($(cat "/sys/block/$(basename "$(block_of "$drive")")/size") * 512))
tell "image 0 $(kernel_cksum "$drive" 0 "$bytes")"
