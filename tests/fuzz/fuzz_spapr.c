// SPDX-License-Identifier: BSD-3-Clause
/*
 * What VFIO_IOMMU_SPAPR_TCE_GET_INFO answers, and where a window is that was made: backends/spapr,
 * powernv and pseries.  The input is what the caller wants (kernel.c); the answer, without its
 * argsz; for each window that is made, whether it is elsewhere than where the simulation put it,
 * and then where; its last byte, whether the machine is PowerNV.
 */
#include <errno.h>

#include <linux/vfio.h>

#include "kernel.h"

const char fuzz_target[] = "spapr";

static uint64_t last_of(uint64_t start, uint64_t size)
{
	return size && size - 1 <= UINT64_MAX - start ? start + (size - 1) : start;
}

static int get_info(struct kernel *kernel, struct vfio_iommu_spapr_tce_info *info)
{
	struct fuzz_bytes *input = &kernel->input;

	info->flags = (uint32_t)fuzz_take(input, 4);
	info->dma32_window_start = (uint32_t)fuzz_take(input, 4);
	info->dma32_window_size = (uint32_t)fuzz_take(input, 4);
	info->ddw.pgsizes = fuzz_take(input, 8);
	info->ddw.max_dynamic_windows_supported = (uint32_t)fuzz_take(input, 4);
	info->ddw.levels = (uint32_t)fuzz_take(input, 4);
	if (info->dma32_window_size)
		kernel_say(kernel, info->dma32_window_start,
			   last_of(info->dma32_window_start, info->dma32_window_size));
	return 0;
}

static int create(struct kernel *kernel, struct vfio_iommu_spapr_tce_create *window)
{
	if (fuzz_take(&kernel->input, 1))
		window->start_addr = fuzz_take(&kernel->input, 8);
	kernel_say(kernel, window->start_addr, last_of(window->start_addr, window->window_size));
	return 0;
}

static int answer(struct kernel *kernel, unsigned long request, void *arg)
{
	switch (request) {
	case VFIO_IOMMU_SPAPR_TCE_GET_INFO:
		return get_info(kernel, arg);
	case VFIO_IOMMU_SPAPR_TCE_CREATE:
		return create(kernel, arg);
	default:
		return 0;
	}
}

static struct kernel kernel;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const platforms[] = { "pseries", "powernv" };
	const char *platform = platforms[n > 8 && data[n - 1] & 1];

	kernel = (struct kernel){
		.machine = { .platform = platform, .page_size = 4096 },
		.backend = platform,
		.answer = answer,
		.input = { data, n },
	};
	kernel_run(&kernel);
	return 0;
}
