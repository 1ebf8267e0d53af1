// SPDX-License-Identifier: BSD-3-Clause
/*
 * Memory that the caller vouches for is registered as a whole, in every container: what is mapped
 * of it finds that, and the kernel has one registration to look through.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/error.h"
#include "spapr.h"

struct iom_declared {
	struct iom_declared *next;
	uintptr_t va;
	uint64_t length, page;
};

static int use(struct iom_spapr_container *c, const struct iom_declared *d)
{
	return iom_slabs_use(&c->owner, d->va, d->length, d->page);
}

static int release(struct iom_spapr_container *c, const struct iom_declared *d)
{
	return iom_slabs_release(&c->owner, d->va, d->length, d->page);
}

/* All containers, or none. */
static int use_in_all(struct iom_spapr *s, const struct iom_declared *d)
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

int iom_spapr_declare(struct iom_backend *backend, uintptr_t va, uint64_t length, uint64_t page)
{
	struct iom_spapr *s = backend->priv;
	struct iom_declared *d;
	int ret;

	d = malloc(sizeof(*d));
	if (!d)
		return iom_error(-ENOMEM, "no memory for a registration");
	*d = (struct iom_declared){ .va = va, .length = length, .page = page };
	ret = use_in_all(s, d);
	if (ret < 0) {
		free(d);
		return ret;
	}
	pthread_mutex_lock(&s->records.lock);
	d->next = s->declared;
	s->declared = d;
	pthread_mutex_unlock(&s->records.lock);
	return 0;
}

/* Take one that lies in the range out of the list; NULL: there is none. */
static struct iom_declared *take(struct iom_spapr *s, uintptr_t va, uint64_t length)
{
	struct iom_declared **link, *d;

	pthread_mutex_lock(&s->records.lock);
	for (link = &s->declared; (d = *link) && d->va - va >= length; link = &d->next)
		;
	if (d)
		*link = d->next;
	pthread_mutex_unlock(&s->records.lock);
	return d;
}

int iom_spapr_undeclare(struct iom_backend *backend, uintptr_t va, uint64_t length)
{
	struct iom_spapr *s = backend->priv;
	struct iom_spapr_container *c;
	struct iom_declared *d;
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
	const struct iom_declared *d;
	int ret = 0;

	for (d = s->declared; d && !ret; d = d->next)
		ret = use(c, d);
	return ret;
}

void iom_spapr_forget_declared(struct iom_spapr *s)
{
	struct iom_declared *d;

	while ((d = s->declared)) {
		s->declared = d->next;
		free(d);
	}
}
