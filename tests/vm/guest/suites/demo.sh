# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC1091 # init's environment, lists, guest paths
# What scripts/demo shows: the poller on the drive, live, and the kernel's driver reading the same
# data afterwards; by the backend that the library takes by itself, and by type1 if that is another;
# on POWER, through the default DMA window and through the one that the library plans; and by each
# backend with buffers from malloc(), through a stream.

seed=0

# show NAME SECONDS [OPTION...]: one run, with LIBIOMMU_BACKEND as it is.
show()
{
	local name=$1 seconds=$2 status theirs
	shift 2
	seed=$((seed + 1))

	bind "$drive" vfio-pci
	set -- --device "$drive" --seconds "$seconds" --bs 16k --qd 32 --queues 2 --span 32m --seed "$seed" \
		"$@"
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

# where NAME PATTERN: which apertures the poller's two buffers were in.
where()
{
	[ "$(grep -cE "in aperture $2" "$work/out")" = 2 ]
	verdict "$1" $? "the buffers are not both in '$2'"
}

show poller 3
case $chosen in
type1) ;;
powernv|pseries)
	where poller-in-the-default-window '0x0 - .* pages of 4 KiB'
	show poller-window 3 --hugepages
	where poller-in-a-window-of-huge-pages '0x800000000000000 - .* pages of [0-9]+ MiB' ;;
*)
	export LIBIOMMU_BACKEND=type1
	show poller-type1 3
	show poller-type1-foreign 1 --foreign
	unset LIBIOMMU_BACKEND ;;
esac
show poller-foreign 1 --foreign
