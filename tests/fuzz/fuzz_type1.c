// SPDX-License-Identifier: BSD-3-Clause
/*
 * What VFIO_IOMMU_GET_INFO answers: backends/type1/info.c, and a domain that is made of it.  The
 * input is what the caller wants (kernel.c), then the answer as the kernel writes it, whose argsz
 * is how much the kernel says that it needs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/vfio.h>

#include "backends/type1/info.h"
#include "kernel.h"
#include "lib/error.h"

const char fuzz_target[] = "type1";

/* The ranges of the first capability that has any, as a reader with no care for what it costs. */
static void say_ranges(struct kernel *kernel, const unsigned char *bytes, size_t n)
{
	struct vfio_iommu_type1_info head = { 0 };
	struct vfio_iommu_type1_info_cap_iova_range cap;
	struct vfio_iova_range range;
	uint32_t at, i, steps = 0;

	kernel->n_said = 0;
	memcpy(&head, bytes, n < sizeof(head) ? n : sizeof(head));
	for (at = head.cap_offset; at && at + 8ull <= n && steps < 65536; steps++) {
		memset(&cap, 0, sizeof(cap));
		memcpy(&cap, bytes + at, n - at < sizeof(cap) ? n - at : sizeof(cap));
		if (cap.header.id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			for (i = 0;
			     i < cap.nr_iovas && at + sizeof(cap) + (i + 1ull) * sizeof(range) <= n;
			     i++) {
				memcpy(&range, bytes + at + sizeof(cap) + i * sizeof(range),
				       sizeof(range));
				kernel_say(kernel, range.start, range.end);
			}
		at = cap.header.next;
	}
}

static int get_info(struct kernel *kernel, unsigned long request, void *arg)
{
	unsigned char *bytes = arg;
	uint32_t room;
	size_t n = kernel->input.left;

	if (request != VFIO_IOMMU_GET_INFO)
		return 0;
	memcpy(&room, bytes, sizeof(room));
	memset(bytes + sizeof(room), 0, room - sizeof(room));
	memcpy(bytes, kernel->input.at, n < room ? n : room);
	say_ranges(kernel, bytes, room);
	return 0;
}

static struct kernel kernel;

/* A call for the descriptor that it takes a container for. */
static int get_info_alone(void *ctx, int fd, unsigned long request, void *arg)
{
	(void)fd;
	return get_info(ctx, request, arg);
}

static void read_alone(void)
{
	const struct iom_sys sys = { .ctx = &kernel, .ioctl = get_info_alone };
	struct iom_aperture_set before = { 0 };
	struct iom_type1_info info;
	size_t i;
	int ret;

	fuzz_forget();
	ret = iom_type1_read_info(&sys, 5, &info);
	if (ret < 0) {
		fuzz_explained(ret);
		fuzz_holds(ret == -EIO || ret == -EOPNOTSUPP);
		return;
	}
	fuzz_holds(info.apertures.n);
	fuzz_holds(info.apertures.n == kernel.n_said || kernel.n_said > KERNEL_SAID);
	fuzz_holds(iom_aperture_copy(&info.apertures, &before) == 0);
	fuzz_forget();
	ret = iom_aperture_normalize(&info.apertures);
	if (ret < 0)
		fuzz_explained(ret);
	else
		fuzz_holds(info.apertures.n <= before.n);
	for (i = 1; !ret && i < info.apertures.n; i++)
		fuzz_holds(info.apertures.v[i - 1].last < info.apertures.v[i].start);
	iom_aperture_free(&before);
	iom_aperture_free(&info.apertures);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct fuzz_bytes all = { data, n };

	kernel = (struct kernel){
		.backend = "type1",
		.replaced = VFIO_IOMMU_GET_INFO,
		.answer = get_info,
		.input = all,
	};
	(void)fuzz_take(&kernel.input, 8);
	read_alone();
	kernel.input = all;
	kernel_run(&kernel);
	return 0;
}
