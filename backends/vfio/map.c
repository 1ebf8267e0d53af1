// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/error.h"
#include "libiommu.h"
#include "vfio.h"

int iom_vfio_map_error(const struct iom_backend *backend, const struct iom_backend_map *map,
		       int err, bool *left)
{
	switch (err) {
	case -EFAULT:
		return iom_error(-EFAULT,
				 "the memory is not there, or may not be %s by this process",
				 map->flags & IOM_MAP_WRITE ? "written" : "read");
	case -EOPNOTSUPP:
	case -EHWPOISON:
		return iom_error(-EFAULT, "the memory cannot be pinned: %s", strerror(-err));
	case -EEXIST:
		if (backend->shared)
			return iom_error(-EEXIST,
					 "somebody else has mapped something at IOVA 0x%" PRIx64
					 " + 0x%" PRIx64,
					 map->iova, map->length);
		*left = true;
		return iom_error(-EIO, "the kernel has something else mapped at IOVA 0x%" PRIx64,
				 map->iova);
	default:
		*left = err > 0;
		return iom_error(-EIO, "the kernel refuses IOVA 0x%" PRIx64 " + 0x%" PRIx64 ": %s",
				 map->iova, map->length, iom_error_text(err));
	}
}

int iom_vfio_check_unmap(int answer, uint64_t unmapped, uint64_t least, uint64_t most)
{
	if (answer)
		return iom_error(-EIO, "the kernel refuses to unmap: %s", iom_error_text(answer));
	if (unmapped < least || unmapped > most)
		return iom_error(-EIO,
				 "the kernel unmapped 0x%" PRIx64 " bytes where 0x%" PRIx64
				 " were mapped",
				 unmapped, least);
	return 0;
}
