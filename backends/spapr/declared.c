// SPDX-License-Identifier: BSD-3-Clause
/*
 * Memory that the caller vouches for is registered as a whole, in every container: what is mapped
 * of it finds that, and the kernel has one registration to look through.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/error.h"
#include "lib/radix.h"
#include "spapr.h"

/* No two overlap. */
struct declared {
	struct iom_span span; /* the memory, in units of 4 KiB, like IOVAs */
	uintptr_t va;
	uint64_t length, page;
};

/* The first at unit or behind it; NULL if there is none. */
static struct declared *declared_at(const struct iom_spapr *s, uint64_t unit)
{
	struct iom_span *span;

	if (!iom_space_exists(&s->declared))
		return NULL;
	span = iom_space_at(&s->declared, unit);
	/* the first member */
	return span->start < IOM_SPACE_END ? (struct declared *)span : NULL;
}

static int use(struct iom_spapr_container *c, const struct declared *d)
{
	return iom_slabs_use(&c->owner, d->va, d->length, d->page);
}

static int release(struct iom_spapr_container *c, const struct declared *d)
{
	return iom_slabs_release(&c->owner, d->va, d->length, d->page);
}

/* All containers, or none. */
static int use_in_all(struct iom_spapr *s, const struct declared *d)
{
	struct iom_spapr_container *c, *done;
	struct iom_kept_error kept;
	int ret = 0;

	for (c = s->containers; c; c = c->next) {
		ret = use(c, d);
		if (ret < 0)
			break;
	}
	if (!ret)
		return 0;
	iom_error_keep(&kept);
	for (done = s->containers; done != c; done = done->next)
		(void)release(done, d);
	iom_error_restore(&kept);
	return ret;
}

static int note(struct iom_spapr *s, struct declared *d)
{
	int ret;

	pthread_mutex_lock(&s->records.lock);
	if (!iom_space_exists(&s->declared))
		iom_space_init(&s->declared);
	ret = iom_space_reserve(&s->declared, 1);
	if (!ret)
		iom_space_insert(&s->declared, &d->span);
	pthread_mutex_unlock(&s->records.lock);
	return ret < 0 ? iom_error(ret, "no memory for a registration") : 0;
}

static void forget(struct iom_spapr *s, const struct declared *d)
{
	pthread_mutex_lock(&s->records.lock);
	iom_space_remove(&s->declared, &d->span);
	pthread_mutex_unlock(&s->records.lock);
}

int iom_spapr_declare(struct iom_backend *backend, uintptr_t va, uint64_t length, uint64_t page)
{
	struct iom_spapr *s = backend->priv;
	struct declared *d;
	int ret;

	d = malloc(sizeof(*d));
	if (!d)
		return iom_error(-ENOMEM, "no memory for a registration");
	*d = (struct declared){
		.span = { .start = va >> IOM_UNIT_SHIFT,
			  .end = ((va + length - 1) >> IOM_UNIT_SHIFT) + 1,
			  .state = IOM_SPAN_MAPPED },
		.va = va,
		.length = length,
		.page = page,
	};
	ret = note(s, d);
	if (ret < 0) {
		free(d);
		return ret;
	}
	ret = use_in_all(s, d);
	if (ret < 0) {
		forget(s, d);
		free(d);
	}
	return ret;
}

/* Take the first that begins in the range out of the list; NULL: there is none. */
static struct declared *take(struct iom_spapr *s, uintptr_t va, uint64_t length)
{
	struct declared *d;

	pthread_mutex_lock(&s->records.lock);
	d = declared_at(s, va >> IOM_UNIT_SHIFT);
	if (d && d->va - va >= length)
		d = NULL;
	if (d)
		iom_space_remove(&s->declared, &d->span);
	pthread_mutex_unlock(&s->records.lock);
	return d;
}

int iom_spapr_undeclare(struct iom_backend *backend, uintptr_t va, uint64_t length)
{
	struct iom_spapr *s = backend->priv;
	struct iom_spapr_container *c;
	struct declared *d;
	int ret = 0;

	while ((d = take(s, va, length))) {
		for (c = s->containers; c; c = c->next)
			if (release(c, d) < 0)
				ret = -EIO;
		free(d);
	}
	return ret;
}

int iom_spapr_declare_in(const struct iom_spapr *s, struct iom_spapr_container *c)
{
	const struct declared *d;
	uint64_t unit;
	int ret = 0;

	for (unit = 0; !ret && (d = declared_at(s, unit)); unit = d->span.end)
		ret = use(c, d);
	return ret;
}

void iom_spapr_forget_declared(struct iom_spapr *s)
{
	struct declared *d;

	while ((d = declared_at(s, 0))) {
		iom_space_remove(&s->declared, &d->span);
		free(d);
	}
	if (iom_space_exists(&s->declared))
		iom_space_destroy(&s->declared);
}
