/* SPDX-License-Identifier: BSD-3-Clause */
/* What a domain's windows are planned by, on platforms that have windows. */
#ifndef IOM_PLAN_H
#define IOM_PLAN_H

#include "backends/backend.h"

/* What the caller expects (0: nothing), completed by what the machine has. */
struct iom_backend_plan iom_plan(const struct iom_sys *sys,
				 const struct iom_backend_plan *expected);

#endif
