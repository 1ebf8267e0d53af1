// SPDX-License-Identifier: BSD-3-Clause
#include "vmm_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sentence.h"

#define SECOND_NS 1e9

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct vmm_rate vmm_rate(const struct vmm_times *times, size_t requests)
{
	double work = (double)requests * SECOND_NS;
	struct vmm_times sorted = *times;
	size_t middle = times->count / 2;
	double median;

	qsort(sorted.ns, sorted.count, sizeof(sorted.ns[0]), compare);
	median = (double)sorted.ns[middle];
	if (times->count % 2 == 0)
		median = (median + (double)sorted.ns[middle - 1]) / 2;
	return (struct vmm_rate){
		.median = work / median,
		.least = work / (double)sorted.ns[sorted.count - 1],
		.most = work / (double)sorted.ns[0],
	};
}

/* Each line with a margin. */
static void print_indented(const char *text)
{
	for (size_t n; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		printf("           %.*s\n", (int)n, text);
	}
}

static void print_explanation(const struct iom_domain *domain)
{
	char text[4096];

	if (iom_explain(domain, text, sizeof(text)) >= 0)
		print_indented(text);
}

void vmm_report_space(const struct vmm_space *space)
{
	const struct iom_aperture *window = &space->window;
	uint64_t missing = space->ram->length - space->placed;

	printf("backend    %s\n", iom_backend(space->domain));
	print_explanation(space->domain);

	printf("guest RAM  %" PRIu64 " MiB", space->ram->length >> 20);
	if (space->ram->huge_page)
		printf(" in huge pages of %" PRIu64 " KiB", space->ram->huge_page >> 10);
	printf(", at the guest physical addresses\n");
	for (int i = 0; i < space->part_count; i++) {
		const struct vmm_range *range = &space->parts[i].range;

		printf("           0x%" PRIx64 " - 0x%" PRIx64 "\n", range->start,
		       range->start + (range->length - 1));
	}
	if (*space->low_reason)
		printf("hole       below 4 GiB: %s\n", space->low_reason);
	if (*space->high_reason)
		printf("hole       above 4 GiB: %s\n", space->high_reason);
	if (missing)
		printf("left out   %" PRIu64 " MiB of guest RAM, for which there is no place\n",
		       missing >> 20);
	printf("window     0x%" PRIx64 " - 0x%" PRIx64 ", pages of %" PRIu64 " KiB\n",
	       window->start, window->last,
	       (UINT64_C(1) << __builtin_ctzll(window->page_sizes)) >> 10);
}

void vmm_report_stream(const struct vmm_stream *stream, const struct vmm_options *options)
{
	printf("requests   %zu maps and as many unmaps, at most %" PRIu64
	       " mappings at once, seed %" PRIu64 "\n",
	       stream->maps, options->live, options->seed);
}

void vmm_report_proof(const struct vmm_proof *proof)
{
	printf("proof      the device copied %u times within guest RAM, and through %u mappings of "
	       "the\n"
	       "           window; %u attempts did not reach what was unmapped\n",
	       proof->ram, proof->window, proof->unreached);
	fflush(stdout);
}

static void print_rate(const char *what, const struct vmm_rate *rate, size_t rounds)
{
	printf("%-10s %.0f requests/s: the median of %zu rounds, from %.0f to %.0f\n", what,
	       rate->median, rounds, rate->least, rate->most);
}

void vmm_report_rates(const char *backend, size_t requests, const struct vmm_times *library,
		      const struct vmm_times *raw)
{
	struct vmm_rate ours = vmm_rate(library, requests);
	struct vmm_rate theirs;

	print_rate("libiommu", &ours, library->count);
	if (!raw->count)
		return;
	theirs = vmm_rate(raw, requests);
	print_rate("raw calls", &theirs, raw->count);
	printf("ratio      %.2f of the raw calls' rate, by %s\n", ours.median / theirs.median,
	       backend);
}

void vmm_report_verdict(int error)
{
	printf("verdict    %s\n",
	       error ? "failed"
		     : "all right: the device saw the guest's memory, and nothing is left");
}

int vmm_report_close(void)
{
	int lost = ferror(stdout);

	if (fclose(stdout) != 0 || lost)
		return fail(-EIO, "not all could be written to standard output");
	return 0;
}
