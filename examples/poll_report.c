// SPDX-License-Identifier: BSD-3-Clause
#include "poll_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "poll_buffers.h"
#include "program.h"

#define SECOND_NS 1e9
#define MIB (1024.0 * 1024.0)

static const char *const direction_names[] = {
	[POLL_READS] = "reads",
	[POLL_WRITES] = "writes",
};

/* Exact where it can be: "64 MiB", "4 KiB", "1537 bytes"; else in MiB.  Good for one printf(). */
static const char *size_text(uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	static char texts[4][32];
	static unsigned int turn;
	char *text = texts[turn++ % 4];
	uint64_t value = bytes;
	size_t unit = 0;

	while (value && value % 1024 == 0 && unit < sizeof(units) / sizeof(units[0]) - 1) {
		value /= 1024;
		unit++;
	}
	if (value < 100000)
		snprintf(text, sizeof(texts[0]), "%" PRIu64 " %s", value, units[unit]);
	else
		snprintf(text, sizeof(texts[0]), "%.1f MiB", (double)bytes / MIB);
	return text;
}

static void print_indented(const char *text)
{
	const char *end;

	for (; *text; text = *end ? end + 1 : end) {
		end = strchr(text, '\n');
		if (!end)
			end = text + strlen(text);
		printf("           %.*s\n", (int)(end - text), text);
	}
}

static void print_explanation(const struct iom_domain *domain)
{
	int length = iom_explain(domain, NULL, 0);
	char *text;

	if (length < 0)
		return;
	text = malloc((size_t)length + 1);
	if (!text)
		return;
	iom_explain(domain, text, (size_t)length + 1);
	print_indented(text);
	free(text);
}

static void print_page_sizes(uint64_t sizes)
{
	const char *separator = "pages of ";

	for (unsigned int bit = 0; bit < 64; bit++) {
		if (!(sizes >> bit & 1))
			continue;
		printf("%s%s", separator, size_text(UINT64_C(1) << bit));
		separator = ", ";
	}
}

/* The aperture that memory is in, which has no part outside of it. */
static void print_aperture(const struct dma_space *space, const struct dma_memory *memory)
{
	int n = iom_apertures(space->domain, NULL, 0);
	struct iom_aperture *list;

	if (n <= 0)
		return;
	list = calloc((size_t)n, sizeof(*list));
	if (!list)
		return;
	n = iom_apertures(space->domain, list, (size_t)n);
	for (int i = 0; i < n; i++) {
		if (memory->region.iova < list[i].start || memory->region.iova > list[i].last)
			continue;
		printf("           in aperture 0x%" PRIx64 " - 0x%" PRIx64 ", ", list[i].start,
		       list[i].last);
		print_page_sizes(list[i].page_sizes);
		printf("%s\n", list[i].flags & IOM_APERTURE_LARGER_PAGES ? " or larger" : "");
	}
	free(list);
}

static void print_buffers(const struct dma_space *space, const char *what,
			  const struct dma_memory *memory)
{
	const struct iom_region *region = &memory->region;

	if (!memory->va)
		return;
	printf("%-10s IOVAs 0x%" PRIx64 " - 0x%" PRIx64 ",\n", what, region->iova,
	       region->iova + (region->length - 1));
	print_aperture(space, memory);
}

void poll_report_backend(const struct iom_domain *domain)
{
	printf("backend    %s\n", iom_backend(domain));
	print_explanation(domain);
}

void poll_report_drive(const struct nvme_ctrl *ctrl, const char *address)
{
	printf("drive      %s: %s, serial %s, firmware %s\n", address, ctrl->model, ctrl->serial,
	       ctrl->firmware);
	printf("           namespace %u: %s in blocks of %u bytes", ctrl->nsid,
	       size_text(ctrl->lbas * ctrl->lba_size), ctrl->lba_size);
	if (ctrl->max_transfer == UINT64_MAX)
		printf("; transfers of any size\n");
	else
		printf("; transfers of at most %s\n", size_text(ctrl->max_transfer));
}

void poll_report_run(const struct poll_run *run)
{
	const struct poll_options *options = run->options;

	printf("run        %s, %s, blocks of %s, queues %u, depth %u, ",
	       poll_mode_name(options->mode), options->random ? "random" : "sequential",
	       size_text(options->block), options->queues, options->depth);
	if (options->seconds)
		printf("%u s\n", options->seconds);
	else
		printf("one pass\n");
	printf("           %s of the drive from offset %" PRIu64 ", seed %" PRIu64 "%s\n",
	       size_text(options->span), options->offset, options->seed,
	       options->hugepages ? ", buffers in huge pages" : "");
	if (options->memory != POLL_MAPPED)
		printf("           buffers %s, through a stream for each queue\n",
		       options->memory == POLL_MALLOC ? "from malloc()" : "in declared memory");
	program_flush();
}

void poll_report_progress(const struct poll_run *run, bool filling)
{
	static struct poll_totals before;
	static uint64_t before_ns;
	static unsigned int seconds;
	bool terminal = isatty(STDOUT_FILENO);
	double passed = before_ns ? (double)(run->now_ns - before_ns) / SECOND_NS : 1;

	/* The measurement and what follows it have a clock each; both tick in seconds. */
	if (passed <= 0 || passed > 10)
		passed = 1;
	printf("%s%5u s", terminal ? "\r\033[K" : "", ++seconds);
	for (int i = POLL_DIRECTIONS; i-- > 0;) {
		uint64_t commands = run->totals.commands[i] - before.commands[i];
		uint64_t bytes = run->totals.bytes[i] - before.bytes[i];

		if (run->totals.commands[i])
			printf("   %s %8.0f IOPS %8.1f MiB/s", direction_names[i],
			       (double)commands / passed, (double)bytes / MIB / passed);
	}
	printf("%s%s", filling ? "   completing the span" : "", terminal ? "" : "\n");
	program_flush();

	before = run->totals;
	before_ns = run->now_ns;
}

static double us(uint64_t ns)
{
	return (double)ns / 1000;
}

static void print_direction(const struct poll_run *run, enum poll_direction direction)
{
	const struct histogram *latency = &run->latency[direction];
	double seconds = (double)run->measured_ns / SECOND_NS;
	double iops = seconds > 0 ? (double)latency->count / seconds : 0;

	if (!latency->count)
		return;
	printf("%-10s %.0f IOPS, %.1f MiB/s\n", direction_names[direction], iops,
	       iops * (double)run->options->block / MIB);
	printf("           latency in us: avg %.1f, p50 %.1f, p99 %.1f, p99.9 %.1f, max %.1f\n",
	       us(histogram_average(latency)), us(histogram_percentile(latency, 50000)),
	       us(histogram_percentile(latency, 99000)), us(histogram_percentile(latency, 99900)),
	       us(latency->max));
}

static void print_streams(const struct poll_run *run)
{
	struct iom_stream_counters sum;

	if (poll_buffers_counters(run, &sum))
		printf("streams    %" PRIu64 " mapped, %" PRIu64 " hits, %" PRIu64
		       " misses, %" PRIu64 " transient, %" PRIu64 " evictions, %" PRIu64 " again\n",
		       sum.mapped, sum.hits, sum.misses, sum.transient, sum.evictions, sum.again);
}

void poll_report_summary(const struct poll_run *run, int signal)
{
	const struct poll_totals *totals = &run->totals;
	uint32_t crc;

	if (!run->options->quiet && isatty(STDOUT_FILENO))
		printf("\r\033[K");
	if (signal)
		printf("interrupted by %s\n", signal == SIGINT ? "SIGINT" : "SIGTERM");
	print_direction(run, POLL_WRITES);
	print_direction(run, POLL_READS);
	printf("data       %.1f MiB written, %.1f MiB read, %.1f MiB verified, %" PRIu64
	       " errors\n",
	       (double)totals->bytes[POLL_WRITES] / MIB, (double)totals->bytes[POLL_READS] / MIB,
	       (double)totals->verified / MIB, totals->errors);
	printf("through    %s, IOVAs 0x%" PRIx64 " - 0x%" PRIx64, iom_backend(run->space->domain),
	       run->space->low, run->space->high);
	printf("\n");
	print_buffers(run->space, "to write", &run->write_memory);
	print_buffers(run->space, "to read", &run->read_memory);
	print_streams(run);

	if (run->complete && poll_run_cksum(run, &crc))
		printf("cksum %" PRIu32 " %" PRIu64 " offset %" PRIu64 "\n", crc,
		       run->options->span, run->options->offset);
	program_flush();
}
