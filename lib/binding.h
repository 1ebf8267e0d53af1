/* SPDX-License-Identifier: BSD-3-Clause */
/* To which driver a PCI function is bound, and whether a userspace driver may have it. */
#ifndef IOM_BINDING_H
#define IOM_BINDING_H

#include "sys.h"

/* 0 if it is bound to vfio-pci or a variant; else -ENODEV or -EBUSY, with a sentence. */
int iom_binding_check(const struct iom_sys *sys, const char *address);

/* -EBUSY, with a sentence that names the function of the group that the kernel uses. */
int iom_binding_not_viable(const struct iom_sys *sys, unsigned int group);

#endif
