# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC1091 # init's environment, lists, guest paths
# What scripts/demo shows: the poller on the drive, live, and the kernel's driver reading the same
# data afterwards; by the backend that the library takes by itself, and by type1 if that is another.

# show NAME SEED: one run, with LIBIOMMU_BACKEND as it is.
show()
{
	local name=$1 status theirs

	bind "$drive" vfio-pci
	set -- --device "$drive" --seconds 3 --bs 16k --qd 32 --queues 2 --span 32m --seed "$2"
	tell "poller ${LIBIOMMU_BACKEND:+LIBIOMMU_BACKEND=$LIBIOMMU_BACKEND }nvme_poll $*"
	{
		/guest/bin/nvme_poll "$@" 2>&1 </dev/null
		echo $? >"$work/status"
	} | tee "$work/out"
	status=$(cat "$work/status")
	tell "poller-ended $status"
	if [ "$status" != 0 ]; then
		not_ok "$name" "exit status $status"
	else
		grep -qx "backend *${LIBIOMMU_BACKEND:-$chosen}" "$work/out"
		verdict "$name" $? "through another backend"
	fi

	set -- $(awk '$1 == "cksum" { print $2, $3, $5 }' "$work/out")
	if [ $# != 3 ]; then
		not_ok "$name-read-by-kernel" "the poller wrote nothing to compare"
		return
	fi
	tell "kernel-reads"
	theirs=$(kernel_cksum "$drive" "$3" "$2")
	tell "checksums $1 ${theirs% *} $2"
	[ "$theirs" = "$1 $2" ]
	verdict "$name-read-by-kernel" $? "the kernel reads '$theirs', the poller wrote '$1 $2'"
	tell "image $3 $theirs"
}

show poller 1
if [ "$chosen" != type1 ]; then
	export LIBIOMMU_BACKEND=type1
	show poller-type1 2
	unset LIBIOMMU_BACKEND
fi
