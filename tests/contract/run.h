/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files that make the calls share. */
#ifndef IOM_CONTRACT_RUN_H
#define IOM_CONTRACT_RUN_H

#include "tests/contract/contract.h"

struct run {
	const struct contract_world *world;
	const struct contract_case *test;
	int fds[SLOTS + 1];
	char *memory[MEMORIES];
	uint64_t fresh; /* where the last window that was created starts */
	void *area;
	size_t length, huge_length;
	char wrong[512]; /* about the row that runs */
};

void contract_wrong(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
void contract_expect(struct run *run, const char *what, uint64_t is, uint64_t expected);

static inline uint64_t contract_unit(const struct run *run)
{
	return run->world->page_size;
}

/* The address of the row's device. */
static inline const char *contract_device(const struct run *run, const struct contract_row *row)
{
	return row->device == ALONE ? run->world->address : run->world->pair[row->device == SECOND];
}

uint64_t contract_iova(const struct run *run, const struct contract_row *row);
/* What a row means to map, and how much of it. */
uint64_t contract_address(const struct run *run, const struct contract_row *row);
uint64_t contract_size(const struct run *run, const struct contract_row *row);
/* ioctl on the row's fd. */
int contract_call(const struct run *run, const struct contract_row *row, unsigned long request,
		  void *arg);
/* The same of a call that looks at the memory: a hole is behind it meanwhile. */
int contract_call_memory(struct run *run, const struct contract_row *row, unsigned long request,
			 void *arg);
/* A call that made a descriptor. */
int contract_keep(struct run *run, const struct contract_row *row, int fd);

/* -ENOSYS: it is none of these. */
int contract_type1_call(struct run *run, const struct contract_row *row);
int contract_iommufd_call(struct run *run, const struct contract_row *row);
int contract_spapr_call(struct run *run, const struct contract_row *row);
/* Is a row for this POWER machine, or any other. */
bool contract_spapr_applies(const struct contract_world *world, const struct contract_row *row);
/* Why not a case that is for POWER machines; NULL: it is. */
const char *contract_spapr_lacks(const struct contract_world *world,
				 const struct contract_case *test);

#endif
