/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Read before every source file of the library (lib/local.mk: -include).  The library is compiled
 * with hidden visibility; what the public header declares is the exception.  Which of it is
 * exported under which version says libiommu.map.
 */
#ifndef IOM_EXPORTS_H
#define IOM_EXPORTS_H

#include "config.h" /* first: it says which of libc's extensions the system headers show */

#pragma GCC visibility push(default)
#include "libiommu.h"
#pragma GCC visibility pop

#endif
