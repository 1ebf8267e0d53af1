// SPDX-License-Identifier: BSD-3-Clause
#include "stream.h"

#include <errno.h>
#include <stdlib.h>

#include "batch.h"
#include "cache.h"
#include "domain.h"
#include "error.h"
#include "options.h"
#include "uses.h"

/* So that the shortest way does not save registers for the longer ones. */
#define NOINLINE __attribute__((noinline))

#define COUNTERS_FIRST sizeof(struct iom_stream_counters)

#define GRANULE_SHIFT 21

/* The cookie of a transient map is its address with this bit set; else it is that of a use. */
#define COOKIE_TRANSIENT UINT64_C(1)

#define DMA_FLAGS (IOM_MAP_RW | IOM_NOWAIT)

/* What is mapped for one call alone. */
struct transient {
	struct iom_region region;
	struct transient *next, **link;
};

/* A forked child finds all of this wiped. */
struct iom_stream {
	struct iom_domain *domain;
	const iom_slot *by_va; /* the domain's, from its top */
	uint64_t end;          /* of the keys in there; so 0 in a forked child */
	struct iom_uses uses;
	struct iom_stream_counters n;
	struct transient *transients; /* in flight */
	struct transient *spare;
	struct iom_stream *next; /* of the domain */
};

#define STREAM_BYTES IOM_UNIT /* rounded up to a page, as alloc_pages has it */
_Static_assert(sizeof(struct iom_stream) <= STREAM_BYTES, "");

/* ---- Open, close -------------------------------------------------------------------------------- */

/* The domain's granules have the size that the first stream found right, for ever. */
static unsigned int granule_shift(struct iom_domain *dom, uint64_t page)
{
	unsigned int shift = (unsigned int)__builtin_ctzll(page);

	pthread_mutex_lock(&dom->cache.lock);
	if (dom->cache.shift)
		shift = dom->cache.shift;
	else if (shift < GRANULE_SHIFT)
		shift = GRANULE_SHIFT;
	__atomic_store_n(&dom->cache.shift, shift, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&dom->cache.lock);
	return shift;
}

static int open_stream(struct iom_domain *dom, struct iom_stream **stream)
{
	uint64_t page = iom_page_size(dom);
	struct iom_stream *s;
	void *pages;
	int ret;

	if (!page)
		return iom_error(-ENODEV, "no device is attached; attach one first");
	ret = dom->sys->alloc_pages(dom->sys->ctx, STREAM_BYTES, &pages);
	if (ret < 0)
		return iom_error(-ENOMEM, "no memory for a stream");
	s = pages;
	ret = iom_uses_init(&s->uses, granule_shift(dom, page));
	if (ret < 0) {
		dom->sys->free_pages(dom->sys->ctx, pages, STREAM_BYTES);
		return iom_error(ret, "no memory for a stream");
	}
	s->domain = dom;
	s->by_va = dom->by_va.top;
	s->end = UINT64_C(1) << IOM_RADIX_FAR;
	pthread_mutex_lock(&dom->cache.lock);
	s->next = dom->cache.streams;
	dom->cache.streams = s;
	pthread_mutex_unlock(&dom->cache.lock);
	*stream = s;
	return 0;
}

int iom_stream_open(struct iom_domain *dom, struct iom_stream **stream)
{
	int ret;

	ret = iom_check_owner(dom);
	if (!ret)
		ret = open_stream(dom, stream);
	return ret < 0 ? iom_error_prefix(ret, "open a stream: ") : 0;
}

static void free_transients(struct transient *t)
{
	struct transient *next;

	for (; t; t = next) {
		next = t->next;
		free(t);
	}
}

void iom_stream_free(struct iom_stream *stream)
{
	struct iom_domain *dom = stream->domain;
	struct iom_stream **link;

	for (link = &dom->cache.streams; *link != stream; link = &(*link)->next)
		;
	*link = stream->next;
	free_transients(stream->transients);
	free_transients(stream->spare);
	iom_uses_destroy(&stream->uses);
	dom->sys->free_pages(dom->sys->ctx, stream, STREAM_BYTES);
}

/* Take a transient map out of the stream, and unmap it.  No sentence. */
static int end_transient(struct iom_stream *stream, struct transient *t)
{
	struct iom_domain *dom = stream->domain;
	struct iom_kept_error kept;
	int ret;

	if (!t->region.generation)
		return -EINVAL;
	iom_error_keep(&kept);
	pthread_rwlock_rdlock(&dom->topology);
	ret = iom_unmap_regions(dom, &t->region, 1, true);
	pthread_rwlock_unlock(&dom->topology);
	iom_error_restore(&kept);
	t->region.generation = 0;
	iom_cache_note_end(&dom->cache);
	__atomic_fetch_sub(&dom->cache.transients, 1, __ATOMIC_RELEASE);
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	t->next = stream->spare;
	stream->spare = t;
	return ret;
}

void iom_stream_close(struct iom_stream *stream)
{
	struct iom_domain *dom;

	if (!stream || !stream->domain)
		return;
	dom = stream->domain;
	while (stream->transients)
		(void)end_transient(stream, stream->transients);
	pthread_mutex_lock(&dom->cache.lock);
	iom_uses_leave(&stream->uses);
	iom_stream_free(stream);
	pthread_mutex_unlock(&dom->cache.lock);
}

/* ---- Parts -------------------------------------------------------------------------------------- */

static void fill(struct iom_segment *segment, uint64_t iova, uint64_t length, uint64_t cookie)
{
	segment->iova = iova;
	segment->length = length;
	segment->cookie = cookie;
}

static void fill_from_use(struct iom_segment *segment, struct iom_use *use, uintptr_t va,
			  uint64_t length)
{
	uint64_t rest = use->end - va;

	fill(segment, va + use->delta, rest < length ? rest : length, (uintptr_t)use);
}

static struct transient *new_transient(struct iom_stream *stream)
{
	struct transient *t = stream->spare;

	if (!t)
		return malloc(sizeof(*t));
	stream->spare = t->next;
	return t;
}

/* Memory that nobody vouched for: whole pages, for this call alone. */
static int map_transient(struct iom_stream *stream, uintptr_t va, uint64_t length,
			 struct iom_segment *segment, struct iom_ask *ask)
{
	struct iom_domain *dom = stream->domain;
	uint64_t page = iom_page_size(dom);
	uintptr_t first = va & ~(page - 1);
	struct transient *t;
	int ret;

	if (ask->nowait)
		return -EAGAIN;
	if (!page)
		return -ENODEV;
	if (!first)
		return -EFAULT;
	t = new_transient(stream);
	if (!t)
		return -ENOMEM;
	/* others who find no room are to know that it will end */
	__atomic_fetch_add(&dom->cache.transients, 1, __ATOMIC_RELAXED);
	ask->mapping = 1;
	ask->transients++;
	ret = iom_cache_map(dom, first, (va + length - first + page - 1) & ~(page - 1), ask->flags,
			    &t->region, ask);
	ask->mapping = 0;
	if (ret < 0) {
		ask->transients--;
		iom_cache_note_end(&dom->cache);
		__atomic_fetch_sub(&dom->cache.transients, 1, __ATOMIC_RELEASE);
		t->next = stream->spare;
		stream->spare = t;
		return ret;
	}
	t->link = &stream->transients;
	t->next = stream->transients;
	if (t->next)
		t->next->link = &t->next;
	stream->transients = t;
	stream->n.transient++;
	fill(segment, t->region.iova + (va - first), length, (uintptr_t)t | COOKIE_TRANSIENT);
	return 0;
}

/* What the stream has no use of, or none any more. */
static int miss(struct iom_stream *stream, uintptr_t va, uint64_t length, struct iom_use *old,
		struct iom_segment *segment, struct iom_ask *ask)
{
	struct iom_use *use = old;
	int ret;

	if (!use) {
		ret = iom_uses_reserve(&stream->uses, &stream->domain->cache, ask->nowait, &use);
		if (ret < 0)
			return ret;
	}
	ret = iom_cache_take(stream->domain, va, &length, use, ask);
	if (!ret && !old)
		iom_uses_put(&stream->uses, use);
	else if (ret < 0 && !old)
		iom_uses_give(&stream->uses, use);
	if (ret == -ENOENT)
		return map_transient(stream, va, length, segment, ask);
	if (ret < 0)
		return ret;
	stream->n.misses++;
	fill_from_use(segment, use, va, length);
	return 0;
}

static int map_part(struct iom_stream *stream, uintptr_t va, uint64_t length,
		    struct iom_segment *segment, struct iom_ask *ask)
{
	uint64_t iova, run;
	struct iom_use *use;

	if (!iom_radix_lookup(&stream->domain->by_va, va, &iova, &run)) {
		fill(segment, iova, run < length ? run : length, 0);
		stream->n.mapped++;
		return 0;
	}
	use = iom_uses_find(&stream->uses, va);
	if (!use || !iom_use_enter(use))
		return miss(stream, va, length, use, segment, ask);
	if (ask->flags & use->refused) {
		iom_use_leave(use);
		return -EFAULT;
	}
	stream->n.hits++;
	fill_from_use(segment, use, va, length);
	return 0;
}

/* Whether two segments of mapped memory are one. */
static bool join(struct iom_segment *last, const struct iom_segment *next)
{
	if (last->cookie || next->cookie || last->iova + last->length != next->iova)
		return false;
	last->length += next->length;
	return true;
}

static int map_parts(struct iom_stream *stream, uintptr_t va, uint64_t length, unsigned int flags,
		     struct iom_segment *segments, size_t n)
{
	struct iom_ask ask = { .flags = flags & IOM_MAP_RW, .nowait = flags & IOM_NOWAIT };
	const struct iom_stream_counters before = stream->n;
	size_t used = 0;
	uint64_t done;
	int ret = 0;

	for (done = 0; done < length;) {
		struct iom_segment next;

		ret = map_part(stream, va + done, length - done, &next, &ask);
		if (ret < 0)
			break;
		done += next.length;
		if (used && join(&segments[used - 1], &next)) {
			stream->n.mapped--;
			continue;
		}
		if (used == n || used == INT32_MAX) {
			ret = iom_dma_unmap(stream, &next, 1) < 0 ? -EIO : -EMSGSIZE;
			break;
		}
		ask.own += next.cookie != 0;
		segments[used++] = next;
	}
	if (ret < 0) {
		if (iom_dma_unmap(stream, segments, used) < 0)
			ret = -EIO;
		stream->n = before;
		stream->n.again += ret == -EAGAIN;
	}
	stream->n.evictions += ask.evictions;
	return ret < 0 ? ret : (int)used;
}

/* ---- The calls ---------------------------------------------------------------------------------- */

/* Whether flags are what iom_dma_map() takes: a direction or both, and perhaps IOM_NOWAIT. */
static inline bool are_flags(unsigned int flags)
{
	return (flags & ~IOM_NOWAIT) - 1 < IOM_MAP_RW;
}

/* What neither of the short ways serves, or has something wrong with it. */
static NOINLINE int map_slowly(struct iom_stream *stream, uintptr_t va, uint64_t length,
			       unsigned int flags, struct iom_segment *segments, size_t n)
{
	if (!stream->domain)
		return -EPERM;
	if (!length || !n || !are_flags(flags))
		return -EINVAL;
	if (length - 1 > UINTPTR_MAX - va)
		return -EFAULT;
	return map_parts(stream, va, length, flags, segments, n);
}

/* In a granule that was used before, if all of it is. */
static inline __attribute__((always_inline)) int map_use(struct iom_stream *stream,
							 struct iom_use *use, uintptr_t va,
							 uint64_t length, unsigned int flags,
							 struct iom_segment *segments, size_t n)
{
	if (length - 1 >= use->end - va || flags & use->refused || !iom_use_enter(use))
		return map_slowly(stream, va, length, flags, segments, n);
	stream->n.hits++;
	fill(segments, va + use->delta, length, (uintptr_t)use);
	return 1;
}

/* The same of what is not mapped, wherever a use is found. */
static NOINLINE int map_further(struct iom_stream *stream, uintptr_t va, uint64_t length,
				unsigned int flags, struct iom_segment *segments, size_t n)
{
	struct iom_use *use = iom_uses_find(&stream->uses, va);

	if (!use)
		return map_slowly(stream, va, length, flags, segments, n);
	return map_use(stream, use, va, length, flags, segments, n);
}

/* The same where it is looked for first, as it mostly is there. */
static NOINLINE int map_cached(struct iom_stream *stream, uintptr_t va, uint64_t length,
			       unsigned int flags, struct iom_segment *segments, size_t n)
{
	struct iom_use *use = iom_uses_find_first(&stream->uses, va);

	if (!use)
		return map_further(stream, va, length, flags, segments, n);
	return map_use(stream, use, va, length, flags, segments, n);
}

int iom_dma_map(struct iom_stream *stream, void *address, uint64_t length, unsigned int flags,
		struct iom_segment *segments, size_t n)
{
	uintptr_t va = (uintptr_t)address;
	uint64_t iova, run;

	if (va >= stream->end || !n || !are_flags(flags))
		return map_slowly(stream, va, length, flags, segments, n);
	/* what the compiler cannot know: the end is nowhere else */
	if (iom_radix_is_far(va))
		__builtin_unreachable();
	if (iom_radix_lookup_in(stream->by_va, va, &iova, &run) < 0)
		return map_cached(stream, va, length, flags, segments, n);
	if (length - 1 >= run)
		return map_slowly(stream, va, length, flags, segments, n);
	stream->n.mapped++;
	fill(segments, iova, length, 0);
	return 1;
}

/* One that is not mapped by iom_map(). */
static inline int release(struct iom_stream *stream, uint64_t cookie)
{
	if (cookie & COOKIE_TRANSIENT)
		return end_transient(stream, (struct transient *)(cookie & ~COOKIE_TRANSIENT));
	return iom_use_leave((struct iom_use *)cookie) ? 0 : -EINVAL;
}

/* What is not one use alone, or has something wrong with it. */
static NOINLINE int release_slowly(struct iom_stream *stream, const struct iom_segment *segments,
				   size_t n)
{
	int ret = 0;
	size_t i;

	if (!stream->domain)
		return -EPERM;
	for (i = 0; i < n; i++) {
		if (segments[i].cookie) {
			int one = release(stream, segments[i].cookie);

			ret = one < 0 ? one : ret;
		}
	}
	return ret;
}

int iom_dma_release(struct iom_stream *stream, const struct iom_segment *segments, size_t n)
{
	/* a forked child is to look at nothing */
	if (n == 1 && stream->domain && !(segments->cookie & COOKIE_TRANSIENT) &&
	    iom_use_leave((struct iom_use *)segments->cookie))
		return 0;
	return release_slowly(stream, segments, n);
}

int iom_stream_read_counters(const struct iom_stream *stream, struct iom_stream_counters *counters)
{
	int ret;

	if (!stream->domain)
		return iom_error(-EPERM, "stream's counters: the stream was opened by the parent "
					 "process");
	ret = iom_options_check(counters, COUNTERS_FIRST, "iom_stream_counters");
	if (ret < 0)
		return iom_error_prefix(ret, "stream's counters: ");
	iom_options_fill(counters, &stream->n, sizeof(stream->n));
	return 0;
}
