/* SPDX-License-Identifier: BSD-3-Clause */
/* Requested apertures, as the domain lists them and as the simulated kernel was told of them. */
#ifndef IOM_TEST_REQUEST_RIG_H
#define IOM_TEST_REQUEST_RIG_H

#include "tests/unit/domain_rig.h"

#define MOST_LISTED 64

struct listed {
	struct iom_aperture v[MOST_LISTED];
	int n;
};

/* What ALLOW_IOVAS had in it when it last succeeded; nothing once the IOAS is another. */
struct told {
	struct iom_iommu_iova_range v[MOST_LISTED];
	uint32_t n;
};

static struct told told;

static inline void listen(void *arg, const struct iom_sim_event *event)
{
	const struct iom_iommu_ioas_allow_iovas *allow = event->arg;

	(void)arg;
	if (event->call != IOM_SIM_IOCTL || event->answer)
		return;
	if (event->request == IOM_IOMMU_IOAS_ALLOC)
		told.n = 0;
	if (event->request != IOM_IOMMU_IOAS_ALLOW_IOVAS || allow->num_iovas > MOST_LISTED)
		return;
	told.n = allow->num_iovas;
	memcpy(told.v, (const void *)(uintptr_t)allow->allowed_iovas, told.n * sizeof(told.v[0]));
}

/* After the machine is there. */
static inline void start_listening(void)
{
	told.n = 0;
	iom_sim_watch(rig.sim, listen, NULL);
}

static inline int ask(uint64_t start, uint64_t length, uint64_t page, uint64_t flags, uint64_t *id)
{
	const struct iom_aperture_opts opts = {
		.size = sizeof(opts),
		.start = start,
		.length = length,
		.page = page,
		.flags = flags,
	};

	return iom_aperture_request(rig.dom, &opts, id);
}

static inline int ask_at(uint64_t start, uint64_t length, uint64_t *id)
{
	return ask(start, length, 0, IOM_APERTURE_FIXED, id);
}

static inline int ask_anywhere(uint64_t length, uint64_t *id)
{
	return ask(0, length, 0, 0, id);
}

/* n is an errno without devices. */
static inline struct listed list_apertures(void)
{
	struct listed list = { .n = 0 };

	list.n = iom_apertures(rig.dom, list.v, MOST_LISTED);
	ck_assert_int_le(list.n, MOST_LISTED);
	return list;
}

static inline bool same_list(const struct listed *a, const struct listed *b)
{
	size_t n = a->n > 0 ? (size_t)a->n : 0;

	return a->n == b->n && !memcmp(a->v, b->v, n * sizeof(a->v[0]));
}

/* Whether the kernel was told of this very range. */
static inline bool was_told(uint64_t start, uint64_t last)
{
	uint32_t i;

	for (i = 0; i < told.n; i++)
		if (told.v[i].start == start && told.v[i].last == last)
			return true;
	return false;
}

/* While devices are attached, the kernel holds what is listed as requested, and no more. */
static inline bool kernel_agrees(void)
{
	struct listed list = list_apertures();
	uint32_t n = 0;
	int i;

	if (!rig_is("iommufd") || list.n < 0)
		return true;
	for (i = 0; i < list.n; i++) {
		if (!(list.v[i].flags & IOM_APERTURE_REQUESTED))
			continue;
		if (!was_told(list.v[i].start, list.v[i].last))
			return false;
		n++;
	}
	return n == told.n;
}

static inline bool is_granted_at(uint64_t id, uint64_t start, uint64_t length)
{
	struct iom_aperture a;

	return !iom_aperture_granted(rig.dom, id, &a) && a.start == start &&
	       a.last == start + length - 1 && a.flags & IOM_APERTURE_REQUESTED;
}

#endif
