// SPDX-License-Identifier: BSD-3-Clause
/*
 * What IOMMU_IOAS_IOVA_RANGES answers: backends/iommufd/iommufd.c, and a domain that is made of it.
 * The input is what the caller wants (kernel.c), then how many ranges the kernel says that there
 * are, what it answers when there is room, the alignment, and the ranges.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "backends/uapi/iommufd.h"
#include "kernel.h"

const char fuzz_target[] = "iommufd";

static int get_ranges(struct kernel *kernel, unsigned long request, void *arg)
{
	struct iom_iommu_ioas_iova_ranges *ranges = arg;
	struct fuzz_bytes input = kernel->input;
	struct iom_iommu_iova_range range;
	uint32_t room, i;
	int answer;

	if (request != IOM_IOMMU_IOAS_IOVA_RANGES)
		return 0;
	room = ranges->num_iovas;
	ranges->num_iovas = (uint32_t)fuzz_take(&input, 4);
	answer = (int8_t)fuzz_take(&input, 1);
	(void)fuzz_take(&input, 3);
	ranges->out_iova_alignment = fuzz_take(&input, 8);
	kernel->n_said = 0;
	for (i = 0; i < room && i < ranges->num_iovas; i++) {
		range.start = fuzz_take(&input, 8);
		range.last = fuzz_take(&input, 8);
		memcpy((char *)(uintptr_t)ranges->allowed_iovas + i * sizeof(range), &range,
		       sizeof(range));
		kernel_say(kernel, range.start, range.last);
	}
	/* as Linux: more than there is room for are counted, not told */
	return ranges->num_iovas > room && !answer ? -EMSGSIZE : answer;
}

static struct kernel kernel;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	kernel = (struct kernel){
		.machine = { .iommufd = true },
		.backend = "iommufd",
		.replaced = IOM_IOMMU_IOAS_IOVA_RANGES,
		.answer = get_ranges,
		.input = { data, n },
	};
	kernel_run(&kernel);
	return 0;
}
