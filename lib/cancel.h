/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * No call of the library is a cancellation point: a thread that is cancelled inside one comes back
 * from it first, or its locks, descriptors and half of a mapping would be left behind for ever.
 * What could end it there has cancellation switched off around it, and nothing else: the I/O path and
 * the kernel call of a map, in which glibc has no cancellation point, pay nothing.
 */
#ifndef IOM_CANCEL_H
#define IOM_CANCEL_H

#include <pthread.h>

static inline int iom_cancel_off(void)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

static inline void iom_cancel_back(const int *before)
{
	pthread_setcancelstate(*before, NULL);
}

/* Among a function's variables: from here to its end.  May be nested. */
#define IOM_NO_CANCEL \
	const int no_cancel __attribute__((unused, cleanup(iom_cancel_back))) = iom_cancel_off()

/* pthread_cond_wait(), which would take the mutex with it. */
static inline void iom_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	IOM_NO_CANCEL;

	pthread_cond_wait(cond, mutex);
}

#endif
