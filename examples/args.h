/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line of an example, or of iommuctl: a table of its options, and sentences that name
 * the one that is wrong.  --help, or -h, and --version are every program's.
 */
#ifndef ARGS_H
#define ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum arg_kind {
	ARG_TEXT,   /* argv's string */
	ARG_FLAG,   /* takes no value: true */
	ARG_NUMBER, /* from min to max */
	ARG_SIZE,   /* in bytes, from min to max, and a multiple of unit if that is not 0 */
	ARG_WORD,   /* one of words: min and its index are stored */
	ARG_OWN,    /* for take() */
};

struct arg {
	const char *name;
	enum arg_kind kind;
	bool optional; /* ARG_WORD: without a value it is the first word */
	size_t offset; /* where in the program's struct, and how many bytes: ARG_FIELD() */
	size_t bytes;
	uint64_t min;
	uint64_t max;
	uint64_t unit;
	const char *const *words;                     /* the last one: NULL */
	int (*take)(const char *text, void *options); /* 0, or -EINVAL and a sentence */
};

#define ARG_FIELD(type, member) \
	.offset = offsetof(type, member), .bytes = sizeof(((type *)NULL)->member)

enum args_result {
	ARGS_RUN,
	ARGS_HELP,
	ARGS_VERSION,
	ARGS_BAD, /* fail_sentence() says which and why */
};

/* What argv does not say is left as it is in options, the program's struct. */
enum args_result args_parse(const char *program, const struct arg *args, size_t n, int argc,
			    char **argv, void *options);

/* The same for a program that takes other words, too: they are at argv[*first] and behind. */
enum args_result args_parse_operands(const struct arg *args, size_t n, int argc, char **argv,
				     void *options, int *first);

/*
 * "512", "4k", "64MiB", "1g": bytes, in powers of 1024.  *end is what follows.  0 or -EINVAL; and the
 * option named name, from min to max bytes, for take(), which has nothing but the text.
 */
int args_size(const char *text, const char **end, uint64_t *bytes);
int args_size_option(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t unit,
		     uint64_t *bytes);

#endif /* ARGS_H */
