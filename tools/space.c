// SPDX-License-Identifier: BSD-3-Clause
#include "space.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "files.h"
#include "terminal.h"

/* The kernel's names of reserved ranges (iommu_group_resv_type_string, drivers/iommu/iommu.c). */
static const struct {
	const char *type, *why;
} reasons[] = {
	{ "msi", "for interrupts (MSI)" },
	{ "direct", "the firmware uses it, mapped one to one" },
	{ "direct-relaxable", "the firmware used it, mapped one to one" },
	{ "reserved", "the IOMMU does not translate it, or a bridge keeps it" },
};

static bool overlaps(const struct space_part *part, uint64_t start, uint64_t last)
{
	return part->start <= last && start <= part->last;
}

typedef void region_fn(void *arg, uint64_t start, uint64_t last, const char *type);

/* A line each: first address, last address, type. */
static void each_reserved(int group, region_fn *fn, void *arg)
{
	FILE *file = files_open("/sys/kernel/iommu_groups/%d/reserved_regions", group);
	char line[128], type[32];
	uint64_t start, last;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %31s", &start, &last, type) == 3) {
			terminal_clean(type);
			fn(arg, start, last, type);
		}
	if (file)
		fclose(file);
}

static const char *reason_of(const char *type)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (!strcmp(reasons[i].type, type))
			return reasons[i].why;
	return type;
}

static void explain_by_region(void *arg, uint64_t start, uint64_t last, const char *type)
{
	struct space_part *hole = arg;

	if (overlaps(hole, start, last) && !*hole->why)
		snprintf(hole->why, sizeof(hole->why), "%s", reason_of(type));
}

/* DMA windows, on POWER: what no window has could perhaps be had by another one. */
static bool has_windows(const struct iom_tree_info *tree)
{
	return tree && (tree->flags & IOM_TREE_WINDOW || tree->page_sizes);
}

static const char *why_above(const struct iom_tree_info *tree, uint64_t start, char *text, size_t n)
{
	if (has_windows(tree))
		return tree->flags & IOM_TREE_DDW || tree->page_sizes
			       ? "no window is there, but one more can be made"
			       : "no window is there";
	if (!start || start & (start - 1))
		return "";
	snprintf(text, n, "beyond the IOMMU's %d address bits", 63 - __builtin_clzll(start));
	return text;
}

/* What ends above all apertures is out of reach rather than reserved. */
static void explain(struct space_part *hole, int group, const struct iom_tree_info *tree)
{
	char text[SPACE_WHY];

	if (hole->last == UINT64_MAX || has_windows(tree))
		snprintf(hole->why, sizeof(hole->why), "%s",
			 why_above(tree, hole->start, text, sizeof(text)));
	if (!*hole->why && group >= 0)
		each_reserved(group, explain_by_region, hole);
	if (!*hole->why)
		snprintf(hole->why, sizeof(hole->why), "the IOMMU does not translate it");
}

static struct space_part *add(struct space *space, uint64_t start, uint64_t last, bool hole)
{
	struct space_part *part = &space->parts[space->n];

	if (space->n == SPACE_PARTS)
		return NULL;
	*part = (struct space_part){ .start = start, .last = last, .hole = hole };
	space->n++;
	return part;
}

/* The first range of the bridge's own that has something of these addresses. */
static const struct iom_tree_range *first_range(const struct iom_tree_info *tree, uint64_t start,
						uint64_t last)
{
	const struct iom_tree_range *first = NULL;

	for (uint64_t i = 0; tree && i < tree->n_ranges && i < IOM_TREE_RANGES; i++) {
		const struct iom_tree_range *range = &tree->ranges[i];

		if (range->start <= last && range->start + (range->length - 1) >= start &&
		    (!first || range->start < first->start))
			first = range;
	}
	return first;
}

static void add_plain_hole(struct space *space, uint64_t start, uint64_t last, int group,
			   const struct iom_tree_info *tree)
{
	struct space_part *hole = add(space, start, last, true);

	if (hole)
		explain(hole, group, tree);
}

/* What the bridge decodes is a hole of its own. */
static void add_hole(struct space *space, uint64_t start, uint64_t last, int group,
		     const struct iom_tree_info *tree)
{
	const struct iom_tree_range *range;
	struct space_part *hole;
	uint64_t end;

	while ((range = first_range(tree, start, last))) {
		end = range->start + (range->length - 1);
		if (range->start > start)
			add_plain_hole(space, start, range->start - 1, group, tree);
		start = range->start > start ? range->start : start;
		hole = add(space, start, end < last ? end : last, true);
		if (hole)
			snprintf(hole->why, sizeof(hole->why), "the bridge decodes it itself");
		if (end >= last)
			return;
		start = end + 1;
	}
	add_plain_hole(space, start, last, group, tree);
}

void space_of_apertures(struct space *space, const struct iom_aperture *apertures, size_t n,
			int group, const struct iom_tree_info *tree)
{
	uint64_t next = 0;

	space->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct space_part *part;

		if (apertures[i].start > next)
			add_hole(space, next, apertures[i].start - 1, group, tree);
		part = add(space, apertures[i].start, apertures[i].last, false);
		if (part) {
			part->page_sizes = apertures[i].page_sizes;
			part->flags = apertures[i].flags;
		}
		if (apertures[i].last == UINT64_MAX)
			return;
		next = apertures[i].last + 1;
	}
	add_hole(space, next, UINT64_MAX, group, tree);
}

struct gaps {
	struct iom_aperture list[SPACE_PARTS];
	size_t n;
	uint64_t next, last; /* what is left, ascending */
	bool over;
};

/* sysfs has them ascending. */
static void cut(void *arg, uint64_t start, uint64_t last, const char *type)
{
	struct gaps *gaps = arg;

	/* these do not keep user space from the range (vfio_iommu_type1's and iommufd's rule) */
	if (!strcmp(type, "direct-relaxable") || gaps->over || last < gaps->next ||
	    start > gaps->last)
		return;
	if (start > gaps->next && gaps->n < SPACE_PARTS)
		gaps->list[gaps->n++] =
			(struct iom_aperture){ .start = gaps->next, .last = start - 1 };
	gaps->over = last >= gaps->last;
	gaps->next = last + 1;
}

void space_of_sysfs(struct space *space, int group, unsigned int width,
		    const struct iom_tree_info *tree)
{
	struct gaps gaps = { .last = width < 64 ? (UINT64_C(1) << width) - 1 : UINT64_MAX };

	each_reserved(group, cut, &gaps);
	if (!gaps.over && gaps.n < SPACE_PARTS)
		gaps.list[gaps.n++] =
			(struct iom_aperture){ .start = gaps.next, .last = gaps.last };
	space_of_apertures(space, gaps.list, gaps.n, group, tree);
}

unsigned int space_width(const struct space *space)
{
	uint64_t last = 0;

	for (size_t i = 0; i < space->n; i++)
		if (!space->parts[i].hole)
			last = space->parts[i].last;
	return last ? 64 - (unsigned int)__builtin_clzll(last) : 0;
}
