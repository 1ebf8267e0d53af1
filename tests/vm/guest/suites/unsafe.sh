# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC1091 # init's environment, lists, guest paths
# An IOMMU that does not remap interrupts: the kernel lets nobody have a device, and the sentence
# says what the administrator can do, until it is done.

. /guest/refused.sh

bind "$drive" vfio-pci
allow_unsafe 0
poll_briefly "$drive"
refused by-itself $? "$drive" interrupt allow_unsafe_interrupts=1
for name in $(echo "$usable" | tr , ' '); do
	export LIBIOMMU_BACKEND="$name"
	poll_briefly "$drive"
	refused "forced-$name" $? "$drive" interrupt allow_unsafe_interrupts=1
done
unset LIBIOMMU_BACKEND

/guest/bin/iommuctl doctor "$drive" >"$work/out" 2>&1
status=$?
notes "$work/out"
[ "$status" = 1 ] && [ "$(sed -n 's/^FAIL \([a-z-]*\):.*/\1/p' "$work/out")" = unsafe-interrupts ]
verdict doctor-finds-it $? "exit status $status"
eval "$(sed -n 's/^ *run: //p' "$work/out")"
/guest/bin/iommuctl doctor "$drive" >"$work/out" 2>&1
status=$?
[ "$status" = 0 ] || notes "$work/out"
verdict doctor-mends-it "$status" "exit status $status"

allow_unsafe 1
poll_briefly "$drive"
status=$?
notes "$work/err"
verdict works-when-allowed "$status" "exit status $status: $(head -n 1 "$work/err")"
allow_unsafe "${unsafe:-0}"
