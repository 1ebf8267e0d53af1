// SPDX-License-Identifier: BSD-3-Clause
/*
 * Commands of the NVM command set: NVM 3.2, and Flush, which is Base 7.1.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "nvme.h"
#include "sentence.h"

#define MAX_BLOCKS 65536u /* NLB has 16 bits */

static int describe(struct nvme_queue *queue, struct nvme_request *request,
		    const struct iom_sge *data, size_t n, struct nvme_sqe *sqe)
{
	iom_iova_t list_iova = 0;
	struct nvme_prp prp;
	int ret;

	if (request->prp_list)
		list_iova = dma_iova(&queue->prp_memory, request->prp_list);

	ret = nvme_prp_build(queue->ctrl->page, data, n, request->prp_list, list_iova, &prp);
	if (ret < 0)
		return fail(ret,
			    "the data at IOVA 0x%llx, in %zu ranges, cannot be described to the "
			    "drive, whose pages are %u bytes: %s",
			    (unsigned long long)data->iova, n, queue->ctrl->page, strerror(-ret));

	sqe->prp1 = htole64(prp.prp1);
	sqe->prp2 = htole64(prp.prp2);
	return 0;
}

int nvme_submit(struct nvme_queue *queue, enum nvme_io_opcode opcode, uint64_t lba, uint32_t blocks,
		const struct iom_sge *data, size_t n, void *user)
{
	uint64_t length = (uint64_t)blocks * queue->ctrl->lba_size;
	uint64_t given = 0;
	struct nvme_request *request;
	struct nvme_sqe *sqe;
	int ret;

	for (size_t i = 0; i < n; i++)
		given += data[i].length;
	if (blocks > MAX_BLOCKS || length > queue->max_bytes || given != length ||
	    (opcode != NVME_IO_FLUSH && !blocks))
		return fail(-EINVAL,
			    "queue %u is not for transfers of %llu bytes with %llu of memory",
			    queue->id, (unsigned long long)length, (unsigned long long)given);

	request = nvme_queue_begin(queue, &sqe);
	if (!request)
		return -EAGAIN;

	sqe->opcode = (uint8_t)opcode;
	sqe->nsid = htole32(queue->ctrl->nsid);
	if (opcode != NVME_IO_FLUSH) {
		ret = describe(queue, request, data, n, sqe);
		if (ret < 0)
			return ret;
		sqe->cdw10 = htole32((uint32_t)lba);
		sqe->cdw11 = htole32((uint32_t)(lba >> 32));
		sqe->cdw12 = htole32(blocks - 1);
	}

	nvme_queue_commit(queue, request, user);
	return 0;
}
