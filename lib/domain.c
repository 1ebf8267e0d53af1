// SPDX-License-Identifier: BSD-3-Clause
#include "domain.h"

#include <errno.h>

#include "error.h"

int iom_not_ours(void)
{
	return iom_error(-EPERM,
			 "this domain was opened by the parent process; a forked child opens "
			 "its own");
}
