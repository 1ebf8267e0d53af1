# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC1091 # init's environment, guest paths
# What a drive reaches and what it does not, where there is no edu: a fault stops the function, which
# is then recovered, and must reach again what it may.

. /guest/tap.sh

# recover: as its owner does it, after which the device is another one.
recover()
{
	echo 1 >"/sys/bus/pci/devices/$pair/recover"
	settle
	bind "$pair" vfio-pci
}

reach_all()
{
	local status=0

	echo 1..18
	/guest/bin/reach "$pair" || status=1
	echo "expect-fault $pair 0x0" >/dev/kmsg
	/guest/bin/reach --fault "$pair" || status=1
	recover
	/guest/bin/reach --write "$pair" || status=1
	recover
	/guest/bin/reach "$pair" || status=1
	return $status
}

bind "$pair" vfio-pci
tap reach_all
