/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A made-up machine's files, described by a text, which is what is fuzzed:
 *
 *	> WORD...	handed to the target: an address, a command line
 *	$ NAME=VALUE	for the environment
 *	/PATH = TEXT	a file of this line
 *	/PATH:		a file of the lines that follow, each after one tab
 *	/PATH <1 2f>	cells of a device tree, hexadecimal
 *	/PATH "a" "b"	strings, each with its NUL
 *	/PATH -> WHERE	a link
 *	/PATH ! 13	cannot be read: the errno
 *
 * Folders are there for what they hold.  Any other line says nothing.
 */
#ifndef IOM_FUZZ_FILES_H
#define IOM_FUZZ_FILES_H

#include "fuzz.h"
#include "lib/sys.h"

#define FUZZ_FILES 96
#define FUZZ_WORDS 24

struct fuzz_file {
	char *path;
	char *data;
	size_t n;
	bool link;
	int error;
};

struct fuzz_files {
	char *text; /* what is pointed to */
	char *ends; /* room for what the text becomes */
	struct fuzz_file v[FUZZ_FILES];
	size_t n;
	char *words[FUZZ_WORDS + 1]; /* ended by NULL */
	int n_words;
	char *environment[FUZZ_WORDS];
	size_t n_environment;
};

void fuzz_files_read(struct fuzz_files *files, const uint8_t *data, size_t n);
void fuzz_files_free(struct fuzz_files *files);

/* That reads these files, and can do nothing else. */
struct iom_sys fuzz_files_sys(struct fuzz_files *files);

/*
 * Make them below a folder, which is there, and take away what is below it.  Links that are
 * absolute lead to below the folder.
 */
void fuzz_files_write(const struct fuzz_files *files, const char *folder);
void fuzz_files_remove(const char *folder);

/* A folder of this process's own, which goes with it; or, where it ends badly, by the latter. */
const char *fuzz_files_folder(void);
void fuzz_files_end(void);

#endif
