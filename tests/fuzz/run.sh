#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# run.sh PROGRAM: a fuzz target by libFuzzer, from its seeds: the same runs each time, as many as
# $FUZZ_RUNS; or others, for $FUZZ_SECONDS. TAP. What it finds is left in tests/fuzz/NAME.tmp, with
# the log; 'fuzz_NAME FILE' has it again.
set -eu

program=$1
name=${program##*/fuzz_}
corpus=${srcdir:?}/tests/fuzz/corpus/$name
work=tests/fuzz/$name.tmp

# More for those that are cheap: seconds each, with the sanitizers.
case $name in
iommuctl)	runs=2500 ;;
iommufd|spapr|type1)
		runs=6000 ;;
words)		runs=100000 ;;
*)		runs=30000 ;;
esac
runs=${FUZZ_RUNS:-$runs}

# verdict STATUS TEXT
verdict() {
	if [ "$1" = 0 ]; then
		echo "ok 1 - $2"
	else
		echo "not ok 1 - $2"
		exit 1
	fi
}

echo 1..1
mkdir -p "$work/seeds"
rm -f "$work"/seeds/*
tests/fuzz/seeds "$work/seeds" "$corpus"/* || verdict 1 "$name has seeds"

# The same length of inputs from the first run on: with few runs there is no time to grow.
set -- "-max_len=4096" "-len_control=0" "-timeout=60" "-rss_limit_mb=2048" "-print_final_stats=1" \
	"-artifact_prefix=$work/found-"
if [ -n "${FUZZ_SECONDS:-}" ]; then
	mkdir -p "$work/corpus"
	set -- "$@" "-max_total_time=$FUZZ_SECONDS" "$work/corpus"
else
	set -- "$@" -seed=1 "-runs=$runs"
fi

status=0
"$program" "$@" "$work/seeds" >"$work/log" 2>&1 || status=$?
# libFuzzer's own count: of what it ran, and not of what it was asked for.
executions=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p
	s/^stat::number_of_executed_units: *\([0-9]*\)$/\1/p' "$work/log" | head -n 1)
echo "# fuzz: $name ${executions:-0} executions"
[ "$status" = 0 ] || tail -n 60 "$work/log" | sed 's/^/# /'
[ -z "${FUZZ_SECONDS:-}" ] || runs=1
[ "${executions:-0}" -ge "$runs" ] || status=1
verdict "$status" "$name"
