// SPDX-License-Identifier: BSD-3-Clause
#include "options.h"

#include <errno.h>
#include <string.h>

#include "error.h"

/* No struct of this API comes near this: a larger size was never set, and its tail is not read. */
#define SIZE_MAX_SANE 4096

int iom_options_read(void *ours, size_t n, size_t first_release, const void *callers,
		     const char *what)
{
	const unsigned char *bytes = callers;
	size_t size, i;

	memset(ours, 0, n);
	if (!callers)
		return 0;
	memcpy(&size, callers, sizeof(size));
	if (size < first_release)
		return iom_error(-EINVAL, "%s.size is %zu; set it to sizeof(struct %s)", what, size,
				 what);
	if (size > SIZE_MAX_SANE)
		return iom_error(-E2BIG, "%s.size is %zu; set it to sizeof(struct %s)", what, size,
				 what);
	for (i = n; i < size; i++)
		if (bytes[i])
			return iom_error(-E2BIG,
					 "%s has a non-zero member at byte %zu that this version of "
					 "libiommu does not know",
					 what, i);
	memcpy(ours, callers, size < n ? size : n);
	return 0;
}

int iom_options_check(const void *callers, size_t first_release, const char *what)
{
	size_t size;

	memcpy(&size, callers, sizeof(size));
	if (size < first_release || size > SIZE_MAX_SANE)
		return iom_error(-EINVAL, "%s.size is %zu; set it to sizeof(struct %s)", what, size,
				 what);
	return 0;
}

void iom_options_fill(void *callers, const void *ours, size_t n)
{
	size_t size;

	memcpy(&size, callers, sizeof(size));
	memset(callers, 0, size);
	memcpy(callers, ours, size < n ? size : n);
	memcpy(callers, &size, sizeof(size));
}
