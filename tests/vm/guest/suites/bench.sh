# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2086,SC1091 # init's environment, lists, guest paths
# What a map and its unmap cost through libiommu, beside the kernel's own calls on the same machine:
# times are printed, instructions and calls are judged.

. /guest/tap.sh
backend=${force#--backend }
backend=${backend:-$chosen}

/guest/bin/bench --device "$edu" $force --quick --only device >"$work/out" 2>"$work/err" </dev/null
status=$?
notes "$work/out"
notes "$work/err"
[ "$status" = 0 ] && grep -qE "^ *device map\+unmap/2048 KiB +$backend " "$work/out"
verdict times $? "exit status $status, or no such row by $backend"

tap /guest/bin/map_cost "$edu" "$edu2" ${force:+"$backend"} | tee "$work/bench"
grep -q "^# instructions of a pair: .*, by $backend;" "$work/bench"
verdict by-that-backend $? "it was not $backend that was measured"
