# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Guests side by side: each job is a subshell, whose words go to a log. Sourced by scripts that trap
# EXIT with stop_jobs, and have job_ended NAME STATUS, which is called for each that has ended.

# A guest takes less than 2 GiB.
JOBS=$(awk -v n="$(nproc)" '/^MemAvailable:/ { fit = int($2 / 2097152) }
	END { print fit < 1 ? 1 : fit < n ? fit : n }' /proc/meminfo)
declare -A job_of=()

# set_jobs N: so many at a time.
set_jobs()
{
	case $1 in
	''|0*|*[!0-9]*) die "--jobs takes a number from 1 up, not '$1'" ;;
	esac
	JOBS=$1
}

# start_job NAME LOG COMMAND...: once fewer than JOBS are running. COMMAND must end when SIGTERM
# comes: bash lets that wait for a program in the foreground.
start_job()
{
	local name=$1 log=$2

	shift 2
	while [ ${#job_of[@]} -ge "$JOBS" ]; do
		end_job
	done
	(
		job_of=()
		"$@"
	) >"$log" 2>&1 </dev/null &
	job_of[$!]=$name
}

# end_job: waits for one, whichever ends first.
end_job()
{
	local pid='' name status=0

	wait -n -p pid "${!job_of[@]}" || status=$?
	[ -n "${pid:-}" ] || die "the end of a job went unseen: ${job_of[*]}"
	name=${job_of[$pid]}
	unset "job_of[$pid]"
	job_ended "$name" "$status"
}

end_jobs()
{
	while [ ${#job_of[@]} -gt 0 ]; do
		end_job
	done
}

# stop_jobs: none is left behind.
stop_jobs()
{
	[ ${#job_of[@]} -gt 0 ] || return 0
	kill "${!job_of[@]}" 2>/dev/null || true
	wait "${!job_of[@]}" 2>/dev/null || true
}
