/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of iommuctl, and what they share: exit codes, the one sentence, options. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>

#include "args.h"
#include "sentence.h"

enum exit_code {
	EXIT_WELL = 0,
	EXIT_FAILED = 1, /* it did not work; doctor: something keeps drivers from working */
	EXIT_USAGE = 2,  /* the command line is wrong */
	EXIT_IN_USE = 3, /* bind, unbind: refused, because somebody uses the device */
};

/* Each takes the words from its own name on. */
int list_command(int argc, char **argv);
int show_command(int argc, char **argv);
int bind_command(int argc, char **argv);
int unbind_command(int argc, char **argv);
int doctor_command(int argc, char **argv);
int selftest_command(int argc, char **argv);
int bench_command(int argc, char **argv);
int fdt_command(int argc, char **argv);

/*
 * Parse a command's options, and up to most words beside them, of which there must be at least
 * least.  True: go on.  Else the command ends with *status.
 */
struct operands {
	char **words;
	int n;
};

bool command_parse(const struct arg *args, size_t n, int argc, char **argv, void *options,
		   int least, int most, struct operands *operands, int *status);

/*
 * Whether devices may be opened, which those of another root are not.  False: the command ends with
 * *status.
 */
bool command_may_open(const char *name, int *status);

/* Write the sentence of fail(), or the library's, to stderr, and return status. */
int complain(int status);
int complain_of_library(int status);

#endif
