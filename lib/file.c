// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "error.h"
#include "map.h"

static int explain(int err)
{
	switch (err) {
	case -ENOMEM:
		return iom_error(-ENOMEM, "no room in this process's address space for the file");
	case -EACCES:
	case -EPERM:
		return iom_error(-EACCES, "the file is not open, or sealed against, what the flags "
					  "ask for");
	case -EBADF:
		return iom_error(-EINVAL, "this is no open file");
	default:
		return iom_error(-EINVAL, "the file cannot be mapped there: %s", strerror(-err));
	}
}

void iom_file_release(struct iom_domain *dom, struct iom_file *file)
{
	if (--file->parts)
		return;
	dom->sys->free_pages(dom->sys->ctx, file->va, file->length);
	free(file);
}

static int map_into_process(struct iom_domain *dom, struct iom_map_request *rq)
{
	struct iom_file *file;
	int ret;

	if (!rq->length)
		return iom_error(-EINVAL, "the length is 0");
	file = calloc(1, sizeof(*file));
	if (!file)
		return iom_error(-ENOMEM, "no memory for a mapping");
	ret = dom->sys->map_file(dom->sys->ctx, rq->fd, rq->offset, rq->length,
				 rq->flags & IOM_MAP_WRITE, &file->va);
	if (ret < 0) {
		free(file);
		return explain(ret);
	}
	file->length = rq->length;
	file->parts = 1;
	rq->file = file;
	rq->va = (uintptr_t)file->va;
	return 0;
}

static int map_file(struct iom_domain *dom, struct iom_map_request *rq,
		    const struct iom_map_opts *opts, struct iom_region *region)
{
	int ret;

	ret = map_into_process(dom, rq);
	if (ret < 0)
		return ret;
	ret = iom_map_memory(dom, rq, opts, region);
	pthread_mutex_lock(&dom->table);
	iom_file_release(dom, rq->file);
	pthread_mutex_unlock(&dom->table);
	return ret;
}

int iom_map_file(struct iom_domain *dom, int fd, uint64_t offset, uint64_t length,
		 unsigned int flags, const struct iom_map_opts *opts, struct iom_region *region)
{
	struct iom_map_request rq = { .length = length, .flags = flags, .fd = fd, .offset = offset };
	int ret;

	ret = iom_check_owner(dom);
	if (!ret)
		ret = map_file(dom, &rq, opts, region);
	if (ret < 0)
		return iom_error_prefix(ret, "map file %d from 0x%" PRIx64 " + 0x%" PRIx64 ": ", fd,
					offset, length);
	return 0;
}
