// SPDX-License-Identifier: BSD-3-Clause
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "pages.h"

/* The number behind a label, 0 if it is not there. */
static uint64_t meminfo(const char *text, const char *label)
{
	const char *at = strstr(text, label);

	return at ? strtoull(at + strlen(label), NULL, 10) : 0;
}

struct iom_backend_plan iom_plan(const struct iom_sys *sys, const struct iom_backend_plan *expected)
{
	struct iom_backend_plan plan = *expected;
	char text[8192];

	if (iom_sys_read_text(sys, "/proc/meminfo", text, sizeof(text)) < 0)
		text[0] = '\0';
	plan.bytes_stated = plan.bytes;
	plan.page_stated = plan.page;
	plan.base = iom_base_page(sys);
	if (!plan.bytes)
		plan.bytes = meminfo(text, "MemTotal:") << 10;
	if (!plan.page && meminfo(text, "HugePages_Total:"))
		plan.page = meminfo(text, "Hugepagesize:") << 10;
	if (!plan.page)
		plan.page = plan.base;
	return plan;
}
