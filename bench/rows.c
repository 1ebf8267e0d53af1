// SPDX-License-Identifier: BSD-3-Clause
/* Rows: which are wanted, and what is to be said of them. */
#include <fnmatch.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "groups.h"
#include "libiommu.h"
#include "run.h"

#define QUICK_LIMIT 10000

static char *copy(const char *s)
{
	char *c;

	if (!s)
		return NULL;
	c = strdup(s);
	if (!c)
		bench_fail("no memory");
	return c;
}

static bool matches(const char *pattern, const char *name)
{
	return strstr(name, pattern) || !fnmatch(pattern, name, 0);
}

static bool is_group(const char *name)
{
	size_t i;

	for (i = 0; bench_groups[i]; i++)
		if (!strcmp(bench_groups[i]->name, name))
			return true;
	return false;
}

/* A row of this group that was missed, and is of times. */
static struct bench_result *find_missed(const struct bench *b, const char *name, uint64_t n)
{
	size_t i;

	for (i = 0; i < b->n_results; i++) {
		struct bench_result *r = &b->results[i];

		if (r->verdict == BENCH_MISSED && !r->row.counted &&
		    !strcmp(r->group, b->group->name) && !strcmp(r->row.name, name) &&
		    r->row.n == n)
			return r;
	}
	return NULL;
}

bool bench_wants(const struct bench *b, const char *name, uint64_t n)
{
	const char *only = b->options.only;
	char full[192];

	if (b->again)
		return find_missed(b, name, n);
	if (b->options.count)
		return !strcmp(name, b->options.count);
	if (!only || !strcmp(only, b->group->name))
		return true;
	if (is_group(only))
		return false;
	if (n)
		snprintf(full, sizeof(full), "%s/%" PRIu64, name, n);
	else
		snprintf(full, sizeof(full), "%s", name);
	return matches(only, full);
}

bool bench_is_quick(const struct bench *b)
{
	return b->options.quick;
}

uint64_t bench_quick_limit(const struct bench *b, uint64_t n)
{
	return b->options.quick && n > QUICK_LIMIT ? QUICK_LIMIT : n;
}

enum bench_verdict bench_judge(const struct bench_row *row)
{
	bool holds = true;

	if (row->missing)
		return BENCH_NOT_MEASURED;
	switch (row->rule) {
	case BENCH_NO_RULE:
		return BENCH_INFORMS;
	case BENCH_RATIO_AT_MOST:
		holds = row->ratio.median <= row->target;
		break;
	case BENCH_RATIO_AT_LEAST:
		holds = row->ratio.median >= row->target;
		break;
	case BENCH_VALUE_AT_MOST:
		holds = row->value.median <= row->target;
		break;
	case BENCH_VALUE_IS:
		holds = row->value.median == row->target;
		break;
	}
	return holds ? BENCH_HOLDS : BENCH_MISSED;
}

const char *bench_verdict_name(enum bench_verdict verdict)
{
	static const char *const names[] = { "", "holds", "MISSED", "not measured" };

	return names[verdict];
}

void bench_describe_rule(const struct bench_row *row, char *text, size_t n)
{
	switch (row->rule) {
	case BENCH_NO_RULE:
		snprintf(text, n, "%s", "");
		break;
	case BENCH_RATIO_AT_MOST:
		snprintf(text, n, "at most %g times", row->target);
		break;
	case BENCH_RATIO_AT_LEAST:
		snprintf(text, n, "at least %g times", row->target);
		break;
	case BENCH_VALUE_AT_MOST:
		snprintf(text, n, "at most %g", row->target);
		break;
	case BENCH_VALUE_IS:
		snprintf(text, n, "%g", row->target);
		break;
	}
}

/* Judge and print a row, of which r is to have a copy. */
static void tell(struct bench *b, struct bench_result *r, const struct bench_row *row)
{
	r->row = *row;
	r->row.name = copy(row->name);
	r->row.backend = copy(row->backend   ? row->backend
			      : row->missing ? "none ran"
					     : BENCH_NO_BACKEND);
	r->row.unit = copy(row->unit ? row->unit : "ns");
	r->row.clock = copy(row->clock);
	r->row.reference = copy(row->reference);
	r->row.missing = copy(row->missing);
	r->row.note = copy(row->note);
	r->verdict = bench_judge(&r->row);
	b->verdicts[r->verdict]++;
	if (row->counted && r->verdict == BENCH_MISSED)
		b->counted_missed++;
	if (b->options.tap)
		bench_tap_row(b, r);
	else
		bench_table_row(b, r);
}

void bench_forget_row(struct bench_row *row)
{
	free((char *)(uintptr_t)row->name);
	free((char *)(uintptr_t)row->backend);
	free((char *)(uintptr_t)row->unit);
	free((char *)(uintptr_t)row->clock);
	free((char *)(uintptr_t)row->reference);
	free((char *)(uintptr_t)row->missing);
	free((char *)(uintptr_t)row->note);
}

/* Instead of the one that was missed, which it names; what is for information is known. */
static void add_again(struct bench *b, const struct bench_row *row)
{
	struct bench_result *r = find_missed(b, row->name, row->n);
	struct bench_row filled = *row, before;
	bool by_value;
	char note[320];

	if (!r || row->missing)
		return;
	before = r->row;
	by_value = before.rule == BENCH_VALUE_AT_MOST || before.rule == BENCH_VALUE_IS;
	snprintf(note, sizeof(note), "%s%smeasured again (%u), before: %.2f",
		 row->note ? row->note : "", row->note ? "; " : "", b->again,
		 (by_value ? before.value : before.ratio).median);
	filled.note = note;
	b->verdicts[r->verdict]--;
	tell(b, r, &filled);
	b->held_again += r->verdict == BENCH_HOLDS;
	bench_forget_row(&before);
}

void bench_add(struct bench *b, const struct bench_row *row)
{
	struct bench_result *r;

	if (b->again) {
		add_again(b, row);
		return;
	}
	r = realloc(b->results, (b->n_results + 1) * sizeof(*r));
	if (!r)
		bench_fail("no memory");
	b->results = r;
	r += b->n_results++;
	r->group = b->group->name;
	tell(b, r, row);
}

bool bench_has_missed(const struct bench *b)
{
	return b->verdicts[BENCH_MISSED] > b->counted_missed;
}

static struct bench_stat exact(double value)
{
	return (struct bench_stat){ .median = value, .low = value, .high = value, .samples = 1 };
}

void bench_add_count(struct bench *b, const struct bench_row *row, double value, double reference)
{
	struct bench_row filled = *row;

	filled.counted = true;
	filled.value = exact(value);
	if (row->reference) {
		filled.reference_value = exact(reference);
		filled.ratio = exact(value / reference);
	}
	bench_add(b, &filled);
}

void bench_add_missing(struct bench *b, const struct bench_row *row, const char *why)
{
	struct bench_row filled = *row;

	filled.missing = why;
	bench_add(b, &filled);
}

void bench_fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("bench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\n", stderr);
	exit(1);
}

void bench_check(int ret, const char *what)
{
	if (ret < 0)
		bench_fail("%s: %s (%s)", what, strerror(-ret), iom_errmsg());
}
