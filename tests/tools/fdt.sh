#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# iommuctl fdt: each host bridge of a device tree that QEMU writes, or one device.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes
set -eu
. "${srcdir:?}/tests/build/common.sh"
. "${srcdir:?}/tests/tools/machine.sh"

machine
! tools/iommuctl fdt "$scratch/out" 2>&1 | grep -q 'without libfdt' || skip_all 'built without libfdt'
status=0
sh "$srcdir/tests/fdt/dump.sh" pseries "$scratch/pseries.dtb" 2>"$scratch/dump.log" || status=$?
[ "$status" != 77 ] || skip_all 'no QEMU that can write a device tree'

# bridges LINE...: the host bridges of which it speaks
bridges()
{
	printf '%s\n' "$@" >"$scratch/expected"
	iommuctl fdt "$scratch/pseries.dtb" && cat "$scratch/out" &&
		sed -n 's/^host bridge: //p' "$scratch/out" | diff "$scratch/expected" -
}

passes 'all host bridges' bridges /pci@800000020000000 /pci@800000020000001
passes 'by segments' says 0 '^0001:00:00.0$' fdt "$scratch/pseries.dtb"
passes 'one device' says 0 '^node: /pci@800000020000000/mass-storage@2$' \
	fdt --device 00:02.0 "$scratch/pseries.dtb"
passes 'no such bridge' says 1 'iommuctl: .* none of the 2 PCI host bridges .* segment 0007' \
	fdt --device 0007:00:00.0 "$scratch/pseries.dtb"
passes 'no address' says 2 'not a PCI address' fdt --device x "$scratch/pseries.dtb"
passes 'a file cut short' sh -c "head -c 500 '$scratch/pseries.dtb' >'$scratch/short.dtb'"
passes 'is refused' says 1 '^iommuctl: .*short.dtb' fdt "$scratch/short.dtb"
mkfifo "$scratch/fifo"
passes 'nor is a FIFO waited for' says 1 '^iommuctl: .*fifo is no regular file' fdt "$scratch/fifo"
tap_end
