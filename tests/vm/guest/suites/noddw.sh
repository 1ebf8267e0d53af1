# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC1091 # init's environment, guest paths
# pSeries with a bridge that offers no dynamic DMA windows: nothing works, and each sentence says
# why.

. /guest/refused.sh

words='0000:00:01\.0.*bridge offers no dynamic DMA windows'

poll_briefly "$drive"
refused attach-says-why $? "$drive" "$words"

for name in pseries powernv type1 type1-iommufd iommufd; do
	case $name in
	pseries) why=$words ;;
	powernv) why='no PowerNV machine' ;;
	type1)	 why='no VFIO type1 driver' ;;
	*)	 why=/dev/iommu ;;
	esac
	export LIBIOMMU_BACKEND="$name"
	poll_briefly "$drive"
	refused "forced-$name" $? "$drive" "$why"
done
unset LIBIOMMU_BACKEND

/guest/bin/iommuctl doctor "$drive" >"$work/out" 2>&1
status=$?
notes "$work/out"
[ "$status" = 1 ] && grep -q '^FAIL no-windows: .*no dynamic DMA windows' "$work/out"
verdict doctor-says-why $? "exit status $status"

# The bridge serves the kernel's own drivers as before.
kernel_cksum "$drive" 0 4096 >/dev/null
verdict kernel-takes-drive $? "the nvme driver cannot read $drive"
bytes=$(($(cat "/sys/block/$(basename "$(block_of "$drive")")/size") * 512))
tell "image 0 $(kernel_cksum "$drive" 0 "$bytes")"
