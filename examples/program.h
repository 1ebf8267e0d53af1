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

/* 0, or -EIO and a sentence if not all could be written. */
int program_close_output(void);

#endif /* PROGRAM_H */
