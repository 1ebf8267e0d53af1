// SPDX-License-Identifier: BSD-3-Clause
#include "seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LIBFDT
#include <libfdt.h>
#endif

static char *read_text(const char *path, size_t *n)
{
	char *text = calloc(SEED_MAX + 1, 1);
	FILE *file = fopen(path, "re");

	if (!text || !file) {
		fprintf(stderr, "fuzz: %s cannot be read\n", path);
		exit(EXIT_FAILURE);
	}
	*n = fread(text, 1, SEED_MAX, file);
	fclose(file);
	return text;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

struct bytes {
	uint8_t *v;
	size_t n;
};

static int add_number(struct bytes *bytes, uint64_t number, unsigned int bits)
{
	uint8_t u8 = (uint8_t)number;
	uint16_t u16 = (uint16_t)number;
	uint32_t u32 = (uint32_t)number;
	const void *from = bits == 8    ? (void *)&u8
			   : bits == 16 ? (void *)&u16
			   : bits == 32 ? (void *)&u32
					: (void *)&number;

	if (bytes->n + bits / 8 > SEED_MAX)
		return -1;
	memcpy(bytes->v + bytes->n, from, bits / 8);
	bytes->n += bits / 8;
	return 0;
}

/* 0, or -1 if the line is none of these. */
static int add_numbers(struct bytes *bytes, char *line)
{
	char *word = strsep(&line, " "), *end;
	unsigned int bits = 0;
	uint64_t number;

	if (!*word)
		return 0;
	if (*word == 'u')
		bits = (unsigned int)strtoul(word + 1, NULL, 10);
	else if (strcmp(word, "zero") != 0)
		return -1;
	if (*word == 'u' && bits != 8 && bits != 16 && bits != 32 && bits != 64)
		return -1;
	while ((word = strsep(&line, " "))) {
		if (!*word)
			continue;
		number = strtoull(word, &end, 0);
		if (*end)
			return -1;
		if (bits && add_number(bytes, number, bits) < 0)
			return -1;
		for (; !bits && number; number--)
			if (add_number(bytes, 0, 8) < 0)
				return -1;
	}
	return 0;
}

static int assemble_bytes(char *text, struct bytes *bytes)
{
	char *line;

	while ((line = strsep(&text, "\n"))) {
		line[strcspn(line, "#")] = '\0';
		line += strspn(line, " \t");
		if (add_numbers(bytes, line) < 0)
			return -1;
	}
	return 0;
}

void seed_print(const uint8_t *data, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		printf("%s0x%02x%s", i % 16 ? " " : "u8 ", data[i],
		       i % 16 == 15 || i == n - 1 ? "\n" : "");
}

/* ---- Trees ----------------------------------------------------------------------------------- */

#ifdef HAVE_LIBFDT

static int add_property(void *blob, char *line)
{
	char *value = strchr(line, '='), *name = strsep(&line, " =;"), *end;
	uint8_t bytes[4096];
	size_t n = 0;

	for (; value && *value && n < sizeof(bytes) - 256; value++) {
		if (*value == '"') {
			size_t length = strcspn(++value, "\"");

			if (length > 255 || !value[length])
				return -1;
			memcpy(bytes + n, value, length);
			bytes[n + length] = '\0';
			n += length + 1;
			value += length;
		} else if (*value == '<') {
			for (value++;; value = end) {
				fdt32_t cell = cpu_to_fdt32((uint32_t)strtoul(value, &end, 0));

				if (end == value || n > sizeof(bytes) - 256)
					break;
				memcpy(bytes + n, &cell, 4);
				n += 4;
			}
		}
	}
	return fdt_property(blob, name, bytes, (int)n);
}

static int assemble_tree(char *text, struct bytes *bytes)
{
	void *blob = bytes->v;
	int ret = fdt_create(blob, SEED_MAX);
	char *line, *brace;

	if (!ret)
		ret = fdt_finish_reservemap(blob);
	while (!ret && (line = strsep(&text, "\n"))) {
		line += strspn(line, " \t");
		brace = strstr(line, " {");
		if (!*line || !strncmp(line, "//", 2) || !strncmp(line, "/dts-v1/", 8))
			continue;
		if (brace) {
			*brace = '\0';
			ret = fdt_begin_node(blob, strcmp(line, "/") ? line : "");
		} else if (*line == '}') {
			ret = fdt_end_node(blob);
		} else {
			ret = add_property(blob, line);
		}
	}
	if (!ret)
		ret = fdt_finish(blob);
	bytes->n = ret ? 0 : fdt_totalsize(blob);
	return ret;
}

#else

static int assemble_tree(char *text, struct bytes *bytes)
{
	(void)text;
	(void)bytes;
	return -1;
}

#endif

static int assemble(const char *path, char *text, size_t n, struct bytes *bytes)
{
	const char *dot = strrchr(path, '.');

	if (dot && !strcmp(dot, ".bytes"))
		return assemble_bytes(text, bytes);
	if (dot && !strcmp(dot, ".dts"))
		return assemble_tree(text, bytes);
	/* the licence is not a part of it */
	if (!strncmp(text, "# SPDX-", 7)) {
		n -= strcspn(text, "\n") + 1;
		text += strcspn(text, "\n") + 1;
	}
	bytes->n = n;
	memcpy(bytes->v, text, n);
	return 0;
}

uint8_t *seed_read(const char *path, size_t *n)
{
	struct bytes bytes = { .v = calloc(SEED_MAX, 1) };
	char *text = read_text(path, n);
	int ret;

	ret = bytes.v ? assemble(path, text, *n, &bytes) : -1;
	free(text);
	if (ret) {
		fprintf(stderr, "fuzz: %s is no seed: %d\n", path, ret);
		free(bytes.v);
		return NULL;
	}
	*n = bytes.n;
	return bytes.v;
}
