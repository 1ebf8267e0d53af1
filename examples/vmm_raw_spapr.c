// SPDX-License-Identifier: BSD-3-Clause
/*
 * POWER by its own calls: the windows that libiommu's apertures are parts of are made once more,
 * and memory is registered before it is mapped.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "sentence.h"
#include "vmm_raw.h"

#define FOUR_KIB_SHIFT 12

struct window {
	uint64_t start;
	uint64_t end; /* one past the last byte that is used; 0: there is none */
	uint32_t page_shift;
};

/*
 * What there is from first on, before last.  A window that was made for requests may be more than
 * these: a requested aperture says the page size that was asked for, what is beside it its own.
 */
static struct window find_window(const struct vmm_raw_plan *plan, uint64_t first, uint64_t last)
{
	struct window window = { .start = first, .page_shift = 63 };

	for (int i = 0; i < plan->aperture_count; i++) {
		const struct iom_aperture *aperture = &plan->apertures[i];
		uint32_t shift = (uint32_t)__builtin_ctzll(aperture->page_sizes);

		if (aperture->start < first || aperture->last > last)
			continue;
		if (!window.end)
			window.start = aperture->start;
		window.end = aperture->last + 1;
		if (shift < window.page_shift)
			window.page_shift = shift;
	}
	return window;
}

/* A power of two. */
static uint64_t size_of(const struct window *window)
{
	uint64_t size = UINT64_C(1) << window->page_shift;

	while (size < window->end - window->start)
		size <<= 1;
	return size;
}

static int create(const struct vmm_raw *raw, const struct window *window, uint32_t levels)
{
	struct vfio_iommu_spapr_tce_create create = {
		.argsz = sizeof(create),
		.page_shift = window->page_shift,
		.window_size = size_of(window),
		.levels = levels,
	};

	/* A table of one level must be contiguous in the kernel's memory. */
	if (levels > 1)
		create.levels = create.window_size >> window->page_shift > 1 << 20 ? 2 : 1;
	if (ioctl(raw->container, VFIO_IOMMU_SPAPR_TCE_CREATE, &create))
		return fail(-EIO, "VFIO_IOMMU_SPAPR_TCE_CREATE: %s", strerror(errno));
	if (create.start_addr != window->start)
		return fail(-EIO,
			    "raw: the DMA window is at 0x%" PRIx64 ", but libiommu's was at "
			    "0x%" PRIx64,
			    (uint64_t)create.start_addr, window->start);
	return 0;
}

/* The window at 0, if it is not the default one any more. */
static int replace_default(const struct vmm_raw *raw, const struct window *window,
			   uint64_t default_size, uint32_t levels)
{
	struct vfio_iommu_spapr_tce_remove remove = { .argsz = sizeof(remove) };

	if (window->page_shift == FOUR_KIB_SHIFT && window->end <= default_size)
		return 0;
	if (ioctl(raw->container, VFIO_IOMMU_SPAPR_TCE_REMOVE, &remove))
		return fail(-EIO, "VFIO_IOMMU_SPAPR_TCE_REMOVE: %s", strerror(errno));
	return create(raw, window, levels);
}

int vmm_raw_spapr_windows(const struct vmm_raw *raw)
{
	struct vfio_iommu_spapr_tce_info info = { .argsz = sizeof(info) };
	uint64_t second_from = UINT64_C(1) << 59;
	struct window first, second;
	int ret;

	if (ioctl(raw->container, VFIO_IOMMU_SPAPR_TCE_GET_INFO, &info))
		return fail(-EIO, "VFIO_IOMMU_SPAPR_TCE_GET_INFO: %s", strerror(errno));
	/*
	 * On pSeries the default window stays, and the other one is wherever the hypervisor says.
	 */
	if (!strcmp(raw->plan->backend, "pseries"))
		second_from = (uint64_t)info.dma32_window_start + info.dma32_window_size;

	first = find_window(raw->plan, 0, second_from - 1);
	second = find_window(raw->plan, second_from, UINT64_MAX);
	if (first.end && strcmp(raw->plan->backend, "pseries") != 0) {
		first.start = 0;
		ret = replace_default(raw, &first, info.dma32_window_size, info.ddw.levels);
		if (ret < 0)
			return ret;
	}
	return second.end ? create(raw, &second, info.ddw.levels) : 0;
}

int vmm_raw_spapr_register(const struct vmm_raw *raw, void *va, uint64_t length, bool begin)
{
	struct vfio_iommu_spapr_register_memory memory = {
		.argsz = sizeof(memory),
		.vaddr = (uintptr_t)va,
		.size = length,
	};

	return ioctl(raw->container,
		     begin ? VFIO_IOMMU_SPAPR_REGISTER_MEMORY : VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY,
		     &memory)
		       ? -EIO
		       : 0;
}
