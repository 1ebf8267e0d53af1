# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154 # environment of init
# Programs that print TAP.

# tap PROGRAM ARGUMENT...: runs it and prints its results under the suite's name, and one more,
# plan-and-exit: that all which were planned came, and the exit status agrees with them.
tap()
{
	{
		"$@" 2>&1 </dev/null
		printf '\n@@status %d\n' $?
	} | tap_results
}

tap_results()
{
	# A failed case is held back for the comment that follows it: the reason.
	awk -v suite="$suite" '
	function flush_held(why) {
		if (held != "")
			print "not ok " suite "/" held (why == "" ? "" : " - " why)
		held = ""
	}
	/^1\.\.[0-9]+/ { plan = substr($1, 4); next }
	/^(not )?ok / {
		flush_held("")
		bad = /^not /
		sub(/^(not )?ok +[0-9]* *(- +)?/, "")
		# Names are unique: a second one of the same gets its number.
		if (seen[$0]++)
			$0 = $0 " (" seen[$0] ")"
		count++
		failed += bad
		if (bad)
			held = $0
		else
			print "ok " suite "/" $0
		next
	}
	/^@@status / { flush_held(""); status = $2; ended = 1; next }
	/^$/ { next }
	/^#/ {
		if (held != "")
			flush_held(substr($0, 3))
		else
			print
		next
	}
	{ print "# | " $0 }
	END {
		if (plan == "" || plan != count)
			print "not ok " suite "/plan-and-exit - " count + 0 " results, planned " \
				(plan == "" ? "none" : plan)
		else if (!ended)
			print "not ok " suite "/plan-and-exit - no exit status"
		else if (count == 0)
			print "not ok " suite "/plan-and-exit - no case ran"
		else if (status != (failed > 0))
			print "not ok " suite "/plan-and-exit - exit status " status " with " \
				failed + 0 " failed"
		else
			print "ok " suite "/plan-and-exit"
	}'
}
