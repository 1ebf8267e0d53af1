/* SPDX-License-Identifier: BSD-3-Clause */
/* What holds of the answer whatever a device tree says: of flattened ones and of the live one. */
#ifndef IOM_FUZZ_TREE_HOLDS_H
#define IOM_FUZZ_TREE_HOLDS_H

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "lib/tree.h"

#define UNTOUCHED 0x5a

static inline void is_text(const char *text, size_t n)
{
	fuzz_holds(strnlen(text, n) < n);
	for (; *text; text++)
		fuzz_holds(*text > ' ' && *text <= '~');
}

static inline void is_window(const struct iom_tree_window *window)
{
	fuzz_holds(window->length);
	fuzz_holds(window->start + (window->length - 1) >= window->start);
	fuzz_holds(window->page && !(window->page & (window->page - 1)));
}

static inline void is_info(const struct iom_tree_info *info)
{
	uint64_t i;

	fuzz_holds(info->size == sizeof(*info));
	is_text(info->node, sizeof(info->node));
	is_text(info->bridge, sizeof(info->bridge));
	is_text(info->iommu, sizeof(info->iommu));
	is_text(info->iommu_kind, sizeof(info->iommu_kind));
	is_text(info->iommu_name, sizeof(info->iommu_name));
	if (info->flags & IOM_TREE_WINDOW)
		is_window(&info->window);
	if (info->flags & IOM_TREE_MADE)
		is_window(&info->made);
	for (i = 0; i < info->n_ranges && i < IOM_TREE_RANGES; i++) {
		const struct iom_tree_range *range = &info->ranges[i];

		fuzz_holds(range->length);
		fuzz_holds(range->start + (range->length - 1) >= range->start);
	}
	fuzz_holds(!(info->flags & IOM_TREE_IOMMU) || info->iommu[0]);
	fuzz_holds(!(info->page_sizes & 0xfff));
}

/* The lines of the text: as long as was said, cut where there is no room, and printable. */
static inline void is_explained(const struct iom_sys *sys, const char *address,
				const struct iom_tree_opts *opts)
{
	char text[16384], cut[40];
	int n, again, i;

	n = iom_tree_explain_on(sys, address, opts, text, sizeof(text));
	fuzz_holds(n > 0 && n < (int)sizeof(text));
	fuzz_holds((int)strlen(text) == n && text[n - 1] == '\n');
	for (i = 0; i < n; i++)
		fuzz_holds(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'));
	memset(cut, UNTOUCHED, sizeof(cut));
	again = iom_tree_explain_on(sys, address, opts, cut, sizeof(cut) - 8);
	fuzz_holds(again == n);
	fuzz_holds(strnlen(cut, sizeof(cut)) < sizeof(cut) - 8);
	fuzz_holds(!strncmp(cut, text, strlen(cut)));
}

/* Read it, and look at what came of it; whether it could be read. */
static inline bool read_and_look(const struct iom_sys *sys, const char *address,
				 const struct iom_tree_opts *opts)
{
	struct iom_tree_info info, before;
	int ret;

	memset(&info, UNTOUCHED, sizeof(info));
	info.size = sizeof(info);
	before = info;
	fuzz_forget();
	ret = iom_tree_read_on(sys, address, opts, &info);
	if (ret < 0) {
		fuzz_explained(ret);
		fuzz_holds(!memcmp(&info, &before, sizeof(info)));
		return false;
	}
	fuzz_holds(!ret);
	is_info(&info);
	is_explained(sys, address, opts);
	return true;
}

#endif
