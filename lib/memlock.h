/* SPDX-License-Identifier: BSD-3-Clause */
/* RLIMIT_MEMLOCK, for the sentence when it is hit. */
#ifndef IOM_MEMLOCK_H
#define IOM_MEMLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

/* Whether need bytes more are more than the limit allows. */
bool iom_memlock_refuses(const struct iom_sys *sys, uint64_t need);

/* Leave the sentence for need bytes that could not be locked; -ENOMEM. */
int iom_memlock_error(const struct iom_sys *sys, uint64_t need);

/* The same where the kernel counts what all processes of the user have pinned. */
int iom_memlock_user_error(const struct iom_sys *sys, uint64_t need);

#endif
