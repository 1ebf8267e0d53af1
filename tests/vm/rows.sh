# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034 # read by those who source this file
# The table of guests: one row is one kernel on one machine with one IOMMU, and the suites that it
# runs.
#
#   arch      a file of arch/: how this architecture is emulated, fetched and built
#   kernel    SUITE:REGEX, the newest package of that suite (any: of all) whose whole name matches
#   source    the package of its source, if iommufd is to be built for it (modules.sh)
#   iommu     QEMU options that give the machine its IOMMU
#   modules_iommu  modules that the IOMMU needs
#   append    further words of the kernel's command line
#   memory    MiB
#   packages  further packages whose programs the guest has, and the library that they need
#   hugepages how many, of the default size
#   platform, machine_options, cpu  for arch/ppc64le.sh; the latter two for arch/arm64.sh, too
#   suites    files of guest/suites/, in order
#   tells     what the kernel must say there: page sizes, and the ranges of IOVAs that type1 has,
#             or on POWER, the size of the default window
#   chosen    the backend that the library must take by itself
#   usable    those that work, with commas
#   why       a pattern for why iommufd does not
#   cards     1: two network cards, with a wire between them
#   unsafe    1: interrupts are not isolated, and the administrator allows that
#
# A suite may have a backend behind it, which is forced then: conformance-type1.

# The long ones first: they run side by side, and the last ones should end together.
rows="x86-6.12-iommufd pseries-6.12-64k pseries-6.12-hash pseries-6.12-4k powernv9-6.12-64k
	x86-6.12-flts x86-6.12-vtd48 x86-6.1-vtd48 x86-6.12-vtd39 x86-6.12-virtio
	arm64-6.12-smmuv3 s390x-6.12-zpci arm64-6.12-smmuv3-16k arm64-6.12-virtio
	x86-6.12-virtio-iommufd pseries-6.12-noddw x86-6.12-off"

debian_6_12='bookworm-backports:linux-image-6\.12\.[0-9]+\+deb12(\.[0-9]+)?-amd64'
debian_6_12_ppc='bookworm-backports:linux-image-6\.12\.[0-9]+\+deb12(\.[0-9]+)?-powerpc64le'
debian_6_12_arm='bookworm-backports:linux-image-6\.12\.[0-9]+\+deb12(\.[0-9]+)?-arm64'
debian_6_12_s390='bookworm-backports:linux-image-6\.12\.[0-9]+\+deb12(\.[0-9]+)?-s390x'
debian_6_1='any:linux-image-6\.1\.0-[0-9]+-amd64'

load_row()
{
	row=$1
	arch=x86_64 kernel=$debian_6_12 source='' iommu='' modules_iommu=''
	append='' memory=1024 hugepages=32 packages=''
	platform='' machine_options='' cpu=''
	suites="contract choice conformance poller doctor refusals after"
	tells=0x40201000,0x0-0xfedfffff,0xfef00000-0xffffffffffff
	chosen=type1 usable=type1 why=/dev/iommu cards='' unsafe=''

	case $row in
	x86-6.12-vtd48)
		about="q35, Intel IOMMU, 48 bits" cards=1
		suites="contract choice conformance poller kills foreign nic vmm bench tree doctor"
		suites="$suites refusals after"
		iommu="-device intel-iommu,intremap=on,aw-bits=48" ;;
	x86-6.12-vtd39)
		# A second NUMA node has memory, and an edu, which no other suite knows.
		about="q35, Intel IOMMU, 39 bits, two NUMA nodes"
		suites="contract choice conformance poller numa doctor refusals after"
		iommu="-device intel-iommu,intremap=on,aw-bits=39"
		iommu="$iommu -object memory-backend-ram,id=ram0,size=896M"
		iommu="$iommu -object memory-backend-ram,id=ram1,size=128M"
		iommu="$iommu -numa node,memdev=ram0,cpus=0 -numa node,memdev=ram1"
		iommu="$iommu -device pxb-pcie,id=pxb,bus_nr=128,numa_node=1,bus=pcie.0"
		iommu="$iommu -device pcie-root-port,id=far,bus=pxb,chassis=1,slot=1"
		iommu="$iommu -device edu,bus=far"
		append=far=0000:81:00.0
		tells=0x40201000,0x0-0xfedfffff,0xfef00000-0x7fffffffff ;;
	x86-6.1-vtd48)
		about="q35, Intel IOMMU, 48 bits, Debian 12's own kernel"
		kernel=$debian_6_1
		iommu="-device intel-iommu,intremap=on,aw-bits=48" ;;
	x86-6.12-iommufd)
		about="q35, Intel IOMMU, 48 bits, with iommufd" cards=1
		source=linux-source-6.12 chosen=iommufd usable=iommufd,type1,type1-iommufd
		suites="contract choice conformance conformance-type1 conformance-type1-iommufd"
		suites="$suites poller kills foreign foreign-type1 foreign-type1-iommufd nic"
		suites="$suites vmm vmm-type1 vmm-type1-iommufd"
		suites="$suites bench bench-type1 bench-type1-iommufd doctor refusals after"
		iommu="-device intel-iommu,intremap=on,aw-bits=48" ;;
	x86-6.12-flts)
		# iommufd of 6.12 cannot attach to such page tables.
		about="q35, Intel IOMMU with first-stage page tables only, with iommufd"
		source=linux-source-6.12 why=cannot.have.it.translated
		suites="contract choice conformance poller doctor after"
		iommu="-device intel-iommu,intremap=on,x-scalable-mode=on,x-flts=on"
		tells=0x40201000,0x0-0xfedfffff,0xfef00000-0x7fffffffffff ;;
	x86-6.12-virtio)
		about="q35, virtio-iommu, 64 bits, interrupts not isolated"
		modules_iommu=virtio-iommu unsafe=1
		suites="unsafe choice conformance poller after"
		iommu="-device virtio-iommu-pci,bus=pcie.0,addr=1e,aw-bits=64"
		tells=0xfffffffffffff000,0x0-0xfedfffff,0xfef00000-0xffffffffffffffff ;;
	x86-6.12-virtio-iommufd)
		about="q35, virtio-iommu, interrupts not isolated, with iommufd"
		source=linux-source-6.12 chosen=iommufd usable=iommufd,type1,type1-iommufd
		modules_iommu=virtio-iommu unsafe=1
		suites="contract unsafe choice conformance after"
		iommu="-device virtio-iommu-pci,bus=pcie.0,addr=1e"
		tells=0xfffffffffffff000,0x0-0xfedfffff,0xfef00000-0x7fffffffff ;;
	x86-6.12-off)
		about="q35, the IOMMU switched off in the kernel"
		iommu="-device intel-iommu,intremap=on" append="intel_iommu=off"
		suites="off" ;;
	pseries-*|powernv9-*)
		load_power_row ;;
	arm64-*)
		load_arm_row ;;
	s390x-6.12-zpci)
		about="s390x, zPCI: a big-endian machine, each function with an IOMMU of its own"
		arch=s390x kernel=$debian_6_12_s390 memory=2048
		suites="choice conformance poller reach after"
		tells=0x1000,0x100000000-0x17fffffff ;;
	*)
		return 1 ;;
	esac
}

load_arm_row()
{
	arch=arm64 kernel=$debian_6_12_arm memory=1024 cpu=cortex-a57
	machine_options=,iommu=smmuv3
	tells=0x40201000,0x0-0x7ffffff,0x8100000-0xffffffffffff

	case $row in
	arm64-6.12-smmuv3)
		about="arm64 virt, SMMUv3, pages of 4 KiB" ;;
	arm64-6.12-smmuv3-16k)
		about="arm64 virt, SMMUv3, pages of 16 KiB, huge pages of 32 MiB"
		kernel=$debian_6_12_arm-16k memory=2048 cpu=max
		suites="contract choice conformance poller after"
		tells=0x2004000,0x0-0x7ffffff,0x8100000-0xffffffffffff ;;
	arm64-6.12-virtio)
		about="arm64 virt, virtio-iommu"
		machine_options='' modules_iommu=virtio-iommu
		suites="contract choice conformance poller after"
		iommu="-device virtio-iommu-pci,bus=pcie.0,addr=1e"
		tells=0xfffffffffffff000,0x0-0x808ffff,0x80a0000-0xffffffffffff ;;
	*)
		return 1 ;;
	esac
}

load_power_row()
{
	arch=ppc64le kernel=$debian_6_12_ppc-64k memory=2048
	platform=pseries cpu=power10 chosen=pseries usable=pseries
	suites="contract choice conformance poller windows doctor refusals after"
	tells=0x1211000,0x40000000

	case $row in
	pseries-6.12-64k)
		about="pSeries, POWER10, radix MMU, pages of 64 KiB" cards=1
		memory=4096 hugepages=520 packages="strace libc6"
		suites="contract choice conformance poller kills foreign nic windows calls vmm"
		suites="$suites bench tree doctor refusals after" ;;
	pseries-6.12-4k)
		about="pSeries, POWER10, radix MMU, pages of 4 KiB"
		kernel=$debian_6_12_ppc ;;
	pseries-6.12-hash)
		about="pSeries, POWER9, hash MMU, huge pages of 16 MiB"
		cpu=power9 machine_options=,cap-hpt-max-page-size=16m
		append=disable_radix ;;
	pseries-6.12-noddw)
		about="pSeries, a bridge without dynamic windows"
		iommu="-global spapr-pci-host-bridge.ddw=off"
		suites="noddw" ;;
	powernv9-6.12-64k)
		about="PowerNV, POWER9, hash MMU, huge pages of 16 MiB"
		platform=powernv chosen=powernv usable=powernv
		memory=3072 hugepages=72 packages="strace libc6"
		suites="contract choice conformance poller foreign windows calls vmm bench tree"
		suites="$suites doctor refusals after"
		append=disable_radix tells=0x40211000,0x80000000 ;;
	*)
		return 1 ;;
	esac
}
