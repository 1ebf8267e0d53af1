# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034 # read by those who source this file
# x86-64 guests: Q35, kernel messages on the first serial port, results on the second.

deb_arch=amd64
triplet=x86_64-linux-gnu
qemu=qemu-system-x86_64
machine="-M q35,kernel-irqchip=split -cpu max"
kernel_image='boot/vmlinuz-*'
modules="vfio vfio_iommu_type1 vfio-pci nvme uio_pci_generic"
# The guest's time goes with its instructions, and jumps over what is waited for: see ppc64le.sh.
# There are so few deadlines that one processor does as well as two.
icount="-icount shift=4,sleep=off" smp=1
# The kernel checks at boot that the timer interrupts, and panics where a busy host holds it up.
append_arch="nvme_patience=86400 console=ttyS0 intel_iommu=on iommu.strict=1 no_timer_check"
append_arch="$append_arch out=/dev/ttyS1"

# channels CONSOLE RESULTS: where the guest's two channels go.
channels() { echo "-serial file:$1 -serial file:$2"; }

# devices: functions of one slot are one group.
devices()
{
	drives
	functions bus=pcie.0,addr={3,4.0,4.1,5,6,7.0,7.1,8}
	[ -z "$cards" ] || wire bus=pcie.0,addr=9 bus=pcie.0,addr=a
}

# The same, as the guest sees them.
guest_devices="drive=0000:00:03.0 pair=0000:00:04.0 mate=0000:00:04.1
	edu=0000:00:05.0 edu2=0000:00:06.0 edus=0000:00:07.0,0000:00:07.1
	wide=0000:00:08.0 vmm=0000:00:08.0"
[ -z "$cards" ] || guest_devices="$guest_devices card=0000:00:09.0 card2=0000:00:0a.0"
