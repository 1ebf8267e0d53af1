# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC1091 # init's environment, lists, guest paths
# Which backend the library takes by itself, and why not the others; which can be forced. The row
# says what must come out: chosen, usable (with commas), and why, a pattern for why iommufd does not
# work.

. /guest/refused.sh

order="iommufd type1 type1-iommufd powernv pseries"
seed=0

# why_not BACKEND: a pattern for why it does not work here.
why_not()
{
	case $1 in
	powernv) echo 'no PowerNV machine' ;;
	pseries) echo 'no pSeries guest' ;;
	type1)	 echo 'no VFIO type1 driver' ;;
	*)	 echo "$why" ;;
	esac
}

# verified NAME BACKEND OPTION...: the poller works, through this backend, and the kernel's driver
# reads what it wrote.
verified()
{
	local name=$1 wanted=$2 status theirs
	shift 2
	seed=$((seed + 1))

	bind "$drive" vfio-pci
	/guest/bin/nvme_poll --device "$drive" --seconds 0 --span 4m --bs 64k --seed "$seed" "$@" \
		>"$work/out" 2>"$work/err" </dev/null
	status=$?
	notes "$work/out"
	notes "$work/err"
	if [ "$status" != 0 ]; then
		not_ok "$name" "exit status $status: $(head -n 1 "$work/err")"
		return
	fi
	if ! grep -qx "backend *$wanted" "$work/out"; then
		not_ok "$name" "not through $wanted"
		return
	fi
	set -- $(awk '$1 == "cksum" { print $2, $3, $5 }' "$work/out")
	theirs=$(kernel_cksum "$drive" "$3" "$2")
	[ $# = 3 ] && [ "$2" -gt 0 ] && [ "$theirs" = "$1 $2" ]
	verdict "$name" $? "kernel reads '$theirs', poller wrote '$1 $2'"
}

verified by-itself "$chosen"

unexplained=
for name in $order; do
	[ "$name" != "$chosen" ] || break
	grep -E "^ +$name: " "$work/out" | grep -qE -- "$(why_not "$name")" ||
		unexplained="$unexplained $name"
done
[ -z "$unexplained" ]
verdict passed-over-for-a-reason $? "no such line for$unexplained"

for name in $order; do
	export LIBIOMMU_BACKEND="$name"
	case ",$usable," in
	*",$name,"*)
		verified "forced-$name" "$name" ;;
	*)
		bind "$drive" vfio-pci
		poll_briefly "$drive"
		refused "forced-$name" $? "$drive" "$(why_not "$name")" ;;
	esac
done

export LIBIOMMU_BACKEND=nonsense
bind "$drive" vfio-pci
poll_briefly "$drive"
refused forced-nonsense $? LIBIOMMU_BACKEND nonsense type1

# What the program says wins over the environment.
verified option-wins "$chosen" --backend "$chosen"
unset LIBIOMMU_BACKEND
