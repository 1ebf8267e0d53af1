// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "domain.h"
#include "error.h"
#include "map.h"

static int explain(int err)
{
	switch (err) {
	case -ENOMEM:
	case -EAGAIN: /* all of the process's memory is locked, and that would be too much */
		return iom_error(-ENOMEM,
				 "no room in this process's address space for the file, or too "
				 "few free huge pages");
	case -EACCES:
	case -EPERM:
		return iom_error(-EACCES, "the file is not open, or sealed against, what the flags "
					  "ask for");
	case -EBADF:
		return iom_error(-EINVAL, "this is no open file");
	case -EOPNOTSUPP:
		return iom_error(-EINVAL, "this is no regular file (a memfd is one)");
	default:
		return iom_error(-EINVAL, "the file cannot be mapped: %s", strerror(-err));
	}
}

/* What is wrong with the part of the file; the kernel might take it, and do something else. */
static int check_part(const struct iom_file_info *info, const struct iom_map_request *rq)
{
	uint64_t end; /* of its last page */

	if (!rq->length)
		return iom_error(-EINVAL, "the length is 0");
	if ((rq->offset | rq->length) & (info->page - 1))
		return iom_error(-EINVAL,
				 "offset and length must be multiples of the file's page size, "
				 "%" PRIu64,
				 info->page);
	end = (info->size + info->page - 1) & ~(info->page - 1);
	if (rq->length > end || rq->offset > end - rq->length)
		return iom_error(-EFAULT, "the file ends at 0x%" PRIx64, info->size);
	return 0;
}

/* What the device may only read, the caller should be able to write, if the file allows it. */
static int map_pages(const struct iom_sys *sys, const struct iom_map_request *rq,
		     const struct iom_file_part *part, void **va)
{
	int ret;

	ret = sys->map_file(sys->ctx, part, true, va);
	if ((ret == -EACCES || ret == -EPERM) && !(rq->flags & IOM_MAP_WRITE))
		ret = sys->map_file(sys->ctx, part, false, va);
	return ret;
}

void iom_file_release(struct iom_domain *dom, struct iom_file *file)
{
	if (--file->parts)
		return;
	if (file->buf)
		iom_buf_release(dom, file);
	else
		dom->sys->free_pages(dom->sys->ctx, file->va, file->length);
	free(file);
}

static int map_into_process(struct iom_domain *dom, struct iom_map_request *rq)
{
	uint64_t unit = iom_page_size(dom);
	struct iom_file_info info;
	struct iom_file_part part;
	struct iom_file *file;
	int ret;

	ret = dom->sys->file_info(dom->sys->ctx, rq->fd, &info);
	if (ret < 0)
		return explain(ret);
	ret = check_part(&info, rq);
	if (ret < 0)
		return ret;
	file = calloc(1, sizeof(*file));
	if (!file)
		return iom_error(-ENOMEM, "no memory for a mapping");
	part = (struct iom_file_part){
		.fd = rq->fd,
		.offset = rq->offset,
		.length = rq->length,
		.align = unit > info.page ? unit : info.page,
	};
	ret = map_pages(dom->sys, rq, &part, &file->va);
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
