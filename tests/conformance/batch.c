// SPDX-License-Identifier: BSD-3-Clause
#include "batch.h"

#include <string.h>

const unsigned int batch_order[BATCH] = { 5, 0, 7, 2, 3, 6, 1, 4 };

void batch_lay_out(struct batch *b, char *p, uint64_t page, uint64_t stride)
{
	unsigned int i;

	memset(b, 0, sizeof(*b));
	for (i = 0; i < BATCH; i++) {
		b->pieces[i].va = p + batch_order[i] * stride * page;
		b->pieces[i].length = page;
	}
}

enum outcome batch_works(struct fixture *f, struct rig *rig, const struct batch *b)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		const struct iom_piece *piece = &b->pieces[i];
		const struct iom_region *r = &b->regions[i];
		char *end = (char *)piece->va + piece->length - RIG_BYTES;

		EXPECT(r->va == piece->va && r->length == piece->length);
		EXPECT(iom_region_iova(r, r->va) == r->iova && r->generation);
		EXPECT(translates_to(f, r->va, r->iova));
		if (!world_tries_dma(i))
			continue;
		TRY(rig_reaches(rig, r->va, r->iova));
		TRY(rig_reaches(rig, end, iom_region_iova(r, end)));
	}
	return PASS;
}

enum outcome batch_is_gone(struct fixture *f, struct rig *rig, const struct batch *b)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		EXPECT(!is_mapped(f, b->regions[i].va));
		if (world_tries_dma(i))
			TRY(rig_misses(rig, b->regions[i].va, b->regions[i].iova));
	}
	return PASS;
}

int batch_map(struct fixture *f, struct batch *b, unsigned int flags)
{
	return iom_mapv(f->dom, b->pieces, BATCH, IOM_MAP_RW | flags, NULL, b->regions);
}
