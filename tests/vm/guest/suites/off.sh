# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC1091 # init's environment, lists, guest paths
# A kernel without an IOMMU: nothing works, and the sentence says why.

. /guest/refused.sh

[ ! -e "/sys/bus/pci/devices/$drive/iommu_group" ]
verdict no-group-in-sysfs $? "this kernel has an IOMMU after all"

poll_briefly "$drive"
refused attach-says-why $? "$drive" 'IOMMU group|no IOMMU' 'iommu=on|firmware|command line'
