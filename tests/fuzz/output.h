/* SPDX-License-Identifier: BSD-3-Clause */
/* What a command writes, and what holds of it: a terminal can print it, and JSON is JSON. */
#ifndef IOM_FUZZ_OUTPUT_H
#define IOM_FUZZ_OUTPUT_H

#include <stddef.h>

struct output {
	char *out, *err;
	size_t n_out, n_err;
};

/* From here on stdout and stderr are these; after output_end() the process's own again. */
void output_begin(struct output *output);
void output_end(struct output *output);
void output_free(struct output *output);

/* Characters of UTF-8 and ends of lines: nothing that does something to a terminal. */
void output_prints(const char *text, size_t n);

/* One value, and nothing behind it but the end of the line. */
void output_is_json(const char *text);

#endif
