// SPDX-License-Identifier: BSD-3-Clause
#include "domain.h"

#include <errno.h>

#include "error.h"

int iom_check_owner(const struct iom_domain *dom)
{
	if (iom_is_ours(dom))
		return 0;
	return iom_error(-EPERM,
			 "this domain was opened by the parent process; a forked child opens "
			 "its own");
}

bool iom_kernel_has_maps(const struct iom_domain *dom)
{
	return dom->devices;
}

int iom_backend_unmap(struct iom_domain *dom, uint64_t iova, uint64_t length)
{
	__atomic_fetch_add(&dom->kernel_unmaps, 1, __ATOMIC_RELAXED);
	return dom->backend->ops->unmap(dom->backend, iova, length);
}

struct iom_backend_map iom_span_map(const struct iom_span *span)
{
	return (struct iom_backend_map){
		.va = span->va,
		.iova = iom_span_iova(span),
		.length = iom_span_length(span),
		.flags = span->flags & IOM_MAP_RW,
		.fd = -1,
		.rest = iom_span_length(span),
	};
}
