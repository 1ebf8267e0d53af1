# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC2046,SC2086,SC1091 # init's environment, lists, guest paths
# Judges what a program says when it must refuse.

# refused NAME STATUS PATTERN...: judges $work/err; each pattern (grep -E) must be in its one line.
refused()
{
	local name=$1 status=$2 pattern
	shift 2

	notes "$work/err"
	if [ "$status" = 0 ]; then
		not_ok "$name" "exit status 0"
		return
	fi
	if [ "$status" -ge 128 ]; then
		not_ok "$name" "ended by signal $((status - 128))"
		return
	fi
	if [ "$(grep -c . "$work/err")" != 1 ]; then
		not_ok "$name" "$(grep -c . "$work/err") lines instead of one sentence"
		return
	fi
	for pattern in "$@"; do
		if ! grep -qE -- "$pattern" "$work/err"; then
			not_ok "$name" "no '$pattern' in the sentence"
			return
		fi
	done
	ok "$name"
}

# poll_briefly BDF: the poller, as each case starts it; its status is the result.
poll_briefly()
{
	/guest/bin/nvme_poll --device "$1" $force --seconds 0 --span 4m \
		>"$work/out" 2>"$work/err" </dev/null
}
