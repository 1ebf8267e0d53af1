/* SPDX-License-Identifier: BSD-3-Clause */
/* Which block devices and network interfaces a PCI function carries, by sysfs. */
#ifndef BENEATH_H
#define BENEATH_H

#include <stdbool.h>
#include <stddef.h>

/* The kernel's name of a block device ("sda1"), by its number ("8:1"), or by its node in /dev. */
bool block_by_number(const char *number, char *name, size_t n);
bool block_by_node(const char *node, char *name, size_t n);

/* Whether it lies on the function, itself or through devices below it. */
bool block_is_beneath(const char *name, const char *address);
bool interface_is_beneath(const char *name, const char *address);

#endif
