// SPDX-License-Identifier: BSD-3-Clause
#include "kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/backend.h"
#include "lib/domain.h"
#include "libiommu.h"

#define NVME "0000:01:00.0"
#define BUFFER (UINT64_C(2) << 20)
#define MOST_APERTURES 256

static unsigned char buffer[BUFFER] __attribute__((aligned(1 << 21)));

/* The rest of the table is the simulation's own, with its context. */
static const struct iom_sys *inner;
static struct kernel *current;

static int answer(void *ctx, int fd, unsigned long request, void *arg)
{
	int ret = 0;

	if (request != current->replaced)
		ret = inner->ioctl(ctx, fd, request, arg);
	return ret ? ret : current->answer(current, request, arg);
}

void kernel_say(struct kernel *kernel, uint64_t start, uint64_t last)
{
	if (kernel->n_said < KERNEL_SAID)
		kernel->said[kernel->n_said] = (struct kernel_range){ start, last };
	kernel->n_said++;
}

/* ---- What holds ------------------------------------------------------------------------------ */

/* Each byte of it was said to be mappable, by one range or by neighbours. */
static bool was_said(const struct kernel *kernel, uint64_t start, uint64_t last)
{
	size_t i = 0;

	if (kernel->n_said > KERNEL_SAID)
		return true;
	while (i < kernel->n_said) {
		const struct kernel_range *said = &kernel->said[i++];

		if (said->start > start || said->last < start)
			continue;
		if (said->last >= last)
			return true;
		start = said->last + 1;
		i = 0;
	}
	return false;
}

static int read_apertures(const struct iom_domain *dom, struct iom_aperture *apertures)
{
	int n = iom_apertures(dom, apertures, MOST_APERTURES);

	fuzz_holds(n >= 0);
	return n < MOST_APERTURES ? n : MOST_APERTURES;
}

static void look_at_apertures(const struct kernel *kernel, const struct iom_domain *dom)
{
	struct iom_aperture apertures[MOST_APERTURES];
	int i, n = read_apertures(dom, apertures);

	for (i = 0; i < n; i++) {
		const struct iom_aperture *a = &apertures[i];
		uint64_t page = a->page_sizes & -a->page_sizes;

		fuzz_holds(page >= 4096);
		fuzz_holds(a->start <= a->last);
		fuzz_holds(!(a->start & (page - 1)) && !((a->last + 1) & (page - 1)));
		fuzz_holds(!i || apertures[i - 1].last < a->start);
		fuzz_holds(was_said(kernel, a->start, a->last));
	}
}

static void is_mapped(const struct iom_domain *dom, const struct iom_region *region,
		      uint64_t length)
{
	struct iom_aperture apertures[MOST_APERTURES];
	int i, n = read_apertures(dom, apertures);
	uint64_t iova, run;

	fuzz_holds(region->length == length);
	fuzz_holds(region->iova + (length - 1) >= region->iova);
	for (i = 0; i < n; i++)
		if (apertures[i].start <= region->iova &&
		    region->iova + (length - 1) <= apertures[i].last)
			break;
	fuzz_holds(i < n || n == MOST_APERTURES);
	fuzz_holds(iom_translate(dom, region->va, length, &iova, &run) == 0);
	fuzz_holds(iova == region->iova);
}

/* ---- A domain's life ------------------------------------------------------------------------- */

struct wants {
	uint8_t page_shift, bytes_shift, dma_bits, request_shift, request_page, map_shift;
	uint8_t fixed, flags;
};

static void try_request(struct iom_domain *dom, const struct wants *wants)
{
	uint64_t id = 0x5a, shift = wants->request_shift & 63;
	const struct iom_aperture_opts opts = {
		.size = sizeof(opts),
		.start = wants->fixed & 1 ? UINT64_C(1) << (wants->fixed >> 2 & 63) : 0,
		.length = UINT64_C(1) << shift,
		.page = wants->request_page & 64 ? 0 : UINT64_C(1) << (wants->request_page & 63),
		.flags = (wants->fixed & 1 ? IOM_APERTURE_FIXED : 0) |
			 (wants->fixed & 2 ? IOM_APERTURE_AUTO : 0),
	};
	struct iom_aperture granted;
	int ret;

	fuzz_forget();
	ret = iom_aperture_request(dom, &opts, &id);
	if (ret < 0) {
		fuzz_explained(ret);
		fuzz_holds(id == 0x5a);
		return;
	}
	fuzz_holds(iom_aperture_granted(dom, id, &granted) == 0);
	fuzz_holds(granted.last - granted.start == opts.length - 1);
	fuzz_holds(!(wants->fixed & 1) || granted.start == opts.start);
}

static void try_map(struct iom_domain *dom, const struct wants *wants)
{
	uint64_t length = UINT64_C(4096) << wants->map_shift % 10;
	struct iom_map_opts opts = { .size = sizeof(opts) };
	struct iom_region region, before;
	unsigned int flags = IOM_MAP_READ | IOM_MAP_WRITE;
	int ret;

	if (wants->map_shift & 128) {
		opts.iova = UINT64_C(1) << (wants->fixed & 63);
		flags |= IOM_MAP_FIXED;
	}
	memset(&region, 0x5a, sizeof(region));
	before = region;
	fuzz_forget();
	ret = iom_map(dom, buffer, length, flags, &opts, &region);
	if (ret < 0) {
		fuzz_explained(ret);
		fuzz_holds(!memcmp(&region, &before, sizeof(region)));
		return;
	}
	is_mapped(dom, &region, length);
	fuzz_forget();
	ret = iom_unmap(dom, &region);
	if (ret < 0)
		fuzz_explained(ret);
}

static void live(struct kernel *kernel, struct iom_domain *dom, const struct wants *wants)
{
	const struct iom_attach_opts opts = {
		.size = sizeof(opts),
		.dma_bits = wants->dma_bits & 128 ? 64 : 12 + wants->dma_bits % 53,
	};
	struct iom_device *untouched = (struct iom_device *)kernel, *dev = untouched;
	int ret;

	fuzz_forget();
	ret = iom_attach(dom, NVME, &opts, &dev);
	if (ret < 0) {
		fuzz_explained(ret);
		fuzz_holds(dev == untouched);
		return;
	}
	look_at_apertures(kernel, dom);
	if (wants->flags & 1)
		try_request(dom, wants);
	look_at_apertures(kernel, dom);
	try_map(dom, wants);
	if (wants->flags & 2)
		try_request(dom, wants);
	look_at_apertures(kernel, dom);
	try_map(dom, wants);
	/* another attach asks anew */
	if (wants->flags & 4) {
		iom_detach(dev);
		fuzz_forget();
		ret = iom_attach(dom, NVME, &opts, &dev);
		if (ret < 0)
			fuzz_explained(ret);
		else
			look_at_apertures(kernel, dom);
	}
}

void kernel_run(struct kernel *kernel)
{
	struct wants wants;
	struct iom_open_opts opts = { .size = sizeof(opts), .backend = kernel->backend };
	struct iom_domain *dom;
	struct iom_sys sys;
	struct iom_sim *sim;
	uint64_t word = fuzz_take(&kernel->input, 8);

	memcpy(&wants, &word, sizeof(wants));
	opts.expect_page = wants.page_shift & 64 ? 0 : UINT64_C(4096) << wants.page_shift % 20;
	opts.expect_bytes = wants.bytes_shift & 64 ? 0 : UINT64_C(1) << (wants.bytes_shift & 63);
	kernel->machine.size = sizeof(kernel->machine);
	fuzz_holds(iom_sim_create(&kernel->machine, &sim) == 0);
	inner = iom_sim_sys(sim);
	current = kernel;
	sys = *inner;
	sys.ioctl = answer;
	fuzz_holds(iom_open_with(&dom, &opts, &sys, iom_backends) == 0);
	live(kernel, dom, &wants);
	iom_close(dom);
	fuzz_holds(iom_sim_open_fds(sim) == 0);
	iom_sim_destroy(sim);
}
