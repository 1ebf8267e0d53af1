// SPDX-License-Identifier: BSD-3-Clause
/* The cases that do not apply to a simulated machine: on it, all others must run. */
#include <fnmatch.h>

#include "expected.h"

#define IOMMUFD "*-iommufd/iommufd"
#define IOMMUFD_CHOSEN "*-iommufd/any"
#define COMPAT "*/type1-iommufd"
#define FIRST_STAGE "x86-flts/"
#define NO_IOMMUFD "*/[0-9][0-9][0-9]/*"
#define POWER "p*"
#define NO_POWER "[ax]*"
#define POWERNV "powernv*"
#define HASH "pseries-hash/*"
#define VIRTUAL_FUNCTION "pseries-vf*"
#define HUGE "p*-huge/*"
#define PSERIES "pseries*"

static const struct {
	const char *machine, *name;
	enum verdict verdict;
} table[] = {
	{ NO_POWER, "power-*", MUST_SKIP },
	{ POWER, "adopt-through-our-descriptors", MUST_RUN },
	{ POWER, "adopt-*", MUST_SKIP },
	{ NO_POWER, "share-page-of-several-buffers", MUST_SKIP },
	{ "p*/4k/*", "share-page-of-several-buffers", MUST_SKIP },
	{ POWER, "request-around-a-hole", MUST_SKIP },

	/* one window, of a gibibyte less page 0 */
	{ VIRTUAL_FUNCTION, "map-huge-page-of-1-gib", MUST_SKIP },
	{ VIRTUAL_FUNCTION, "defect-12-one-entry-for-a-gibibyte", MUST_SKIP },
	{ VIRTUAL_FUNCTION, "power-mixed-pages", MUST_SKIP },
	{ VIRTUAL_FUNCTION, "power-pages-of-2-mib", MUST_SKIP },
	{ VIRTUAL_FUNCTION, "power-small-memory-and-large-pages", MUST_SKIP },
	{ VIRTUAL_FUNCTION, "power-windows-after-reattach", MUST_SKIP },
	{ VIRTUAL_FUNCTION, "power-gibibyte-in-one-call", MUST_SKIP },
	{ VIRTUAL_FUNCTION, "power-window-for-two-groups", MUST_SKIP },
	{ VIRTUAL_FUNCTION, "power-window-needed-by-threads", MUST_SKIP },
	{ VIRTUAL_FUNCTION, "power-limit-of-one-mapping", MUST_SKIP },
	{ VIRTUAL_FUNCTION, "power-only-window-is-replaced", MUST_RUN },
	{ POWER, "power-only-window-is-replaced", MUST_SKIP },

	{ VIRTUAL_FUNCTION, "power-request-no-such-window", MUST_RUN },
	{ VIRTUAL_FUNCTION, "power-request-flat-range", MUST_RUN },
	{ VIRTUAL_FUNCTION, "power-request-only-window", MUST_RUN },
	{ VIRTUAL_FUNCTION, "power-request-*", MUST_SKIP },
	{ POWER, "power-request-only-window", MUST_SKIP },

	/* only PowerNV has other windows at 0, only pSeries has them where the hypervisor says */
	{ VIRTUAL_FUNCTION, "power-replaced-when-empty", MUST_RUN },
	{ POWERNV, "power-replaced-when-empty", MUST_RUN },
	{ POWER, "power-replaced-when-empty", MUST_SKIP },
	{ POWERNV, "power-request-default-window-in-use", MUST_RUN },
	{ POWER, "power-request-default-window-in-use", MUST_SKIP },
	{ POWERNV, "power-group-whose-window-begins-elsewhere", MUST_SKIP },
	{ POWERNV, "power-no-window-for-two-that-differ", MUST_SKIP },
	{ POWERNV, "power-bridge-without-windows", MUST_SKIP },

	/* the huge pages that are said to be there are of 2 MiB, with the hash MMU of 16 MiB */
	{ HASH, "power-pages-of-16-mib", MUST_RUN },
	{ POWER, "power-pages-of-16-mib", MUST_SKIP },
	{ HASH, "power-second-window-at-need", MUST_RUN },
	{ HUGE, "power-second-window-at-need", MUST_RUN },
	{ POWER, "power-second-window-at-need", MUST_SKIP },
	{ HUGE, "power-window-needed-by-threads", MUST_RUN },
	{ HASH, "power-window-needed-by-threads", MUST_RUN },
	{ POWER, "power-window-needed-by-threads", MUST_SKIP },
	{ HUGE, "power-limit-of-one-mapping", MUST_RUN },
	{ HASH, "power-limit-of-one-mapping", MUST_RUN },
	{ POWER, "power-limit-of-one-mapping", MUST_SKIP },
	{ HUGE, "power-mixed-pages", MUST_RUN },
	{ HASH, "power-mixed-pages", MUST_RUN },
	{ POWER, "power-mixed-pages", MUST_SKIP },
	{ HUGE, "power-pages-of-2-mib", MUST_RUN },
	{ HASH, "power-pages-of-2-mib", MUST_RUN },
	{ POWER, "power-pages-of-2-mib", MUST_SKIP },
	{ HUGE, "power-windows-after-reattach", MUST_RUN },
	{ HASH, "power-windows-after-reattach", MUST_RUN },
	{ POWER, "power-windows-after-reattach", MUST_SKIP },
	{ HUGE, "power-gibibyte-in-one-call", MUST_RUN },
	{ HASH, "power-gibibyte-in-one-call", MUST_RUN },
	{ POWER, "power-gibibyte-in-one-call", MUST_SKIP },
	{ HUGE, "power-request-*", MUST_RUN },
	{ HASH, "power-request-*", MUST_RUN },
	{ POWER, "power-request-pages-of-2-mib", MUST_SKIP },
	{ "p*/4k/*", "power-request-pages-of-64-kib", MUST_SKIP },
	{ "p*/4k/*", "power-request-leaves-a-window-in-use", MUST_SKIP },
	{ "p*/4k/*", "power-request-window-at-attach", MUST_SKIP },
	{ "p*/4k/*", "power-request-two-groups", MUST_SKIP },
	{ HUGE, "power-pages-of-64-kib", MUST_RUN },
	{ "p*/4k/*", "power-pages-of-64-kib", MUST_SKIP },
	{ HUGE, "map-huge-page*", MUST_RUN },
	{ HASH, "map-huge-page", MUST_RUN },
	{ POWER, "map-huge-page*", MUST_SKIP },

	/* pSeries has EEH only once it freezes, as QEMU's has not */
	{ NO_POWER, "eeh-frozen-*", MUST_SKIP },
	{ NO_POWER, "eeh-thaw-of-what-works", MUST_SKIP },
	{ NO_POWER, "eeh-reset-keeps-mappings", MUST_SKIP },
	{ PSERIES, "eeh-thaw-of-what-works", MUST_SKIP },
	{ PSERIES, "eeh-reset-keeps-mappings", MUST_SKIP },

	{ POWERNV, "dma-write-only-cannot-be-read", MUST_SKIP },
	{ POWER, "choice-without-iommufd", MUST_SKIP },
	{ POWER, "*entry-limit", MUST_SKIP },
	{ POWER, "map-above-4-gib", MUST_SKIP },
	{ POWER, "map-congruent-to-huge-pages", MUST_SKIP },
	{ POWER, "refuse-msi-window", MUST_SKIP },
	{ POWER, "devices-behind-a-narrower-iommu", MUST_SKIP },
	{ POWER, "devices-with-a-reserved-range", MUST_SKIP },
	{ POWER, "machine-interrupts-not-isolated", MUST_SKIP },
	{ POWER, "machine-unsafe-interrupts-allowed", MUST_SKIP },
	{ POWER, "granule-smaller-than-a-page", MUST_SKIP },

	/* up to the machine that runs the simulation */
	{ "*", "map-huge-page", MAY_SKIP },
	{ "*", "map-huge-page-of-1-gib", MAY_SKIP },
	{ "*", "file-of-huge-pages", MAY_SKIP },

	/* iommufd of Linux 6.12 attaches nothing there: type1 is taken */
	{ FIRST_STAGE IOMMUFD_CHOSEN, "*entry-limit", MUST_RUN },
	{ FIRST_STAGE IOMMUFD_CHOSEN, "choice-of-iommufds-container", MUST_SKIP },
	{ FIRST_STAGE "*", "dma-write-only-cannot-be-read", MUST_SKIP },

	/* iommufd has no limit on the number of mappings */
	{ IOMMUFD, "*entry-limit", MUST_SKIP },
	{ IOMMUFD_CHOSEN, "*entry-limit", MUST_SKIP },
	{ COMPAT, "*entry-limit", MUST_SKIP },
	{ NO_IOMMUFD, "choice-of-iommufds-container", MUST_SKIP },

	/* pages of 64 KiB and 512 MiB only, and a first stage that cannot forbid reading */
	{ "arm64-smmuv3/64k/*", "map-congruent-to-huge-pages", MUST_SKIP },
	{ "arm64-smmuv3/*", "dma-write-only-cannot-be-read", MUST_SKIP },
	{ "*/4k/*", "granule-smaller-than-a-page", MUST_SKIP },
};

enum verdict expected_on(const char *machine, const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!fnmatch(table[i].name, name, 0) && !fnmatch(table[i].machine, machine, 0))
			return table[i].verdict;
	return MUST_RUN;
}
