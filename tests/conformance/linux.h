/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the real machine share. */
#ifndef LINUX_H
#define LINUX_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Nodes, drivers and parameters stay as they are: what needs them otherwise does not apply. */
extern bool linux_left_alone;

/* The last part of a link's target; "" if there is none. */
void linux_link_name(const char *path, char *name, size_t n);

#endif
