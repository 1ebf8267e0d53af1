// SPDX-License-Identifier: BSD-3-Clause
/* The calls that begin at no domain, on the real kernel; simulate/ has its own. */
#include "domain.h"
#include "sys.h"
#include "tree.h"

int iom_open(struct iom_domain **dom, const struct iom_open_opts *opts)
{
	return iom_open_with(dom, opts, &iom_sys_linux, iom_backends);
}

int iom_tree_read(const char *address, const struct iom_tree_opts *opts, struct iom_tree_info *info)
{
	return iom_tree_read_on(&iom_sys_linux, address, opts, info);
}

int iom_tree_explain(const char *address, const struct iom_tree_opts *opts, char *buf, size_t n)
{
	return iom_tree_explain_on(&iom_sys_linux, address, opts, buf, n);
}
