/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What PowerNV and pSeries share: a domain is one container per group, kept alike, with the same
 * one or two windows.  What they do not, is a policy: which windows those are.
 */
#ifndef IOM_SPAPR_H
#define IOM_SPAPR_H

#include "container.h"
#include "records.h"

#define IOM_SPAPR_WINDOWS 2

/* A window to create. */
struct iom_window_plan {
	struct iom_window window; /* start: where it must come out; any, if start_is_free */
	unsigned int levels;
	bool start_is_free;
	bool replaces_first; /* the default window goes before */
};

struct iom_spapr_policy {
	/* 0, or -EOPNOTSUPP with a sentence: this machine is another. */
	int (*check_machine)(const struct iom_sys *sys);

	/* The second window for such memory, computed, never tried; or -ERANGE, with a sentence. */
	int (*plan)(const struct iom_spapr_info *info, const struct iom_backend_plan *plan,
		    const struct iom_backend_wish *wish, struct iom_window_plan *window);

	/* The window for what is asked for: its page is one that the bridge has. */
	int (*plan_room)(const struct iom_spapr_info *info, const struct iom_backend_plan *plan,
			 const struct iom_backend_room *room, uint64_t reach,
			 struct iom_window_plan *window);
};

/* The first holds the default window, or what took its place; the second may be empty. */
struct iom_spapr_slot {
	struct iom_window window;
	bool made;      /* by this plan; else it is the default window, or none */
	bool requested; /* for a request */
	struct iom_window_plan plan;
};

/* The state of a domain; the backend's priv. */
struct iom_spapr {
	const struct iom_spapr_policy *policy; /* NULL until the first attach */
	struct iom_spapr_container *containers;
	struct iom_spapr_info info;
	unsigned int second_group;                       /* for which info.second is known */
	struct iom_spapr_slot slots[IOM_SPAPR_WINDOWS];  /* alike in all containers */
	struct iom_spapr_slot before[IOM_SPAPR_WINDOWS]; /* the last change */
	bool pending;                                    /* what was made since is not held yet */
	struct iom_aperture_set held;                    /* what is granted to requests */
	struct iom_backend_wish refused;                 /* by arithmetic */
	/*
	 * The kernel failed to make or to remove a window: it is not known what there is, and each
	 * failure costs locked memory for ever (tce_iommu_create_table), so no more are asked for.
	 */
	bool failed;
	struct iom_records records;
	struct iom_space declared; /* memory, under the records' lock; zeroes until there is any */
};

/* Whether the caller stated what is to be expected. */
static inline bool iom_spapr_is_stated(const struct iom_backend_plan *plan)
{
	return plan->bytes_stated || plan->page_stated;
}

/*
 * The largest page that a window may have which takes the place of the default one: it serves all
 * memory then, unless the caller expects large pages.
 */
static inline uint64_t iom_spapr_only_page(const struct iom_backend_plan *plan)
{
	return plan->page_stated ? plan->page : plan->base;
}

bool iom_same_window(const struct iom_window *a, const struct iom_window *b);

static inline bool iom_spapr_has_made(const struct iom_spapr *s)
{
	return s->slots[0].made || s->slots[1].made;
}

/*
 * Fill a slot of one container with another window, made by a plan or the default one, instead of
 * what is there; *start is where it begins.  Nothing is changed on failure.
 */
int iom_spapr_change_in(const struct iom_backend *backend, struct iom_spapr_container *container,
			const struct iom_spapr_slot *from, const struct iom_spapr_slot *to,
			uint64_t *start);

/* The same in all containers alike, or in none, and in the domain's own table. */
int iom_spapr_change(struct iom_backend *backend, size_t slot, const struct iom_spapr_slot *to);

/* A slot as it is without any plan. */
struct iom_spapr_slot iom_spapr_empty_slot(const struct iom_spapr *s, size_t slot);

/* Note what there is, for undo_aperture, before a change. */
void iom_spapr_note(struct iom_spapr *s);

/* -EIO, with a sentence, after a failure of the kernel. */
int iom_spapr_check_failed(const struct iom_spapr *s);

/* What is mapped, or -EBUSY with a sentence, in a window that would have to go. */
int iom_spapr_check_unused(struct iom_spapr *s, const struct iom_window *window);

/* Below 4 GiB, what lies above the default window is the bridge's own: from the end of that on. */
static inline uint64_t iom_spapr_hole(const struct iom_spapr_info *info)
{
	return info->first.start + info->first.size;
}

/* Map what is mapped in the other containers, in a new one; its windows are there. */
int iom_spapr_map_one(const struct iom_backend *backend, struct iom_spapr_container *container,
		      const struct iom_backend_map *map, bool *left);

/* Memory that is declared: registered in all containers; in one more; and all of it gone. */
int iom_spapr_declare(struct iom_backend *backend, uintptr_t va, uint64_t length, uint64_t page);
int iom_spapr_undeclare(struct iom_backend *backend, uintptr_t va, uint64_t length);
int iom_spapr_declare_in(const struct iom_spapr *s, struct iom_spapr_container *container);
void iom_spapr_forget_declared(struct iom_spapr *s);

/* The one that has a group which is attached. */
struct iom_spapr_container *iom_spapr_container_of(const struct iom_spapr *s, unsigned int group);

/* The backend operations; attach with the platform's policy. */
int iom_spapr_attach(struct iom_backend *backend, struct iom_backend_device *dev,
		     const struct iom_spapr_policy *policy);
void iom_spapr_detach(struct iom_backend *backend, struct iom_backend_device *dev);
int iom_spapr_apertures(struct iom_backend *backend, struct iom_aperture_set *set);
bool iom_spapr_wants_aperture(const struct iom_backend *backend,
			      const struct iom_backend_wish *wish);
int iom_spapr_add_aperture(struct iom_backend *backend, const struct iom_backend_wish *wish);
int iom_spapr_make_room(struct iom_backend *backend, const struct iom_backend_room *room,
			uint64_t reach, const struct iom_aperture_set *granted);
int iom_spapr_hold(struct iom_backend *backend, const struct iom_aperture_set *granted);
void iom_spapr_undo_aperture(struct iom_backend *backend);
int iom_spapr_map_all(struct iom_backend *backend, const struct iom_backend_map *map, bool *left);
int iom_spapr_unmap_all(struct iom_backend *backend, uint64_t iova, uint64_t length);
bool iom_spapr_can_unmap_all(const struct iom_backend *backend);
void iom_spapr_entries(const struct iom_backend *backend, uint64_t *limit, uint64_t *used);
int iom_spapr_device_state(struct iom_backend *backend, const struct iom_backend_device *dev);
int iom_spapr_recover(struct iom_backend *backend, const struct iom_backend_device *dev,
		      unsigned int flags);
int iom_spapr_fds(const struct iom_backend *backend, const struct iom_backend_device *dev,
		  struct iom_backend_fds *fds);
void iom_spapr_destroy(struct iom_backend *backend);
void iom_spapr_forget(struct iom_backend *backend, struct iom_backend_device *dev);

#define IOM_SPAPR_OPS                                                                       \
	.caps = IOM_CAP_BACKING, .priv_size = sizeof(struct iom_spapr),                     \
	.detach = iom_spapr_detach, .close_device = iom_vfio_close_device,                  \
	.apertures = iom_spapr_apertures, .wants_aperture = iom_spapr_wants_aperture,       \
	.add_aperture = iom_spapr_add_aperture, .undo_aperture = iom_spapr_undo_aperture,   \
	.make_room = iom_spapr_make_room, .hold = iom_spapr_hold, .map = iom_spapr_map_all, \
	.unmap = iom_spapr_unmap_all, .can_unmap_all = iom_spapr_can_unmap_all,             \
	.declare = iom_spapr_declare, .undeclare = iom_spapr_undeclare,                     \
	.device_state = iom_spapr_device_state, .recover = iom_spapr_recover,               \
	.entries = iom_spapr_entries, .fds = iom_spapr_fds, .destroy = iom_spapr_destroy,   \
	.forget = iom_spapr_forget

#endif
