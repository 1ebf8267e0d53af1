# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2086 # init's environment, lists
# A VMM's view: guest RAM at guest physical addresses, and the requests of a virtual IOMMU through a
# window that is asked for. The device looks at both, and raw calls of the kernel do the same.

backend=${force#--backend }
backend=${backend:-$chosen}

# vmm NAME LINE OPTION...: a whole run, which must say LINE, too.
vmm()
{
	local name=$1 line=$2 status
	shift 2

	bind "$vmm" vfio-pci
	# What was unmapped in the window, which lies above this guest's RAM.
	echo "expect-fault $vmm 0x101000000 0xffffffffffff" >/dev/kmsg
	/guest/bin/vmm_replay --device "$vmm" --dma-bits 64 $force --requests 2000 --rounds 3 \
		"$@" >"$work/out" 2>"$work/err" </dev/null
	status=$?
	notes "$work/out"
	notes "$work/err"
	if [ "$status" != 0 ] || ! tail -n 1 "$work/out" | grep -q '^verdict  *all right'; then
		not_ok "$name" "exit status $status: $(head -n 1 "$work/err")"
	elif ! grep -qx "backend    $backend" "$work/out" ||
		! grep -qx "ratio  .* raw calls' rate, by $backend" "$work/out"; then
		not_ok "$name" "it was not $backend that was measured beside raw calls"
	elif ! grep -q "^ *$line" "$work/out"; then
		not_ok "$name" "no line '$line'"
	elif ! group_opens "$vmm"; then
		not_ok "$name" "the group is still held"
	else
		ok "$name"
	fi
}

vmm pages-4k 'window .*pages of 4 KiB' --ram 16m --low 8m --page 4k
vmm pages-64k 'window .*pages of 64 KiB' --ram 16m --low 8m --page 64k
vmm huge-pages 'guest RAM .*in huge pages' --ram 32m --low 16m --page 64k --huge
if [ "$chosen" = pseries ]; then
	# There is no other place than the hypervisor's.
	vmm ram-above-4-gib 'left out   8 MiB' --ram 16m --low 8m
else
	vmm ram-above-4-gib '0x100000000 - 0x1007fffff' --ram 16m --low 8m
fi

# Where interrupts go on x86; on POWER, where bridges have their registers, or the window ends.
/guest/bin/vmm_replay --device "$vmm" --dma-bits 64 $force --ram 16m --window 0xfec00000+4m \
	>"$work/out" 2>"$work/err" </dev/null
status=$?
notes "$work/err"
[ "$status" = 1 ] && grep -q 'IOVA 0xfec00000' "$work/err" && group_opens "$vmm"
verdict window-in-a-hole $? "exit status $status, or no such words, or the group is held"
