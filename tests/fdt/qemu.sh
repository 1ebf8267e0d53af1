#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What libiommu says of devices in the device trees that QEMU writes for its machines.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes
set -eu
. "${srcdir:?}/tests/build/common.sh"

[ "${cross_compiling:?}" = no ] || [ -n "${EMULATOR:-}" ] || skip_all 'cross build'
scratch

# explain ADDRESS MACHINE: into $scratch/out; its exit status.
explain()
{
	# shellcheck disable=SC2086 # a command and its options
	${EMULATOR:-} tests/vm/guest/tree --explain "$1" "$scratch/$2.dtb" >"$scratch/out" 2>&1
}

# says ADDRESS MACHINE LINE...: the explanation is these lines.
says()
{
	explain "$1" "$2" || { cat "$scratch/out"; return 1; }
	{
		echo "device tree: $scratch/$2.dtb"
		shift 2
		printf '%s\n' "$@"
	} >"$scratch/expected"
	diff "$scratch/expected" "$scratch/out"
}

# refuses ADDRESS MACHINE WORDS: one line, which has them.
refuses()
{
	! explain "$1" "$2" || { cat "$scratch/out"; return 1; }
	cat "$scratch/out"
	grep -q "$3" "$scratch/out" && [ "$(wc -l <"$scratch/out")" = 1 ]
}

failed_with()
{
	cat "$1"
	return 1
}

# dumped MACHINE: there is a tree of it; else its tests are skipped, or count as one that failed.
dumped()
{
	status=0
	sh "$srcdir/tests/fdt/dump.sh" "$1" "$scratch/$1.dtb" 2>"$scratch/dump.log" || status=$?
	case $status in
	0)	return 0 ;;
	77)	skip "$1" 'no QEMU that can write it' ;;
	*)	passes "$1: QEMU writes the tree" failed_with "$scratch/dump.log" ;;
	esac
	return 1
}

: >"$scratch/none.dtb"
explain 0000:00:00.0 none || true
! grep -q 'without libfdt' "$scratch/out" || skip_all 'built without libfdt'

if dumped pseries; then
	ddw='dynamic windows: the bridge makes them (calls 0x2026, 0x2027, 0x2028)'
	ddw="$ddw and brings the default one back"
	passes 'pseries: the drive' says 0000:00:02.0 pseries \
		'node: /pci@800000020000000/mass-storage@2' \
		'host bridge: /pci@800000020000000' \
		'default window: 0x0 to 0x3fffffff, pages of 4 KiB' "$ddw" \
		'the bridge decodes: 0x80000000 to 0xffffffff (32 bits)' \
		'the bridge decodes: 0x210000000000 to 0x21ffffffffff (64 bits)'
	passes 'pseries: edu behind another host bridge' says 0001:00:01.0 pseries \
		'node: /pci@800000020000001/legacy-device@1' \
		'host bridge: /pci@800000020000001' \
		'default window: 0x0 to 0x3fffffff, pages of 4 KiB' "$ddw" \
		'the bridge decodes: 0x80000000 to 0xffffffff (32 bits)' \
		'the bridge decodes: 0x220000000000 to 0x22ffffffffff (64 bits)'
	passes 'pseries: no third host bridge' refuses 0002:00:01.0 pseries \
		'none of the 2 PCI host bridges .* segment 0002'
fi

if dumped powernv9; then
	# The firmware finds PCI, and adds it.
	passes 'powernv9: no PCI before the firmware' refuses 0000:01:00.0 powernv9 \
		'has no PCI host bridge'
fi

for machine in virt-smmuv3 virt-virtio-iommu; do
	dumped "$machine" || continue
	case $machine in
	virt-smmuv3)	iommu='/smmuv3@9050000, arm,smmu-v3' ;;
	*)		iommu='/pcie@10000000/virtio_iommu@1,0, virtio,pci-iommu' ;;
	esac
	low='the bridge decodes: 0x10000000 to 0x3efeffff (32 bits)'
	high='the bridge decodes: 0x8000000000 to 0xffffffffff (64 bits)'
	bridge='node: /pcie@10000000, of a bridge: the device has none of its own'
	passes "$machine: edu" says 0000:00:05.0 "$machine" \
		"$bridge" 'host bridge: /pcie@10000000' "$low" "$high" \
		"IOMMU: $iommu, which knows the device by 0x28"
	passes "$machine: a drive behind a root port" says 0000:01:00.0 "$machine" \
		"$bridge" 'host bridge: /pcie@10000000' "$low" "$high" \
		"IOMMU: $iommu, which knows the device by 0x100"
	[ "$machine" = virt-smmuv3 ] || passes "$machine: the IOMMU itself" \
		says 0000:00:01.0 "$machine" 'node: /pcie@10000000/virtio_iommu@1,0' \
		'host bridge: /pcie@10000000' "$low" "$high" \
		"IOMMU: the bridge's iommu-map leaves the device out"
done
tap_end
