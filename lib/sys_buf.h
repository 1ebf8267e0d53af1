/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IOM_SYS_BUF_H
#define IOM_SYS_BUF_H

#include "sys.h"

/* iom_sys_linux's functions of these names. */
int iom_sys_linux_alloc_buf(void *ctx, const struct iom_buf_want *want, void **pages, int *fd);
void iom_sys_linux_free_buf(void *ctx, void *pages, size_t length, int fd);
int iom_sys_linux_node_of(void *ctx, const void *va);

/* Whether it can put memory on a node. */
#ifdef HAVE_LIBNUMA
#define IOM_SYS_BINDS true
#else
#define IOM_SYS_BINDS false
#endif

#endif
