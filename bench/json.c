// SPDX-License-Identifier: BSD-3-Clause
/* The figures for programs: one row a line. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "libiommu.h"
#include "run.h"

static void put_string(FILE *f, const char *name, const char *s)
{
	fprintf(f, "\"%s\": ", name);
	if (!s) {
		fputs("null", f);
		return;
	}
	putc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if ((unsigned char)*s < ' ')
			fprintf(f, "\\u%04x", (unsigned char)*s);
		else
			putc(*s, f);
	}
	putc('"', f);
}

static void put_stat(FILE *f, const char *name, const struct bench_stat *stat)
{
	if (!stat->samples)
		fprintf(f, ", \"%s\": null", name);
	else
		fprintf(f, ", \"%s\": [%.6g, %.6g, %.6g]", name, stat->median, stat->low,
			stat->high);
}

static void put_machine(FILE *f, const struct bench_machine *m)
{
	fputs("\"machine\": {", f);
	put_string(f, "cpu", m->cpu);
	fprintf(f, ", \"processors\": %ld, \"memory\": %" PRIu64 ", \"page\": %ld, ", m->processors,
		m->memory, m->page);
	put_string(f, "transparent_hugepages", m->hugepages);
	fputs(", ", f);
	put_string(f, "kernel", m->kernel);
	fputs(", ", f);
	put_string(f, "compiler", m->compiler);
	fputs(", ", f);
	put_string(f, "load_at_start", m->load[0]);
	fputs(", ", f);
	put_string(f, "load_at_end", m->load[1]);
	fputs("}", f);
}

static void put_row(FILE *f, const struct bench_result *r)
{
	const struct bench_row *row = &r->row;
	char rule[48];

	bench_describe_rule(row, rule, sizeof(rule));
	fputs("{", f);
	put_string(f, "group", r->group);
	fputs(", ", f);
	put_string(f, "name", row->name);
	fprintf(f, ", \"n\": %" PRIu64 ", ", row->n);
	put_string(f, "backend", row->backend);
	fputs(", ", f);
	put_string(f, "unit", row->unit);
	fputs(", ", f);
	put_string(f, "clock", row->clock);
	fprintf(f, ", \"counted\": %s", row->counted ? "true" : "false");
	/* each: median, lower and upper quartile */
	put_stat(f, "value", &row->value);
	fputs(", ", f);
	put_string(f, "reference", row->reference);
	put_stat(f, "reference_value", &row->reference_value);
	put_stat(f, "ratio", &row->ratio);
	fputs(", ", f);
	put_string(f, "must_hold", *rule ? rule : NULL);
	fputs(", ", f);
	put_string(f, "verdict",
		   r->verdict == BENCH_INFORMS ? NULL : bench_verdict_name(r->verdict));
	fputs(", ", f);
	put_string(f, "missing", row->missing);
	fputs(", ", f);
	put_string(f, "note", row->note);
	fputs("}", f);
}

int bench_json_write(const struct bench *b, const char *path)
{
	FILE *f = fopen(path, "we");
	size_t i;
	bool bad;

	if (!f)
		return -errno;
	fputs("{", f);
	put_string(f, "libiommu", iom_version());
	fprintf(f, ", \"quick\": %s, ", b->options.quick ? "true" : "false");
	put_machine(f, &b->machine);
	fprintf(f, ", \"hold\": %u, \"missed\": %u, \"not_measured\": %u, \"rows\": [\n",
		b->verdicts[BENCH_HOLDS], b->verdicts[BENCH_MISSED],
		b->verdicts[BENCH_NOT_MEASURED]);
	for (i = 0; i < b->n_results; i++) {
		put_row(f, &b->results[i]);
		fputs(i + 1 < b->n_results ? ",\n" : "\n", f);
	}
	fputs("]}\n", f);
	bad = ferror(f);
	if (fclose(f) || bad)
		return -EIO;
	return 0;
}
