#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# iommufd and VFIO character devices for a Debian kernel, which is configured without: iommufd.ko,
# and the four modules of VFIO built anew to know it. The kernel itself stays as it is. What this
# file holds is part of the name under which its result is cached.
#
#   iommufd-recipe.sh SOURCE HEADERS WORK
#
# SOURCE: drivers/vfio, drivers/iommu and lib/interval_tree.c of linux-source. HEADERS: where
# linux-headers-* and linux-kbuild-* of the same version are unpacked. WORK: made; afterwards it has
# the modules.
set -eu
source=$1 headers=$2 work=$3

mkdir -p "$work"
work=$(cd "$work" && pwd)
cp -R "$source/drivers/vfio" "$source/drivers/iommu/iommufd" "$work/"
cp "$source"/drivers/iommu/*.h "$work/"

# Of the interval tree's functions, those that walk spans are built into kernels with iommufd only.
{
	printf '#include <linux/%s.h>\n' interval_tree compiler export
	sed -n '/^#ifdef CONFIG_INTERVAL_TREE_SPAN_ITER/,/^#endif/p' "$source/lib/interval_tree.c"
} >"$work/iommufd/span.c"
grep -q interval_tree_iter_next "$work/iommufd/span.c"
echo 'iommufd-y += span.o' >>"$work/iommufd/Makefile"
echo 'obj-m += iommufd/ vfio/' >"$work/Kbuild"

# Makefiles see these through make's command line, C through the compiler's.
options="CONFIG_IOMMUFD=m CONFIG_VFIO_DEVICE_CDEV=y CONFIG_VFIO_MDEV="
defines="-DCONFIG_IOMMUFD_MODULE=1 -DCONFIG_VFIO_DEVICE_CDEV=1 -DCONFIG_INTERVAL_TREE_SPAN_ITER=1"

# The headers' Makefile names the folder where they would be installed.
tree=$(echo "$headers"/usr/src/linux-headers-*-common)
flavour=$(for dir in "$headers"/usr/src/linux-headers-*; do
	[ "$dir" = "$tree" ] || echo "$dir"
done)
sed -i "s|^include /usr/src/linux-headers-.*-common/|include $tree/|" "$flavour/Makefile"
grep -qxF "include $tree/Makefile" "$flavour/Makefile"

# shellcheck disable=SC2086 # options, several to a word
make -C "$flavour" M="$work" $options KCFLAGS="$defines" CONFIG_MODULE_SIG= \
	CONFIG_DEBUG_INFO_BTF_MODULES= -j"$(nproc)" modules </dev/null
for module in iommufd vfio vfio_iommu_type1 pci/vfio-pci-core pci/vfio-pci; do
	test -s "$work/vfio/$module.ko" || test -s "$work/$module/$module.ko"
done
