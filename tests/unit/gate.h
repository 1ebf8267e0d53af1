/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls in other threads, and a kernel call that is held up while they run. */
#ifndef IOM_TEST_GATE_H
#define IOM_TEST_GATE_H

#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "libiommu.h"

/* ---- A kernel call that is held up ----------------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned long request; /* the next one of these is held up; 0: none */
	bool there, go;
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static inline void hold_up(unsigned long request)
{
	pthread_mutex_lock(&gate.lock);
	if (request == gate.request) {
		gate.request = 0;
		gate.there = true;
		pthread_cond_broadcast(&gate.changed);
		while (!gate.go)
			pthread_cond_wait(&gate.changed, &gate.lock);
	}
	pthread_mutex_unlock(&gate.lock);
}

static inline void wait_until_held_up(void)
{
	pthread_mutex_lock(&gate.lock);
	while (!gate.there)
		pthread_cond_wait(&gate.changed, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
}

static inline void let_go(void)
{
	pthread_mutex_lock(&gate.lock);
	gate.go = true;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.lock);
}

/* ---- A call in another thread ---------------------------------------------------------------- */

struct call {
	pthread_t thread;
	int (*run)(void);
	int ret;
	int done; /* atomic */
	char sentence[512];
};

static inline void *run_call(void *arg)
{
	struct call *call = arg;

	call->ret = call->run();
	snprintf(call->sentence, sizeof(call->sentence), "%s", iom_errmsg());
	__atomic_store_n(&call->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static inline void start(struct call *call, int (*run)(void))
{
	*call = (struct call){ .run = run };
	ck_assert_int_eq(pthread_create(&call->thread, NULL, run_call, call), 0);
}

static inline int finish(struct call *call)
{
	ck_assert_int_eq(pthread_join(call->thread, NULL), 0);
	return call->ret;
}

/* It had every chance to end, and did not. */
static inline bool waits(struct call *call)
{
	int i;

	for (i = 0; i < 20; i++) {
		usleep(2000);
		if (__atomic_load_n(&call->done, __ATOMIC_ACQUIRE))
			return false;
	}
	return true;
}

/* Start run and come back while its kernel call is held up. */
static inline void start_held_up(struct call *call, int (*run)(void), unsigned long request)
{
	gate.there = false;
	gate.go = false;
	gate.request = request;
	start(call, run);
	wait_until_held_up();
}

#endif
