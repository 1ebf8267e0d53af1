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

allow_unsafe 1
poll_briefly "$drive"
status=$?
notes "$work/err"
verdict works-when-allowed "$status" "exit status $status: $(head -n 1 "$work/err")"
allow_unsafe "${unsafe:-0}"
