// SPDX-License-Identifier: BSD-3-Clause
#include "vmm_stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libiommu.h>

#include "sentence.h"

#define CLASSES 5 /* runs of 1, 2, 4, 8 and 16 pages */

/* IOVAs of one length that were given back. */
struct heap {
	uint64_t *iovas;
	uint64_t count;
};

struct maker {
	const struct vmm_stream_config *config;
	uint64_t random;
	uint64_t bottom; /* of the IOVAs that were ever used */
	struct heap free[CLASSES];
	struct vmm_request *live; /* in order of their age, round from first on */
	uint64_t first, count;
};

/* splitmix64 */
static uint64_t next_random(struct maker *maker)
{
	uint64_t x = maker->random += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t below(struct maker *maker, uint64_t limit)
{
	return next_random(maker) % limit;
}

static unsigned int random_class(struct maker *maker)
{
	uint64_t part = below(maker, 100);

	if (part < 80)
		return 0;
	if (part < 88)
		return 1;
	return part < 94 ? 2 : part < 98 ? 3 : 4;
}

static uint32_t random_direction(struct maker *maker)
{
	uint64_t part = below(maker, 16);

	if (part < 7)
		return IOM_MAP_READ;
	return part < 14 ? IOM_MAP_WRITE : IOM_MAP_RW;
}

static bool take_iova(struct maker *maker, unsigned int class, uint64_t *iova)
{
	uint64_t length = maker->config->page << class;
	struct heap *heap = &maker->free[class];

	if (heap->count) {
		*iova = heap->iovas[--heap->count];
		return true;
	}
	if (maker->bottom < length)
		return false;
	maker->bottom = (maker->bottom - length) & ~(length - 1);
	*iova = maker->bottom;
	return true;
}

/*
 * Of the class that is wanted, or where the window has no more of it, of another; false: of none.
 */
static bool find_iova(struct maker *maker, unsigned int *class, uint64_t *iova)
{
	unsigned int wanted = *class;

	for (unsigned int i = 0; i < CLASSES; i++) {
		*class = (wanted + CLASSES - i) % CLASSES;
		if (take_iova(maker, *class, iova))
			return true;
	}
	return false;
}

static bool make_map(struct maker *maker, struct vmm_request *request)
{
	const struct vmm_stream_config *config = maker->config;
	unsigned int class = random_class(maker);
	uint64_t at;

	if (!find_iova(maker, &class, &request->iova))
		return false;
	request->length = (uint32_t)(config->page << class);
	request->ram = below(maker, config->ram / request->length) * request->length;
	request->flags = random_direction(maker);
	at = (maker->first + maker->count++) % config->live;
	maker->live[at] = *request;
	return true;
}

static unsigned int class_of(const struct maker *maker, uint32_t length)
{
	return (unsigned int)__builtin_ctzll(length / maker->config->page);
}

/* The oldest, or one in four times, any. */
static void make_unmap(struct maker *maker, struct vmm_request *request)
{
	uint64_t most = maker->config->live;
	struct vmm_request *oldest = &maker->live[maker->first];
	struct vmm_request *victim = oldest;
	struct heap *heap;

	if (!below(maker, 4))
		victim = &maker->live[(maker->first + below(maker, maker->count)) % most];
	*request = *victim;
	request->flags = 0;
	*victim = *oldest;
	maker->first = (maker->first + 1) % most;
	maker->count--;

	heap = &maker->free[class_of(maker, request->length)];
	heap->iovas[heap->count++] = request->iova;
}

/* left: how many requests there will be, this one included, of which each mapping needs one. */
static bool wants_map(struct maker *maker, uint64_t left)
{
	if (!maker->count)
		return true;
	if (maker->count == maker->config->live || maker->count >= left)
		return false;
	return below(maker, 8) < 5;
}

static int prepare(struct maker *maker, const struct vmm_stream_config *config)
{
	memset(maker, 0, sizeof(*maker));
	maker->config = config;
	maker->random = config->seed;
	maker->bottom = config->window & ~(config->page * VMM_MAX_RUN - 1);
	maker->live = calloc(config->live, sizeof(*maker->live));
	if (!maker->live)
		return -ENOMEM;
	/*
	 * IOVAs of a class are added only while none is free, so there are no more than mappings.
	 */
	for (unsigned int i = 0; i < CLASSES; i++) {
		maker->free[i].iovas = calloc(config->live, sizeof(uint64_t));
		if (!maker->free[i].iovas)
			return -ENOMEM;
	}
	return 0;
}

static void release(struct maker *maker)
{
	for (unsigned int i = 0; i < CLASSES; i++)
		free(maker->free[i].iovas);
	free(maker->live);
}

int vmm_stream_make(const struct vmm_stream_config *config, struct vmm_stream *stream)
{
	/* Even, for each map has its unmap. */
	uint64_t count = config->requests + config->requests % 2;
	struct vmm_request *requests;
	struct maker maker;
	size_t maps = 0;

	requests = calloc(count, sizeof(*requests));
	if (prepare(&maker, config) < 0 || !requests) {
		release(&maker);
		free(requests);
		return fail(-ENOMEM, "no memory for %" PRIu64 " requests", count);
	}
	for (uint64_t i = 0; i < count; i++) {
		if (wants_map(&maker, count - i) && make_map(&maker, &requests[i]))
			maps++;
		else
			make_unmap(&maker, &requests[i]);
	}
	release(&maker);
	stream->requests = requests;
	stream->count = count;
	stream->maps = maps;
	return 0;
}

void vmm_stream_free(struct vmm_stream *stream)
{
	free(stream->requests);
	memset(stream, 0, sizeof(*stream));
}
