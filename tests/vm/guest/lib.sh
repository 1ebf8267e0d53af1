# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2034,SC2012,SC3043 # used by the suites; names of the kernel only
# What the suites use. A result is a line "ok SUITE/NAME", "not ok SUITE/NAME - why" or "ok
# SUITE/NAME # SKIP why".

work=/tmp
suite=none

tell() { echo "@@ $*"; }
note() { echo "# $*"; }
ok() { echo "ok $suite/$1"; }
not_ok() { echo "not ok $suite/$1 - $2"; }
skip() { echo "ok $suite/$1 # SKIP $2"; }

# notes FILE: a program's words, as notes.
notes() { sed 's/^/# | /' "$1"; }

# verdict NAME STATUS WHY: ok when STATUS is 0.
verdict() { if [ "$2" = 0 ]; then ok "$1"; else not_ok "$1" "$3"; fi; }

driver_of() { basename "$(readlink "/sys/bus/pci/devices/$1/driver")" 2>/dev/null; }
group_of() { basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")" 2>/dev/null; }

cdev_of() { basename "/sys/bus/pci/devices/$1"/vfio-dev/vfio*; }

# settle: until the kernel has told of no new or gone device for 0.2 s.
settle()
{
	local before=none now
	now=$(cat /sys/kernel/uevent_seqnum)
	until [ "$now" = "$before" ]; do
		before=$now
		usleep 200000
		now=$(cat /sys/kernel/uevent_seqnum)
	done
}

# bind BDF DRIVER: gives the device to another driver; DRIVER none: to nobody.
bind()
{
	[ "$(driver_of "$1")" != "$2" ] || return 0
	# nvme looks for partitions behind our back; a drive that goes away under it makes for
	# errors in the log. An open waits for that.
	if [ "$(driver_of "$1")" = nvme ]; then
		wait_for 60 has_block "$1" && cksum <"$(block_of "$1")" 0 512 >/dev/null
		settle
	fi
	[ ! -e "/sys/bus/pci/devices/$1/driver" ] ||
		echo "$1" >"/sys/bus/pci/devices/$1/driver/unbind"
	echo "$2" >"/sys/bus/pci/devices/$1/driver_override"
	[ "$2" = none ] || echo "$1" >/sys/bus/pci/drivers_probe
	[ "$2" = none ] || [ "$(driver_of "$1")" = "$2" ]
}

# wait_for SECONDS COMMAND...: until COMMAND succeeds.
wait_for()
{
	local tries=$(($1 * 10))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		usleep 100000
	done
}

# block_of BDF: the block device that the kernel's nvme driver made for it. A multipath kernel calls
# the controller's own path nvme0c0n1, hides it, and offers nvme0n1.
block_of()
{
	local name
	name=$(ls "/sys/bus/pci/devices/$1"/nvme/nvme*/ 2>/dev/null |
		sed -nE 's/^(nvme[0-9]+)(c[0-9]+)?(n[0-9]+)$/\1\3/p' | head -n 1)
	[ -n "$name" ] && [ -b "/dev/$name" ] && echo "/dev/$name"
}

has_block() { [ -n "$(block_of "$1")" ]; }

# kernel_cksum BDF OFFSET BYTES: what the kernel's own nvme driver reads there, as "CRC BYTES".
kernel_cksum()
{
	bind "$1" nvme && wait_for 60 has_block "$1" || return 1
	cksum <"$(block_of "$1")" "$2" "$3"
}

pins()
{
	echo 1 >/proc/sys/vm/stat_refresh
	awk '/^nr_foll_pin_/ { print $1 "=" $2 }' /proc/vmstat | sort | tr '\n' ' '
}

has_huge() { [ -n "$(ls /sys/kernel/mm/hugepages 2>/dev/null)" ]; }
free_huge() { awk '/^HugePages_(Total|Free|Rsvd)/ { print $2 }' /proc/meminfo | tr '\n' ' '; }

# allow_unsafe 0|1: whether devices may be used whose interrupts are not isolated.
allow_unsafe()
{
	local knob
	for knob in /sys/module/vfio_iommu_type1 /sys/module/iommufd; do
		[ ! -e "$knob" ] || echo "$1" >"$knob/parameters/allow_unsafe_interrupts"
	done
}

# group_opens BDF: nobody holds the device's group any more.
group_opens() { (exec 9<>"/dev/vfio/$(group_of "$1")") 2>/dev/null; }
