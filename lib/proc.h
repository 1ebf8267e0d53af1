/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers out of the kernel's files in /proc. */
#ifndef IOM_PROC_H
#define IOM_PROC_H

#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

/* Find the number behind a label at the beginning of a line; false if there is none. */
bool iom_proc_number(const struct iom_sys *sys, const char *path, const char *label, int base,
		     uint64_t *value);

#endif
