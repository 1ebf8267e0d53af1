#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Writes the flattened device tree of a machine of QEMU's, with an NVMe drive and edu in it.
#
#   dump.sh MACHINE FILE     pseries, pseries-noddw, powernv9, virt-smmuv3 or virt-virtio-iommu
#
# What QEMU itself writes: the firmware adds to it, on powernv9 all of PCI.  Exit status 77: there
# is no such QEMU, or one too old (7.2 is the first that can).
set -eu

nvme=nvme,serial=IOMMU
case ${1:-} in
pseries)
	qemu='qemu-system-ppc64'
	set -- "$2" -M pseries -device spapr-pci-host-bridge,index=1,id=phb1 \
		-device "$nvme",bus=pci.0,addr=2 -device edu,bus=phb1.0,addr=1 ;;
pseries-noddw)
	qemu='qemu-system-ppc64'
	set -- "$2" -M pseries -global spapr-pci-host-bridge.ddw=off -device "$nvme",bus=pci.0,addr=2 ;;
powernv9)
	qemu='qemu-system-ppc64'
	set -- "$2" -M powernv9 -device pnv-phb,chip-id=0,index=0,id=phb \
		-device pnv-phb-root-port,bus=phb,id=root -device "$nvme",bus=root ;;
virt-smmuv3)
	qemu='qemu-system-aarch64'
	set -- "$2" -M virt,iommu=smmuv3 -device edu,addr=5 \
		-device pcie-root-port,id=root,addr=6 -device "$nvme",bus=root ;;
virt-virtio-iommu)
	qemu='qemu-system-aarch64'
	set -- "$2" -M virt -device virtio-iommu-pci,addr=1 -device edu,addr=5 \
		-device pcie-root-port,id=root,addr=6 -device "$nvme",bus=root ;;
*)
	sed -n 's/^#   //p' "$0" >&2
	exit 2 ;;
esac
file=$1
shift

command -v "$qemu" >/dev/null || exit 77
rm -f "$file"
# It waits for the monitor before its first instruction, and reads names without blanks from there.
cd "$(dirname "$file")"
printf 'dumpdtb %s\nquit\n' "$(basename "$file")" |
	timeout -k 5 60 "$qemu" "$@" -m 1G -nodefaults -no-user-config -display none -S \
		-serial null -monitor stdio >"$(basename "$file").log" 2>&1 || {
	cat "$(basename "$file").log" >&2
	exit 1
}
! grep -q 'unknown command' "$(basename "$file").log" || exit 77
[ -s "$(basename "$file")" ]
