/* SPDX-License-Identifier: BSD-3-Clause */
/* A domain on a simulated POWER machine whose bridges freeze what errs. */
#ifndef IOM_TEST_EEH_RIG_H
#define IOM_TEST_EEH_RIG_H

#include "tests/unit/power_rig.h"

/* Nothing is ever mapped there: in the default window of each machine, and below the others. */
#define NOWHERE UINT64_C(0x3ffff000)

/* The operations asked of the kernel, one letter each, in order. */
#define STATE "s"
#define THAW "id" /* registers (I/O), DMA */
#define HOT "hec" /* hot, end, configure */
#define FUNDAMENTAL "fec"

static char ops[64];

static inline void note_op(struct rig *r, unsigned long request, void *arg)
{
	static const char letters[] = {
		[VFIO_EEH_PE_DISABLE] = '-',     [VFIO_EEH_PE_ENABLE] = '+',
		[VFIO_EEH_PE_UNFREEZE_IO] = 'i', [VFIO_EEH_PE_UNFREEZE_DMA] = 'd',
		[VFIO_EEH_PE_GET_STATE] = 's',   [VFIO_EEH_PE_RESET_DEACTIVATE] = 'e',
		[VFIO_EEH_PE_RESET_HOT] = 'h',   [VFIO_EEH_PE_RESET_FUNDAMENTAL] = 'f',
		[VFIO_EEH_PE_CONFIGURE] = 'c',   [VFIO_EEH_PE_INJECT_ERR] = 'j',
	};
	const struct vfio_eeh_pe_op *op = arg;
	size_t n = strlen(ops);

	(void)r;
	if (request == VFIO_EEH_PE_OP && n < sizeof(ops) - 1) {
		ops[n] = letters[op->op];
		ops[n + 1] = '\0';
	}
}

/* With the drive, which is alone in group 14, and ready to attach the other in group 15. */
static inline void eeh_start(const char *platform)
{
	const struct power power = power_of(platform);

	power_attach(&power);
	iom_sim_spapr_freezes(rig.sim, true);
	rig.after = note_op;
	ops[0] = '\0';
	iom_error_set("none");
}

#define ck_assert_ops(expected)                  \
	do {                                     \
		ck_assert_str_eq(ops, expected); \
		ops[0] = '\0';                   \
	} while (0)

/* What the platform cannot let through. */
static inline void fault(const char *address)
{
	char byte = 0;

	ck_assert_int_eq(iom_sim_dma_write(rig.sim, address, NOWHERE, &byte, 1), -EFAULT);
}

static inline void set_state(const char *address, int state)
{
	ck_assert_int_eq(iom_sim_spapr_set_state(rig.sim, address, state), 0);
}

#endif
