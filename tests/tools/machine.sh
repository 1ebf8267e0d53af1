# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
#
# Folders that look like a machine to iommuctl: what it reads of /proc, /sys and /dev. Beside
# tests/build/common.sh.

[ "${cross_compiling:?}" = no ] || skip_all 'cross build'

scratch
# shellcheck disable=SC2154 # scratch() sets it
root=$scratch/root

# put FILE LINE...: a file of these lines below the root
put()
{
	mkdir -p "$root/$(dirname "$1")"
	file=$root/$1
	shift
	printf '%s\n' "$@" >"$file"
}

# points LINK TARGET: a link below the root, to another path there
points()
{
	mkdir -p "$root/$(dirname "$1")" "$root/$2"
	ln -sfn "$root/$2" "$root/$1"
}

# driver ADDRESS NAME: bound to it; none: to none
driver()
{
	rm -f "$root/sys/bus/pci/devices/$1/driver"
	[ "$2" = none ] || points "sys/bus/pci/devices/$1/driver" "sys/bus/pci/drivers/$2"
}

# device ADDRESS VENDOR DEVICE CLASS DRIVER GROUP: a function; none: no driver, or no group
device()
{
	points "sys/bus/pci/devices/$1" "sys/devices/pci0000:00/$1"
	put "sys/bus/pci/devices/$1/vendor" "0x$2"
	put "sys/bus/pci/devices/$1/device" "0x$3"
	put "sys/bus/pci/devices/$1/class" "0x$4"
	put "sys/bus/pci/devices/$1/numa_node" -1
	put "sys/bus/pci/devices/$1/driver_override" '(null)'
	driver "$1" "$5"
	[ "$6" != none ] || return 0
	points "sys/bus/pci/devices/$1/iommu_group" "sys/kernel/iommu_groups/$6"
	points "sys/kernel/iommu_groups/$6/devices/$1" "sys/devices/pci0000:00/$1"
	put "dev/vfio/$6" ''
	chmod 600 "$root/dev/vfio/$6"
}

# block NAME NUMBER FOLDER: a block device in a folder of /sys/devices
block()
{
	mkdir -p "$root/sys/devices/$3"
	put "dev/$1" ''
	points "sys/class/block/$1" "sys/devices/$3"
	points "sys/dev/block/$2" "sys/devices/$3"
}

# machine: an Intel machine on which all is well: 0000:00:05.0 is an NVMe drive that vfio-pci has
machine()
{
	rm -rf "$root"
	mkdir -p "$root/proc/self" "$root/sys/class/net"
	put proc/cmdline 'BOOT_IMAGE=/vmlinuz root=/dev/sda1 intel_iommu=on quiet'
	put proc/cpuinfo 'vendor_id	: GenuineIntel'
	put proc/interrupts '           CPU0' '  1:   9   IR-IO-APIC   1-edge  i8042'
	put proc/meminfo 'MemTotal: 1000 kB' 'HugePages_Total:      64' 'Hugepagesize:    2048 kB'
	put proc/swaps 'Filename				Type		Size'
	put proc/self/status 'Uid:	4242	4242	4242	4242' 'Gid:	4242	4242	4242	4242' \
		'Groups:	4343 ' 'CapEff:	0000000000000000'
	put proc/self/mountinfo \
		'20 1 0:18 / /proc rw shared:1 - proc proc rw'
	put proc/self/net/route 'Iface	Destination	Gateway'
	put proc/sys/kernel/osrelease 6.12.9-amd64
	put proc/sys/vm/nr_hugepages 64
	locked unlimited unlimited
	put sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages 64
	put sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 64
	put sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts N
	put sys/firmware/acpi/tables/DMAR ''
	put sys/bus/pci/drivers_probe ''
	put dev/vfio/vfio ''
	chmod 666 "$root/dev/vfio/vfio"
	mkdir -p "$root/sys/bus/pci/drivers/vfio-pci"
	device 0000:00:05.0 1b36 0010 010802 vfio-pci 12
	chmod 666 "$root/dev/vfio/12"
}

# locked SOFT HARD: limits of locked memory
locked()
{
	put proc/self/limits 'Limit                     Soft Limit           Hard Limit           Units' \
		"Max locked memory         $1             $2            bytes"
}

# iommuctl ARGUMENT...: on that machine, into $scratch/out and $scratch/err; its exit status
iommuctl()
{
	tools/iommuctl --root "$root" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
}

# words: what it said
words()
{
	cat "$scratch/out" "$scratch/err"
}

# exits STATUS ARGUMENT...: it ends so; what is wrong is said in one sentence, and the doctor's
# findings are no error
exits()
{
	expected=$1 status=0
	shift
	iommuctl "$@" || status=$?
	words
	[ "$status" = "$expected" ] || { echo "exit status $status, not $expected"; return 1; }
	if [ "$status" = 0 ] || grep -qE '^FAIL [a-z-]+: |"findings"' "$scratch/out"; then
		[ ! -s "$scratch/err" ]
	else
		[ "$(wc -l <"$scratch/err")" = 1 ] && grep -q '^iommuctl: ' "$scratch/err"
	fi
}

# says STATUS PATTERN ARGUMENT...: it ends so, and a line has the pattern (grep -E)
says()
{
	expected=$1 pattern=$2
	shift 2
	exits "$expected" "$@" || return 1
	words | grep -qE -- "$pattern" || { echo "no line has '$pattern'"; return 1; }
}
