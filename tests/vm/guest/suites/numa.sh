# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC1091 # init's environment, guest paths
# Buffers for a device that is not on the processor's NUMA node.

. /guest/tap.sh

# Half of them are on either node, and each case has its own.
echo 0 >/proc/sys/vm/nr_hugepages
bind "$far" vfio-pci
tap /guest/bin/numa "$far" 160
echo "$huge_pages" >/proc/sys/vm/nr_hugepages
