// SPDX-License-Identifier: BSD-3-Clause
/* Windows for apertures that the caller asks for: made, or reshaped, and removed again. */
#include <errno.h>
#include <inttypes.h>

#include "lib/error.h"
#include "machine.h"

static bool has(const struct iom_window *window, uint64_t iova)
{
	return iova - window->start < window->size;
}

static bool contains(const struct iom_window *window, uint64_t start, uint64_t last)
{
	return has(window, start) && has(window, last) && start <= last;
}

/*
 * Whether another window serves, in the place of this one, what was granted in it.  (The hole below
 * 4 GiB is in neither.)
 */
static int check_granted(const struct iom_window *from, const struct iom_window_plan *plan,
			 const struct iom_aperture_set *granted)
{
	const struct iom_window *to = &plan->window;
	const uint64_t page = UINT64_C(1) << to->page_shift;
	size_t i;

	for (i = 0; i < granted->n; i++) {
		const struct iom_aperture *a = &granted->v[i];

		if (!has(from, a->start))
			continue;
		if (plan->start_is_free || !contains(to, a->start, a->last) ||
		    iom_smallest_page(a->page_sizes) < page)
			return iom_error(-EBUSY,
					 "the DMA window at 0x%" PRIx64
					 " would have to be replaced, but IOVA 0x%" PRIx64
					 " to 0x%" PRIx64 " was requested in it",
					 from->start, a->start, a->last);
	}
	return 0;
}

/* Whether what is in the slot may go for the planned window. */
static int check_slot(struct iom_spapr *s, const struct iom_spapr_slot *slot,
		      const struct iom_window_plan *plan, const struct iom_aperture_set *granted)
{
	int ret;

	/* where it was not made yet, the kernel knows only one at 0 as the one not to make */
	if (plan->replaces_first && !slot->made && s->info.first.start)
		return iom_error(-ERANGE,
				 "it would take the place of the default window, which the kernel "
				 "lets go only if it begins at 0");
	if (slot->window.size == plan->window.size &&
	    slot->window.page_shift == plan->window.page_shift)
		return iom_error(-ERANGE,
				 "the DMA window at 0x%" PRIx64
				 " is what could be made for it, and has no such room left",
				 slot->window.start);
	ret = check_granted(&slot->window, plan, granted);
	return ret < 0 ? ret : iom_spapr_check_unused(s, &slot->window);
}

/* A window that begins where the hypervisor likes may not have what was asked for. */
static int check_start(struct iom_backend *backend, const struct iom_window *window,
		       const struct iom_backend_room *room)
{
	uint64_t start = window->start;
	struct iom_kept_error kept;
	int ret;

	if (room->anywhere || contains(window, room->start, room->start + room->length - 1))
		return 0;
	ret = iom_error(-ERANGE, "the hypervisor puts the DMA window at 0x%" PRIx64, start);
	iom_error_keep(&kept);
	iom_spapr_undo_aperture(backend);
	iom_error_restore(&kept);
	return ret;
}

/* How much of a window is granted, up to the end of the last. */
static uint64_t granted_in(const struct iom_window *window, const struct iom_aperture_set *granted)
{
	uint64_t most = 0;
	size_t i;

	for (i = 0; i < granted->n; i++)
		if (has(window, granted->v[i].start) && granted->v[i].last - window->start >= most)
			most = granted->v[i].last - window->start + 1;
	return most;
}

/* The window for it; where that takes the place of one that others have a part of, for all. */
static int plan_room(const struct iom_backend *backend, const struct iom_backend_room *room,
		     uint64_t reach, const struct iom_aperture_set *granted,
		     struct iom_window_plan *plan)
{
	const struct iom_spapr *s = backend->priv;
	struct iom_backend_room all = *room;
	const struct iom_window *there;
	int ret;

	ret = s->policy->plan_room(&s->info, &backend->plan, room, reach, plan);
	if (ret < 0 || !room->anywhere)
		return ret;
	there = &s->slots[plan->replaces_first ? 0 : 1].window;
	all.length += granted_in(there, granted);
	if (all.length == room->length || all.length < room->length)
		return 0;
	return s->policy->plan_room(&s->info, &backend->plan, &all, reach, plan);
}

int iom_spapr_make_room(struct iom_backend *backend, const struct iom_backend_room *room,
			uint64_t reach, const struct iom_aperture_set *granted)
{
	struct iom_spapr *s = backend->priv;
	struct iom_spapr_slot to = { .made = true, .requested = true };
	size_t slot;
	int ret;

	ret = iom_spapr_check_failed(s);
	if (!ret)
		ret = plan_room(backend, room, reach, granted, &to.plan);
	if (ret < 0)
		return ret;
	slot = to.plan.replaces_first ? 0 : 1;
	ret = check_slot(s, &s->slots[slot], &to.plan, granted);
	if (ret < 0)
		return ret;
	iom_spapr_note(s);
	ret = iom_spapr_change(backend, slot, &to);
	if (ret < 0) {
		s->failed = true;
		return ret;
	}
	s->pending = true;
	return check_start(backend, &s->slots[slot].window, room);
}

/* Whether a window was made for requests, and serves none any more, and nothing else. */
static bool is_idle(struct iom_spapr *s, const struct iom_spapr_slot *slot,
		    const struct iom_aperture_set *granted)
{
	const struct iom_window *window = &slot->window;
	struct iom_record record;
	size_t i;

	if (!slot->requested)
		return false;
	for (i = 0; i < granted->n; i++)
		if (has(window, granted->v[i].start))
			return false;
	return !iom_records_next(&s->records, window->start, window->start + window->size - 1,
				 &record);
}

int iom_spapr_hold(struct iom_backend *backend, const struct iom_aperture_set *granted)
{
	struct iom_spapr *s = backend->priv;
	struct iom_aperture_set held;
	struct iom_kept_error kept;
	size_t i;
	int ret;

	ret = iom_aperture_copy(granted, &held);
	if (ret < 0)
		return ret;
	/* what was made for what is held now is one change with this */
	if (!s->pending)
		iom_spapr_note(s);
	s->pending = false;
	for (i = IOM_SPAPR_WINDOWS; i-- && !ret;) {
		const struct iom_spapr_slot empty = iom_spapr_empty_slot(s, i);

		if (is_idle(s, &s->slots[i], granted))
			ret = iom_spapr_change(backend, i, &empty);
	}
	if (ret < 0) {
		iom_error_keep(&kept);
		iom_spapr_undo_aperture(backend);
		iom_error_restore(&kept);
		iom_aperture_free(&held);
		s->failed = true;
		return ret;
	}
	iom_aperture_free(&s->held);
	s->held = held;
	/* what was refused for what stood in the way may not be any more */
	s->refused = (struct iom_backend_wish){ 0 };
	return 0;
}
