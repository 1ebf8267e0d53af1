/* SPDX-License-Identifier: BSD-3-Clause */
/* To which driver a PCI function is bound, and whether a userspace driver may have it. */
#ifndef IOM_BINDING_H
#define IOM_BINDING_H

#include <stdbool.h>

#include "sys.h"

/* 0 if it is bound to vfio-pci or a variant; else -ENODEV or -EBUSY, with a sentence. */
int iom_binding_check(const struct iom_sys *sys, const char *address);

/* Whether a function of the group is seen to be bound to a driver of the kernel; a sentence if so. */
bool iom_binding_is_used(const struct iom_sys *sys, unsigned int group);

/* -EBUSY, with a sentence that names the function of the group that the kernel uses. */
int iom_binding_not_viable(const struct iom_sys *sys, unsigned int group);

#endif
