#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# iommuctl list: names, drivers, groups, backends; as a table that fits, and as JSON.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes
set -eu
. "${srcdir:?}/tests/build/common.sh"
. "${srcdir:?}/tests/tools/machine.sh"

# printed LINE...: exactly these, but for blanks
printed()
{
	printf '%s\n' "$@" >"$scratch/expected"
	words | tr -s ' ' | diff "$scratch/expected" -
}

listed()
{
	iommuctl list && printed "$@"
}

machine
device 0000:00:1f.6 8086 10d3 020000 e1000e 7
device 0000:00:1e.0 1234 11e8 00ff00 none none
device 0000:00:1c.0 8086 3420 060400 pcieport 3
put sys/bus/pci/devices/0000:00:1f.6/numa_node 1

heads='ADDRESS NAME DRIVER GROUP NUMA BACKENDS'
passes 'without names of devices' listed "$heads" \
	'0000:00:05.0 1b36:0010 vfio-pci 12 - type1' \
	'0000:00:1e.0 1234:11e8 - - - -' \
	'0000:00:1f.6 8086:10d3 e1000e 7 1 type1'

put usr/share/misc/pci.ids '# a list' '1b36  Red Hat, Inc.' '	0010  QEMU NVM Express Controller' \
	'		1af4 1100  a subsystem' '8086  Intel Corporation' '	10ed  another' \
	'8087  Somebody' '	10d3  not this one' 'C 02  Network controller' \
	'	00  Ethernet controller' 'C 03  Display controller'
passes 'names, or what is known of them' listed "$heads" \
	'0000:00:05.0 Red Hat, Inc. QEMU NVM Express Controller vfio-pci 12 - type1' \
	'0000:00:1e.0 1234:11e8 - - - -' \
	'0000:00:1f.6 Intel Corporation Ethernet controller 8086:10d3 e1000e 7 1 type1'
passes 'bridges on demand' says 0 '^0000:00:1c.0 .* pcieport +3 +- +-$' list --all

put dev/iommu ''
mkdir -p "$root/sys/class/vfio-dev"
passes 'with iommufd' says 0 '12 +- +iommufd,type1,type1-iommufd$' list
rm -r "$root/sys/class/vfio-dev"
passes 'with an iommufd that devices cannot be bound to' says 0 '12 +- +type1,type1-iommufd$' list
rm "$root/dev/iommu"
mkdir -p "$root/proc/device-tree" "$root/sys/module/vfio_iommu_spapr_tce"
printf 'IBM,9006\0ibm,powernv\0' >"$root/proc/device-tree/compatible"
passes 'on PowerNV' says 0 '12 +- +powernv$' list
rm -r "$root/proc/device-tree"

is_json()
{
	iommuctl list --json && python3 - "$scratch/out" <<'PYTHON'
import json, sys
devices = json.load(open(sys.argv[1]))
assert [d["address"] for d in devices] == ["0000:00:05.0", "0000:00:1e.0", "0000:00:1f.6"]
drive, edu, nic = devices
assert drive["name"] == "Red Hat, Inc. QEMU NVM Express Controller"
assert drive["backends"] == ["type1"] and drive["group"] == 12 and drive["numa_node"] is None
assert edu["driver"] is None and edu["group"] is None and edu["backends"] == []
assert nic["numa_node"] == 1 and nic["vendor"] == "8086" and nic["class"] == "020000"
PYTHON
}

if command -v python3 >/dev/null; then
	passes 'JSON is what a program reads' is_json
else
	skip 'JSON is what a program reads' 'no python3'
fi

# on_terminal COLUMNS: as a terminal of this width shows it
on_terminal()
{
	script -qec "stty cols $1; exec tools/iommuctl --root '$root' list" /dev/null </dev/null \
		>"$scratch/terminal"
}

escape=$(printf '\033')
fits()
{
	on_terminal 60 && sed "s/$escape\[[0-9]*m//g; s/\r//" "$scratch/terminal" >"$scratch/plain" &&
		[ "$(awk '{ print (length($0) > 60 ? "long" : "fits") }' "$scratch/plain" |
			sort -u)" = fits ] &&
		grep -q '^0000:00:05.0  Red Hat.* type1$' "$scratch/plain"
}

if command -v script >/dev/null; then
	unset NO_COLOR COLUMNS
	TERM=xterm
	export TERM
	passes 'a terminal of 60 columns is not overrun' fits
	passes 'it has colours' grep -q "$escape\[1mADDRESS" "$scratch/terminal"
	NO_COLOR=1
	export NO_COLOR
	on_terminal 200
	nothing 'unless nobody wants them' grep "$escape" "$scratch/terminal"
	passes 'and names in full, where there is room' grep -q Controller "$scratch/terminal"
else
	skip 'a terminal' 'no script(1)'
fi
iommuctl list
nothing 'no colours in a file' grep "$escape" "$scratch/out"

rm -r "$root/sys/bus/pci/devices"
passes 'a machine without PCI' listed "$heads"
tap_end
