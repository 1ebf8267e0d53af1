// SPDX-License-Identifier: BSD-3-Clause
/* DMA buffers and pools of them. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "rig.h"

static enum outcome reached(struct fixture *f)
{
	struct iom_buf_info info = { .size = sizeof(info) };
	struct iom_region buf;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	OK(iom_buf_alloc(f->dom, 5 * f->page + 1, NULL, &buf));
	EXPECT(buf.length >= 6 * f->page);
	EXPECT(translates_to(f, buf.va, buf.iova));
	TRY(rig_reaches(&rig, buf.va, buf.iova));
	TRY(rig_reaches(&rig, (char *)buf.va + 5 * f->page, buf.iova + 5 * f->page));
	OK(iom_buf_read_info(f->dom, &buf, &info));
	EXPECT(info.page && info.page <= info.wanted && info.fd == -1);
	OK(iom_unmap(f->dom, &buf));
	EXPECT(!is_there(buf.va));
	REFUSED(iom_buf_read_info(f->dom, &buf, &info), -ENOENT, "unmapped before");
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

/* Another mapping of the memfd is the same memory. */
static enum outcome shared(struct fixture *f)
{
	const struct iom_buf_opts opts = { .size = sizeof(opts), .flags = IOM_BUF_SHARED };
	struct iom_buf_info info = { .size = sizeof(info) };
	struct iom_region buf;
	struct rig rig;
	void *other;

	TRY(rig_build(&rig, f, f->dev));
	OK(iom_buf_alloc(f->dom, f->page, &opts, &buf));
	OK(iom_buf_read_info(f->dom, &buf, &info));
	other = mmap(NULL, buf.length, PROT_READ | PROT_WRITE, MAP_SHARED, (int)info.fd, 0);
	EXPECT(other != MAP_FAILED);
	TRY(rig_reaches(&rig, other, buf.iova));
	OK(iom_unmap(f->dom, &buf));
	TRY(rig_misses(&rig, other, buf.iova));
	munmap(other, buf.length);
	rig_release(&rig);
	return PASS;
}

/* What must be huge is, or is refused, and nothing is left of it. */
static enum outcome huge(struct fixture *f)
{
	const struct iom_buf_opts opts = { .size = sizeof(opts), .least_page = 2 * MIB };
	struct iom_buf_info info = { .size = sizeof(info) };
	struct iom_counters before = counters(f);
	struct iom_region buf;
	struct rig rig;
	int ret;

	ret = iom_buf_alloc(f->dom, f->page, &opts, &buf);
	if (ret == -ENOMEM) {
		EXPECT(strstr(iom_errmsg(), "huge pages") || strstr(iom_errmsg(), "no pages of"));
		EXPECT(same_mappings(f, &before));
		return PASS;
	}
	OK(ret);
	OK(iom_buf_read_info(f->dom, &buf, &info));
	EXPECT(info.page >= 2 * MIB && buf.length >= info.page);
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_reaches(&rig, buf.va, buf.iova));
	rig_release(&rig);
	return PASS;
}

#define BUFS 5

static enum outcome pool(struct fixture *f)
{
	struct iom_buf bufs[BUFS + 1];
	struct iom_buf_pool *p;
	struct rig rig;
	size_t i;

	TRY(rig_build(&rig, f, f->dev));
	OK(iom_buf_pool_open(f->dom, 2048, BUFS, NULL, &p));
	for (i = 0; i < BUFS; i++) {
		EXPECT(!iom_buf_get(p, &bufs[i]));
		TRY(rig_reaches(&rig, bufs[i].va, bufs[i].iova));
	}
	EXPECT(iom_buf_get(p, &bufs[BUFS]) == -EAGAIN);
	for (i = 0; i < BUFS; i++)
		EXPECT(!iom_buf_put(p, &bufs[i]));
	EXPECT(iom_buf_put(p, &bufs[0]) == -EINVAL);
	iom_buf_pool_close(p);
	EXPECT(!is_there(bufs[0].va));
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

const struct test buf_tests[] = {
	{ "buf-reached", reached, NEEDS_EDU },
	{ "buf-shared", shared, NEEDS_EDU },
	{ "buf-huge", huge, NEEDS_EDU },
	{ "buf-pool", pool, NEEDS_EDU },
	{ NULL, NULL, NEEDS_EDU },
};
