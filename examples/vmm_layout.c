// SPDX-License-Identifier: BSD-3-Clause
#include "vmm_layout.h"

#include <stdbool.h>

/* What there is of [start, last] in an aperture, in whole units; false: nothing. */
static bool cut(const struct iom_aperture *aperture, uint64_t start, uint64_t last, uint64_t unit,
		struct vmm_range *range)
{
	uint64_t from = aperture->start > start ? aperture->start : start;
	uint64_t to = aperture->last < last ? aperture->last : last;
	uint64_t head = -from & (unit - 1);

	if (from > to || to - from < head)
		return false;
	from += head;
	/* The length of all of it may not fit; that of it without its last byte does. */
	if (to - from < unit - 1)
		return false;
	range->start = from;
	range->length = (to - from - (unit - 1)) / unit * unit + unit;
	return true;
}

/* Apertures that touch are one to the RAM. */
static bool joins(const struct vmm_range *before, const struct vmm_range *range)
{
	return before->start + before->length == range->start;
}

int vmm_layout_place(const struct iom_aperture *apertures, int n, uint64_t start, uint64_t last,
		     uint64_t length, uint64_t unit, struct vmm_range *parts, int max)
{
	struct vmm_range range;
	int count = 0;

	for (int i = 0; i < n && length; i++) {
		if (!cut(&apertures[i], start, last, unit, &range))
			continue;
		if (range.length > length)
			range.length = length;
		if (count && joins(&parts[count - 1], &range))
			parts[count - 1].length += range.length;
		else if (count < max)
			parts[count++] = range;
		else
			break;
		length -= range.length;
	}
	return count;
}
