# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC1091 # init's environment, lists, guest paths
# A kernel without an IOMMU: nothing works, and the sentence says why.

. /guest/refused.sh

[ ! -e "/sys/bus/pci/devices/$drive/iommu_group" ]
verdict no-group-in-sysfs $? "this kernel has an IOMMU after all"

poll_briefly "$drive"
refused attach-says-why $? "$drive" 'IOMMU group|no IOMMU' 'iommu=on|firmware|command line'

/guest/bin/iommuctl doctor "$drive" >"$work/out" 2>&1
status=$?
notes "$work/out"
[ "$status" = 1 ] && grep -q '^FAIL iommu-off: .*booted with intel_iommu=off' "$work/out"
verdict doctor-says-why $? "exit status $status"
