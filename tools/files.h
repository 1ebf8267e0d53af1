/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of the kernel's, below a root of our own choice: that of the machine, or a folder that
 * looks like one (iommuctl --root).  Paths are given and returned without the root.  Errors are
 * negative errnos, without a sentence.
 */
#ifndef FILES_H
#define FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define FILES_PATH 512

/* It must be a folder. */
int files_set_root(const char *dir);

/* Whether this is the machine that the program runs on. */
bool files_are_real(void);

/* The path as open(2) wants it. */
void files_full(char full[FILES_PATH], const char *path);

bool files_exist(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The text of a small file, without the newline at its end. */
int files_read(char *text, size_t n, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A number, decimal or 0x: the file's, or fallback if there is none. */
int64_t files_number(int64_t fallback, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* In one write(2), as sysfs wants it. */
int files_write(const char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

FILE *files_open(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The last part of a link's target, as a terminal prints it; "" if there is no such link. */
void files_link_name(char *name, size_t n, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Where a path leads when all links in it are followed. */
int files_resolve(char path[FILES_PATH], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Each name in a folder, sorted; a non-zero answer ends it and is returned. */
typedef int files_name_fn(void *arg, const char *name);
int files_list(const char *path, files_name_fn *fn, void *arg);

/* Whether this process may read and write it; in a made-up root, by its /proc/self/status. */
bool files_may_use(const char *path);

#endif
