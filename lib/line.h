/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IOM_LINE_H
#define IOM_LINE_H

/* Of the cache: what is read at once.  Where lines are larger, two of ours are in one. */
#define IOM_LINE 64

#endif
