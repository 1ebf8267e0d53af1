// SPDX-License-Identifier: BSD-3-Clause
/* A flattened device tree, as a file that somebody names: lib/fdt_blob.c, fdt_find.c, tree_*.c. */
#include "tree_holds.h"

const char fuzz_target[] = "fdt";

#define FILE_NAME "machine.dtb"

/* Of the seeds' machines. */
static const char *const addresses[] = {
	"0000:00:02.0", "0001:01:01.1", "0003:02:00.0", "0005:20:01.0", "0005:21:00.0",
};

struct blob {
	const uint8_t *data;
	size_t n;
};

static ssize_t read_file(void *ctx, const char *path, void *buf, size_t n)
{
	const struct blob *blob = ctx;

	if (strcmp(path, FILE_NAME))
		return -ENOENT;
	n = n < blob->n ? n : blob->n;
	memcpy(buf, blob->data, n);
	return (ssize_t)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct blob blob = { data, n };
	const struct iom_sys sys = { .ctx = &blob, .read_file = read_file };
	const struct iom_tree_opts opts = { .size = sizeof(opts), .dtb = FILE_NAME };
	size_t i;

	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		read_and_look(&sys, addresses[i], &opts);
	return 0;
}
