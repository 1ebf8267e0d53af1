// SPDX-License-Identifier: BSD-3-Clause
#include "plan.h"

#include "pages.h"
#include "proc.h"

static uint64_t meminfo(const struct iom_sys *sys, const char *label)
{
	uint64_t value;

	return iom_proc_number(sys, "/proc/meminfo", label, 10, &value) ? value : 0;
}

/* 0 if the kernel has none, or says nonsense. */
static uint64_t huge_page(const struct iom_sys *sys)
{
	uint64_t kib = meminfo(sys, "Hugepagesize:");

	if (!meminfo(sys, "HugePages_Total:") || kib & (kib - 1) || kib > UINT64_MAX >> 10)
		return 0;
	return kib << 10;
}

struct iom_backend_plan iom_plan(const struct iom_sys *sys, const struct iom_backend_plan *expected)
{
	struct iom_backend_plan plan = *expected;

	plan.bytes_stated = plan.bytes;
	plan.page_stated = plan.page;
	plan.base = iom_base_page(sys);
	plan.memory = meminfo(sys, "MemTotal:") << 10;
	if (!plan.bytes)
		plan.bytes = plan.memory;
	if (!plan.page)
		plan.page = huge_page(sys);
	if (!plan.page)
		plan.page = plan.base;
	return plan;
}
