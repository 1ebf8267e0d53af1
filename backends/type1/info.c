// SPDX-License-Identifier: BSD-3-Clause
#include "info.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/vfio.h>

#include "lib/error.h"

/* The answer is a page at the very most; more is nonsense, and not to be allocated. */
#define ANSWER_MAX (UINT32_C(1) << 20)

/*
 * The smallest struct that has the capability offset.  Kernels of the same interface version end
 * the struct at 20 or at 24 bytes.
 */
#define CAPS_MIN (offsetof(struct vfio_iommu_type1_info, cap_offset) + sizeof(uint32_t))

static int parse_ranges(const unsigned char *cap, size_t n, uint64_t page_sizes,
			struct iom_aperture_set *set)
{
	struct vfio_iommu_type1_info_cap_iova_range head;
	struct vfio_iova_range range;
	size_t i;
	int ret;

	if (set->n)
		return iom_error(-EIO, "the kernel's answer has two lists of IOVA ranges");
	if (n < sizeof(head))
		return iom_error(-EIO, "the kernel's list of IOVA ranges is cut off");
	memcpy(&head, cap, sizeof(head));
	if (head.nr_iovas > (n - sizeof(head)) / sizeof(range))
		return iom_error(-EIO, "the kernel's list of %u IOVA ranges is cut off",
				 head.nr_iovas);
	for (i = 0; i < head.nr_iovas; i++) {
		memcpy(&range, cap + sizeof(head) + i * sizeof(range), sizeof(range));
		ret = iom_aperture_add(set, range.start, range.end, page_sizes, 0);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int parse_cap(const unsigned char *cap, size_t n, uint16_t id, uint64_t page_sizes,
		     struct iom_type1_info *info)
{
	struct vfio_iommu_type1_info_dma_avail avail;

	switch (id) {
	case VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE:
		return parse_ranges(cap, n, page_sizes, &info->apertures);
	case VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL:
		if (n < sizeof(avail))
			return iom_error(-EIO, "the kernel's count of free mappings is cut off");
		memcpy(&avail, cap, sizeof(avail));
		info->has_avail = true;
		info->avail = avail.avail;
		return 0;
	default:
		return 0;
	}
}

/* Whether the chain, linked by offsets from the beginning of the answer, stays inside it and ends. */
static int check_chain(const unsigned char *answer, size_t n, uint32_t offset)
{
	struct vfio_info_cap_header head;
	size_t left = n / sizeof(head); /* more than that do not fit: the chain is a ring */

	for (; offset; offset = head.next) {
		if (offset < CAPS_MIN || offset > n || n - offset < sizeof(head))
			return iom_error(-EIO,
					 "a capability of the kernel's answer points outside it");
		if (!left--)
			return iom_error(-EIO, "the kernel's chain of capabilities has no end");
		memcpy(&head, answer + offset, sizeof(head));
	}
	return 0;
}

static int parse_chain(const unsigned char *answer, size_t n, uint32_t offset, uint64_t page_sizes,
		       struct iom_type1_info *info)
{
	struct vfio_info_cap_header head;
	int ret;

	ret = check_chain(answer, n, offset);
	for (; offset && !ret; offset = head.next) {
		memcpy(&head, answer + offset, sizeof(head));
		ret = parse_cap(answer + offset, n - offset, head.id, page_sizes, info);
	}
	return ret;
}

int iom_type1_parse_info(const void *answer, size_t n, struct iom_type1_info *info)
{
	struct vfio_iommu_type1_info head = { 0 };
	int ret;

	*info = (struct iom_type1_info){ 0 };
	memcpy(&head, answer, n < sizeof(head) ? n : sizeof(head));
	if (!(head.flags & VFIO_IOMMU_INFO_PGSIZES) || !head.iova_pgsizes)
		return iom_error(-EIO, "the kernel does not tell the IOMMU's page sizes");
	if (n >= CAPS_MIN && (head.flags & VFIO_IOMMU_INFO_CAPS)) {
		ret = parse_chain(answer, n, head.cap_offset, head.iova_pgsizes, info);
		if (ret < 0)
			goto fail;
	}
	if (!info->apertures.n) {
		ret = iom_error(-EOPNOTSUPP, "the kernel does not tell which IOVAs can be mapped; "
					     "libiommu needs Linux 5.4 or later");
		goto fail;
	}
	return 0;

fail:
	iom_aperture_free(&info->apertures);
	return ret;
}

int iom_type1_read_info(const struct iom_sys *sys, int container, struct iom_type1_info *info)
{
	struct vfio_iommu_type1_info *answer = NULL, *larger;
	uint32_t size = sizeof(*answer), tries;
	int ret;

	/* the first pass tells the size; a device that comes between two passes may make it grow */
	for (tries = 0; tries < 8; tries++) {
		larger = realloc(answer, size);
		if (!larger) {
			ret = iom_error(-ENOMEM, "no memory for the kernel's answer");
			goto out;
		}
		answer = larger;
		memset(answer, 0, size);
		answer->argsz = size;
		ret = iom_sys_ioctl(sys, container, VFIO_IOMMU_GET_INFO, answer);
		if (ret < 0) {
			ret = iom_error(ret == -ENOMEM ? ret : -EIO,
					"the kernel does not describe the IOMMU: %s",
					strerror(-ret));
			goto out;
		}
		if (answer->argsz <= size) {
			ret = iom_type1_parse_info(answer, size, info);
			goto out;
		}
		if (answer->argsz > ANSWER_MAX)
			break;
		size = answer->argsz;
	}
	ret = iom_error(-EIO,
			"the kernel's description of the IOMMU asks for more room every time");
out:
	free(answer);
	return ret;
}
