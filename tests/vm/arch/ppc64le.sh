# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # for those who source this file; the row's
# ppc64le guests. platform=pseries: a guest of a hypervisor, which QEMU plays; each PCI host bridge
# is a group, and its index is the PCI domain. platform=powernv: bare metal with OPAL firmware; each
# bus is a group. The row says which processor (cpu) and which options of the machine.

deb_arch=ppc64el
triplet=powerpc64le-linux-gnu
[ "$(uname -m)" = ppc64le ] || cross=yes
qemu=qemu-system-ppc64
kernel_image='boot/vmlinux-*'
modules="vfio vfio_iommu_spapr_tce vfio-pci nvme uio_pci_generic"
# The guest's time goes with its instructions, so that a busy host does not make it miss a deadline;
# and it jumps over what is waited for, which are seconds at each reset of a bus on powernv, and 0.1 s
# for each transfer of an edu. But for what the host is to do it jumps, too: no deadlines for that.
# More processors would only be slower.
icount="-icount shift=4,sleep=off" smp=1
append_arch="nvme_patience=86400"

# bridge INDEX: a PCI host bridge, whose devices are put on the bus that bus_of names.
case $platform in
pseries)
	machine="-M pseries,x-vof=on$machine_options -cpu $cpu"
	# Where no memory can be added the kernel's own drivers ask for a DMA window of 2^0 bytes,
	# and when that fails, userspace cannot have one either.
	memory=$memory,slots=1,maxmem=$((memory * 2))M
	append_arch="$append_arch console=hvc0 out=/dev/hvc1"
	channels() { echo "-serial file:$1 -serial file:$2"; }
	# The first one is the machine's own; three differ in their windows.
	bridge()
	{
		local options=''

		case $1 in
		0) return ;;
		7) options=,dma64_win_addr=0x4000000000000000 ;;
		8) options=,ddw=off ;;
		9) options=,dma_win_size=0x20000000 ;;
		esac
		echo "-device spapr-pci-host-bridge,index=$1,id=phb$1$options"
	}
	bridges="0 1 2 3 4 5 6 7 8 9${cards:+ 10}"
	bus_of() { if [ "$1" = 0 ]; then echo pci.0; else echo "phb$1.0"; fi; }
	at() { printf '%04x:00:01.%d\n' "$1" "$2"; }
	slot=1 ;;
powernv)
	# Without a BMC it cannot switch itself off.
	machine="-M powernv9$machine_options"
	machine="$machine -device ipmi-bmc-sim,id=bmc -device isa-ipmi-bt,bmc=bmc,irq=10"
	append_arch="$append_arch console=hvc0 nohz=off out=/dev/vport0p1"
	# The firmware has its console on the last serial port, and gives the kernel only one.
	modules="virtio_pci virtio_console $modules"
	channels()
	{
		echo "-serial file:$1 -device virtio-serial-pci,$(on 7 0),disable-legacy=on" \
			"-chardev file,id=results,path=$2" \
			"-device virtserialport,chardev=results,nr=1"
	}
	bridge()
	{
		[ "$1" != 0 ] || echo "-device pnv-phb,chip-id=0,index=0,id=phb" \
			"-device pnv-phb-root-port,bus=phb,id=root" \
			"-device x3130-upstream,bus=root,id=up"
		echo "-device xio3130-downstream,bus=up,id=port$1,addr=$1,chassis=1,slot=$1"
	}
	bridges="0 1 2 3 4 5 6 7"
	bus_of() { echo "port$1"; }
	at() { echo "0000:0$((3 + $1)):00.$2"; }
	slot=0 ;;
esac

# on BRIDGE FUNCTION: where a device is.
on() { echo "bus=$(bus_of "$1"),addr=$slot.$2"; }

# devices: as on other machines; of the edu that drive all address bits two, and on pSeries three
# more behind bridges of another kind.
devices()
{
	local index wide="5 6"

	for index in $bridges; do bridge "$index"; done
	[ "$platform" != pseries ] || wide="5 6 7 8 9"
	drives
	# shellcheck disable=SC2046 # a place is one word
	functions $(on 0 0) $(on 1 0) $(on 1 1) $(on 2 0) $(on 3 0) $(on 4 0) $(on 4 1) \
		$(for index in $wide; do on "$index" 0; done)
	[ -z "$cards" ] || wire "$(on 10 0),multifunction=on" "$(on 10 1)"
}

# The same, as the guest sees them.
guest_devices="drive=$(at 0 0) pair=$(at 1 0) mate=$(at 1 1)
	edu=$(at 2 0) edu2=$(at 3 0) edus=$(at 4 0),$(at 4 1)
	wide=$(at 5 0) wide2=$(at 6 0) vmm=$(at 5 0)"
[ "$platform" != pseries ] ||
	guest_devices="$guest_devices elsewhere=$(at 7 0) windowless=$(at 8 0) unequal=$(at 9 0)"
[ -z "$cards" ] || guest_devices="$guest_devices card=$(at 10 0) card2=$(at 10 1)"
