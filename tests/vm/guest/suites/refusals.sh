# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC2086,SC1091 # init's environment, lists, guest paths
# What users get wrong. Each time: one sentence that names the object and what to do, a non-zero
# exit, no crash.

. /guest/refused.sh

# away FILE...; back: nodes that are not there for a while.
away()
{
	mkdir /dev/away
	moved=
	for node; do
		mv "$node" /dev/away/
		moved="$moved $node"
	done
}

back()
{
	for node in $moved; do
		mv "/dev/away/${node##*/}" "$node"
	done
	rmdir /dev/away
}

bind "$drive" vfio-pci
bind "$pair" vfio-pci
bind "$mate" vfio-pci
group=$(group_of "$drive")

# What there is of both ways to a device: through its group, and with iommufd, by a node of its own.
containers=$(ls -d /dev/vfio/vfio /dev/iommu 2>/dev/null)
nodes=$(ls -d "/dev/vfio/$group" "/dev/vfio/devices/$(cdev_of "$drive")" 2>/dev/null)

away $containers
poll_briefly "$drive"
refused no-container-node $? '/dev/(vfio/vfio|iommu)' 'modprobe|load'
back

away $nodes
poll_briefly "$drive"
refused no-group-node $? "/dev/vfio/($group|devices/vfio)" 'vfio-pci|udev|node|built without'
back

poll_briefly 0000:00:zz
refused malformed-address $? '0000:00:zz' '[0-9]{4}:[0-9]{2}:[0-9]{2}\.[0-9]|DDDD:BB:DD\.F'

poll_briefly 0000:1f:1d.7
refused absent-address $? '0000:1f:1d\.7' 'lspci|address'

bind "$drive" nvme
poll_briefly "$drive"
refused bound-to-nvme $? "$drive" nvme vfio-pci
bind "$drive" vfio-pci

bind "$mate" nvme
poll_briefly "$pair"
refused mate-bound-to-nvme $? "$pair|group $(group_of "$pair")" "$mate" nvme vfio-pci
bind "$mate" vfio-pci

# A user without CAP_IPC_LOCK, whom the administrator gave the device but no locked memory.
echo 'driver:x:1000:1000::/:/bin/sh' >/etc/passwd
chown 1000 $nodes
chmod 666 $containers
rm -f "$work/out" "$work/err"
su -s /bin/sh driver -c "ulimit -l 64
	exec /guest/bin/nvme_poll --device $drive $force --seconds 0 --span 4m" \
	>"$work/out" 2>"$work/err" </dev/null
refused memlock-64k $? 'memlock|MEMLOCK|locked' '65536|64 ?KiB' 'ulimit|limits|raise'
chown 0 $nodes

/guest/bin/nvme_poll --device "$drive" $force --seconds 60 \
	>"$work/holder" 2>&1 </dev/null &
holder=$!
sleep 2
poll_briefly "$drive"
refused group-held $? "$drive|group $group|/dev/vfio/$group" 'held|in use|busy|process'
kill -TERM "$holder"
wait "$holder"

# The refusals came from the causes made above and from nothing else.
poll_briefly "$drive"
status=$?
notes "$work/err"
verdict works-again-afterwards "$status" "exit status $status: $(head -n 1 "$work/err")"
poll_briefly "$pair"
status=$?
notes "$work/err"
verdict group-of-two-works "$status" "exit status $status: $(head -n 1 "$work/err")"
