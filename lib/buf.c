// SPDX-License-Identifier: BSD-3-Clause
#include "buf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "huge.h"
#include "map.h"
#include "options.h"
#include "pages.h"
#include "sysfs.h"
#include "text.h"

#define BUF_OPTS_FIRST sizeof(struct iom_buf_opts)
#define BUF_INFO_FIRST sizeof(struct iom_buf_info)

#define BUF_FLAGS (IOM_BUF_SHARED | IOM_BUF_ON_NODE)

/* The most that a page size may waste: this part of the length. */
#define WASTE 8

/* Where the kernel may use huge pages by itself, if it can. */
#define HUGE_LIKELY (UINT64_C(2) << 20)

/* What is asked for, and what there is. */
struct plan {
	struct iom_domain *dom;
	uint64_t length; /* as the caller has it */
	const struct iom_buf_opts *opts;
	const struct iom_map_opts *map;
	uint64_t unit, base;    /* the domain's page, the system's */
	uint64_t granule;       /* at multiples of which parts are unmapped, or 0 */
	struct iom_huge huge;   /* those that suit */
	int nearest;            /* the node that it is to be on, or -1 */
	int node;               /* the same, as far as the system can be told */
	struct iom_file **kept; /* NULL, or is given the memory, with a part of the caller's */
};

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) & ~(unit - 1);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- The plan -------------------------------------------------------------------------------- */

static int check(uint64_t length, const struct iom_buf_opts *opts, const struct iom_map_opts *map)
{
	uint64_t least = opts->least_page;

	if (!length)
		return iom_error(-EINVAL, "the length is 0");
	if (length > INT64_MAX)
		return iom_error(-ENOMEM, "no process has so much memory");
	if (opts->flags & ~(uint64_t)BUF_FLAGS)
		return iom_error(-EINVAL, "unknown flags 0x%" PRIx64,
				 opts->flags & ~(uint64_t)BUF_FLAGS);
	if (least & (least - 1))
		return iom_error(-EINVAL, "least_page is 0x%" PRIx64 "; it is a power of two, or 0",
				 least);
	if (opts->flags & IOM_BUF_ON_NODE && opts->node > INT16_MAX)
		return iom_error(-EINVAL, "there is no NUMA node %" PRIu64, opts->node);
	if (!(opts->flags & IOM_BUF_ON_NODE) && opts->node)
		return iom_error(-EINVAL, "opts.node is set, but IOM_BUF_ON_NODE is not");
	if (map && map->iova)
		return iom_error(-EINVAL, "a buffer's IOVA is the library's choice");
	return 0;
}

/* The address of the device that the buffer is for. */
static int find_device(struct plan *plan, char address[IOM_PCI_ADDRESS_MAX])
{
	const struct iom_device *want = plan->opts->device;
	struct iom_domain *dom = plan->dom;
	const struct iom_device *dev;
	int ret = 0;

	pthread_rwlock_rdlock(&dom->topology);
	plan->granule = dom->granule;
	for (dev = dom->devices; dev && want && dev != want; dev = dev->next)
		;
	if (dev)
		memcpy(address, dev->base.address, IOM_PCI_ADDRESS_MAX);
	else if (want)
		ret = iom_error(-EINVAL, "opts.device is not attached to this domain");
	else
		ret = iom_error(-ENODEV, "no device is attached, so it is not known what can be "
					 "mapped; attach one first");
	pthread_rwlock_unlock(&dom->topology);
	return ret;
}

static int find_node(struct plan *plan)
{
	char address[IOM_PCI_ADDRESS_MAX];
	int ret;

	ret = find_device(plan, address);
	if (ret < 0)
		return ret;
	if (plan->opts->flags & IOM_BUF_ON_NODE)
		plan->nearest = (int)plan->opts->node;
	else
		plan->nearest = iom_sysfs_node(plan->dom->sys, address);
	plan->node = plan->nearest;
	if (plan->node >= 0 && !plan->dom->sys->binds) {
		plan->node = -1;
		iom_log(&plan->dom->log, IOM_LOG_INFO,
			"the library was built without libnuma: the kernel chooses the NUMA node "
			"of buffers");
	}
	return 0;
}

/* What the length is in pages of this size. */
static uint64_t length_in(const struct plan *plan, uint64_t page)
{
	return round_up(plan->length, larger(page, plan->unit));
}

static bool wastes(const struct plan *plan, uint64_t page)
{
	return length_in(plan, page) - plan->length > plan->length / WASTE;
}

/* Leave those of the kernel's that are large enough, and do not waste too much. */
static int find_pages(struct plan *plan)
{
	const uint64_t least = plan->opts->least_page;
	struct iom_huge all;
	size_t i;
	int ret;

	ret = iom_huge_read(plan->dom->sys, &all);
	if (ret < 0)
		return ret;
	plan->huge.n = 0;
	for (i = 0; i < all.n; i++) {
		bool last = i + 1 == all.n || all.size[i + 1] < least;
		bool forced = last && least > plan->base;

		if (all.size[i] <= plan->base || all.size[i] < larger(least, plan->unit))
			break;
		if (forced || !wastes(plan, all.size[i]))
			plan->huge.size[plan->huge.n++] = all.size[i];
	}
	return 0;
}

/* ---- The cascade ----------------------------------------------------------------------------- */

static int explain(const struct plan *plan, int err)
{
	if (err == -EMFILE || err == -ENFILE)
		return iom_error(-EMFILE, "no descriptor for a memfd: %s", strerror(-err));
	return iom_error(-ENOMEM,
			 "no memory, or no room in the address space, for 0x%" PRIx64 " bytes: %s",
			 plan->length, strerror(-err));
}

/* How many huge pages of each size that would do are free. */
static void list_free(const struct plan *plan, struct iom_text *text)
{
	size_t i;

	for (i = 0; i < plan->huge.n; i++) {
		uint64_t page = plan->huge.size[i];

		iom_text_add(text, "%s%" PRIu64 " of ", i ? ", " : "",
			     iom_huge_free(plan->dom->sys, page, plan->node));
		iom_text_add_page_sizes(text, page);
	}
	if (plan->node >= 0)
		iom_text_add(text, " on node %d", plan->node);
}

/* And how to have more of the largest. */
static void add_remedy(const struct plan *plan, struct iom_text *text)
{
	uint64_t page = plan->huge.size[0];
	char folder[128];

	iom_huge_folder(page, plan->node, folder, sizeof(folder));
	iom_text_add(text, "%" PRIu64 " are needed; raise %s/nr_hugepages",
		     length_in(plan, page) / page, folder);
}

static int none_free(const struct plan *plan)
{
	struct iom_text text = { 0 };
	char words[512] = "";

	text.buf = words;
	text.n = sizeof(words);
	if (!plan->huge.n) {
		iom_text_add_page_sizes(&text, plan->opts->least_page);
		return iom_error(-ENOMEM, "the kernel has no pages of %s or more; lower least_page",
				 words);
	}
	iom_text_add(&text, "no free huge pages: there are ");
	list_free(plan, &text);
	iom_text_add(&text, "; ");
	add_remedy(plan, &text);
	return iom_error(-ENOMEM, "%s", words);
}

/* Not what was best: it works, but is slower. */
static void warn(const struct plan *plan, const struct iom_buf_info *info)
{
	struct iom_text text = { 0 };
	char words[512] = "";

	text.buf = words;
	text.n = sizeof(words);
	if (info->page < info->wanted) {
		iom_text_add(&text, "it has pages of ");
		iom_text_add_page_sizes(&text, info->page);
		iom_text_add(&text, ", because too few huge ones are free: ");
		list_free(plan, &text);
		iom_text_add(&text, "; ");
		add_remedy(plan, &text);
	} else if (plan->nearest >= 0 && info->node != IOM_NODE_UNKNOWN &&
		   info->node != (uint64_t)plan->nearest) {
		iom_text_add(&text, "it is on NUMA node %" PRIu64 ", not on node %d", info->node,
			     plan->nearest);
	} else {
		return;
	}
	iom_log(&plan->dom->log, IOM_LOG_WARN, "buffer of 0x%" PRIx64 " bytes: %s", plan->length,
		words);
}

static struct iom_buf_info info_of(const struct plan *plan, uint64_t page, int fd)
{
	return (struct iom_buf_info){
		.page = page,
		.wanted = plan->huge.n ? plan->huge.size[0] : page,
		.node = IOM_NODE_UNKNOWN,
		.nearest = plan->nearest < 0 ? IOM_NODE_UNKNOWN : (uint64_t)plan->nearest,
		.fd = fd,
	};
}

/* Only what was touched, by the map at the latest, has a node. */
static void find_where_it_is(const struct plan *plan, struct iom_file *file)
{
	int node = plan->dom->sys->node_of(plan->dom->sys->ctx, file->va);

	if (node >= 0)
		file->buf->node = (uint64_t)node;
}

/* A file that has the memory, with one part, which is the caller's to release. */
static int alloc(const struct plan *plan, const struct iom_buf_want *want, struct iom_file **made)
{
	const struct iom_sys *sys = plan->dom->sys;
	struct iom_file *file;
	int ret, fd = -1;

	file = calloc(1, sizeof(*file));
	if (file)
		file->buf = calloc(1, sizeof(*file->buf));
	if (!file || !file->buf) {
		free(file);
		return iom_error(-ENOMEM, "no memory for a note of it");
	}
	ret = sys->alloc_buf(sys->ctx, want, &file->va, &fd);
	if (ret < 0) {
		free(file->buf);
		free(file);
		if (ret == -ENXIO)
			return ret;
		return want->page && ret != -EMFILE && ret != -ENFILE ? -EAGAIN
								      : explain(plan, ret);
	}
	file->length = want->length;
	file->parts = 1;
	file->buf->fd = fd;
	*made = file;
	return 0;
}

/* Map it; -EAGAIN: pages of this kind are not to be had; -ENXIO: nor is anything on that node. */
static int try(const struct plan *plan, uint64_t page, bool strictly, struct iom_region *buf)
{
	struct iom_domain *dom = plan->dom;
	struct iom_buf_want want = {
		.length = length_in(plan, larger(page, plan->base)),
		.page = page,
		.align = larger(page, larger(plan->unit, plan->base)),
		.node = plan->node,
		.strictly = strictly && plan->node >= 0,
		.shared = plan->opts->flags & IOM_BUF_SHARED,
	};
	struct iom_map_request rq = { .length = want.length, .flags = IOM_MAP_RW };
	int ret;

	if (!page && want.length >= HUGE_LIKELY)
		want.align = larger(want.align, HUGE_LIKELY);
	if (!page && want.length >= plan->granule)
		want.align = larger(want.align, plan->granule);
	ret = alloc(plan, &want, &rq.file);
	if (ret < 0)
		return ret;
	*rq.file->buf = info_of(plan, page ? page : plan->base, (int)rq.file->buf->fd);
	rq.va = (uintptr_t)rq.file->va;
	rq.fd = (int)rq.file->buf->fd;
	ret = iom_map_memory(dom, &rq, plan->map, buf);
	if (!ret) {
		find_where_it_is(plan, rq.file);
		warn(plan, rq.file->buf);
	}
	if (!ret && plan->kept) {
		*plan->kept = rq.file;
		return 0;
	}
	pthread_mutex_lock(&dom->table);
	iom_file_release(dom, rq.file);
	pthread_mutex_unlock(&dom->table);
	/* a huge page that could not be touched, and the kernel too old to have said so */
	return ret == -EFAULT && page ? -EAGAIN : ret;
}

static int try_huge(const struct plan *plan, bool strictly, struct iom_region *buf)
{
	int ret = -EAGAIN;
	size_t i;

	for (i = 0; i < plan->huge.n && ret == -EAGAIN; i++)
		ret = try(plan, plan->huge.size[i], strictly, buf);
	return ret;
}

static int cascade(const struct plan *plan, struct iom_region *buf)
{
	int ret;

	ret = try_huge(plan, true, buf);
	if (ret != -EAGAIN)
		return ret;
	if (plan->opts->least_page <= plan->base)
		return try(plan, 0, false, buf);
	if (plan->node >= 0)
		ret = try_huge(plan, false, buf);
	return ret == -EAGAIN ? none_free(plan) : ret;
}

/* A device may be on a node that has no memory, or none that this process is given. */
static int make(struct plan *plan, struct iom_region *buf)
{
	int ret;

	ret = cascade(plan, buf);
	if (ret != -ENXIO)
		return ret;
	if (plan->opts->flags & IOM_BUF_ON_NODE)
		return iom_error(-EINVAL,
				 "there is no NUMA node %d, or it has no memory that this process "
				 "may use",
				 plan->node);
	iom_log(&plan->dom->log, IOM_LOG_WARN,
		"NUMA node %d has no memory that this process may use: the kernel chooses "
		"another one for buffers",
		plan->node);
	plan->node = -1;
	return cascade(plan, buf);
}

/* ---- The calls ------------------------------------------------------------------------------- */

int iom_buf_read_opts(const struct iom_buf_opts *callers, struct iom_buf_opts *opts,
		      struct iom_map_opts *map)
{
	int ret;

	ret = iom_options_read(opts, sizeof(*opts), BUF_OPTS_FIRST, callers, "iom_buf_opts");
	if (!ret)
		ret = iom_map_read_opts(opts->map, map);
	map->size = sizeof(*map);
	return ret;
}

int iom_buf_make(struct iom_domain *dom, uint64_t length, const struct iom_buf_opts *callers,
		 struct iom_region *buf, struct iom_file **kept)
{
	struct iom_kept_error before;
	struct iom_buf_opts opts;
	struct iom_map_opts map;
	struct plan plan;
	int ret;

	ret = iom_buf_read_opts(callers, &opts, &map);
	if (!ret)
		ret = check(length, &opts, opts.map ? &map : NULL);
	if (ret < 0)
		return ret;
	plan = (struct plan){
		.dom = dom, .length = length, .opts = &opts, .map = opts.map, .kept = kept
	};
	ret = find_node(&plan);
	if (ret < 0)
		return ret;
	plan.unit = iom_page_size(dom);
	plan.base = iom_base_page(dom->sys);
	ret = find_pages(&plan);
	if (ret < 0)
		return ret;
	iom_error_keep(&before);
	ret = make(&plan, buf);
	if (!ret)
		iom_error_restore(&before);
	return ret;
}

int iom_buf_alloc(struct iom_domain *dom, uint64_t length, const struct iom_buf_opts *opts,
		  struct iom_region *buf)
{
	int ret;

	ret = iom_check_owner(dom);
	if (!ret)
		ret = iom_buf_make(dom, length, opts, buf, NULL);
	return ret < 0 ? iom_error_prefix(ret, "buffer of 0x%" PRIx64 " bytes: ", length) : 0;
}

void iom_buf_release(struct iom_domain *dom, struct iom_file *file)
{
	dom->sys->free_buf(dom->sys->ctx, file->va, file->length, (int)file->buf->fd);
	free(file->buf);
}

/* What is left of a region; NULL if nothing.  topology and the table lock are held. */
static const struct iom_span *find_part(const struct iom_domain *dom,
					const struct iom_region *region)
{
	uint64_t unit = region->iova >> IOM_UNIT_SHIFT;
	uint64_t end = unit + (region->length >> IOM_UNIT_SHIFT);
	const struct iom_span *span;

	for (; unit < end && unit < IOM_SPACE_END; unit = span->end) {
		span = iom_space_at(&dom->space, unit);
		if (span->start >= end)
			return NULL;
		if (span->generation == region->generation && span->state == IOM_SPAN_MAPPED)
			return span;
	}
	return NULL;
}

static int read_info(struct iom_domain *dom, const struct iom_region *buf,
		     struct iom_buf_info *info)
{
	const struct iom_span *span;
	int ret = 0;

	pthread_rwlock_rdlock(&dom->topology);
	pthread_mutex_lock(&dom->table);
	span = find_part(dom, buf);
	if (!span || !buf->generation)
		ret = iom_error(-ENOENT, "it was unmapped before, or is none of this domain");
	else if (!span->file || !span->file->buf)
		ret = iom_error(-EINVAL, "the region is none of iom_buf_alloc()");
	else
		*info = *span->file->buf;
	pthread_mutex_unlock(&dom->table);
	pthread_rwlock_unlock(&dom->topology);
	return ret;
}

int iom_buf_read_info(const struct iom_domain *dom, const struct iom_region *buf,
		      struct iom_buf_info *info)
{
	struct iom_buf_info ours;
	int ret;

	ret = iom_check_owner(dom);
	if (!ret)
		ret = iom_options_check(info, BUF_INFO_FIRST, "iom_buf_info");
	if (!ret)
		ret = read_info(iom_lockable(dom), buf, &ours);
	if (ret < 0)
		return iom_error_prefix(ret, "buffer at IOVA 0x%" PRIx64 ": ", buf->iova);
	iom_options_fill(info, &ours, sizeof(ours));
	return 0;
}
