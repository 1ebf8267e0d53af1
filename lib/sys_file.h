/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IOM_SYS_FILE_H
#define IOM_SYS_FILE_H

#include "sys.h"

/* iom_sys_linux's functions of these names. */
int iom_sys_linux_file_info(void *ctx, int fd, struct iom_file_info *info);
int iom_sys_linux_map_file(void *ctx, const struct iom_file_part *part, bool writable,
			   void **pages);

#endif
