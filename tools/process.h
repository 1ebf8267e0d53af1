/* SPDX-License-Identifier: BSD-3-Clause */
/* What this process may do, as /proc/self says. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* Of /proc/self/status: CapEff has this bit. */
#define PROCESS_DAC_OVERRIDE 1
#define PROCESS_IPC_LOCK 14
bool process_has(unsigned int capability);

/* The effective user, and his name; without one, the number. */
unsigned int process_user(void);
void process_user_name(char *name, size_t n);

/* Whether the mode of a file lets the process read and write it. */
bool process_may_use(const struct stat *st);

/* RLIMIT_MEMLOCK in bytes; UINT64_MAX: no limit. */
void process_memlock(uint64_t *soft, uint64_t *hard);

#endif
