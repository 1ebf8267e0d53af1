#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# iommuctl doctor: finds each cause, alone, and the command that it prints mends it.
# shellcheck source-path=SCRIPTDIR/../.. disable=SC2317 # called through passes
set -eu
. "${srcdir:?}/tests/build/common.sh"
. "${srcdir:?}/tests/tools/machine.sh"

bdf=0000:00:05.0

# findings: their names
findings()
{
	sed -n 's/^FAIL \([a-z-]*\):.*/\1/p' "$scratch/out"
}

# finds NAME PATTERN: this and nothing else is wrong, and a line has the pattern
finds()
{
	says 1 "$2" doctor "$bdf" && [ "$(findings)" = "$1" ]
}

# healthy: all is well
healthy()
{
	says 0 '^all is well' doctor "$bdf"
}

# The commands' doubles, for what the kernel would do.
modprobe()
{
	case $1 in
	vfio-pci)	mkdir "$root/sys/bus/pci/drivers/vfio-pci" ;;
	vfio_iommu_*)	mkdir "$root/sys/module/$1" ;;
	esac
}
chown() { [ "$1" = 4242 ] && chmod 666 "$2"; }
prlimit()
{
	[ "$1 $3" = '--pid --memlock=unlimited:unlimited' ] && [ "$2" -gt 1 ] &&
		locked unlimited unlimited
}
ulimit() { [ "$*" = '-S -l unlimited' ] && locked unlimited unlimited; }
mknod() { [ "$1 $2 $4 $5 $6" = '-m 600 c 240 7' ] && : >"$3" && chmod 666 "$3"; }
reboot()
{
	put proc/cmdline "$(sed -n 's/^GRUB_CMDLINE_LINUX="\(.*\)"/\1/p' "$root/etc/default/grub")"
}

mkdir "$scratch/bin"
printf '#!/bin/sh\n' >"$scratch/bin/update-grub"
chmod 755 "$scratch/bin/update-grub"
PATH=$scratch/bin:$PATH

# typed: runs the commands that were printed, on the made-up machine
typed()
{
	sed -n 's/^ *run: //p' "$scratch/out" | sed "s,\([ >]\)/\(dev\|etc\|proc\|sys\)/,\1$root/\2/,g" \
		>"$scratch/commands"
	[ -s "$scratch/commands" ] || { echo 'no command was printed'; return 1; }
	# shellcheck source=/dev/null
	. "$scratch/commands"
}

# mended NAME PATTERN: it is found, its command typed, and then all is well
mended()
{
	finds "$1" "$2" && typed && after "$1" && healthy
}

# after NAME: what the kernel does then, by itself
after()
{
	case $1 in
	iommu-off)
		grep -qw intel_iommu=on "$root/proc/cmdline" &&
			device "$bdf" 1b36 0010 010802 vfio-pci 12 && chmod 666 "$root/dev/vfio/12" ;;
	no-hugepages)
		cp "$root/proc/sys/vm/nr_hugepages" \
			"$root/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages" ;;
	unsafe-interrupts)
		sed -i 's/1/Y/' "$root/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts" ;;
	esac
}

# Binding is a command of the program's own, which on a made-up machine can only be stood in for.
# shellcheck disable=SC2329 # typed
bound()
{
	[ "$1" = bind ] && driver "$2" vfio-pci
}

# bind_mended NAME PATTERN: as mended, the command being iommuctl bind
bind_mended()
{
	finds "$1" "$2" || return 1
	sed -n 's/^ *run: //p' "$scratch/out" | sed 's/\<iommuctl\>/bound/g' >"$scratch/commands"
	grep -q '^bound bind 0000' "$scratch/commands" || return 1
	# shellcheck source=/dev/null
	. "$scratch/commands"
	healthy
}

machine
passes 'a machine on which all is well' healthy
passes 'without a device' says 0 '^all is well$' doctor
passes 'as JSON' says 0 '"well": true' doctor --json "$bdf"

off()
{
	rm -rf "$root/sys/kernel/iommu_groups" "$root/sys/bus/pci/devices/$bdf/iommu_group"
	mkdir -p "$root/sys/kernel/iommu_groups" "$root/usr/sbin"
	: >"$root/usr/sbin/update-grub"
	put proc/cmdline "quiet $1"
	put etc/default/grub 'GRUB_DEFAULT=0' "GRUB_CMDLINE_LINUX=\"quiet $1\""
}

off intel_iommu=off
passes '1 the IOMMU is off on the command line' mended iommu-off 'intel_iommu=off'
machine
off splash
passes '1 the IOMMU is not switched on' mended iommu-off 'add intel_iommu=on'
machine
off iommu=off
passes '1 off for all IOMMUs, Intel has one' mended iommu-off 'with iommu=off.*intel_iommu=on'
machine
off iommu=off
rm "$root/etc/default/grub"
passes '1 no boot loader that is known: words only' finds iommu-off 'booted with iommu=off'

# removed WORD: of AMD's it is only said to be taken away, and the command does that
removed()
{
	says 1 "booted with $1; take that from its command line, and boot" doctor "$bdf" &&
		! words | grep -q iommu=on && typed && put expected 'quiet ' &&
		cmp "$root/expected" "$root/proc/cmdline"
}

for word in amd_iommu=off iommu=off; do
	machine
	mv "$root/sys/firmware/acpi/tables/DMAR" "$root/sys/firmware/acpi/tables/IVRS"
	off "$word"
	passes "1 AMD: $word" removed "$word"
done
printf '#!/bin/sh\n' >"$root/usr/sbin/grubby"
off amd_iommu=off
passes '1 AMD: where there is grubby' finds iommu-off \
	'run: grubby --update-kernel=ALL --remove-args=amd_iommu=off && reboot$'
off splash
passes '1 AMD: no word switches it on' finds iommu-off 'dmesg.*amd_iommu=force_enable$'
passes '1 no command then' test -z "$(sed -n '/run:/p' "$scratch/out")"

machine
rmdir "$root/sys/bus/pci/drivers/vfio-pci"
driver "$bdf" none
iommuctl doctor "$bdf" || :
passes '2 vfio-pci is not loaded, and the device unbound' \
	test "$(findings | paste -sd ' ' -)" = 'vfio-pci-missing no-driver'
driver "$bdf" mlx5_vfio_pci
passes '2 a variant of vfio-pci has it: none is missing' healthy
without_device()
{
	says 1 'FAIL vfio-pci-missing' doctor && typed && says 0 '^all is well' doctor
}
passes '2 vfio-pci is loaded when its command is typed' without_device
rmdir "$root/sys/bus/pci/drivers/vfio-pci"
put lib/modules/6.12.9-amd64/modules.dep 'kernel/drivers/net/e1000e.ko:'
passes '2 a kernel that has no vfio-pci' says 1 'has no such module' doctor
put lib/modules/6.12.9-amd64/modules.dep 'kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/a.ko'
passes '2 a kernel that has it' says 1 'run: modprobe vfio-pci$' doctor
put lib/modules/6.12.9-amd64/modules.dep 'kernel/drivers/vfio/pci/mlx5/mlx5-vfio-pci.ko:' \
	'kernel/drivers/vfio/pci/vfio-pci-core.ko:'
passes '2 modules of like names' says 1 'has no such module' doctor
put lib/modules/6.12.9-amd64/modules.dep 'vfio_pci.ko: vfio.ko'
passes '2 a name with _ for -' says 1 'run: modprobe vfio-pci$' doctor

machine
rm -rf "$root/sys/module/vfio_iommu_type1"
passes '3 vfio_iommu_type1 is not loaded' mended container-missing 'vfio_iommu_type1 is not loaded'
rm -rf "$root/sys/module/vfio_iommu_type1"
put dev/iommu ''
mkdir -p "$root/sys/class/vfio-dev"
passes '3 nobody needs it beside iommufd' healthy

machine
driver "$bdf" nvme
passes '4 bound to the kernel driver' bind_mended kernel-driver "$bdf is bound to .* nvme"
driver "$bdf" none
passes '4 bound to no driver' bind_mended no-driver "$bdf is bound to no driver"
driver "$bdf" nvme
block nvme0n1 259:0 "pci0000:00/$bdf/nvme/nvme0/nvme0n1"
put proc/self/mountinfo '30 1 259:0 / /data rw - ext4 /dev/nvme0n1 rw'
passes '4 bound to the kernel driver, and in use' finds kernel-driver \
	'/data is mounted from nvme0n1'
passes '4 no command then' test -z "$(sed -n '/run:/p' "$scratch/out")"

machine
device 0000:00:05.1 8086 10d3 020000 e1000e 12
chmod 666 "$root/dev/vfio/12"
passes '5 another function of the group is bound' bind_mended group-shared '0000:00:05.1 \(e1000e\)'
machine
device 0000:00:05.1 8086 10d3 060400 pcieport 12
chmod 666 "$root/dev/vfio/12"
passes '5 a port above it may keep its driver' healthy

machine
locked 8388608 unlimited
passes '6 locked memory: the soft limit' mended memlock 'may lock 8 MiB.* 64 MiB'
locked 65536 65536
mkdir -p "$root/usr/bin"
: >"$root/usr/bin/prlimit"
passes '6 locked memory: the hard limit' mended memlock 'may lock 64 KiB'
locked 8388608 unlimited
rm "$root/usr/bin/prlimit"
locked 65536 65536
mkdir -p "$root/etc/security"
passes '6 without prlimit: for the next login' finds memlock \
	"run: echo '4242 - memlock unlimited' >>/etc/security/limits.conf"
locked 8388608 unlimited
passes '6 enough for who wants less' says 0 '^all is well' doctor --memory 8m "$bdf"
sed -i 's/CapEff:.*/CapEff:	0000000000004000/' "$root/proc/self/status"
passes '6 CAP_IPC_LOCK needs no limit' healthy

machine
put proc/sys/vm/nr_hugepages 0
put sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages 0
put sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 0
passes '7 no huge pages' mended no-hugepages 'no huge pages are reserved'
machine
put sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 0
passes '7 none is left' mended no-hugepages 'all of the 64 huge pages are in use'
passes '7 the command adds to those' grep -qx 96 "$root/proc/sys/vm/nr_hugepages"

put sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 0
put proc/meminfo 'MemTotal: 8388608 kB' 'MemAvailable: 4194304 kB' 'Hugepagesize:    2048 kB'
passes '7 more than the machine has' says 1 \
	'FAIL no-hugepages: .*has not the memory.* 4.00 GiB .*--memory.* 4 GiB' doctor --memory 4097m "$bdf"
passes '7 no command then' test -z "$(sed -n '/run:/p' "$scratch/out")"
passes '7 all that it has' says 1 'run: echo 2144 >/proc/sys/vm/nr_hugepages' doctor --memory 4g "$bdf"

machine
chmod 600 "$root/dev/vfio/12"
passes '8 the node is not for this user' mended node-access '4242 may not .* /dev/vfio/12$'
chmod 600 "$root/dev/vfio/12" "$root/dev/vfio/vfio"
passes '8 nor the container' mended node-access '/dev/vfio/12 and /dev/vfio/vfio'
rm "$root/dev/vfio/12"
put sys/class/vfio/12/dev 240:7
passes '8 the node is not there' mended node-missing 'there is no /dev/vfio/12'

machine
put proc/interrupts '           CPU0' '  1:   9   IO-APIC   1-edge  i8042'
passes '9 interrupts are not isolated' mended unsafe-interrupts 'interrupts are not isolated'

rm -rf "$root/sys/module/vfio_iommu_type1"
iommuctl doctor "$bdf" || :
passes '9 nor is the module there that is to be told' \
	test "$(findings | paste -sd ' ' -)" = 'container-missing unsafe-interrupts'
passes '9 its command comes second' sh -c "sed -n 's/^ *run: //p' '$scratch/out' |
	paste -sd ';' - | grep -q '^modprobe vfio_iommu_type1;echo 1 >/sys/module/vfio_iommu_type1/'"

# power RELEASE: a pSeries guest
power()
{
	machine
	printf 'chrp\0' >"$root/proc/cpuinfo"
	mkdir -p "$root/proc/device-tree"
	printf 'chrp\0' >"$root/proc/device-tree/device_type"
	printf 'IBM,pSeries\0' >"$root/proc/device-tree/compatible"
	put proc/sys/kernel/osrelease "$1"
	rm -rf "$root/sys/module/vfio_iommu_type1"
}

power 6.1.0-44-powerpc64le
mkdir "$root/sys/module/vfio_iommu_spapr_tce"
passes '10 POWER: the kernel is too old' finds kernel-too-old '6\.1\.0-44-powerpc64le.*Linux 6\.11'
put etc/os-release 'ID=debian' 'VERSION_CODENAME=bookworm'
passes '10 POWER: where Debian has a newer one' finds kernel-too-old \
	'run: apt-get install -t bookworm-backports linux-image'
put proc/sys/kernel/osrelease 6.12.9
passes '10 POWER: a newer one' healthy
power 6.12.9
passes '3 POWER: vfio_iommu_spapr_tce is not loaded' mended container-missing \
	'vfio_iommu_spapr_tce is not loaded'

# windows MACHINE: its device tree
windows()
{
	mkdir -p "$root/sys/firmware"
	sh "$srcdir/tests/fdt/dump.sh" "$1" "$root/sys/firmware/fdt" 2>"$scratch/dump.log"
}

if tools/iommuctl fdt "$scratch/out" 2>&1 | grep -q 'without libfdt'; then
	skip '10 POWER: the bridge has no dynamic windows' 'built without libfdt'
else
	device 0000:00:02.0 1b36 0010 010802 vfio-pci 13
	chmod 666 "$root/dev/vfio/13"
	bdf=0000:00:02.0 status=0
	windows pseries-noddw || status=$?
	if [ "$status" = 77 ]; then
		skip '10 POWER: the bridge has no dynamic windows' 'no QEMU that can write its tree'
	else
		passes '10 POWER: the bridge has no dynamic windows' finds no-windows \
			'/pci@800000020000000, has no dynamic DMA windows'
		rm "$root/sys/firmware/fdt"
		windows pseries
		passes '10 POWER: a bridge that has them' healthy
	fi
	bdf=0000:00:05.0
fi

machine
rm "$root/sys/bus/pci/devices/$bdf/iommu_group"
passes 'no IOMMU covers this device' finds no-iommu-group "no IOMMU covers $bdf"

machine
mkdir -p "$root/proc/17/fd"
ln -s /dev/vfio/12 "$root/proc/17/fd/5"
put proc/17/comm qemu
passes 'a process holds it' finds held 'process 17 \(qemu\) has it open'

machine
chmod 600 "$root/dev/vfio/12"
driver "$bdf" nvme
passes 'JSON has the cause and the command' says 1 '"run": "iommuctl bind 0000:00:05.0"' \
	doctor --json "$bdf"
passes 'no such device' says 1 'no PCI device 0000:00:1f.0' doctor --no-attach 0000:00:1f.0
tap_end
