# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC2086,SC1091 # init's environment, lists, guest paths
# What libiommu.h promises, case by case; only some of them ($cases, with commas) where that is asked for.

. /guest/tap.sh

bind "$drive" vfio-pci
for bdf in $edu $edu2 $(echo "$edus" | tr , ' ') $wide $wide2 $elsewhere $windowless $unequal; do
	bind "$bdf" vfio-pci
done
tap /guest/bin/conformance $force --device "$drive" \
	${edu:+--edu "$edu"} ${edu2:+--edu2 "$edu2"} ${edus:+--group "$edus"} \
	${wide:+--wide "$wide"} ${wide2:+--wide2 "$wide2"} \
	${elsewhere:+--elsewhere "$elsewhere"} ${windowless:+--windowless "$windowless"} \
	${unequal:+--unequal "$unequal"} ${cases:+--only "$cases"}
