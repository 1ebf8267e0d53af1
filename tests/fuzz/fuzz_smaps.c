// SPDX-License-Identifier: BSD-3-Clause
/*
 * /proc/self/smaps, as a kernel that cannot be asked for a mapping writes it: lib/sys_vma.c, and
 * lib/pages.c above it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "lib/pages.h"
#include "lib/sys.h"

const char fuzz_target[] = "smaps";

static const uint8_t *smaps;
static size_t length; /* 0: the kernel's own files and calls */

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
	if (!length || strcmp(path, "/proc/self/smaps"))
		return __real_fopen(path, mode);
	return fmemopen((void *)(uintptr_t)smaps, length, "r");
}

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (!length)
		return __real_ioctl(fd, request, arg);
	errno = ENOTTY;
	return -1;
}

/* In each of the seeds' mappings, between them and beyond. */
static const uint64_t addresses[] = {
	0,
	0x1000,
	0x400000,
	0x7f0000000000,
	0x7f0000200000,
	0x7f0000400fff,
	0x7ffffffde000,
	UINT64_MAX,
};

static void look_at(const struct iom_sys *sys, uint64_t address)
{
	struct iom_vma vma = { 1, 2, 3 };
	struct iom_run run = { 4, 5 };
	int ret;

	ret = iom_sys_linux_find_vma(NULL, -1, address, &vma);
	if (ret < 0) {
		fuzz_holds(vma.start == 1 && vma.end == 2 && vma.page_size == 3);
	} else {
		fuzz_holds(!ret && vma.start <= address && address < vma.end);
		fuzz_holds(vma.page_size && !(vma.page_size & (vma.page_size - 1)));
	}
	fuzz_forget();
	ret = iom_page_run(sys, address, UINT64_C(16) << 20, &run);
	if (ret < 0) {
		fuzz_explained(ret);
		fuzz_holds(run.page == 4 && run.length == 5);
	} else {
		fuzz_holds(run.page && !(run.page & (run.page - 1)));
		fuzz_holds(run.length && run.length <= UINT64_C(16) << 20);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t i;

	smaps = data;
	length = n;
	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		look_at(&iom_sys_linux, addresses[i]);
	length = 0;
	return 0;
}
