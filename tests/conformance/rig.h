/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMA that proves what a device can reach.  Every transfer that must fail stands between two that
 * must work, and memory is compared, never the device's word.
 */
#ifndef RIG_H
#define RIG_H

#include "harness.h"

/* Bytes in a transfer. */
#define RIG_BYTES 256u

/* A page to copy from, one to copy to, and a device. */
struct rig {
	struct fixture *f;
	const char *address;
	struct engine *engine;
	unsigned char *from, *to;
	struct iom_region from_region, to_region;
	unsigned char round;
	bool proven; /* the last check was a positive one */
};

/* Map both pages, and take the device, which is attached; or only that, for a second device. */
enum outcome rig_build(struct rig *rig, struct fixture *f, struct iom_device *dev);
enum outcome rig_take(struct rig *rig, struct iom_device *dev);
void rig_release(struct rig *rig);

/* Bytes never used before in the source; bytes that are none of these in the target. */
void rig_prepare(struct rig *rig, void *target);

/* Copy the source through the device to an IOVA. */
int rig_copy(struct rig *rig, iom_iova_t target);
bool rig_arrived(const struct rig *rig, const void *target);
bool rig_untouched(const struct rig *rig, const void *target);

/* The positive check: from the one page to the other. */
enum outcome rig_works(struct rig *rig);

/* The device writes to this memory at this IOVA, and reads it there. */
enum outcome rig_reaches(struct rig *rig, void *target, iom_iova_t iova);
enum outcome rig_reads(struct rig *rig, const void *source, iom_iova_t iova);

/* What the device writes to this IOVA does not come to this memory; positive checks around it. */
enum outcome rig_misses(struct rig *rig, void *target, iom_iova_t iova);

#endif
