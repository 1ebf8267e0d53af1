# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # for those who source this file; the row's
# arm64 guests. The machine virt, kernel messages on the first serial port, results on the second;
# machine_options may give it an SMMUv3, and the row says which processor (cpu).

deb_arch=arm64
triplet=aarch64-linux-gnu
[ "$(uname -m)" = aarch64 ] || cross=yes
qemu=qemu-system-aarch64
machine="-M virt,gic-version=3$machine_options -cpu $cpu"
kernel_image='boot/vmlinuz-*'
modules="vfio vfio_iommu_type1 vfio-pci nvme uio_pci_generic"
# The guest's time goes with its instructions, and jumps over what is waited for: see ppc64le.sh.
icount="-icount shift=4,sleep=off" smp=1
append_arch="nvme_patience=86400 console=ttyAMA0 iommu.strict=1 out=/dev/ttyAMA1"

# channels CONSOLE RESULTS: where the guest's two channels go.
channels() { echo "-serial file:$1 -serial file:$2"; }

# devices: those of x86_64.sh but for the network cards, in the same slots.
devices()
{
	drives
	functions bus=pcie.0,addr={3,4.0,4.1,5,6,7.0,7.1,8}
}

# The same, as the guest sees them.
guest_devices="drive=0000:00:03.0 pair=0000:00:04.0 mate=0000:00:04.1
	edu=0000:00:05.0 edu2=0000:00:06.0 edus=0000:00:07.0,0000:00:07.1
	wide=0000:00:08.0 vmm=0000:00:08.0"
