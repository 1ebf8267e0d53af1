/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IOM_STREAM_H
#define IOM_STREAM_H

#include "libiommu.h"

/* With the domain, in which nothing is mapped any more. */
void iom_stream_free(struct iom_stream *stream);

#endif
