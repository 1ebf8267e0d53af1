#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# iommuctl show, without a device that could be attached: what sysfs says of the IOVA space.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes
set -eu
. "${srcdir:?}/tests/build/common.sh"
. "${srcdir:?}/tests/tools/machine.sh"

bdf=0000:00:05.0

machine
put sys/kernel/iommu_groups/12/reserved_regions \
	'0x000000007c000000 0x000000007fffffff direct-relaxable' \
	'0x00000000fee00000 0x00000000feefffff msi'
mkdir -p "$root/sys/devices/virtual/iommu/dmar0/intel-iommu"
ln -s "$root/sys/devices/virtual/iommu/dmar0" "$root/sys/bus/pci/devices/$bdf/iommu"
# 39 and 48 bits, and addresses of 46
put sys/devices/virtual/iommu/dmar0/intel-iommu/cap 8000002d0606

# drawn: the edges and labels of the picture
drawn()
{
	sed -n 's/^ *\(0x[0-9a-f]*\) .*/\1/p; s/^ *|.*|  \(.*\)/\1/p' "$scratch/out" |
		diff - "$scratch/expected"
}

# space: as expected
space()
{
	iommuctl show "$bdf" && cat "$scratch/out" && drawn
}

cat >"$scratch/expected" <<'END'
0x0
aperture, 3.98 GiB
0xfee00000
hole, 1 MiB: for interrupts (MSI)
0xfef00000
aperture, 64.00 TiB
0x400000000000
hole, 16.00 EiB: beyond the IOMMU's 46 address bits
0xffffffffffffffff
END
passes 'what the group reserves, and what is beyond the IOMMU' space
passes 'the width' grep -qx 'address width  46 bits' "$scratch/out"
passes 'why it is not attached' grep -q '^not attached' "$scratch/out"
passes 'locked memory' grep -qx 'may be locked  without limit' "$scratch/out"
locked 65536 65536
passes 'a limit of it' says 0 '^may be locked  64 KiB$' show 00:05.0

put sys/devices/virtual/iommu/dmar0/intel-iommu/cap 8000002f0206
put sys/kernel/iommu_groups/12/reserved_regions \
	'0x0000000000000000 0x0000000000000fff reserved' \
	'0x000000007c000000 0x000000007fffffff direct' \
	'0x00000000fee00000 0x00000000feefffff msi'
cat >"$scratch/expected" <<'END'
0x0
hole, 4 KiB: the IOMMU does not translate it, or a bridge keeps it
0x1000
aperture, 1.94 GiB
0x7c000000
hole, 64 MiB: the firmware uses it, mapped one to one
0x80000000
aperture, 1.98 GiB
0xfee00000
hole, 1 MiB: for interrupts (MSI)
0xfef00000
aperture, 508.02 GiB
0x8000000000
hole, 16.00 EiB: beyond the IOMMU's 39 address bits
0xffffffffffffffff
END
passes 'the narrower of the tables and the addresses' space

rm "$root/sys/bus/pci/devices/$bdf/iommu"
put sys/kernel/iommu_groups/12/reserved_regions '0x0000000000000000 0xffffffffffffffff reserved'
passes 'all of it reserved' says 0 'hole, 16 EiB' show "$bdf"

is_json()
{
	put sys/kernel/iommu_groups/12/reserved_regions '0x00000000fee00000 0x00000000feefffff msi'
	iommuctl show --json "$bdf" && python3 - "$scratch/out" <<'PYTHON'
import json, sys
view = json.load(open(sys.argv[1]))
assert view["address"] == "0000:00:05.0" and view["group"] == 12 and view["backend"] is None
assert view["memlock"] == 65536 and view["page_size"] is None
assert [a["start"] for a in view["apertures"]] == ["0x0", "0xfef00000"]
assert view["apertures"][1]["last"] == "0xffffffffffffffff"
assert view["holes"] == [{"start": "0xfee00000", "last": "0xfeefffff",
	"why": "for interrupts (MSI)"}]
PYTHON
}

if command -v python3 >/dev/null; then
	passes 'JSON is what a program reads' is_json
else
	skip 'JSON is what a program reads' 'no python3'
fi

# tree MACHINE: the machine has this device tree
tree()
{
	mkdir -p "$root/sys/firmware"
	sh "$srcdir/tests/fdt/dump.sh" "$1" "$root/sys/firmware/fdt" 2>"$scratch/dump.log"
}

device 0000:00:02.0 1b36 0010 010802 vfio-pci 13
status=0
if tools/iommuctl fdt "$scratch/out" 2>&1 | grep -q 'without libfdt'; then
	status=77
else
	tree pseries || status=$?
fi
if [ "$status" = 77 ]; then
	skip 'windows' 'no libfdt, or no QEMU that can write a device tree'
else
	cat >"$scratch/expected" <<'END'
0x0
aperture, 1 GiB, pages of 4 KiB
0x40000000
hole, 1 GiB: no window is there, but one more can be made
0x80000000
hole, 2 GiB: the bridge decodes it itself
0x100000000
hole, 33.00 TiB: no window is there, but one more can be made
0x210000000000
hole, 1 TiB: the bridge decodes it itself
0x220000000000
hole, 16.00 EiB: no window is there, but one more can be made
0xffffffffffffffff
END
	bdf_before=$bdf bdf=0000:00:02.0
	passes 'windows: the default one' space
	passes 'windows: one more' grep -q '^windows  *one more can be made' "$scratch/out"
	tree pseries-noddw
	passes 'windows: no more' says 0 '^windows  *none can be made' show "$bdf"
	passes 'windows: nor in the picture' grep -q ': no window is there$' "$scratch/out"
	bdf=$bdf_before
	rm "$root/sys/firmware/fdt"
fi

rm "$root/sys/bus/pci/devices/$bdf/iommu_group"
passes 'no IOMMU covers it' says 0 'none: no IOMMU covers it' show "$bdf"
passes 'no such device' says 1 'no PCI device 0000:00:06.0' show 0000:00:06.0
tap_end
