#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# iommuctl bind and unbind: what they refuse, and what they would write.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes
set -eu
. "${srcdir:?}/tests/build/common.sh"
. "${srcdir:?}/tests/tools/machine.sh"

bdf=0000:00:05.0
here=pci0000:00/$bdf

# drive: as machine, but nvme has the drive, with a partition
drive()
{
	machine
	driver "$bdf" nvme
	block nvme0n1 259:0 "$here/nvme/nvme0/nvme0n1"
	block nvme0n1p1 259:1 "$here/nvme/nvme0/nvme0n1/nvme0n1p1"
	put "sys/devices/$here/nvme/nvme0/nvme0n1/nvme0n1p1/partition" 1
}

# mounted NUMBER PLACE SOURCE
mounted()
{
	put proc/self/mountinfo '20 1 0:18 / /proc rw shared:1 - proc proc rw' \
		"31 1 $1 / $2 rw,noatime shared:2 - ext4 $3 rw"
}

# refuses COMMAND OVERRIDE PATTERN: its dry run, too, with nothing touched; and not with --force
refuses()
{
	put "sys/bus/pci/devices/$bdf/driver_override" "$2"
	says 3 "^iommuctl: $bdf is in use: $3" "$1" "$bdf" && says 3 "$3" "$1" --dry-run "$bdf" &&
		grep -qxF "$2" "$root/sys/bus/pci/devices/$bdf/driver_override" &&
		says 0 '/driver_override$' "$1" --dry-run --force "$bdf"
}

# refused PATTERN: by both; what unbind takes was chosen
refused()
{
	chosen=$(basename "$(readlink "$root/sys/bus/pci/devices/$bdf/driver")")
	refuses unbind "$chosen" "$1" && refuses bind '(null)' "$1"
}

# free: it may be bound
free()
{
	says 0 "^echo $bdf >/sys/bus/pci/drivers_probe" bind --dry-run "$bdf"
}

# printable: what was said is UTF-8, without control characters
printable()
{
	words | LC_ALL=C tr -d '\n' | LC_ALL=C grep -q '[[:cntrl:]]' && return 1
	words | iconv -f UTF-8 -t UTF-16 >/dev/null
}

drive
passes 'nothing hangs on it' free
mounted 259:1 /home /dev/nvme0n1p1
passes 'a partition is mounted' refused '/home is mounted from nvme0n1p1'
mounted 259:0 '/with\040blank' /dev/nvme0n1
passes 'the disk, at a path with a blank' refused '/with blank is mounted from nvme0n1'
mounted 0:45 / /dev/nvme0n1p1
passes 'a file system with numbers of its own' refused '/ is mounted from nvme0n1p1'
mounted 8:1 / /dev/sda1
passes 'another disk is mounted' free
mounted 0:45 /net server:/export
passes 'a network is mounted' free

mounted 8:1 / /dev/sda1
put proc/1/mountinfo "31 1 259:1 / /home rw shared:2 - ext4 /dev/nvme0n1p1 rw"
passes 'mounted outside of this root folder' refused '/home is mounted from nvme0n1p1'
mounted 259:1 /here /dev/nvme0n1p1
passes 'mounted inside, too' refused '/here is mounted from nvme0n1p1; '
rm "$root/proc/1/mountinfo"

mkdir "$root$bdf"
ln -sfn "$root$bdf" "$root/sys/dev/block/8:1"
ln -sfn "$root$bdf" "$root/sys/class/block/root$bdf"
mounted 8:1 / /dev/sda1
passes 'a link that leads beside the root' free

drive
block dm-0 253:0 virtual/block/dm-0
points sys/devices/virtual/block/dm-0/slaves/nvme0n1p1 \
	"sys/devices/$here/nvme/nvme0/nvme0n1/nvme0n1p1"
block md0 9:0 virtual/block/md0
points sys/devices/virtual/block/md0/slaves/dm-0 sys/devices/virtual/block/dm-0
mounted 253:0 /srv /dev/mapper/srv
passes 'mapped by device mapper' refused '/srv is mounted from dm-0'
mounted 9:0 /raid /dev/md0
passes 'RAID of what is mapped' refused '/raid is mounted from md0'
block md0p1 259:9 virtual/block/md0/md0p1
put sys/devices/virtual/block/md0/md0p1/partition 1
mounted 259:9 /part /dev/md0p1
passes 'a partition of that' refused '/part is mounted from md0p1'

drive
subsystem=virtual/nvme-subsystem/nvme-subsys0
block nvme1n1 259:4 "$subsystem/nvme1n1"
points "sys/devices/$subsystem/nvme0" "sys/devices/$here/nvme/nvme0"
mounted 259:4 /many /dev/nvme1n1
passes 'NVMe that has several paths' refused '/many is mounted from nvme1n1'
rm "$root/sys/devices/$subsystem/nvme0"
passes 'that has other paths' free

drive
put proc/swaps 'Filename Type Size' '/dev/nvme0n1p1 partition 1024 0 -2'
passes 'swap' refused 'the system swaps to nvme0n1p1'
block dm-1 253:1 virtual/block/dm-1
points sys/devices/virtual/block/dm-1/slaves/nvme0n1p1 \
	"sys/devices/$here/nvme/nvme0/nvme0n1/nvme0n1p1"
mkdir "$root/dev/mapper"
ln -s ../dm-1 "$root/dev/mapper/swap"
put proc/swaps 'Filename Type Size' '/dev/mapper/swap partition 1024 0 -2'
passes 'swap behind a link' refused 'the system swaps to dm-1'
put proc/swaps 'Filename Type Size' '/swapfile file 1024 0 -2'
passes 'a swap file elsewhere' free

# nic: as machine, but the function is a network card
nic()
{
	machine
	driver "$bdf" e1000e
	points sys/class/net/eth0 "sys/devices/$here/net/eth0"
}

# route INTERFACE: the default one
route()
{
	put proc/self/net/route 'Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT' \
		"$1 0000A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0" \
		"$1 00000000 0100A8C0 0003 0 0 0 00000000 0 0 0"
}

nic
passes 'a card that leads nowhere' free
route eth0
passes 'the default route' refused 'the default route leads through eth0'
route eth1
passes 'the default route of another card' free
put proc/1/net/route "$(sed 's/eth1/eth0/' "$root/proc/self/net/route")"
passes 'the default route of another namespace' refused 'the default route leads through eth0'
rm "$root/proc/1/net/route"
points sys/class/net/bond0 sys/devices/virtual/net/bond0
points sys/class/net/bond0/lower_eth0 "sys/devices/$here/net/eth0"
points sys/class/net/bond0.7 sys/devices/virtual/net/bond0.7
points sys/class/net/bond0.7/lower_bond0 sys/devices/virtual/net/bond0
route bond0.7
passes 'a VLAN on a bond' refused 'the default route leads through bond0.7'
points sys/class/net/bond0/lower_bond0.7 sys/devices/virtual/net/bond0.7
rm "$root/sys/class/net/bond0/lower_eth0"
passes 'interfaces in a circle' free
put proc/self/net/route 'Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT' \
	'eth0 0000A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0'
passes 'a route that is not the default one' free
zeros=00000000000000000000000000000000
put proc/self/net/ipv6_route \
	"fe800000000000000000000000000000 40 $zeros 00 $zeros 00000100 00000001 00000000 00000001 eth0"
passes 'IPv6, but no default route' free
put proc/self/net/ipv6_route \
	"$zeros 00 $zeros 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003 eth0"
passes 'the default route of IPv6' refused 'the default route of IPv6 leads through eth0'
route eth0
passes 'both are named' says 3 'through eth0, and the default route of IPv6' bind "$bdf"

# What is written, as far as files can tell.
written()
{
	[ "$(head -n 1 "$root/sys/bus/pci/$1")" = "$2" ] || { head "$root/sys/bus/pci/$1"; return 1; }
}

nic
put sys/bus/pci/drivers/e1000e/unbind ''
passes 'a driver that does not take it' says 1 'vfio-pci did not take .* is bound to e1000e now' \
	bind "$bdf"
passes 'it was taken from its driver' written drivers/e1000e/unbind "$bdf"
passes 'and probed' written drivers_probe "$bdf"
passes 'and the override was taken back' written "devices/$bdf/driver_override" ''
echo 'not of this root' >"$scratch/outside"
mv "$root/sys/bus/pci/devices/$bdf/driver_override" "$scratch/override"
ln -s "$scratch/outside" "$root/sys/bus/pci/devices/$bdf/driver_override"
passes 'a file that leads out of the root' says 1 'cannot write .*driver_override' bind --driver vfio-pci "$bdf"
passes 'and that is as it was' grep -qx 'not of this root' "$scratch/outside"
# nor is it opened: of some devices that does something. The program that runs is one that may not be.
program=$PWD/tools/iommuctl
[ ! -e tools/.libs/iommuctl ] || program=$PWD/tools/.libs/iommuctl
ln -sf "$program" "$root/sys/bus/pci/devices/$bdf/driver_override"
passes 'nor is it opened' says 1 'cannot write .*driver_override: Invalid cross-device link' \
	bind --driver vfio-pci "$bdf"
rm "$root/sys/bus/pci/devices/$bdf/driver_override"
mkfifo "$root/sys/bus/pci/devices/$bdf/driver_override"
ends()
{
	timeout 300 tools/iommuctl --root "$root" unbind --dry-run "$bdf" >"$scratch/out" 2>&1 || [ $? = 1 ]
}
passes 'a pipe is not waited for' ends
rm "$root/sys/bus/pci/devices/$bdf/driver_override"
mv "$scratch/override" "$root/sys/bus/pci/devices/$bdf/driver_override"
passes 'vfio-pci has it already' says 0 'already' bind --driver e1000e "$bdf"
passes 'a driver that is not there' says 1 'modprobe uio_pci_generic' \
	bind --driver uio_pci_generic "$bdf"
cp "$scratch/err" "$scratch/said"
passes 'what is tried first fails likewise' says 1 '' bind --dry-run --driver uio_pci_generic "$bdf"
passes 'with the same sentence' cmp "$scratch/said" "$scratch/err"
passes 'and no step' test ! -s "$scratch/out"
for name in '' . .. ../devices ../drivers/vfio-pci 'vfio pci' 'x;reboot' 'x|y' "x'" 'x
y' vfio.pci; do
	passes "no driver: '$name'" says 2 'is not the name of a driver' bind --driver "$name" "$bdf"
done
passes 'no such device' says 1 'no PCI device' bind 0000:00:06.0
passes 'no address' says 2 "'eth0' is not a PCI address" bind eth0
device 0000:00:1c.0 8086 3420 060400 pcieport 3
passes 'a bridge' says 1 'is a bridge' bind 0000:00:1c.0
passes 'unbind: the kernel has it' says 1 'bound to e1000e already' unbind "$bdf"
put "sys/bus/pci/devices/$bdf/driver_override" e1000e
passes 'unbind: by an override' says 0 "^echo $bdf >.*/driver/unbind" unbind --dry-run "$bdf"

machine
put sys/bus/pci/drivers/vfio-pci/unbind ''
passes 'unbind: what would be written' says 0 "^echo '' >.*/$bdf/driver_override" \
	unbind --dry-run "$bdf"
mkdir -p "$root/proc/17/fd"
ln -s /dev/vfio/12 "$root/proc/17/fd/5"
put proc/17/comm qemu
passes 'unbind: a process holds it' says 3 'in use: process 17 \(qemu\)' unbind "$bdf"
mkdir -p "$root/sys/bus/pci/drivers/uio_pci_generic"
put proc/17/comm "$(printf 'a\033]0;b\007\303\244\344\302\233')"
passes 'a process that writes to the terminal' says 3 "process 17 \(a.]0;b.$(printf '\303\244')...\)" \
	unbind "$bdf"
passes 'only what can be printed' printable
put proc/17/comm qemu
passes 'bind: a process holds it' says 3 'in use: process 17 \(qemu\)' \
	bind --driver uio_pci_generic "$bdf"
passes 'bind: nothing was written' written "devices/$bdf/driver_override" '(null)'
passes 'bind: insist' says 0 "^echo uio_pci_generic" \
	bind --dry-run --force --driver uio_pci_generic "$bdf"
passes 'unbind: insist' says 0 "$bdf is bound to" unbind --force "$bdf"
passes 'unbind: the override is gone' written "devices/$bdf/driver_override" ''
tap_end
