# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034 # read by those who source this file
# The table of guests: one row is one kernel on one machine with one IOMMU, and the suites that it
# runs.
#
#   arch      a file of arch/: how this architecture is emulated, fetched and built
#   kernel    SUITE:REGEX, the newest package of that suite (any: of all) whose whole name matches
#   iommu     QEMU options that give the machine its IOMMU
#   append    further words of the kernel's command line
#   memory    MiB
#   suites    files of guest/suites/, in order
#   type1     what VFIO type1 must say there: page sizes, and ranges of IOVAs

rows="x86-6.12-vtd48 x86-6.12-vtd39 x86-6.1-vtd48 x86-6.12-off"

debian_6_12='bookworm-backports:linux-image-6\.12\.[0-9]+\+deb12(\.[0-9]+)?-amd64'
debian_6_1='any:linux-image-6\.1\.0-[0-9]+-amd64'

load_row()
{
	row=$1
	arch=x86_64 kernel=$debian_6_12 iommu='' append='' memory=1024
	suites="contract conformance poller refusals after"
	type1=0x40201000,0x0-0xfedfffff,0xfef00000-0xffffffffffff

	case $row in
	x86-6.12-vtd48)
		about="q35, Intel IOMMU, 48 bits"
		iommu="-device intel-iommu,intremap=on,aw-bits=48" ;;
	x86-6.12-vtd39)
		about="q35, Intel IOMMU, 39 bits"
		iommu="-device intel-iommu,intremap=on,aw-bits=39"
		type1=0x40201000,0x0-0xfedfffff,0xfef00000-0x7fffffffff ;;
	x86-6.1-vtd48)
		about="q35, Intel IOMMU, 48 bits, Debian 12's own kernel"
		kernel=$debian_6_1
		iommu="-device intel-iommu,intremap=on,aw-bits=48" ;;
	x86-6.12-off)
		about="q35, the IOMMU switched off in the kernel"
		iommu="-device intel-iommu,intremap=on" append="intel_iommu=off"
		suites="off" ;;
	*)
		return 1 ;;
	esac
}
