// SPDX-License-Identifier: BSD-3-Clause
/* Which windows a domain has, and that all its containers have the same. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/error.h"
#include "spapr.h"

#define FOUR_GIB (UINT64_C(1) << 32)

bool iom_same_window(const struct iom_window *a, const struct iom_window *b)
{
	return a->start == b->start && a->size == b->size && a->page_shift == b->page_shift;
}

static int put_back_first(const struct iom_sys *sys, struct iom_spapr_container *c)
{
	struct iom_window first = c->info.first;

	return iom_spapr_create_window(sys, c, 1, &first);
}

int iom_spapr_create_in(const struct iom_backend *backend, struct iom_spapr_container *c,
			const struct iom_window_plan *plan, struct iom_window *window)
{
	struct iom_kept_error kept;
	int ret;

	if (plan->replaces_first) {
		ret = iom_spapr_remove_window(backend->sys, c, &c->info.first);
		if (ret < 0)
			return ret;
		__atomic_store_n(&c->settled, true, __ATOMIC_RELEASE);
	}
	*window = plan->window;
	ret = iom_spapr_create_window(backend->sys, c, plan->levels, window);
	if (!ret && !plan->start_is_free && window->start != plan->window.start) {
		ret = iom_error(-EIO,
				"the kernel puts the DMA window at 0x%" PRIx64
				", not at 0x%" PRIx64,
				window->start, plan->window.start);
		iom_error_keep(&kept);
		(void)iom_spapr_remove_window(backend->sys, c, window);
		iom_error_restore(&kept);
	}
	if (ret < 0 && plan->replaces_first) {
		iom_error_keep(&kept);
		if (put_back_first(backend->sys, c) < 0)
			iom_log(backend->log, IOM_LOG_ERROR,
				"the default DMA window cannot be made again: %s", iom_errmsg());
		iom_error_restore(&kept);
	}
	return ret;
}

static int remove_from(const struct iom_backend *backend, struct iom_spapr_container *c,
		       const struct iom_window_plan *plan, const struct iom_window *window)
{
	struct iom_kept_error kept;
	int ret;

	iom_error_keep(&kept);
	ret = iom_spapr_remove_window(backend->sys, c, window);
	if (!ret && plan->replaces_first)
		ret = put_back_first(backend->sys, c);
	if (ret < 0)
		iom_log(backend->log, IOM_LOG_ERROR, "%s", iom_errmsg());
	iom_error_restore(&kept);
	return ret;
}

/* The same window in all containers, or in none. */
static int create_everywhere(struct iom_backend *backend, const struct iom_window_plan *plan,
			     struct iom_window *window)
{
	struct iom_spapr *s = backend->priv;
	struct iom_spapr_container *c, *done;
	struct iom_window here;
	int ret = 0;

	for (c = s->containers; c; c = c->next) {
		ret = iom_spapr_create_in(backend, c, plan, &here);
		if (!ret && c != s->containers && !iom_same_window(&here, window)) {
			(void)remove_from(backend, c, plan, &here);
			ret = iom_error(-EIO,
					"the DMA windows of two groups begin at 0x%" PRIx64
					" and 0x%" PRIx64,
					window->start, here.start);
		}
		if (ret < 0)
			break;
		*window = here;
	}
	for (done = s->containers; ret < 0 && done != c; done = done->next)
		(void)remove_from(backend, done, plan, window);
	return ret;
}

/* A wish for as much or more has been refused. */
static bool is_refused(const struct iom_spapr *s, const struct iom_backend_wish *wish)
{
	return s->refused.reach >= wish->reach && s->refused.backing >= wish->backing &&
	       s->refused.length <= wish->length;
}

bool iom_spapr_wants_aperture(const struct iom_backend *backend,
			      const struct iom_backend_wish *wish)
{
	const struct iom_spapr *s = backend->priv;
	const struct iom_backend_plan *plan = &backend->plan;
	uint64_t small = UINT64_C(1) << s->info.first.page_shift;

	if (s->has_second || s->failed || is_refused(s, wish))
		return false;
	if (wish->full)
		return true;
	if (iom_spapr_is_stated(plan))
		return plan->page > small || plan->bytes > s->info.first.size;
	return plan->page > small && wish->backing >= plan->page && wish->length >= plan->page;
}

/*
 * The default window serves all memory and all devices: it goes only if the caller expects
 * something that another one does better, and nothing is mapped in it.
 */
static int check_replacement(const struct iom_backend *backend)
{
	struct iom_spapr *s = backend->priv;
	struct iom_record record;

	if (!iom_spapr_is_stated(&backend->plan))
		return iom_error(-ERANGE, "the only other DMA window would take the place of the "
					  "default one; state expect_page or expect_bytes to have "
					  "it so");
	/* where it was not made yet, the kernel knows only one at 0 as the one not to make */
	if (s->info.first.start)
		return iom_error(-ERANGE,
				 "the only other DMA window would take the place of the default "
				 "one, which the kernel lets go only if it begins at 0");
	if (!iom_records_next(&s->records, 0, UINT64_MAX, &record))
		return 0;
	return iom_error(-EBUSY,
			 "the default DMA window would have to be replaced, but IOVA 0x%" PRIx64
			 " is mapped in it",
			 record.map.iova);
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
	struct iom_window_plan plan = { 0 };
	struct iom_window window;
	int ret;

	ret = make_plan(backend, wish, &plan);
	if (ret < 0) {
		/* what is mapped may go again */
		if (ret != -EBUSY)
			s->refused = *wish;
		return ret;
	}
	ret = create_everywhere(backend, &plan, &window);
	if (ret < 0) {
		s->failed = true;
		return ret;
	}
	s->windows[plan.replaces_first ? 0 : 1] = window;
	s->has_second = true;
	s->made = plan;
	iom_log(backend->log, IOM_LOG_INFO,
		"DMA window at 0x%" PRIx64 ", 0x%" PRIx64 " bytes, pages of 0x%" PRIx64,
		window.start, window.size, UINT64_C(1) << window.page_shift);
	return 0;
}

void iom_spapr_undo_aperture(struct iom_backend *backend)
{
	struct iom_spapr *s = backend->priv;
	struct iom_window *window = &s->windows[s->made.replaces_first ? 0 : 1];
	struct iom_spapr_container *c;

	for (c = s->containers; c; c = c->next)
		if (remove_from(backend, c, &s->made, window) < 0)
			s->failed = true;
	*window = s->made.replaces_first ? s->info.first : (struct iom_window){ 0 };
	s->has_second = false;
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
	uint64_t hole = s->info.first.start + s->info.first.size;
	int ret;

	if (window->start >= hole || last < hole)
		return iom_aperture_add(set, window->start, last, pages, 0);
	ret = iom_aperture_add(set, window->start, hole - 1, pages, 0);
	if (!ret && last >= FOUR_GIB)
		ret = iom_aperture_add(set, FOUR_GIB, last, pages, 0);
	return ret;
}

int iom_spapr_apertures(struct iom_backend *backend, struct iom_aperture_set *set)
{
	const struct iom_spapr *s = backend->priv;
	int ret = 0;
	size_t i;

	for (i = 0; i < IOM_SPAPR_WINDOWS && !ret; i++)
		if (s->windows[i].size)
			ret = add_window(s, &s->windows[i], set);
	if (ret < 0)
		iom_aperture_free(set);
	return ret;
}
