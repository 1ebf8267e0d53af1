/* SPDX-License-Identifier: BSD-3-Clause */
/* The sentence of a call that failed must name the cause: in the system's words, or in better ones. */
#ifndef IOM_TEST_SAID_H
#define IOM_TEST_SAID_H

#include "tests/sweep/answers.h"

static const struct {
	int answer;
	const char *words[12];
} said[] = {
	{ -ENOMEM, { "memory", "MEMLOCK", "no room in this process" } },
	{ -EAGAIN, { "memory" } },
	{ -EMFILE, { "descriptor" } },
	{ -EFAULT, { "is not there, or may not be" } },
	{ -ENOSPC, { "limit of" } },
	{ -ENOENT,
	  { "there is no", "no IOMMU covers it", "bound to no driver", "no nodes of their own",
	    "was changed meanwhile", "has no IOAS", "this is no p", "this is no P" } },
	{ -ENODEV,
	  { "there is no", "it has left", "finds no IOMMU", "has no EEH",
	    "has given up the DMA windows", "has no IOMMU yet", "is gone", "that of an iommufd" } },
	{ -ENXIO, { "has no IOMMU yet" } },
	{ -EBUSY,
	  { "open already", "in another container already", "held by another process",
	    "registered already", "another address space", "is held by" } },
	{ -EADDRINUSE, { "range that its devices reserve" } },
	{ -EPERM,
	  { "not isolated", "permission denied", "sealed against", "may not be written",
	    "in use by the kernel or another", "is held by" } },
	{ -EACCES, { "permission denied", "sealed against", "may not be written" } },
	{ -EINVAL,
	  { "reserve", "only version 1", "registered already", "never, of pages",
	    "cannot have userspace", "no VFIO SPAPR TCE driver", "has no IOMMU yet",
	    "is not of VFIO type1", "does not let it be bound", "is held by",
	    "cannot have it translated" } },
	{ -ENOTTY,
	  { "only version 1", "has no EEH", "no VFIO SPAPR TCE driver", "is not of VFIO type1" } },
	{ -EEXIST, { "something else mapped", "somebody else has mapped" } },
	{ -EOPNOTSUPP, { "no regular file" } },
	{ -EBADF, { "no open file" } },
	{ 1, { "answers 1", "its version is another" } },
};

static inline bool is_said(const char *sentence, int answer)
{
	size_t i, w;

	for (i = 0; i < ARRAY_SIZE(said); i++)
		for (w = 0; w < ARRAY_SIZE(said[i].words) && said[i].words[w]; w++)
			if (said[i].answer == answer && strstr(sentence, said[i].words[w]))
				return true;
	return false;
}

#endif
