# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # for those who source this file; the row's
# s390x guests: big-endian, and each PCI function is a group and has an address space of its own,
# which begins at 4 GiB. Kernel messages on the SCLP console, results by virtio-serial.

deb_arch=s390x
triplet=s390x-linux-gnu
[ "$(uname -m)" = s390x ] || cross=yes
qemu=qemu-system-s390x
machine="-M s390-ccw-virtio -cpu max"
kernel_image='boot/vmlinuz-*'
modules="virtio_console vfio vfio_iommu_type1 vfio-pci nvme uio_pci_generic"
# The guest's time goes with its instructions, and jumps over what is waited for: see ppc64le.sh.
icount="-icount shift=4,sleep=off" smp=1
append_arch="nvme_patience=86400 console=ttyS1 iommu.strict=1 out=/dev/vport0p1"

# channels CONSOLE RESULTS: where the guest's two channels go.
channels()
{
	echo "-chardev file,id=console,path=$1 -device sclpconsole,chardev=console" \
		"-device virtio-serial-ccw -chardev file,id=results,path=$2" \
		"-device virtserialport,chardev=results,nr=1"
}

# pci_function UID OPTION...: a PCI function, whose domain is its UID.
pci_function() { echo "-device zpci,uid=$1,target=fn$1 -device $2,id=fn$1"; }

# devices: three drives. There is no edu, which has no MSI-X, and QEMU's s390x takes nothing without.
devices()
{
	drives
	pci_function 1 nvme,drive=drive,serial=IOMDRIVE
	pci_function 2 nvme,drive=pair,serial=IOMPAIR
	pci_function 3 nvme,drive=mate,serial=IOMMATE
}

# The same, as the guest sees them.
guest_devices="drive=0001:00:00.0 pair=0002:00:00.0 mate=0003:00:00.0"
