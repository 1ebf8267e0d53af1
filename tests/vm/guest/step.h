/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many instructions of user space, and how many system calls, a part of a program takes, where
 * the processor does not count: a child runs it, and is stepped through it by ptrace.
 *
 * The part is between two marks, and what these take themselves is in it.
 */
#ifndef STEP_H
#define STEP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum step_mode {
	STEP_INSTRUCTIONS, /* slow: the kernel is asked for each */
	STEP_CALLS,
};

struct step_counts {
	uint64_t instructions; /* of STEP_INSTRUCTIONS */
	uint64_t calls;        /* the following of STEP_CALLS: all system calls */
	uint64_t iommu;        /* ioctl() of VFIO or iommufd */
};

/* A child that runs child(arg), and exits with what it returns; -1 and errno. */
pid_t step_fork(int (*child)(void *arg), void *arg);

/* In the child, where a part begins or ends. */
void step_mark(void);

/* Let the child run to its next mark, and count from there to the one after.  false: it has ended. */
bool step_count(pid_t pid, enum step_mode mode, struct step_counts *counts);

/* Let it run to its end: its exit status, 128 and more if it was killed. */
int step_end(pid_t pid);

#endif /* STEP_H */
