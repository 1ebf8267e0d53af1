// SPDX-License-Identifier: BSD-3-Clause
#include "nic_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "program.h"

#define SECOND_NS 1e9
#define MIB (1024.0 * 1024.0)

/* Both ways together. */
static struct nic_lane sum_of(const struct nic_run *run)
{
	struct nic_lane sum = { .shortest = UINT16_MAX };

	for (unsigned int i = 0; i < NIC_CARDS; i++) {
		const struct nic_lane *lane = &run->lanes[i];

		sum.sent += lane->sent;
		sum.received += lane->received;
		sum.wrong += lane->wrong;
		sum.lost += lane->lost;
		sum.foreign += lane->foreign;
		sum.bytes += lane->bytes;
		sum.shortest = lane->shortest < sum.shortest ? lane->shortest : sum.shortest;
		sum.longest = lane->longest > sum.longest ? lane->longest : sum.longest;
	}
	return sum;
}

static void print_card(const char *what, const struct nic *nic)
{
	printf("%-10s %s: 82574L, ", what, nic->name);
	for (unsigned int i = 0; i < NIC_ADDRESS; i++)
		printf("%s%02x", i ? ":" : "", nic->address[i]);
	printf(", link of %u Mb/s\n", nic->speed);
}

void nic_report_run(const struct nic_run *run)
{
	const struct nic_options *options = run->options;

	print_card("device", &run->cards[0]);
	print_card("peer", &run->cards[1]);
	printf("run        %" PRIu64 " frames each way, %u under way, rings of %u, seed %" PRIu64
	       "\n",
	       options->frames, options->window, options->entries, options->seed);
	program_flush();
}

void nic_report_progress(const struct nic_run *run)
{
	static uint64_t before;
	struct nic_lane sum = sum_of(run);
	bool terminal = isatty(STDOUT_FILENO);

	printf("%s%5.0f s   %9" PRIu64 " frames, %8" PRIu64 " more%s", terminal ? "\r\033[K" : "",
	       (double)(run->now_ns - run->started_ns) / SECOND_NS, sum.received,
	       sum.received - before, terminal ? "" : "\n");
	program_flush();
	before = sum.received;
}

static void print_buffers(const struct nic_run *run)
{
	printf("buffers    %" PRIu64 " of %u bytes", run->buffers, NIC_BUFFER);
	if (run->page)
		printf(", in pages of %" PRIu64 " KiB\n", run->page >> 10);
	else
		printf(", each mapped while it is in use\n");
}

void nic_report_summary(const struct nic_run *run, int signal)
{
	double seconds = (double)(run->now_ns - run->started_ns) / SECOND_NS;
	struct nic_lane sum = sum_of(run);

	if (!run->options->quiet && isatty(STDOUT_FILENO))
		printf("\r\033[K");
	if (signal)
		printf("interrupted by %s\n", signal == SIGINT ? "SIGINT" : "SIGTERM");
	for (unsigned int i = 0; i < NIC_CARDS; i++)
		printf("%-10s %s counts %" PRIu64 " sent, %" PRIu64 " received, %" PRIu64
		       " missed\n",
		       i ? "" : "cards", run->cards[i].name, run->counts[i].sent,
		       run->counts[i].received, run->counts[i].missed);
	if (sum.bytes)
		printf("lengths    %u to %u bytes\n", sum.shortest, sum.longest);
	if (seconds > 0)
		printf("rate       %.0f frames/s, %.1f MiB/s, in %.1f s\n",
		       (double)sum.received / seconds, (double)sum.bytes / MIB / seconds, seconds);
	print_buffers(run);
	printf("through    %s\n", iom_backend(run->domain));
	printf("frames     %" PRIu64 " sent, %" PRIu64 " received, %" PRIu64 " wrong, %" PRIu64
	       " lost, %" PRIu64 " foreign\n",
	       sum.sent, sum.received, sum.wrong, sum.lost, sum.foreign);
	program_flush();
}
