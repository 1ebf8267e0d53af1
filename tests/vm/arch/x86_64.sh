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

# devices: the drive of the tests by itself; two drives that are functions of one slot, thus one
# group; edu by itself, another edu by itself, and two that share a group; and one that drives all
# address bits.
devices()
{
	echo "-drive if=none,id=drive,file=drive.img,format=raw,cache=unsafe" \
		"-device nvme,drive=drive,serial=IOMDRIVE,bus=pcie.0,addr=3" \
		"-drive if=none,id=pair,file=pair.img,format=raw,cache=unsafe" \
		"-drive if=none,id=mate,driver=null-co,size=16M,read-zeroes=on" \
		"-device nvme,drive=pair,serial=IOMPAIR,bus=pcie.0,addr=4.0,multifunction=on" \
		"-device nvme,drive=mate,serial=IOMMATE,bus=pcie.0,addr=4.1" \
		"-device edu,bus=pcie.0,addr=5" \
		"-device edu,bus=pcie.0,addr=6" \
		"-device edu,bus=pcie.0,addr=7.0,multifunction=on" \
		"-device edu,bus=pcie.0,addr=7.1" \
		"-device edu,bus=pcie.0,addr=8,dma_mask=0xffffffffffffffff"
	[ -z "$cards" ] || wire bus=pcie.0,addr=9 bus=pcie.0,addr=a
}

# The same, as the guest sees them.
guest_devices="drive=0000:00:03.0 pair=0000:00:04.0 mate=0000:00:04.1
	edu=0000:00:05.0 edu2=0000:00:06.0 edus=0000:00:07.0,0000:00:07.1
	wide=0000:00:08.0 vmm=0000:00:08.0"
[ -z "$cards" ] || guest_devices="$guest_devices card=0000:00:09.0 card2=0000:00:0a.0"
