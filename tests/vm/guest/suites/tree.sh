# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC1091 # init's environment, guest paths
# What the device tree says of the drive while the kernel's driver has it, and nothing else is
# touched; and, when vfio-pci has it, whether that is what VFIO gives.

. /guest/tap.sh

# says NAME PATTERN: the explanation has such a line.
says()
{
	grep -qE "$2" "$work/out"
	verdict "$1" $? "no line has '$2'"
}

bind "$drive" nvme
before=$(driver_of "$drive")
/guest/bin/tree --explain "$drive" >"$work/out" 2>&1
status=$?
notes "$work/out"
[ "$status" = 0 ] && [ "$before" = nvme ] && [ "$(driver_of "$drive")" = nvme ]
verdict explains-under-nvme $? "exit status $status"
case $chosen in
pseries)
	says default-window '^default window: 0x0 to 0x[0-9a-f]+, pages of 4 KiB'
	says dynamic-windows '^dynamic windows: the bridge makes them'
	says decodes '^the bridge decodes: 0x80000000 to 0x[0-9a-f]+ \(32 bits' ;;
powernv)
	says page-sizes '^windows may have pages of 4 KiB, 64 KiB, 2 MiB, 1 GiB$'
	says decodes '^the bridge decodes: 0x80000000 to 0x[0-9a-f]+ \(32 bits' ;;
*)
	says sysfs-only '^device tree: none' ;;
esac

bind "$drive" vfio-pci
tap /guest/bin/tree "$drive"
