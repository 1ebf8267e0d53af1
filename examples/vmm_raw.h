/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The same work by the kernel's own calls, as a program makes them that knows its one platform: the
 * measure of what libiommu costs.
 *
 * Here is also what a program would have to do without the library, and it is the least of it:
 * nothing is planned, checked, translated or explained.
 */
#ifndef VMM_RAW_H
#define VMM_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm_space.h"
#include "vmm_stream.h"

/* What was granted to the library, for the same again once its domain is closed. */
struct vmm_raw_plan {
	char backend[32];
	char device[32];
	const struct vmm_ram *ram; /* NULL: none, and no parts; for those who map something else */
	struct vmm_range parts[VMM_MAX_PARTS];
	int part_count;
	uint64_t window;
	struct iom_aperture apertures[VMM_MAX_APERTURES];
	int aperture_count;
};

struct vmm_raw {
	const struct vmm_raw_plan *plan;
	int container; /* or the iommufd */
	int group;
	int device; /* these two: -1 if there is none */
	bool is_iommufd;
	bool is_power;
	uint32_t ioas;
};

/* In a domain whose space is open. */
int vmm_raw_plan(struct vmm_raw_plan *plan, const struct vmm_space *space, const char *device);

/* Of a domain whose device is attached: another device, with the same windows and nothing in them. */
int vmm_raw_plan_domain(struct vmm_raw_plan *plan, const struct iom_domain *domain,
			const char *device);

/*
 * The same mappings of the RAM, in the same windows.  The library's domain must be closed.  0 or a
 * negative errno and a sentence.
 */
int vmm_raw_open(struct vmm_raw *raw, const struct vmm_raw_plan *plan);

/* A request of the virtual IOMMU, by one call. */
int vmm_raw_request(const struct vmm_raw *raw, const struct vmm_request *request);

/* One call each; 0 or -EIO and errno. */
int vmm_raw_map(const struct vmm_raw *raw, uint64_t iova, void *va, uint64_t length,
		unsigned int flags);
int vmm_raw_unmap(const struct vmm_raw *raw, uint64_t iova, uint64_t length);

/* What POWER wants before and after; elsewhere nothing is done. */
int vmm_raw_register(const struct vmm_raw *raw, void *va, uint64_t length);
int vmm_raw_unregister(const struct vmm_raw *raw, void *va, uint64_t length);

/* The kernel ends the mappings with it. */
void vmm_raw_close(struct vmm_raw *raw);

/* ---- Between its parts ----------------------------------------------------------------------- */

/* vmm_raw_iommufd.c: open and attach; map and unmap */
int vmm_raw_iommufd_open(struct vmm_raw *raw);
int vmm_raw_iommufd_map(const struct vmm_raw *raw, uint64_t iova, void *va, uint64_t length,
			unsigned int flags);
int vmm_raw_iommufd_unmap(const struct vmm_raw *raw, uint64_t iova, uint64_t length);

/* vmm_raw_spapr.c: in a container with its group, make the windows; register memory, or end that */
int vmm_raw_spapr_windows(const struct vmm_raw *raw);
int vmm_raw_spapr_register(const struct vmm_raw *raw, void *va, uint64_t length, bool begin);

#endif /* VMM_RAW_H */
