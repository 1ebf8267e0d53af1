/* SPDX-License-Identifier: BSD-3-Clause */
/* A domain on a simulated POWER machine. */
#ifndef IOM_TEST_POWER_RIG_H
#define IOM_TEST_POWER_RIG_H

#include "tests/unit/domain_rig.h"

#define KIB64 UINT64_C(65536)
#define SECOND (UINT64_C(1) << 59) /* where the second window starts */

/* Both, in loop tests. */
static const char *const platforms[] = { "powernv", "pseries" };

struct power {
	struct iom_sim_config machine;
	struct iom_open_opts opts; /* what the caller states of the domain */
};

static inline struct power power_of(const char *platform)
{
	struct power power = {
		/* much is mapped: it need not be there */
		.machine = { .size = sizeof(power.machine),
			     .platform = platform,
			     .memory = IOM_SIM_MEMORY_MAPS },
		.opts = { .size = sizeof(power.opts), .log = rig_log, .log_arg = &rig },
	};

	return power;
}

static inline void power_start(const struct power *power)
{
	rig_machine(&power->machine);
	ck_assert_ok(iom_open_with(&rig.dom, &power->opts, &rig.sys, iom_backends));
}

static inline int attach_bits(const char *address, unsigned int bits, struct iom_device **dev)
{
	const struct iom_attach_opts opts = { .size = sizeof(opts), .dma_bits = bits };

	return iom_attach(rig.dom, address, &opts, dev);
}

/* The same with the drive. */
static inline void power_attach(const struct power *power)
{
	power_start(power);
	ck_assert_ok(attach_bits(NVME, 0, &rig.nvme));
}

/* Nothing is left, and nothing would have crashed. */
static inline void power_end(void)
{
	ck_assert_uint_eq(iom_sim_spapr_leaks(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_spapr_crashes(rig.sim), 0);
	tear_down();
}

/* Memory of pages that large, which need not be as large really. */
static inline char *power_memory(uint64_t length, uint64_t backing)
{
	char *p = rig_memory_at(length, backing, 0);

	if (backing > KIB64)
		ck_assert_int_eq(iom_sim_set_backing(rig.sim, p, length, backing), 0);
	return p;
}

static inline unsigned int registers(void)
{
	return iom_sim_ioctls(rig.sim, VFIO_IOMMU_SPAPR_REGISTER_MEMORY);
}

static inline unsigned int unregisters(void)
{
	return iom_sim_ioctls(rig.sim, VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY);
}

static inline unsigned int creates(void)
{
	return iom_sim_ioctls(rig.sim, VFIO_IOMMU_SPAPR_TCE_CREATE);
}

static inline unsigned int removes(void)
{
	return iom_sim_ioctls(rig.sim, VFIO_IOMMU_SPAPR_TCE_REMOVE);
}

/* From now on, or not. */
static inline void refuse(unsigned long request, int answer)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = answer,
		.calls = 1u << IOM_SIM_IOCTL,
		.request = request,
		.on = true,
	};

	iom_sim_fail(rig.sim, answer ? &failure : NULL);
}

/* The n-th one from now. */
static inline void refuse_nth(unsigned long request, unsigned int n, int answer)
{
	const struct iom_sim_failure failure = {
		.nth = n,
		.answer = answer,
		.calls = 1u << IOM_SIM_IOCTL,
		.request = request,
	};

	iom_sim_fail(rig.sim, &failure);
}

static inline bool logged(const char *words)
{
	return strstr(rig.log, words);
}

#endif
