# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC2086 # init's environment, lists
# Verified runs of the poller.

seed=1
sums=

# poll NAME OPTION...: one verified run, and what the kernel reads afterwards.
poll()
{
	local name=$1 status sum theirs
	shift
	seed=$((seed + 1))

	bind "$drive" vfio-pci
	/guest/bin/nvme_poll --device "$drive" $force --seed "$seed" "$@" \
		>"$work/out" 2>"$work/err" </dev/null
	status=$?
	notes "$work/out"
	notes "$work/err"
	set -- $(awk '$1 == "cksum" { print $2, $3, $5 }' "$work/out")
	sum="$1 $2"
	if [ "$status" != 0 ]; then
		not_ok "$name" "exit status $status: $(head -n 1 "$work/err")"
		not_ok "$name-read-by-kernel" "nothing to compare"
		return
	fi
	if [ $# != 3 ] || [ "$2" -eq 0 ]; then
		not_ok "$name" "no single line 'cksum SUM BYTES offset OFFSET'"
		not_ok "$name-read-by-kernel" "nothing to compare"
		return
	fi
	case " $sums " in
	*" $1 "*) not_ok "$name" "the same data as in an earlier run" ;;
	*) ok "$name" ;;
	esac
	sums="$sums $1"

	theirs=$(kernel_cksum "$drive" "$3" "$2")
	note "kernel reads $theirs at $3, poller wrote $sum"
	if [ "$theirs" = "$sum" ]; then
		ok "$name-read-by-kernel"
	else
		not_ok "$name-read-by-kernel" "kernel reads '$theirs', poller wrote '$sum'"
	fi
}
