// SPDX-License-Identifier: BSD-3-Clause
#include "huge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sysfs.h"

#define HUGEPAGES "/sys/kernel/mm/hugepages"
#define NODES "/sys/devices/system/node"

/* "hugepages-2048kB" */
static int note_size(void *arg, const char *name)
{
	struct iom_huge *huge = arg;
	uint64_t kib, page;
	size_t i;
	char end;

	if (sscanf(name, "hugepages-%" SCNu64 "k%c", &kib, &end) != 2 || end != 'B')
		return 0;
	page = kib << 10;
	if (!kib || kib > UINT64_MAX >> 10 || page & (page - 1) || huge->n == IOM_HUGE_MAX)
		return 0;
	for (i = huge->n++; i && huge->size[i - 1] < page; i--)
		huge->size[i] = huge->size[i - 1];
	huge->size[i] = page;
	return 0;
}

int iom_huge_read(const struct iom_sys *sys, struct iom_huge *huge)
{
	int ret;

	huge->n = 0;
	ret = iom_sys_list_dir(sys, HUGEPAGES, note_size, huge);
	if (!ret || ret == -ENOENT || ret == -ENOTDIR || ret == -EACCES || ret == -EPERM)
		return 0;
	return iom_sysfs_error(HUGEPAGES, ret);
}

void iom_huge_folder(uint64_t page, int node, char *path, size_t n)
{
	if (node < 0)
		snprintf(path, n, HUGEPAGES "/hugepages-%" PRIu64 "kB", page >> 10);
	else
		snprintf(path, n, NODES "/node%d/hugepages/hugepages-%" PRIu64 "kB", node,
			 page >> 10);
}

uint64_t iom_huge_free(const struct iom_sys *sys, uint64_t page, int node)
{
	char path[128], file[160], text[32];

	iom_huge_folder(page, node, path, sizeof(path));
	snprintf(file, sizeof(file), "%s/free_hugepages", path);
	if (iom_sys_read_text(sys, file, text, sizeof(text)) < 0)
		return 0;
	return strtoull(text, NULL, 10);
}
