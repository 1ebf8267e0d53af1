# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC1091,SC2086 # init's environment, lists, guest paths
# What the kernel itself answers, call by call: the simulated kernel of the unit tests must say the
# same. Where interrupts are not isolated, iommufd is made to refuse the device: it answers the
# same as elsewhere when it may not. Where it does not come to that, it cannot attach the device.

. /guest/tap.sh

parameter=/sys/module/iommufd/parameters/allow_unsafe_interrupts
refused=
if [ -n "$unsafe" ] && [ -e "$parameter" ]; then
	refused=--refused=bind
	echo N >"$parameter"
elif [ -e /dev/iommu ]; then
	case ",$usable," in *,iommufd,*) ;; *) refused=--refused=attach ;; esac
fi

for bdf in "$drive" "$pair" "$mate" "$edu"; do
	bind "$bdf" vfio-pci
done
others="--pair=$pair,$mate"
case $chosen in powernv|pseries) others=--other=$edu ;; esac
tap /guest/bin/contract $refused $others "$drive" $(echo "$tells" | tr , ' ')
[ ! -e "$parameter" ] || echo "${unsafe:-0}" >"$parameter"
