// SPDX-License-Identifier: BSD-3-Clause
/* seeds FOLDER SEED...: each seed's bytes, as a file of its name, for libFuzzer to begin with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seed.h"

static int write_seed(const char *folder, const char *path)
{
	const char *slash = strrchr(path, '/');
	char to[1024];
	uint8_t *data;
	FILE *file;
	size_t n;
	int ret;

	data = seed_read(path, &n);
	if (!data)
		return -1;
	snprintf(to, sizeof(to), "%s/%s", folder, slash ? slash + 1 : path);
	file = fopen(to, "we");
	ret = file && fwrite(data, 1, n, file) == n ? 0 : -1;
	if (file && fclose(file) != 0)
		ret = -1;
	if (ret < 0)
		fprintf(stderr, "seeds: %s cannot be written\n", to);
	free(data);
	return ret;
}

int main(int argc, char **argv)
{
	for (int i = 2; i < argc; i++)
		if (write_seed(argv[1], argv[i]) < 0)
			return EXIT_FAILURE;
	return argc > 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
