# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC1091 # init's environment, lists, guest paths
# What scripts/demo shows: the poller on the drive, live, and the kernel's driver reading the same
# data afterwards.

bind "$drive" vfio-pci
set -- --device "$drive" --seconds 5 --bs 16k --qd 32 --queues 2 --span 32m
tell "poller nvme_poll $*"
{
	/guest/bin/nvme_poll "$@" 2>&1 </dev/null
	echo $? >"$work/status"
} | tee "$work/out"
status=$(cat "$work/status")
tell "poller-ended $status"
verdict poller "$status" "exit status $status"

set -- $(awk '$1 == "cksum" { print $2, $3, $5 }' "$work/out")
if [ $# = 3 ]; then
	tell "kernel-reads"
	theirs=$(kernel_cksum "$drive" "$3" "$2")
	tell "checksums $1 ${theirs% *} $2"
	[ "$theirs" = "$1 $2" ]
	verdict read-by-kernel $? "the kernel reads '$theirs', the poller wrote '$1 $2'"
	tell "image $3 $theirs"
else
	not_ok read-by-kernel "the poller wrote nothing to compare"
fi
