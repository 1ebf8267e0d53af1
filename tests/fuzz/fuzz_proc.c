// SPDX-License-Identifier: BSD-3-Clause
/*
 * What /proc says of the machine's memory and of the process's limits, sysfs of huge pages, and the
 * root of a POWER machine's tree: lib/proc.c, memlock.c, plan.c, huge.c, backends/spapr/machine.c.
 */
#include <errno.h>
#include <string.h>

#include "backends/spapr/machine.h"
#include "files.h"
#include "lib/huge.h"
#include "lib/memlock.h"
#include "lib/plan.h"
#include "lib/proc.h"

const char fuzz_target[] = "proc";

static const char *const labels[] = {
	"MemTotal:", "MemAvailable:", "Hugepagesize:", "VmLck:", "CapEff:", "Max locked memory",
};

static void look_at_numbers(const struct iom_sys *sys)
{
	static const char *const paths[] = { "/proc/meminfo", "/proc/self/status" };
	size_t i, j;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		for (j = 0; j < sizeof(labels) / sizeof(labels[0]); j++) {
			uint64_t value = 0;

			(void)iom_proc_number(sys, paths[i], labels[j], j == 4 ? 16 : 10, &value);
		}
}

static void look_at_limit(const struct iom_sys *sys, uint64_t need)
{
	(void)iom_memlock_refuses(sys, need);
	fuzz_forget();
	fuzz_holds(iom_memlock_error(sys, need) == -ENOMEM);
	fuzz_explained(-ENOMEM);
	fuzz_forget();
	fuzz_holds(iom_memlock_user_error(sys, need) == -ENOMEM);
	fuzz_explained(-ENOMEM);
}

/* What is used as the size of a page is one. */
static void is_page(uint64_t page)
{
	fuzz_holds(page && !(page & (page - 1)));
}

struct named {
	uint64_t page;
	bool found;
};

/* It is by its name that the kernel has a size, and no other number will do. */
static int is_named(void *arg, const char *name)
{
	struct named *named = arg;
	unsigned __int128 kib = 0;

	name += strcspn(name, "0123456789");
	for (; *name >= '0' && *name <= '9' && kib >> 64 == 0; name++)
		kib = 10 * kib + (unsigned int)(*name - '0');
	named->found |= kib == named->page >> 10;
	return 0;
}

static void look_at_huge_pages(const struct iom_sys *sys)
{
	struct iom_huge huge;
	size_t i;
	int ret;

	fuzz_forget();
	ret = iom_huge_read(sys, &huge);
	if (ret < 0)
		fuzz_explained(ret);
	for (i = 0; i < huge.n; i++) {
		struct named named = { .page = huge.size[i] };

		is_page(huge.size[i]);
		fuzz_holds(!i || huge.size[i - 1] >= huge.size[i]);
		(void)iom_huge_free(sys, huge.size[i], i % 2 ? 0 : -1);
		iom_sys_list_dir(sys, "/sys/kernel/mm/hugepages", is_named, &named);
		fuzz_holds(named.found);
	}
}

static int no_vma(void *ctx, int fd, uint64_t addr, struct iom_vma *vma)
{
	(void)ctx;
	(void)fd;
	(void)addr;
	(void)vma;
	return -ENOENT;
}

static void look_at_plan(const struct iom_sys *sys)
{
	const struct iom_backend_plan nothing = { 0 };
	struct iom_backend_plan plan = iom_plan(sys, &nothing);

	is_page(plan.page);
	is_page(plan.base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fuzz_files files;
	struct iom_sys sys;

	fuzz_files_read(&files, data, n);
	sys = fuzz_files_sys(&files);
	sys.find_vma = no_vma;
	look_at_numbers(&sys);
	look_at_limit(&sys, 4096);
	look_at_limit(&sys, UINT64_C(1) << 40);
	look_at_huge_pages(&sys);
	look_at_plan(&sys);
	(void)iom_power_machine(&sys);
	fuzz_files_free(&files);
	return 0;
}
