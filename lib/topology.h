/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may change what is attached, and who keeps it from being changed.  What changes it is alone.
 * Others hold the topology for reading; or, for little, they pass: that is counted in what the table
 * lock covers, which they take in any case, and costs no second lock.
 */
#ifndef IOM_TOPOLOGY_H
#define IOM_TOPOLOGY_H

#include "domain.h"

/* Nobody else maps or unmaps, attaches or detaches from here on. */
static inline void iom_topology_hold(struct iom_domain *dom)
{
	pthread_rwlock_wrlock(&dom->topology);
	pthread_mutex_lock(&dom->table);
	dom->held = true;
	while (dom->passing)
		iom_wait_settled(dom);
	pthread_mutex_unlock(&dom->table);
}

static inline void iom_topology_let_go(struct iom_domain *dom)
{
	pthread_mutex_lock(&dom->table);
	dom->held = false;
	pthread_mutex_unlock(&dom->table);
	pthread_rwlock_unlock(&dom->topology);
}

/*
 * From here on it is as if the topology were held for reading.  False: somebody changes it, so wait
 * for that one as others do.  The table lock is held, for both of these, and need not be between.
 */
static inline bool iom_topology_pass(struct iom_domain *dom)
{
	if (dom->held)
		return false;
	dom->passing++;
	return true;
}

static inline void iom_topology_passed(struct iom_domain *dom)
{
	dom->passing--;
	iom_tell_settled(dom);
}

#endif
