# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash disable=SC2154,SC1091 # init's environment, guest paths
# The poller with buffers that are not its own, each mapped through a stream for as long as its
# command is under way: the same verified data, read again by the kernel's own driver.

. /guest/poll.sh
backend=${force#--backend }
backend=${backend:-$chosen}

# counted NAME PATTERN: what the last run's streams have counted, and by what backend.
counted()
{
	grep -qE "^streams +$2\$" "$work/out" && grep -q "^through *$backend, IOVAs " "$work/out"
	verdict "$1" $? "not '$2' by $backend: $(grep -E '^(streams|through) ' "$work/out" | xargs)"
}

some='[1-9][0-9]*'
# From malloc(), each is mapped for itself, and nothing of it is kept.
malloc="0 mapped, 0 hits, 0 misses, $some transient, 0 evictions, [0-9]+ again"
# What is declared stays mapped.
declared="0 mapped, $some hits, $some misses, 0 transient, 0 evictions, 0 again"

# Within pages, and several in one; of new memory each time; that begin within a page of the drive,
# and are many of them; several queues, each with its stream.
poll malloc-512 --foreign --seconds 0 --span 256k --bs 512 --qd 16 --offset 48m
counted malloc-512-counters "$malloc"
poll malloc-4k --foreign --seconds 1 --span 4m --bs 4k --qd 16 --pattern rand
counted malloc-4k-counters "$malloc"
poll malloc-128k --foreign --seconds 0 --span 16m --bs 128k --qd 8 --offset 16m
counted malloc-128k-counters "$malloc"
poll malloc-queues-4 --foreign --seconds 0 --span 8m --bs 16k --qd 8 --queues 4 --pattern rand
counted malloc-queues-4-counters "$malloc"

poll declared-4k --foreign=declared --seconds 1 --span 8m --bs 4k --qd 32 --pattern rand
counted declared-4k-counters "$declared"
poll declared-queues-4 --foreign=declared --seconds 0 --span 32m --bs 128k --qd 8 --queues 4
counted declared-queues-4-counters "$declared"
poll declared-hugepages --foreign=declared --hugepages --seconds 0 --span 16m --bs 128k --qd 8
counted declared-hugepages-counters "$declared"
