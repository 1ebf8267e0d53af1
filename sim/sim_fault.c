// SPDX-License-Identifier: BSD-3-Clause
/* Calls that are made to fail or to mislead, and the counts of all calls. */
#include "sim/internal.h"

#include <stdlib.h>
#include <string.h>

static void count_ioctl(struct iom_sim *sim, unsigned long request)
{
	struct sim_count *more;
	size_t i;

	for (i = 0; i < sim->n_ioctls; i++) {
		if (sim->ioctls[i].request == request) {
			sim->ioctls[i].calls++;
			return;
		}
	}
	more = realloc(sim->ioctls, (sim->n_ioctls + 1) * sizeof(*more));
	if (!more)
		abort(); /* a wrong count would let a wrong test pass */
	more[sim->n_ioctls++] = (struct sim_count){ request, 1 };
	sim->ioctls = more;
}

static bool is_hit(struct iom_sim *sim, enum iom_sim_call call, unsigned long request)
{
	struct iom_sim_failure *failure = &sim->failure;

	if (!failure->nth || call == IOM_SIM_FREE_PAGES)
		return false;
	if (failure->calls && !(failure->calls & 1u << call))
		return false;
	if (failure->request && (call != IOM_SIM_IOCTL || request != failure->request))
		return false;
	if (failure->nth > 1) {
		failure->nth--;
		return false;
	}
	if (!failure->on)
		failure->nth = 0;
	sim->failed++;
	return true;
}

/* Names that may be gone when the call ends are kept. */
static void note_event(struct iom_sim *sim, const struct iom_sim_event *event)
{
	const struct sim_file *file = iom_sim_files_find(sim, event->fd);

	sim->event = *event;
	if (!file)
		return;
	memcpy(sim->event_path, file->target, sizeof(sim->event_path));
	sim->event.path = sim->event_path;
}

bool iom_sim_begin(struct iom_sim *sim, const struct iom_sim_event *event, int *answer)
{
	pthread_mutex_lock(&sim->lock);
	sim->calls[event->call]++;
	if (event->call == IOM_SIM_IOCTL)
		count_ioctl(sim, event->request);
	if (sim->watch)
		note_event(sim, event);
	if (!is_hit(sim, event->call, event->request))
		return true;
	*answer = sim->failure.answer;
	sim->override = sim->failure.after;
	return sim->failure.after;
}

ssize_t iom_sim_end(struct iom_sim *sim, ssize_t answer)
{
	if (sim->override)
		answer = sim->failure.answer;
	sim->override = false;
	if (sim->watch) {
		sim->event.answer = answer;
		sim->watch(sim->watch_arg, &sim->event);
	}
	pthread_mutex_unlock(&sim->lock);
	return answer;
}

void iom_sim_watch(struct iom_sim *sim, iom_sim_event_fn *watch, void *arg)
{
	pthread_mutex_lock(&sim->lock);
	sim->watch = watch;
	sim->watch_arg = arg;
	pthread_mutex_unlock(&sim->lock);
}

bool iom_sim_quirk(struct iom_sim *sim, enum iom_sim_quirk quirk)
{
	unsigned int *times = &sim->quirks[quirk];

	if (!*times)
		return false;
	if (*times != IOM_SIM_ALWAYS)
		--*times;
	return true;
}

void iom_sim_fail(struct iom_sim *sim, const struct iom_sim_failure *failure)
{
	pthread_mutex_lock(&sim->lock);
	sim->failure = failure ? *failure : (struct iom_sim_failure){ 0 };
	sim->failed = 0;
	pthread_mutex_unlock(&sim->lock);
}

void iom_sim_fail_nth(struct iom_sim *sim, unsigned int n, int error)
{
	const struct iom_sim_failure failure = { .nth = n, .answer = error };

	iom_sim_fail(sim, &failure);
}

unsigned int iom_sim_failed(struct iom_sim *sim)
{
	unsigned int failed;

	pthread_mutex_lock(&sim->lock);
	failed = sim->failed;
	pthread_mutex_unlock(&sim->lock);
	return failed;
}

void iom_sim_set_quirk(struct iom_sim *sim, enum iom_sim_quirk quirk, unsigned int times)
{
	pthread_mutex_lock(&sim->lock);
	sim->quirks[quirk] = times;
	pthread_mutex_unlock(&sim->lock);
}

unsigned int iom_sim_calls(struct iom_sim *sim)
{
	unsigned int call, n = 0;

	pthread_mutex_lock(&sim->lock);
	for (call = 0; call < IOM_SIM_CALLS; call++)
		if (call != IOM_SIM_FREE_PAGES)
			n += sim->calls[call];
	pthread_mutex_unlock(&sim->lock);
	return n;
}

unsigned int iom_sim_calls_of(struct iom_sim *sim, enum iom_sim_call call)
{
	unsigned int n;

	pthread_mutex_lock(&sim->lock);
	n = sim->calls[call];
	pthread_mutex_unlock(&sim->lock);
	return n;
}

unsigned int iom_sim_ioctls(struct iom_sim *sim, unsigned long request)
{
	unsigned int n = 0;
	size_t i;

	pthread_mutex_lock(&sim->lock);
	for (i = 0; i < sim->n_ioctls; i++)
		if (sim->ioctls[i].request == request)
			n = sim->ioctls[i].calls;
	pthread_mutex_unlock(&sim->lock);
	return n;
}
