/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a program that drives a device owes whoever started it: its descriptors stay apart from the
 * device's, a signal ends it in good order, and words that were lost are a failure.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <signal.h>

#define EXIT_USAGE 2
#define EXIT_SIGNAL 128

/* The signal that wants the program to end; 0: none. */
extern volatile sig_atomic_t program_signal;

/* Before anything is opened. */
void program_occupy_descriptors(void);

/* SIGINT and SIGTERM, the first time; a second one kills. */
void program_catch_signals(void);

/* What was printed, to where it goes: the first error is kept for program_close_output(). */
void program_flush(void);

/*
 * The last of all: EXIT_SUCCESS, or EXIT_FAILURE and a complaint if not all could be written.  Lost words
 * are a failure: the sum or the count that somebody waits for may be among them.
 */
int program_close_output(void);

/* Says why the last call of an example's own failed; status, to end with. */
int program_complain(int status);

/*
 * The same of libiommu's last call; the status to end with: an argument that it finds malformed came from
 * the command line.
 */
int program_refuse(int error);

/* For iom_open_opts.log: its warnings, of what it found to be left at the end, above all. */
void program_warn(void *arg, int level, const char *message);

#endif /* PROGRAM_H */
