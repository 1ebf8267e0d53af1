/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each exported function, with arguments that are right, on a domain that has one of everything: for
 * what must hold of all of them.  tests/build/symbols.sh compares the table with libiommu.map.
 */
#ifndef IOM_TEST_EVERY_CALL_H
#define IOM_TEST_EVERY_CALL_H

#include <sys/mman.h>

#include "tests/unit/stream_rig.h"

static struct {
	char *mapped, *fresh, *undeclared;
	struct iom_region region, batch[2], buf;
	struct iom_memory *in_use, *spare;
	struct iom_stream *stream;
	struct iom_segment segments[2]; /* one is in flight */
	struct iom_buf_pool *pool;
	struct iom_buf taken;
	uint64_t request;
	int file;
} every;

/* Each in memory of its own: on POWER two in one page would be in each other's way. */
static inline void set_up_every(void)
{
	const struct iom_aperture_opts aperture = { .size = sizeof(aperture), .length = MIB };
	char *pieces = rig_memory(2 * PAGE), *granule = rig_memory_at(2 * GRANULE, GRANULE, 0);
	const struct iom_piece two[] = { { .va = pieces, .length = PAGE },
					 { .va = pieces + PAGE, .length = PAGE } };

	rig_start(NULL);
	every.mapped = rig_memory(2 * PAGE);
	every.fresh = rig_memory(2 * PAGE);
	every.undeclared = rig_memory_at(GRANULE, GRANULE, 0);
	every.file = memfd_create("every", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(every.file, (off_t)PAGE), 0);
	ck_assert_ok(map_any(every.mapped, 2 * PAGE, &every.region));
	ck_assert_ok(iom_mapv(rig.dom, two, 2, IOM_MAP_RW, NULL, every.batch));
	ck_assert_ok(iom_buf_alloc(rig.dom, PAGE, NULL, &every.buf));
	ck_assert_ok(iom_buf_pool_open(rig.dom, PAGE, 4, NULL, &every.pool));
	ck_assert_int_eq(iom_buf_get(every.pool, &every.taken), 0);
	ck_assert_ok(iom_memory_add(rig.dom, granule, GRANULE, IOM_MAP_RW, &every.in_use));
	ck_assert_ok(iom_memory_add(rig.dom, granule + GRANULE, GRANULE, IOM_MAP_RW, &every.spare));
	ck_assert_ok(iom_stream_open(rig.dom, &every.stream));
	ck_assert_int_eq(iom_dma_map(every.stream, granule, 64, IOM_MAP_RW, every.segments, 1), 1);
	ck_assert_ok(iom_aperture_request(rig.dom, &aperture, &every.request));
}

/* ---- The calls ----------------------------------------------------------------------------------- */

static int do_aperture_granted(void)
{
	struct iom_aperture aperture;

	return iom_aperture_granted(rig.dom, every.request, &aperture);
}

static int do_aperture_release(void)
{
	return iom_aperture_release(rig.dom, every.request);
}

static int do_aperture_request(void)
{
	const struct iom_aperture_opts opts = { .size = sizeof(opts), .length = MIB };
	uint64_t id;

	return iom_aperture_request(rig.dom, &opts, &id);
}

static int do_apertures(void)
{
	return iom_apertures(rig.dom, NULL, 0);
}

static int do_attach(void)
{
	struct iom_device *dev;

	return iom_attach(rig.dom, EDU, NULL, &dev);
}

static int do_backend(void)
{
	return strcmp(iom_backend(rig.dom), rig_backend()->name);
}

static int do_buf_alloc(void)
{
	struct iom_region buf;

	return iom_buf_alloc(rig.dom, PAGE, NULL, &buf);
}

static int do_buf_get(void)
{
	struct iom_buf buf;

	return iom_buf_get(every.pool, &buf);
}

static int do_buf_pool_close(void)
{
	iom_buf_pool_close(every.pool);
	return 0;
}

static int do_buf_pool_open(void)
{
	struct iom_buf_pool *pool;

	return iom_buf_pool_open(rig.dom, PAGE, 2, NULL, &pool);
}

static int do_buf_put(void)
{
	return iom_buf_put(every.pool, &every.taken);
}

static int do_buf_read_info(void)
{
	struct iom_buf_info info = { .size = sizeof(info) };

	return iom_buf_read_info(rig.dom, &every.buf, &info);
}

static int do_close(void)
{
	iom_close(rig.dom);
	rig.dom = NULL;
	return 0;
}

static int do_detach(void)
{
	iom_detach(rig.nvme);
	return 0;
}

static int do_device_address(void)
{
	return strcmp(iom_device_address(rig.nvme), NVME);
}

static int do_device_fd(void)
{
	return iom_device_fd(rig.nvme);
}

static int do_device_recover(void)
{
	return iom_device_recover(rig.nvme, IOM_RECOVER_RESET);
}

static int do_device_state(void)
{
	return iom_device_state(rig.nvme);
}

static int do_dma_map(void)
{
	return iom_dma_map(every.stream, every.undeclared, 64, IOM_MAP_RW, every.segments + 1, 1);
}

static int do_dma_release(void)
{
	return iom_dma_release(every.stream, every.segments, 1);
}

static int do_domain_fds(void)
{
	struct iom_fds fds = { .size = sizeof(fds) };

	return iom_domain_fds(rig.dom, NULL, &fds);
}

static int do_errmsg(void)
{
	return !iom_errmsg();
}

static int do_explain(void)
{
	char text[2048];

	return iom_explain(rig.dom, text, sizeof(text));
}

static int do_iova_to_va(void)
{
	uint64_t run;
	void *va;

	return iom_iova_to_va(rig.dom, every.region.iova, PAGE, &va, &run);
}

static int do_map(void)
{
	return map_any(every.fresh, PAGE, NULL);
}

static int do_map_file(void)
{
	return iom_map_file(rig.dom, every.file, 0, PAGE, IOM_MAP_RW, NULL, NULL);
}

static int do_mapv(void)
{
	const struct iom_piece piece = { .va = every.fresh, .length = PAGE };

	return iom_mapv(rig.dom, &piece, 1, IOM_MAP_RW, NULL, NULL);
}

static int do_memory_add(void)
{
	struct iom_memory *mem;

	return iom_memory_add(rig.dom, every.undeclared, GRANULE, IOM_MAP_RW, &mem);
}

static int do_memory_remove(void)
{
	return iom_memory_remove(every.spare);
}

/* On the real system, which opens nothing. */
static int do_open(void)
{
	struct iom_domain *dom;
	int ret = iom_open(&dom, NULL);

	if (!ret)
		iom_close(dom);
	return ret;
}

static int do_page_size(void)
{
	return iom_page_size(rig.dom) != PAGE;
}

static int do_read_counters(void)
{
	struct iom_counters counters = { .size = sizeof(counters) };

	return iom_read_counters(rig.dom, &counters);
}

static int do_stream_close(void)
{
	iom_stream_close(every.stream);
	return 0;
}

static int do_stream_open(void)
{
	struct iom_stream *s;

	return iom_stream_open(rig.dom, &s);
}

static int do_stream_read_counters(void)
{
	struct iom_stream_counters counters = { .size = sizeof(counters) };

	return iom_stream_read_counters(every.stream, &counters);
}

static int do_translate(void)
{
	uint64_t iova, run;

	return iom_translate(rig.dom, every.mapped, PAGE, &iova, &run);
}

static int do_translate_pages(void)
{
	const struct iovec iov = { every.mapped, 2 * PAGE };
	uint64_t pages[2];

	return iom_translate_pages(rig.dom, &iov, 1, PAGE, pages, 2);
}

static int do_translatev(void)
{
	const struct iovec iov = { every.mapped, 2 * PAGE };
	struct iom_sge sge;

	return iom_translatev(rig.dom, &iov, 1, &sge, 1);
}

/* No machine has such a device. */
static int do_tree_explain(void)
{
	return iom_tree_explain("ffffffff:ff:1f.7", NULL, NULL, 0);
}

static int do_tree_read(void)
{
	struct iom_tree_info info = { .size = sizeof(info) };

	return iom_tree_read("ffffffff:ff:1f.7", NULL, &info);
}

static int do_unmap(void)
{
	return iom_unmap(rig.dom, &every.region);
}

static int do_unmap_all(void)
{
	return iom_unmap_all(rig.dom);
}

static int do_unmap_range(void)
{
	return iom_unmap_range(rig.dom, every.region.iova, every.region.length);
}

static int do_unmapv(void)
{
	return iom_unmapv(rig.dom, every.batch, 2);
}

static int do_version(void)
{
	return !*iom_version();
}

static int do_whatis(void)
{
	struct iom_what what = { .size = sizeof(what) };

	return iom_whatis(rig.dom, every.region.iova, &what);
}

/* ---- The table ----------------------------------------------------------------------------------- */

enum kind {
	SET_UP,   /* a failure leaves a sentence */
	HOT,      /* and here it does not */
	CANNOT,   /* fail */
	NO_HANDLE /* is given none, or any process may ask */
};

struct every_call {
	const char *name;
	enum kind kind;
	int (*run)(void);
	int answer; /* if it works; 1: not negative, 2: whatever this machine has */
};

#define CALL(name, kind, answer)                      \
	{                                             \
		"iom_" #name, kind, do_##name, answer \
	}

static const struct every_call every_calls[] = {
	CALL(aperture_granted, SET_UP, 0),
	CALL(aperture_release, SET_UP, 0),
	CALL(aperture_request, SET_UP, 0),
	CALL(apertures, SET_UP, 1),
	CALL(attach, SET_UP, 0),
	CALL(backend, NO_HANDLE, 0),
	CALL(buf_alloc, SET_UP, 0),
	CALL(buf_get, HOT, 0),
	CALL(buf_pool_close, CANNOT, 0),
	CALL(buf_pool_open, SET_UP, 0),
	CALL(buf_put, HOT, 0),
	CALL(buf_read_info, SET_UP, 0),
	CALL(close, CANNOT, 0),
	CALL(detach, CANNOT, 0),
	CALL(device_address, NO_HANDLE, 0),
	CALL(device_fd, SET_UP, 1),
	CALL(device_recover, SET_UP, 2),
	CALL(device_state, SET_UP, 2),
	CALL(dma_map, HOT, 1),
	CALL(dma_release, HOT, 0),
	CALL(domain_fds, SET_UP, 2),
	CALL(errmsg, NO_HANDLE, 0),
	CALL(explain, SET_UP, 1),
	CALL(iova_to_va, HOT, 0),
	CALL(map, SET_UP, 0),
	CALL(map_file, SET_UP, 0),
	CALL(mapv, SET_UP, 0),
	CALL(memory_add, SET_UP, 0),
	CALL(memory_remove, SET_UP, 0),
	CALL(open, NO_HANDLE, 0),
	CALL(page_size, NO_HANDLE, 0),
	CALL(read_counters, SET_UP, 0),
	CALL(stream_close, CANNOT, 0),
	CALL(stream_open, SET_UP, 0),
	CALL(stream_read_counters, SET_UP, 0),
	CALL(translate, HOT, 0),
	CALL(translate_pages, HOT, 1),
	CALL(translatev, HOT, 1),
	CALL(tree_explain, NO_HANDLE, 2),
	CALL(tree_read, NO_HANDLE, 2),
	CALL(unmap, SET_UP, 0),
	CALL(unmap_all, SET_UP, 0),
	CALL(unmap_range, SET_UP, 0),
	CALL(unmapv, SET_UP, 0),
	CALL(version, NO_HANDLE, 0),
	CALL(whatis, SET_UP, 0),
};

#define EVERY_CALLS ((int)ARRAY_SIZE(every_calls))

static inline bool is_answer(const struct every_call *call, int ret)
{
	return call->answer == 2 || (call->answer == 1 ? ret >= 0 : ret == 0);
}

#endif
