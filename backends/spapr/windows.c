// SPDX-License-Identifier: BSD-3-Clause
/* Which windows a domain has, and that all its containers have the same. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/error.h"
#include "spapr.h"

bool iom_same_window(const struct iom_window *a, const struct iom_window *b)
{
	return a->start == b->start && a->size == b->size && a->page_shift == b->page_shift;
}

struct iom_spapr_slot iom_spapr_empty_slot(const struct iom_spapr *s, size_t slot)
{
	return (struct iom_spapr_slot){ .window = slot ? (struct iom_window){ 0 } : s->info.first };
}

void iom_spapr_note(struct iom_spapr *s)
{
	memcpy(s->before, s->slots, sizeof(s->before));
	s->pending = false;
}

int iom_spapr_check_failed(const struct iom_spapr *s)
{
	if (!s->failed)
		return 0;
	return iom_error(-EIO, "the kernel failed to make or to remove a DMA window before, so no "
			       "more are asked for");
}

static int fill(const struct iom_sys *sys, struct iom_spapr_container *c,
		const struct iom_spapr_slot *to, uint64_t *start)
{
	struct iom_window window = to->made ? to->plan.window : to->window;
	struct iom_kept_error kept;
	int ret;

	*start = window.start;
	if (!window.size)
		return 0;
	ret = iom_spapr_create_window(sys, c, to->made ? to->plan.levels : 1, &window);
	if (ret < 0)
		return ret;
	*start = window.start;
	if (!to->made || to->plan.start_is_free || window.start == to->plan.window.start)
		return 0;
	ret = iom_error(-EIO, "the kernel puts the DMA window at 0x%" PRIx64 ", not at 0x%" PRIx64,
			window.start, to->plan.window.start);
	iom_error_keep(&kept);
	(void)iom_spapr_remove_window(sys, c, &window);
	iom_error_restore(&kept);
	return ret;
}

int iom_spapr_change_in(const struct iom_backend *backend, struct iom_spapr_container *c,
			const struct iom_spapr_slot *from, const struct iom_spapr_slot *to,
			uint64_t *start)
{
	struct iom_kept_error kept;
	uint64_t again;
	int ret;

	if (from->window.size) {
		ret = iom_spapr_remove_window(backend->sys, c, &from->window);
		if (ret < 0)
			return ret;
		/* the default one, if it was that: now it is not made any more by the way */
		__atomic_store_n(&c->settled, true, __ATOMIC_RELEASE);
	}
	ret = fill(backend->sys, c, to, start);
	if (!ret || !from->window.size)
		return ret;
	iom_error_keep(&kept);
	if (fill(backend->sys, c, from, &again) < 0)
		iom_log(backend->log, IOM_LOG_ERROR,
			"the DMA window at 0x%" PRIx64 " cannot be made again: %s",
			from->window.start, iom_errmsg());
	iom_error_restore(&kept);
	return ret;
}

/* Take back a change in one container. */
static int change_back(const struct iom_backend *backend, struct iom_spapr_container *c,
		       const struct iom_spapr_slot *from, const struct iom_spapr_slot *to)
{
	struct iom_kept_error kept;
	uint64_t start;
	int ret;

	iom_error_keep(&kept);
	ret = iom_spapr_change_in(backend, c, from, to, &start);
	if (ret < 0)
		iom_log(backend->log, IOM_LOG_ERROR, "%s", iom_errmsg());
	iom_error_restore(&kept);
	return ret;
}

int iom_spapr_change(struct iom_backend *backend, size_t slot, const struct iom_spapr_slot *to)
{
	struct iom_spapr *s = backend->priv;
	const struct iom_spapr_slot from = s->slots[slot];
	struct iom_spapr_container *c, *done;
	struct iom_spapr_slot made = *to, elsewhere;
	uint64_t start;
	int ret = 0;

	if (to->made)
		made.window = to->plan.window;
	for (c = s->containers; c; c = c->next) {
		ret = iom_spapr_change_in(backend, c, &from, to, &start);
		if (!ret && c != s->containers && start != made.window.start) {
			ret = iom_error(-EIO,
					"the DMA windows of two groups begin at 0x%" PRIx64
					" and 0x%" PRIx64,
					made.window.start, start);
			elsewhere = made;
			elsewhere.window.start = start;
			(void)change_back(backend, c, &elsewhere, &from);
		}
		if (ret < 0)
			break;
		made.window.start = start;
	}
	for (done = s->containers; ret < 0 && done != c; done = done->next)
		(void)change_back(backend, done, &made, &from);
	if (ret < 0)
		return ret;
	s->slots[slot] = made;
	if (s->containers && to->made && to->plan.start_is_free) {
		s->info.second = made.window.start;
		s->second_group = s->containers->vfio.groups->number;
	}
	return 0;
}

/* A wish for as much or more has been refused. */
static bool is_refused(const struct iom_spapr *s, const struct iom_backend_wish *wish)
{
	return s->refused.reach >= wish->reach && s->refused.backing >= wish->backing &&
	       s->refused.length <= wish->length;
}

/* One that is not the default one is all that a plan makes, unless that one is for a request. */
static bool has_planned(const struct iom_spapr *s)
{
	return s->slots[1].made || (s->slots[0].made && !s->slots[0].requested);
}

bool iom_spapr_wants_aperture(const struct iom_backend *backend,
			      const struct iom_backend_wish *wish)
{
	const struct iom_spapr *s = backend->priv;
	const struct iom_backend_plan *plan = &backend->plan;
	uint64_t small = UINT64_C(1) << s->info.first.page_shift;

	if (has_planned(s) || s->failed || is_refused(s, wish))
		return false;
	if (wish->full)
		return true;
	if (iom_spapr_is_stated(plan))
		return plan->page > small || plan->bytes > s->info.first.size;
	return plan->page > small && wish->backing >= plan->page && wish->length >= plan->page;
}

int iom_spapr_check_unused(struct iom_spapr *s, const struct iom_window *window)
{
	struct iom_record record;

	if (!window->size || !iom_records_next(&s->records, window->start,
					       window->start + window->size - 1, &record))
		return 0;
	return iom_error(-EBUSY,
			 "the DMA window at 0x%" PRIx64
			 " would have to be replaced, but IOVA 0x%" PRIx64 " is mapped in it",
			 window->start, record.map.iova);
}

/*
 * The default window serves all memory and all devices: it goes only if the caller expects
 * something that another one does better, and nothing is mapped in it.
 */
static int check_replacement(const struct iom_backend *backend)
{
	struct iom_spapr *s = backend->priv;
	size_t i;

	if (!iom_spapr_is_stated(&backend->plan))
		return iom_error(-ERANGE, "the only other DMA window would take the place of the "
					  "default one; state expect_page or expect_bytes to have "
					  "it so");
	/* where it was not made yet, the kernel knows only one at 0 as the one not to make */
	if (s->info.first.start)
		return iom_error(-ERANGE,
				 "the only other DMA window would take the place of the default "
				 "one, which the kernel lets go only if it begins at 0");
	if (s->slots[0].made)
		return iom_error(-EBUSY, "the only other DMA window would take the place of one "
					 "that was made for a request");
	for (i = 0; i < s->held.n; i++)
		if (s->held.v[i].start < s->info.first.size)
			return iom_error(
				-EBUSY,
				"the default DMA window would have to be replaced, but IOVA "
				"0x%" PRIx64 " was requested in it",
				s->held.v[i].start);
	return iom_spapr_check_unused(s, &s->info.first);
}

static int make_plan(const struct iom_backend *backend, const struct iom_backend_wish *wish,
		     struct iom_window_plan *plan)
{
	const struct iom_spapr *s = backend->priv;
	int ret;

	ret = s->policy->plan(&s->info, &backend->plan, wish, plan);
	if (ret < 0)
		return ret;
	if (wish->length > plan->window.size)
		return iom_error(-ERANGE,
				 "0x%" PRIx64
				 " bytes are more than a DMA window would have, 0x%" PRIx64,
				 wish->length, plan->window.size);
	return plan->replaces_first ? check_replacement(backend) : 0;
}

int iom_spapr_add_aperture(struct iom_backend *backend, const struct iom_backend_wish *wish)
{
	struct iom_spapr *s = backend->priv;
	struct iom_spapr_slot slot = { .made = true };
	const struct iom_window *window;
	size_t i;
	int ret;

	ret = make_plan(backend, wish, &slot.plan);
	if (ret < 0) {
		/* what is mapped may go again */
		if (ret != -EBUSY)
			s->refused = *wish;
		return ret;
	}
	i = slot.plan.replaces_first ? 0 : 1;
	iom_spapr_note(s);
	ret = iom_spapr_change(backend, i, &slot);
	if (ret < 0) {
		s->failed = true;
		return ret;
	}
	window = &s->slots[i].window;
	iom_log(backend->log, IOM_LOG_INFO,
		"DMA window at 0x%" PRIx64 ", 0x%" PRIx64 " bytes, pages of 0x%" PRIx64,
		window->start, window->size, UINT64_C(1) << window->page_shift);
	return 0;
}

void iom_spapr_undo_aperture(struct iom_backend *backend)
{
	struct iom_spapr *s = backend->priv;
	size_t i;

	s->pending = false;
	for (i = 0; i < IOM_SPAPR_WINDOWS; i++) {
		if (iom_same_window(&s->slots[i].window, &s->before[i].window)) {
			s->slots[i] = s->before[i];
		} else if (iom_spapr_change(backend, i, &s->before[i]) < 0) {
			iom_log(backend->log, IOM_LOG_ERROR, "%s", iom_errmsg());
			s->failed = true;
		}
	}
}

/* ---- Apertures -------------------------------------------------------------------------------- */

/*
 * Below 4 GiB, what lies above the default window is the bridge's own: DMA to there is taken for
 * memory of its devices (m32_pci_base in arch/powerpc/platforms/powernv/pci-ioda.c).
 */
static int add_window(const struct iom_spapr *s, const struct iom_window *window,
		      struct iom_aperture_set *set)
{
	uint64_t last = window->start + window->size - 1;
	uint64_t pages = UINT64_C(1) << window->page_shift;
	uint64_t hole = iom_spapr_hole(&s->info);
	int ret;

	if (window->start >= hole || last < hole)
		return iom_aperture_add(set, window->start, last, pages, 0);
	ret = iom_aperture_add(set, window->start, hole - 1, pages, 0);
	if (!ret && last >= IOM_FOUR_GIB)
		ret = iom_aperture_add(set, IOM_FOUR_GIB, last, pages, 0);
	return ret;
}

int iom_spapr_apertures(struct iom_backend *backend, struct iom_aperture_set *set)
{
	const struct iom_spapr *s = backend->priv;
	int ret = 0;
	size_t i;

	for (i = 0; i < IOM_SPAPR_WINDOWS && !ret; i++)
		if (s->slots[i].window.size)
			ret = add_window(s, &s->slots[i].window, set);
	if (ret < 0)
		iom_aperture_free(set);
	return ret;
}
