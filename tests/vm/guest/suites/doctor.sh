# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC2086,SC1091 # init's environment, lists, guest paths
# iommuctl binds a device, and its doctor finds all well; then what can be broken here is broken,
# the doctor must name it, and the commands that it prints, typed, must mend it.

PATH=$PATH:/guest/bin

# The guest's modules were loaded from a list; modprobe wants a folder of its own.
modules=/lib/modules/$(uname -r)
mkdir -p "$modules"
cp /modules/*.ko* "$modules/"
depmod 2>/dev/null || note "depmod does not work"

case $chosen in
pseries|powernv) container=vfio_iommu_spapr_tce ;;
*)	container=vfio_iommu_type1 ;;
esac

# doctor BDF: into $work/out; its exit status
doctor() { iommuctl doctor "$1" >"$work/out" 2>&1 </dev/null; }

findings() { sed -n 's/^FAIL \([a-z-]*\):.*/\1/p' "$work/out" | xargs; }

commands() { sed -n 's/^ *run: //p' "$work/out"; }

# well NAME BDF: all is
well()
{
	doctor "$2"
	status=$?
	[ "$status" = 0 ] || notes "$work/out"
	[ "$status" = 0 ] && grep -q '^all is well' "$work/out"
	verdict "$1" $? "exit status $status: $(findings)"
}

# mends NAME BDF FINDINGS: the doctor finds these and nothing else, and its commands mend them
mends()
{
	doctor "$2"
	status=$?
	notes "$work/out"
	[ "$status" = 1 ] && [ "$(findings)" = "$3" ]
	verdict "$1-found" $? "exit status $status, found: $(findings)"
	eval "$(commands)" >"$work/typed" 2>&1 || notes "$work/typed"
	well "$1-mended" "$2"
}

bind "$edu" none
iommuctl bind "$edu" >"$work/out" 2>&1
status=$?
notes "$work/out"
[ "$status" = 0 ] && [ "$(driver_of "$edu")" = vfio-pci ]
verdict binds $? "exit status $status, driver $(driver_of "$edu")"
well well-when-bound "$edu"

iommuctl list >"$work/out" 2>&1
notes "$work/out"
grep -qE "^$edu +1234:11e8 +vfio-pci +$(group_of "$edu") .*$chosen" "$work/out"
verdict lists $? "no such line"
iommuctl show "$edu" >"$work/out" 2>&1
notes "$work/out"
grep -qE "^backend +$chosen\$" "$work/out" && grep -qE '\|  aperture, .*pages of 4 KiB' "$work/out"
verdict shows $? "no backend, or no aperture"
iommuctl bench --seconds 1 "$edu" >"$work/out" 2>&1
status=$?
notes "$work/out"
[ "$status" = 0 ] && grep -qE '^map and unmap .* [12]\.00$' "$work/out"
verdict measures $? "exit status $status, or other than one or two kernel calls a pair"

bind "$edu" none
mends unbound "$edu" no-driver
bind "$drive" nvme
wait_for 60 has_block "$drive"
settle
mends kernel-driver "$drive" kernel-driver
bind "$pair" vfio-pci
bind "$mate" nvme
if [ "$(group_of "$pair")" = "$(group_of "$mate")" ]; then
	settle
	mends group-shared "$pair" group-shared
else
	skip group-shared-found "the two are in groups of their own"
	skip group-shared-mended "the two are in groups of their own"
fi

# vfio-pci can go only when nobody is bound to it.
for device in /sys/bus/pci/drivers/vfio-pci/0*; do
	[ ! -e "$device" ] || bind "${device##*/}" none
done
rmmod vfio_pci
[ ! -e /sys/bus/pci/drivers/vfio-pci ]
verdict vfio-pci-goes $? "rmmod does not take it out"
mends vfio-pci-missing "$edu" 'vfio-pci-missing no-driver'
rmmod "$container"
case ",$usable," in
*,iommufd,*)
	well well-without-container "$edu"
	modprobe "$container" ;;
*)	mends container-missing "$edu" container-missing ;;
esac

pages=$(cat /proc/sys/vm/nr_hugepages)
echo 0 >/proc/sys/vm/nr_hugepages
mends no-hugepages "$edu" no-hugepages
echo "$pages" >/proc/sys/vm/nr_hugepages

# A user who was given nothing: the nodes by root's command, and then the limit, by his own.
echo 'driver:x:1000:1000::/:/bin/sh' >/etc/passwd
ulimit -l unlimited
as_driver() { su -s /bin/sh driver -c "PATH=$PATH; $1" </dev/null; }
nodes=$(ls -d "/dev/vfio/$(group_of "$edu")" "/dev/vfio/devices/$(cdev_of "$edu")" 2>/dev/null)
as_driver "iommuctl doctor $edu" >"$work/out" 2>&1
notes "$work/out"
case " $(findings) " in *' node-access '*) ;; *) false ;; esac
verdict node-access-found $? "found: $(findings)"
eval "$(commands | grep chown)"
as_driver "ulimit -S -l 64; iommuctl doctor $edu" >"$work/out" 2>&1
notes "$work/out"
[ "$(findings)" = memlock ]
verdict node-access-mended $? "found: $(findings)"
verdict memlock-found $? "found: $(findings)"
as_driver "ulimit -S -l 64; $(commands); iommuctl doctor $edu" >"$work/out" 2>&1
status=$?
notes "$work/out"
verdict memlock-mended "$status" "found: $(findings)"
chown 0 $nodes

# What the system uses is not taken away.
bind "$pair" nvme
wait_for 60 has_block "$pair"
settle
block=$(block_of "$pair")
mkswap "$block" >/dev/null && swapon "$block"
iommuctl bind "$pair" >"$work/out" 2>&1
status=$?
notes "$work/out"
[ "$status" = 3 ] && grep -q "in use: the system swaps to ${block#/dev/}" "$work/out" &&
	[ "$(driver_of "$pair")" = nvme ]
verdict refuses-swap $? "exit status $status, driver $(driver_of "$pair")"
swapoff "$block"
iommuctl bind "$pair" >"$work/out" 2>&1 && [ "$(driver_of "$pair")" = vfio-pci ]
verdict binds-after-swapoff $? "$(cat "$work/out")"
iommuctl unbind "$pair" >"$work/out" 2>&1
status=$?
notes "$work/out"
[ "$status" = 0 ] && [ "$(driver_of "$pair")" = nvme ]
verdict unbinds $? "exit status $status, driver $(driver_of "$pair")"
wait_for 60 has_block "$pair"
settle
