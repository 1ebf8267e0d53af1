// SPDX-License-Identifier: BSD-3-Clause
#include "vmm_proof.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "sentence.h"

#define BYTES EDU_MAX
#define LOOKS 4    /* at mappings of the window */
#define ATTEMPTS 2 /* at what was unmapped, the first of those */

struct prover {
	const struct vmm_space *space;
	struct edu *edu;
	struct vmm_proof *proof;
	uint32_t marks; /* that were ever used */
	const struct vmm_request *watched[LOOKS];
	unsigned int watching;
};

/* ---- Bytes ----------------------------------------------------------------------------------- */

/* Like no other mark's, at no other place. */
static void fill(char *bytes, uint32_t mark)
{
	for (uint32_t i = 0; i < BYTES; i += 4) {
		uint32_t word = (mark << 16 | i) * UINT32_C(2654435761);

		memcpy(bytes + i, &word, sizeof(word));
	}
}

static bool holds(const char *bytes, uint32_t mark)
{
	char expected[BYTES];

	fill(expected, mark);
	return !memcmp(bytes, expected, BYTES);
}

static char *ram_at(const struct prover *prover, uint64_t offset)
{
	return prover->space->ram->va + offset;
}

/* The end of what a request is about: its last page must be right, too. */
static uint64_t end_of(const struct vmm_request *request)
{
	return request->length - BYTES;
}

/* A place in the RAM, far from that of the request. */
static uint64_t scratch_for(const struct prover *prover, const struct vmm_request *request)
{
	return request->ram < prover->space->placed / 2 ? prover->space->placed - BYTES : 0;
}

/* ---- Transfers ------------------------------------------------------------------------------- */

static int copy(struct prover *prover, uint64_t from, uint64_t to)
{
	int ret;

	ret = edu_read(prover->edu, from, BYTES);
	if (!ret)
		ret = edu_write(prover->edu, to, BYTES);
	return ret < 0 ? fail(ret, "the device does not copy: %s", strerror(-ret)) : 0;
}

/*
 * Have the device copy between two places of the RAM, by these IOVAs, and look whether the bytes
 * have come.
 */
static int copy_arrives(struct prover *prover, uint64_t from, uint64_t from_iova, uint64_t to,
			uint64_t to_iova)
{
	uint32_t mark = ++prover->marks;
	int ret;

	fill(ram_at(prover, from), mark);
	fill(ram_at(prover, to), ++prover->marks);
	ret = copy(prover, from_iova, to_iova);
	if (ret < 0)
		return ret;
	if (!holds(ram_at(prover, to), mark))
		return fail(-EILSEQ,
			    "the device copied from 0x%" PRIx64 " to 0x%" PRIx64
			    ", and guest RAM does not show it",
			    from_iova, to_iova);
	return 0;
}

/* From the last bytes of each part to the first ones of the next, round. */
static int prove_ram(struct prover *prover)
{
	const struct vmm_space *space = prover->space;
	int ret;

	for (int i = 0; i < space->part_count; i++) {
		const struct vmm_part *part = &space->parts[i];
		uint64_t from = part->offset + part->range.length - BYTES;
		uint64_t to = space->parts[(i + 1) % space->part_count].offset;

		ret = copy_arrives(prover, from, vmm_space_gpa(space, from), to,
				   vmm_space_gpa(space, to));
		if (ret < 0)
			return ret;
		prover->proof->ram++;
	}
	return 0;
}

/* Each direction that the mapping allows. */
static int prove_mapped(struct prover *prover, const struct vmm_request *request)
{
	uint64_t iova = prover->space->window.start + request->iova + end_of(request);
	uint64_t ram = request->ram + end_of(request);
	uint64_t scratch = scratch_for(prover, request);
	uint64_t scratch_gpa = vmm_space_gpa(prover->space, scratch);
	int ret = 0;

	if (request->flags & IOM_MAP_READ)
		ret = copy_arrives(prover, ram, iova, scratch, scratch_gpa);
	if (!ret && request->flags & IOM_MAP_WRITE)
		ret = copy_arrives(prover, scratch, scratch_gpa, ram, iova);
	if (!ret)
		prover->proof->window++;
	return ret;
}

/*
 * Neither does what the device writes there arrive, nor does what it reads there come from the RAM;
 * and it reaches the same bytes by their guest physical address, so that it is not just dead.
 */
static int prove_unreached(struct prover *prover, const struct vmm_request *request)
{
	uint64_t iova = prover->space->window.start + request->iova + end_of(request);
	uint64_t ram = request->ram + end_of(request);
	uint64_t scratch = scratch_for(prover, request);
	uint64_t scratch_gpa = vmm_space_gpa(prover->space, scratch);
	uint32_t secret = ++prover->marks;
	int ret;

	fill(ram_at(prover, ram), secret);
	fill(ram_at(prover, scratch), ++prover->marks);
	ret = copy(prover, scratch_gpa, iova);
	if (!ret && !holds(ram_at(prover, ram), secret))
		ret = fail(-EILSEQ, "the device wrote to IOVA 0x%" PRIx64 " after it was unmapped",
			   iova);
	if (!ret)
		ret = copy(prover, iova, scratch_gpa);
	if (!ret && holds(ram_at(prover, scratch), secret))
		ret = fail(-EILSEQ, "the device read from IOVA 0x%" PRIx64 " after it was unmapped",
			   iova);
	if (!ret)
		ret = copy_arrives(prover, ram, vmm_space_gpa(prover->space, ram), scratch,
				   scratch_gpa);
	if (!ret)
		prover->proof->unreached++;
	return ret;
}

/* ---- The stream ------------------------------------------------------------------------------ */

static bool was_watched(struct prover *prover, const struct vmm_request *unmap)
{
	for (unsigned int i = 0; i < prover->watching; i++)
		if (prover->watched[i] && prover->watched[i]->iova == unmap->iova) {
			prover->watched[i] = NULL;
			return true;
		}
	return false;
}

static int replay(struct prover *prover, const struct vmm_stream *stream)
{
	size_t maps = 0;
	int ret;

	for (size_t i = 0; i < stream->count; i++) {
		const struct vmm_request *request = &stream->requests[i];

		ret = vmm_space_request(prover->space, request);
		if (ret < 0)
			return fail(ret, "%s", iom_errmsg());
		if (request->flags && maps++ == prover->watching * (stream->maps / LOOKS) &&
		    prover->watching < LOOKS) {
			prover->watched[prover->watching++] = request;
			ret = prove_mapped(prover, request);
		} else if (!request->flags && was_watched(prover, request) &&
			   prover->proof->unreached < ATTEMPTS) {
			ret = prove_unreached(prover, request);
		}
		if (ret < 0)
			return ret;
	}
	return 0;
}

int vmm_prove(const struct vmm_space *space, const struct vmm_stream *stream, struct edu *edu,
	      struct vmm_proof *proof)
{
	struct prover prover = { .space = space, .edu = edu, .proof = proof };
	int ret;

	memset(proof, 0, sizeof(*proof));
	ret = prove_ram(&prover);
	if (!ret)
		ret = replay(&prover, stream);
	/* Whatever the window did, the RAM is still there. */
	return ret < 0 ? ret : prove_ram(&prover);
}
