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
#define VIRTUAL_FUNCTION "pseries-vf/*"

static const struct {
	const char *machine, *name;
	enum verdict verdict;
} table[] = {
	/* one window, of a gibibyte less page 0 */
	{ VIRTUAL_FUNCTION, "map-huge-page-of-1-gib", MUST_SKIP },
	{ VIRTUAL_FUNCTION, "defect-12-one-entry-for-a-gibibyte", MUST_SKIP },
	/* there huge pages are only said to be */
	{ POWER, "map-huge-page*", MUST_RUN },
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
