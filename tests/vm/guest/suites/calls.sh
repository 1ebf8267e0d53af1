# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC1091 # init's environment, guest paths
# POWER: mapping 1 GiB of huge pages costs one registration and one call that maps, as strace sees
# it.

# calls NUMBER: how often the container was asked this: _IO(';', 100 + NUMBER) on powerpc.
calls()
{
	grep -c "</dev/vfio/vfio>, $(printf '0x%x' $((0x20003b64 + $1)))," "$work/trace"
}

bind "$drive" vfio-pci
page=$(($(awk '/^Hugepagesize:/ { print $2 }' /proc/meminfo) * 1024))
# It has none of 16 MiB.
[ "$chosen" != powernv ] || page=$((2 << 20))
strace -f -y -X raw -e trace=ioctl -o "$work/trace" \
	/guest/bin/map_once "$drive" 0x40000000 >"$work/out" 2>&1 </dev/null
status=$?
notes "$work/out"
notes "$work/trace"
verdict maps "$status" "exit status $status: $(head -n 1 "$work/out")"

wanted=$(printf 'mapped 0x40000000 bytes in the aperture at 0x800000000000000, page sizes 0x%x' \
	"$page")
grep -qx "$wanted" "$work/out"
verdict in-a-window-of-huge-pages $? "not '$wanted'"

# The window, so that one sees that strace saw.
[ "$(calls 19)" = 1 ]
verdict one-window $? "$(calls 19) calls of TCE_CREATE"
[ "$(calls 17)" = 1 ]
verdict one-registration $? "$(calls 17) calls of REGISTER_MEMORY"
[ "$(calls 13)" = 1 ]
verdict one-map $? "$(calls 13) calls of MAP_DMA"
# The first one of a container is of nothing: it has the kernel make the default window.
[ "$(calls 14)" = 2 ]
verdict two-unmaps $? "$(calls 14) calls of UNMAP_DMA"
[ "$(calls 18)" = 1 ]
verdict one-end-of-registration $? "$(calls 18) calls of UNREGISTER_MEMORY"
