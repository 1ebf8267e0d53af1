# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2086 # init's environment, lists
# Two network cards of this machine, which sockets of the host connect, are driven by one program:
# frames of all lengths go both ways, and each byte of them is looked at.

backend=${force#--backend }
backend=${backend:-$chosen}
# POWER is emulated slowly.
case $chosen in
pseries|powernv) many=50000 ;;
*) many=500000 ;;
esac

# frames NAME EACH-WAY OPTION...: a whole run, of which the cards' own counters tell the same.
frames()
{
	local name=$1 each=$2 status
	shift 2

	bind "$card" vfio-pci
	bind "$card2" vfio-pci
	/guest/bin/nic_poll --device "$card" --peer "$card2" $force --frames "$each" "$@" \
		>"$work/out" 2>"$work/err" </dev/null
	status=$?
	notes "$work/out"
	notes "$work/err"
	if [ "$status" != 0 ]; then
		not_ok "$name" "exit status $status: $(head -n 1 "$work/err")"
	elif [ "$(tail -n 1 "$work/out")" != "frames     $((each * 2)) sent, $((each * 2)) received, \
0 wrong, 0 lost, 0 foreign" ]; then
		not_ok "$name" "the last line is '$(tail -n 1 "$work/out")'"
	elif [ "$(grep -c " counts $each sent, $each received, 0 missed\$" "$work/out")" != 2 ]; then
		not_ok "$name" "the cards have counted something else"
	elif ! grep -qx "through    $backend" "$work/out" ||
		! grep -qx 'lengths    60 to 1514 bytes' "$work/out"; then
		not_ok "$name" "not by $backend, or not all lengths"
	elif ! group_opens "$card" || ! group_opens "$card2"; then
		not_ok "$name" "a group is still held"
	else
		ok "$name"
	fi
}

# ended NAME STATUS WORDS: what the run that is over was to end with.
ended()
{
	notes "$work/out"
	notes "$work/err"
	[ "$2" = "$3" ] && grep -q "$4" "$work/out" "$work/err" &&
		grep -q '^frames .* 0 wrong, 0 lost, 0 foreign$' "$work/out" && group_opens "$card"
	verdict "$1" $? "exit status $2, or no '$4', or frames are lost, or the group is held"
}

frames all-lengths "$many"
frames few-descriptors 5000 --ring 8 --window 7
frames many-descriptors 20000 --ring 4096 --window 2048
huge=$(awk '/^Hugepagesize:/ { print $2 }' /proc/meminfo)
frames huge-pages 5000 --least-page "${huge}k"
grep -q "in pages of $huge KiB" "$work/out"
verdict huge-pages-are-used $? "$(grep '^buffers ' "$work/out")"
frames strict 2000 --strict

bind "$card" vfio-pci
bind "$card2" vfio-pci
/guest/bin/nic_poll --device "$card" --peer "$card2" $force --frames 1000000000 \
	>"$work/out" 2>"$work/err" </dev/null &
pid=$!
sleep 2
kill -TERM "$pid"
wait "$pid"
ended stops-on-sigterm $? 143 '^interrupted by SIGTERM'

# Frames are under way when the peer is wanted back.
/guest/bin/nic_poll --device "$card" --peer "$card2" $force --frames 1000000000 \
	>"$work/out" 2>"$work/err" </dev/null &
pid=$!
sleep 2
echo "$card2" >"/sys/bus/pci/devices/$card2/driver/unbind"
wait "$pid"
ended ends-when-unbound $? 1 "the card $card2 is wanted back"
