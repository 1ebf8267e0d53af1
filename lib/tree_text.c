// SPDX-License-Identifier: BSD-3-Clause
/* What the device tree says, for a person. */
#include <inttypes.h>

#include "text.h"
#include "tree.h"

static void add_source(struct iom_text *text, const struct iom_tree_info *info, const char *dtb)
{
	switch (info->source) {
	case IOM_TREE_NONE:
		iom_text_add(text, "device tree: none that has this device; sysfs says:\n");
		return;
	case IOM_TREE_LIVE:
		iom_text_add(text, "device tree: the kernel's, as it is now\n");
		break;
	case IOM_TREE_BOOT:
		iom_text_add(text, "device tree: the one of boot, %s\n", dtb);
		break;
	default:
		iom_text_add(text, "device tree: %s\n", dtb);
	}
	iom_text_add(text, "node: %s%s\n", info->node,
		     info->flags & IOM_TREE_OWN ? ""
						: ", of a bridge: the device has none of its own");
	if (info->bridge[0])
		iom_text_add(text, "host bridge: %s\n", info->bridge);
}

static void add_window(struct iom_text *text, const struct iom_tree_window *window)
{
	iom_text_add(text, "0x%" PRIx64 " to 0x%" PRIx64 ", pages of ", window->start,
		     window->start + (window->length - 1));
	iom_text_add_page_sizes(text, window->page);
}

static void add_windows(struct iom_text *text, const struct iom_tree_info *info)
{
	if (info->flags & IOM_TREE_WINDOW) {
		iom_text_add(text, "default window: ");
		add_window(text, &info->window);
		iom_text_add(text, info->flags & IOM_TREE_WINDOW_SAVED
					   ? "; taken away for VFIO, until something is mapped\n"
					   : "\n");
	}
	if (info->flags & IOM_TREE_MADE) {
		iom_text_add(text, "dynamic window: ");
		add_window(text, &info->made);
		iom_text_add(text, info->flags & IOM_TREE_MADE_DIRECT
					   ? ", which maps all memory for the kernel's drivers\n"
					   : "\n");
	}
	if (info->flags & IOM_TREE_DDW)
		iom_text_add(text,
			     "dynamic windows: the bridge makes them (calls 0x%" PRIx64
			     ", 0x%" PRIx64 ", 0x%" PRIx64 ")%s\n",
			     info->ddw_calls[0], info->ddw_calls[1], info->ddw_calls[2],
			     info->ddw_reset ? " and brings the default one back"
					     : ", but cannot bring the default one back");
	else if (info->flags & IOM_TREE_WINDOW)
		iom_text_add(text, "dynamic windows: the bridge makes none\n");
	if (info->page_sizes) {
		iom_text_add(text, "windows may have pages of ");
		iom_text_add_page_sizes(text, info->page_sizes);
		iom_text_add(text, "\n");
	}
}

static void add_ranges(struct iom_text *text, const struct iom_tree_info *info)
{
	uint64_t i;

	for (i = 0; i < info->n_ranges && i < IOM_TREE_RANGES; i++) {
		const struct iom_tree_range *range = &info->ranges[i];

		iom_text_add(text, "the bridge decodes: 0x%" PRIx64 " to 0x%" PRIx64 " (%s%s)\n",
			     range->start, range->start + (range->length - 1),
			     range->flags & IOM_TREE_RANGE_64 ? "64 bits" : "32 bits",
			     range->flags & IOM_TREE_RANGE_PREFETCH ? ", prefetchable" : "");
	}
	if (info->n_ranges > IOM_TREE_RANGES)
		iom_text_add(text, "and %" PRIu64 " ranges more\n",
			     info->n_ranges - IOM_TREE_RANGES);
}

static void add_iommu(struct iom_text *text, const struct iom_tree_info *info)
{
	const char *kind = info->iommu_kind[0] ? info->iommu_kind : "of an unknown kind";

	if (info->flags & IOM_TREE_IOMMU)
		iom_text_add(text, "IOMMU: %s, %s, which knows the device by 0x%" PRIx64 "\n",
			     info->iommu, kind, info->iommu_id);
	if (info->flags & IOM_TREE_NO_IOMMU)
		iom_text_add(text, "IOMMU: the bridge's iommu-map leaves the device out\n");
	if (info->iommu_name[0])
		iom_text_add(text, "IOMMU in sysfs: %s, %s\n", info->iommu_name, kind);
	else if (info->source == IOM_TREE_NONE)
		iom_text_add(text, "IOMMU: none covers it\n");
}

int iom_tree_explain_on(const struct iom_sys *sys, const char *address,
			const struct iom_tree_opts *opts, char *buf, size_t n)
{
	struct iom_tree_info info = { .size = sizeof(info) };
	struct iom_text text = { .buf = buf, .n = n };
	int ret;

	ret = iom_tree_read_on(sys, address, opts, &info);
	if (ret < 0)
		return ret;
	if (n)
		buf[0] = '\0';
	/* the options were read: there is no file unless they have one */
	add_source(&text, &info, info.source > IOM_TREE_LIVE ? opts->dtb : "");
	add_windows(&text, &info);
	add_ranges(&text, &info);
	add_iommu(&text, &info);
	return (int)text.length;
}
