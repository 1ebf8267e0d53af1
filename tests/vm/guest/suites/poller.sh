# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC2086,SC1091 # init's environment, lists, guest paths
# The NVMe poller writes, reads back and verifies; after each run the kernel's own driver takes the
# drive and must read the same data. Each run has its own seed, so that data of an earlier run
# cannot pass for it.

. /guest/poll.sh

# stop NAME SIGNAL STATUS: a signal in the middle of a run ends it in order, and the drive is the
# kernel's again.
stop()
{
	local pid watchdog status

	bind "$drive" vfio-pci
	/guest/bin/nvme_poll --device "$drive" $force --seconds 60 --queues 2 \
		--qd 16 >"$work/out" 2>"$work/err" </dev/null &
	pid=$!
	sleep 2
	if ! kill "-$2" "$pid" 2>/dev/null; then
		wait "$pid"
		notes "$work/err"
		not_ok "$1" "the run had ended before the signal, with status $?"
		return
	fi
	(sleep 15; kill -KILL "$pid" 2>/dev/null) &
	watchdog=$!
	wait "$pid" 2>/dev/null
	status=$?
	kill "$watchdog" 2>/dev/null
	notes "$work/out"
	notes "$work/err"
	if [ "$status" != "$3" ]; then
		not_ok "$1" "exit status $status"
	elif ! grep -q '^interrupted' "$work/out" || ! grep -q '^data ' "$work/out"; then
		# A process that the signal has killed has the same status.
		not_ok "$1" "no summary: it did not end by itself"
	elif ! group_opens "$drive"; then
		not_ok "$1" "the group is still held"
	elif ! kernel_cksum "$drive" 0 4096 >/dev/null; then
		not_ok "$1" "the kernel's nvme driver cannot use the drive"
	else
		ok "$1"
	fi
}

poll seq-4k --seconds 1 --span 8m --bs 4k --qd 32
poll seq-128k --seconds 0 --span 16m --bs 128k --qd 8 --offset 16m
poll rand-4k --seconds 0 --span 8m --bs 4k --qd 32 --pattern rand --offset 32m
poll rand-128k --seconds 1 --span 16m --bs 128k --qd 8 --pattern rand
if has_huge; then
	poll hugepages-128k --seconds 0 --span 16m --bs 128k --qd 8 --hugepages --offset 16m
	poll hugepages-rand-4k --seconds 0 --span 8m --bs 4k --qd 64 --hugepages --pattern rand
else
	for name in hugepages-128k hugepages-rand-4k; do
		skip "$name" "the processor has no huge pages"
		skip "$name-read-by-kernel" "the processor has no huge pages"
	done
fi
poll queues-4 --seconds 1 --span 16m --bs 16k --qd 16 --queues 4 --offset 32m
poll queues-4-rand --seconds 0 --span 16m --bs 16k --qd 8 --queues 4 --pattern rand
poll write-only --seconds 0 --span 8m --bs 64k --qd 8 --mode write
poll seq-512 --seconds 0 --span 512k --bs 512 --qd 4 --offset 48m

# Strictly: each command of a foreign buffer has IOVAs that none had before, declared or not, and at
# the end nothing is left mapped, of which the library would warn.
poll strict --strict --seconds 0 --span 16m --bs 16k --qd 8 --queues 4 --pattern rand
[ ! -s "$work/err" ]
verdict strict-leaves-nothing $? "$(head -n 1 "$work/err")"
poll strict-declared --strict --foreign=declared --seconds 0 --span 4m --bs 4k --qd 16 --offset 8m
[ ! -s "$work/err" ] &&
	grep -qE '^streams +0 mapped, 0 hits, 0 misses, [1-9][0-9]* transient, ' "$work/out"
verdict strict-declared-keeps-nothing $? \
	"$(head -n 1 "$work/err"), $(grep '^streams ' "$work/out" | xargs)"

stop stops-on-sigint INT 130
stop stops-on-sigterm TERM 143

# Somebody unbinds the drive in the middle of a run: it ends in order, says why, and lets the drive
# go.
bind "$drive" vfio-pci
/guest/bin/nvme_poll --device "$drive" $force --seconds 60 \
	>"$work/out" 2>"$work/err" </dev/null &
pid=$!
sleep 3
echo "$drive" >"/sys/bus/pci/devices/$drive/driver/unbind"
wait "$pid"
status=$?
notes "$work/err"
[ "$status" = 1 ] && grep -q 'wanted back' "$work/err" && kernel_cksum "$drive" 0 4096 >/dev/null
verdict ends-when-unbound $? "exit status $status, or the kernel cannot use the drive"

# Words that nobody can read are no success.
bind "$drive" vfio-pci
/guest/bin/nvme_poll --device "$drive" $force --seconds 0 --span 1m \
	>/dev/full 2>"$work/err" </dev/null
status=$?
notes "$work/err"
[ "$status" = 1 ] && grep -q 'standard output' "$work/err"
verdict output-that-is-lost $? "exit status $status"

# When the drive comes back, the kernel puts its BAR above 4 GiB, where automatic IOVAs begin: they
# must keep out of it.
bind "$drive" none
echo 1 >"/sys/bus/pci/devices/$drive/remove"
settle
echo 1 >/sys/bus/pci/rescan
settle
read -r start last _ <"/sys/bus/pci/devices/$drive/resource"
note "BAR 0: $start to $last"
[ "$((start >> 32))" -gt 0 ]
verdict bar-above-4-gib $? "the BAR is at $start: nothing can be seen"
poll beside-the-bar --seconds 1 --span 8m --bs 128k --qd 8
