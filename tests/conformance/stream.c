// SPDX-License-Identifier: BSD-3-Clause
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t kernel_calls(const struct fixture *f)
{
	struct iom_counters c = counters(f);

	return c.kernel_maps + c.kernel_unmaps;
}

struct iom_stream_counters stream_counters(const struct iom_stream *stream)
{
	struct iom_stream_counters c = { .size = sizeof(c) };

	if (iom_stream_read_counters(stream, &c) < 0) {
		fprintf(stderr, "%s\n", iom_errmsg());
		abort();
	}
	return c;
}

int fly(struct iom_stream *stream, void *va, uint64_t length, struct flight *flight)
{
	*flight = (struct flight){ .va = va, .length = length };
	flight->n = iom_dma_map(stream, va, length, IOM_MAP_RW, flight->segments, SEGMENTS);
	return flight->n;
}

enum outcome takes_off(struct fixture *f, struct iom_stream *stream, void *va, uint64_t length,
		       struct flight *flight)
{
	uint64_t sum = 0;
	int i;

	OK(fly(stream, va, length, flight));
	EXPECT(flight->n >= 1 && (uint64_t)flight->n <= length / 4096 + 2);
	for (i = 0; i < flight->n; i++) {
		const struct iom_segment *s = &flight->segments[i];

		EXPECT(s->length && s->length <= length - sum);
		EXPECT(s->iova % f->page == ((uintptr_t)va + sum) % f->page);
		sum += s->length;
	}
	EXPECT(sum == length);
	return PASS;
}

enum outcome lands(struct iom_stream *stream, struct flight *flight)
{
	OK(iom_dma_unmap(stream, flight->segments, (size_t)flight->n));
	return PASS;
}

enum outcome flight_reaches(struct rig *rig, const struct flight *flight)
{
	char *va = flight->va;
	int i;

	for (i = 0; i < flight->n; i++) {
		const struct iom_segment *s = &flight->segments[i];
		uint64_t end = s->length - RIG_BYTES;

		if (s->length >= RIG_BYTES) {
			TRY(rig_reaches(rig, va, s->iova));
			TRY(rig_reads(rig, va, s->iova));
			TRY(rig_reaches(rig, va + end, s->iova + end));
		}
		va += s->length;
	}
	return PASS;
}

enum outcome flight_misses(struct rig *rig, const struct flight *flight)
{
	char *va = flight->va;
	int i;

	for (i = 0; i < flight->n; i++) {
		const struct iom_segment *s = &flight->segments[i];
		uint64_t end = s->length - RIG_BYTES;

		if (s->length >= RIG_BYTES) {
			TRY(rig_misses(rig, va, s->iova));
			TRY(rig_misses(rig, va + end, s->iova + end));
		}
		va += s->length;
	}
	return PASS;
}

int attach_bits(struct fixture *f, const char *address, unsigned int bits, struct iom_device **dev)
{
	const struct iom_attach_opts opts = { .size = sizeof(opts), .dma_bits = bits };

	return iom_attach(f->dom, address, &opts, dev);
}

enum outcome open_narrow(struct fixture *f, struct rig *rig, unsigned int bits)
{
	NEED(f->world->edu, "no edu device");
	OK(open_domain(f, 0));
	OK(attach_bits(f, f->world->edu, bits, &f->dev));
	f->page = iom_page_size(f->dom);
	return rig_build(rig, f, f->dev);
}
