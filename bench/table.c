// SPDX-License-Identifier: BSD-3-Clause
/* What a person reads, and what make check does. */
#include <inttypes.h>
#include <string.h>

#include "libiommu.h"
#include "run.h"

/* Three digits of a time; a count as it is. */
static void format_value(double value, const char *unit, char *text, size_t n)
{
	bool is_whole = value < 1e15 && value == (double)(uint64_t)value;
	int digits = value < 10 ? 2 : value < 100 ? 1 : 0;

	snprintf(text, n, "%.*f %s", is_whole ? 0 : digits, value, unit);
}

static void format_name(const struct bench_row *row, char *text, size_t n)
{
	if (row->n)
		snprintf(text, n, "%s/%" PRIu64, row->name, row->n);
	else
		snprintf(text, n, "%s", row->name);
}

/* Half of the distance of the quartiles, of the median. */
static void format_spread(const struct bench_stat *stat, char *text, size_t n)
{
	snprintf(text, n, "%s", "");
	if (stat->samples > 1)
		snprintf(text, n, "%.0f %%", (stat->high - stat->low) / 2 / stat->median * 100);
}

void bench_table_head(const struct bench *b)
{
	const struct bench_machine *m = &b->machine;

	printf("libiommu %s, compiled by %s\n", iom_version(), m->compiler);
	printf("%ld x %s, %.1f GiB, pages of %ld (transparent huge pages: %s)\n", m->processors,
	       m->cpu, (double)m->memory / (double)GIB, m->page, m->hugepages);
	printf("%s, load average %s\n", m->kernel, m->load[0]);
	printf("Times are medians per operation, of samples in turns with the reference, by the "
	       "threads' own clock\nunless they say \"wall\"; +- is half the distance of the "
	       "quartiles.%s\n",
	       b->options.quick ? "  --quick: a moment each, no figures to be quoted." : "");
}

void bench_table_row(struct bench *b, const struct bench_result *result)
{
	const struct bench_row *row = &result->row;
	char name[160], value[48], spread[16], reference[96] = "", ratio[32] = "", rule[48];

	if (!b->titled) {
		printf("\n%s%s\n  %-46s %-16s %16s %6s  %-36s %8s  %s\n", b->again ? "Again: " : "",
		       b->group->title, "what", "backend", "libiommu", "+-", "beside", "ratio",
		       "must hold");
		b->titled = true;
	}
	format_name(row, name, sizeof(name));
	bench_describe_rule(row, rule, sizeof(rule));
	if (row->missing) {
		printf("  %-46s %-16s %s%s: not measured: %s\n", name, row->backend, rule,
		       *rule ? "" : "for information", row->missing);
		return;
	}
	format_value(row->value.median, row->unit, value, sizeof(value));
	format_spread(&row->value, spread, sizeof(spread));
	if (row->reference) {
		format_value(row->reference_value.median, row->unit, ratio, sizeof(ratio));
		snprintf(reference, sizeof(reference), "%s %s", row->reference, ratio);
		snprintf(ratio, sizeof(ratio), row->ratio.median < 0.1 ? "%.2g" : "%.2f",
			 row->ratio.median);
	}
	printf("  %-46s %-16s %16s %6s  %-36s %8s  %s%s%s%s%s\n", name, row->backend, value, spread,
	       reference, ratio, rule, *rule ? ": " : "", bench_verdict_name(result->verdict),
	       row->clock && !strcmp(row->clock, "wall") ? " (wall)" : "",
	       result->verdict == BENCH_MISSED && !row->counted && b->options.quick ? " (quick)"
										    : "");
	if (row->note)
		printf("      %s\n", row->note);
	fflush(stdout);
}

void bench_table_end(const struct bench *b)
{
	char again[64] = "";

	if (b->held_again)
		snprintf(again, sizeof(again), " (%u of them when measured again)", b->held_again);
	printf("\n%u figures hold%s, %u do not, %u were not measured; %u rows are for information\n",
	       b->verdicts[BENCH_HOLDS], again, b->verdicts[BENCH_MISSED],
	       b->verdicts[BENCH_NOT_MEASURED], b->verdicts[BENCH_INFORMS]);
	printf("load average %s\n", b->machine.load[1]);
}

void bench_tap_row(const struct bench *b, const struct bench_result *result)
{
	const struct bench_row *row = &result->row;
	char name[160], value[48], rule[48];

	format_name(row, name, sizeof(name));
	bench_describe_rule(row, rule, sizeof(rule));
	if (row->missing) {
		printf("ok %zu - %s (%s) # SKIP %s\n", b->n_results, name, row->backend,
		       row->missing);
		return;
	}
	format_value(row->value.median, row->unit, value, sizeof(value));
	printf("%s %zu - %s (%s): %s%s%s\n",
	       row->counted && result->verdict == BENCH_MISSED ? "not ok" : "ok", b->n_results,
	       name, row->backend, value, row->counted && *rule ? ", must hold: " : "",
	       row->counted ? rule : "");
	if (row->note)
		printf("# %s\n", row->note);
	fflush(stdout);
}
