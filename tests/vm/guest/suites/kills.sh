# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC2086,SC1091 # init's environment, lists, guest paths
# The poller is killed, by a signal that nobody catches, while it sets up or in the middle of its I/O.
# The kernel must take back all that it had: its group, its memory, its windows; the kernel's own
# driver must find a drive that works, and on it all that was acknowledged before.
#
# kills is how many times (10), kill_seed what the moments come from.

. /guest/poll.sh

kills=${kills:-10}
journal=$work/journal
bad=$work/bad
mkdir -p "$bad"
survived=0 in_setup=0 during_io=0 acknowledged=0 setup_ms=500

# A line "NUMBER WAY PART" for each: PART of 1000 is how far to go from the beginning, or into the I/O.
# Every second time it is in its I/O, and else it sets up, in the first third of that, or anywhere: how
# long it takes is only known of the run before, which was another way.
moments()
{
	awk -v n="$kills" -v seed="$kill_seed" 'BEGIN {
		srand(seed)
		first = int(rand() * 6)
		for (i = 1; i <= n; i++)
			print i, (first + i) % 6, int(rand() * (i % 4 == 2 ? 334 : 1001))
	}'
}

# way_of NUMBER: how the poller is run.  On POWER some have a window made, beside the default one.
way_of()
{
	local small='' huge=''

	case $chosen in
	pseries|powernv)
		small="--expect-page 64k"
		huge="--expect-page 2m" ;;
	esac
	case $1 in
	0) echo "--bs 4k --qd 32 --pattern rand $small" ;;
	1) echo "--foreign --bs 16k --qd 8 --queues 2" ;;
	2) echo "--foreign=declared --hugepages --bs 64k --qd 8 $huge" ;;
	3) echo "--strict --foreign=declared --bs 4k --qd 16 --pattern rand" ;;
	4) echo "--mode write --bs 16k --qd 8 --queues 4" ;;
	5) echo "--hugepages --bs 128k --qd 8 $huge" ;;
	esac
}

# complain NAME WORDS: it was not so after this kill.
complain() { echo "kill $number, $way, $when: $2" >>"$bad/$1"; whole=; }

now_ms()
{
	local seconds
	read -r seconds _ </proc/uptime
	echo "$((${seconds%.*} * 1000 + (1${seconds#*.} - 100) * 10))"
}

acquired() { set -- $(pins); echo "${1#*=}"; }
records() { grep -c '^[0-9]' "$journal" || true; }

# io_begins PID: until a write was acknowledged, which is the second line.  Nothing is run to see that:
# it would take as long as the poller does.
io_begins()
{
	local tries=12000
	until { read -r _ && read -r _; } <"$journal"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] && kill -0 "$1" 2>/dev/null || return 1
		usleep 5000
	done
}

# kill_one PART: starts the poller, and kills it there; every second time while it sets up.
kill_one()
{
	local pid status began before

	: >"$journal"
	bind "$drive" vfio-pci || complain group-is-free "vfio-pci does not take the drive"
	before=$(acquired)
	began=$(now_ms)
	/guest/bin/nvme_poll --device "$drive" $force --seconds 86400 --span 8m --journal "$journal" \
		--seed "$((kill_seed + number))" $way >"$work/out" 2>"$work/err" </dev/null &
	pid=$!
	if [ $((number % 2)) = 1 ]; then
		when="in its I/O"
		io_begins "$pid" || complain acknowledged-data-is-there "no write was acknowledged"
		setup_ms=$(($(now_ms) - began))
		usleep $(($1 * 1000))
	else
		when="after $(($1 * setup_ms / 1000)) of $setup_ms ms"
		usleep $(($1 * setup_ms))
	fi
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	status=$?
	if [ "$status" != 137 ]; then
		notes "$work/err"
		complain was-killed "it had ended before, with status $status: $(head -n 1 "$work/err")"
	fi
	if [ "$(records)" = 0 ]; then
		in_setup=$((in_setup + 1))
	else
		during_io=$((during_io + 1))
		[ "$(acquired)" -gt "$before" ] || complain was-killed "it had nothing pinned"
	fi
}

# check_kernel: what the kernel has of it.
check_kernel()
{
	group_opens "$drive" ||
		complain group-is-free "/dev/vfio/$(group_of "$drive") is still held"
	set -- $(pins)
	[ "${1#*=}" = "${2#*=}" ] ||
		complain memory-is-unpinned "${1#*=} pages acquired, ${2#*=} released"
	set -- $(awk '/^(Mlocked|Unevictable):/ { n += $2 } END { print n + 0 }' /proc/meminfo)
	[ "$1" = 0 ] || complain memory-is-unpinned "$1 kB mlocked or unevictable"
	set -- $(free_huge)
	[ "$1 $3" = "$2 0" ] ||
		complain huge-pages-are-back "$2 of $1 free, $3 reserved"
	case $chosen in
	pseries|powernv)
		# the default window is there by itself, and another can be made and removed
		/guest/bin/tree "$drive" >"$work/tree" 2>&1 ||
			complain windows-are-back "$(grep -v '^ok' "$work/tree" | xargs)" ;;
	esac
}

# check_drive: by the kernel's own driver.
check_drive()
{
	if ! kernel_cksum "$drive" 0 4096 >/dev/null; then
		complain kernel-takes-the-drive "it cannot read the drive"
		return
	fi
	[ "$(records)" != 0 ] || return 0
	if /guest/bin/journal "$journal" "$(block_of "$drive")" >"$work/said" 2>&1; then
		acknowledged=$((acknowledged + $(records)))
	else
		complain acknowledged-data-is-there "$(xargs <"$work/said")"
	fi
}

note "kill_seed=$kill_seed"
moments >"$work/moments"
while read -r number way part; do
	way=$(way_of "$way") when="while it starts" whole=yes
	: >"$work/said"
	kill_one "$part"
	check_kernel
	check_drive
	note "kill $number: $way, $when: $(xargs <"$work/said")"
	[ -z "$whole" ] || survived=$((survived + 1))
done <"$work/moments"
note "kills: $survived survived of $kills, $in_setup while it set up, $during_io in its I/O," \
	"$acknowledged writes acknowledged"

names="was-killed group-is-free memory-is-unpinned huge-pages-are-back"
case $chosen in pseries|powernv) names="$names windows-are-back" ;; esac
for name in $names kernel-takes-the-drive acknowledged-data-is-there; do
	[ ! -s "$bad/$name" ]
	verdict "$name" $? "$(head -n 1 "$bad/$name" 2>/dev/null)"
done
[ "$survived" = "$kills" ] && [ "$survived" -gt 0 ]
verdict all-survived $? "$survived of $kills"
[ "$in_setup" -gt 0 ] && [ "$during_io" -gt 0 ] && [ "$acknowledged" -gt 0 ]
verdict moments-are-spread $? \
	"$in_setup while it set up, $during_io in its I/O, $acknowledged writes acknowledged"

# What judges the data sees a block that is not what it should be.
number=$((kills + 1 + kills % 2)) way=$(way_of 0) when='' whole=yes
rm -f "$bad"/*
kill_one 0
kernel_cksum "$drive" 0 512 >/dev/null
block=$(block_of "$drive")
/guest/bin/journal "$journal" "$block" >"$work/said" 2>&1
before=$?
place=$(/guest/bin/journal --place "$journal")
dd if=/dev/zero of="$block" bs=512 count=1 seek=$((place / 512)) conv=notrunc,fsync 2>/dev/null
/guest/bin/journal "$journal" "$block" >"$work/said" 2>&1
after=$?
notes "$work/said"
[ -n "$whole" ] && [ "$before" = 0 ] && [ "$after" = 1 ] && grep -q ' 1 are lost$' "$work/said"
verdict lost-block-is-found $? \
	"exit status $before, then $after: $(cat "$work/said" "$bad"/* 2>/dev/null | xargs)"

poll afterwards --seconds 0 --span 8m --bs 16k --qd 16 --queues 2
