// SPDX-License-Identifier: BSD-3-Clause
/*
 * A pair of queues in memory: Base 3.3.1.  The driver writes submission entries and rings a doorbell
 * (PCIe 3.1.2); the drive writes completion entries, whose phase tag (Base 3.3.3.2) changes with every
 * lap, so that polling needs no register.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nvme.h"
#include "sentence.h"

/* Queues and PRP lists begin where a page of the drive does. */
static int alloc_pages(struct nvme_ctrl *ctrl, uint64_t length, unsigned int flags,
		       struct dma_memory *memory)
{
	int ret;

	ret = dma_alloc(ctrl->space, length, flags, false, memory);
	if (ret < 0)
		return ret;
	if (memory->region.iova & (ctrl->page - 1))
		return fail(
			-EOPNOTSUPP,
			"the drive's pages are %u bytes and the IOMMU's are smaller: not supported",
			ctrl->page);
	return 0;
}

static int alloc_requests(struct nvme_queue *queue)
{
	uint32_t list_pages = nvme_prp_list_pages(queue->ctrl->page, queue->max_bytes);
	uint64_t list_bytes = (uint64_t)list_pages * queue->ctrl->page;
	uint16_t count = queue->entries - 1;
	le64 *lists;
	int ret;

	queue->requests = calloc(count, sizeof(*queue->requests));
	if (!queue->requests)
		return fail(-ENOMEM, "no memory for %u requests", count);

	if (list_bytes) {
		ret = alloc_pages(queue->ctrl, count * list_bytes, IOM_MAP_READ,
				  &queue->prp_memory);
		if (ret < 0)
			return ret;
	}

	lists = queue->prp_memory.va;
	for (uint16_t i = 0; i < count; i++) {
		struct nvme_request *request = &queue->requests[i];

		request->next_free = i + 1;
		if (list_bytes)
			request->prp_list = lists + i * (list_bytes / sizeof(*lists));
	}
	return 0;
}

/* After a failure too, nvme_queue_free() is needed. */
int nvme_queue_alloc(struct nvme_queue *queue, struct nvme_ctrl *ctrl, uint16_t id,
		     uint16_t entries, uint64_t max_bytes)
{
	int ret;

	memset(queue, 0, sizeof(*queue));
	queue->ctrl = ctrl;
	queue->id = id;
	queue->entries = entries;
	queue->phase = 1;
	queue->max_bytes = max_bytes;
	queue->sq_doorbell = NVME_DOORBELLS + 2 * (uint64_t)id * NVME_CAP_DSTRD(ctrl->cap);
	queue->cq_doorbell = queue->sq_doorbell + NVME_CAP_DSTRD(ctrl->cap);
	if (queue->cq_doorbell + 4 > ctrl->bar.size)
		return fail(-EIO, "the drive's BAR 0 has no room for the doorbells of queue %u",
			    id);

	ret = alloc_pages(ctrl, entries * sizeof(*queue->sq), IOM_MAP_READ, &queue->sq_memory);
	if (ret < 0)
		return ret;
	ret = alloc_pages(ctrl, entries * sizeof(*queue->cq), IOM_MAP_WRITE, &queue->cq_memory);
	if (ret < 0)
		return ret;
	queue->sq = queue->sq_memory.va;
	queue->cq = queue->cq_memory.va;

	return alloc_requests(queue);
}

int nvme_queue_free(struct nvme_queue *queue)
{
	struct dma_memory *memory[] = { &queue->prp_memory, &queue->cq_memory, &queue->sq_memory };
	int first = 0;
	int ret;

	for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++) {
		ret = dma_free(queue->ctrl->space, memory[i]);
		if (!first)
			first = ret;
	}
	free(queue->requests);
	queue->requests = NULL;
	return first;
}

struct nvme_request *nvme_queue_begin(struct nvme_queue *queue, struct nvme_sqe **sqe)
{
	if (queue->free == queue->entries - 1)
		return NULL;

	*sqe = &queue->sq[queue->sq_tail];
	memset(*sqe, 0, sizeof(**sqe));
	(*sqe)->cid = htole16(queue->free);
	return &queue->requests[queue->free];
}

void nvme_queue_commit(struct nvme_queue *queue, struct nvme_request *request, void *user)
{
	request->user = user;
	request->busy = true;
	queue->free = request->next_free;
	if (++queue->sq_tail == queue->entries)
		queue->sq_tail = 0;
}

void nvme_ring(struct nvme_queue *queue)
{
	if (queue->sq_tail == queue->sq_rung)
		return;
	vfio_pci_write32(&queue->ctrl->bar, queue->sq_doorbell, queue->sq_tail);
	queue->sq_rung = queue->sq_tail;
}

static int take(struct nvme_queue *queue, const volatile struct nvme_cqe *cqe, uint16_t status,
		struct nvme_completion *done)
{
	uint16_t cid = le16toh(cqe->cid);
	struct nvme_request *request;

	if (cid >= queue->entries - 1 || !queue->requests[cid].busy)
		return fail(-EIO,
			    "the drive completed command %u of queue %u, which is not in flight",
			    cid, queue->id);

	request = &queue->requests[cid];
	request->busy = false;
	request->next_free = queue->free;
	queue->free = cid;

	done->user = request->user;
	done->result = le32toh(cqe->dw0);
	done->status = NVME_STATUS(status);
	return 0;
}

int nvme_poll(struct nvme_queue *queue, struct nvme_completion *done, unsigned int n)
{
	unsigned int count = 0;
	int ret = 0;

	while (count < n) {
		const volatile struct nvme_cqe *cqe = &queue->cq[queue->cq_head];
		uint16_t status = le16toh(cqe->status);

		if ((status & 1) != queue->phase)
			break;
		/* The rest of the entry, and the data, may be read only after its phase tag. */
		vfio_pci_rmb();
		ret = take(queue, cqe, status, &done[count]);
		if (ret < 0)
			break;

		count++;
		if (++queue->cq_head == queue->entries) {
			queue->cq_head = 0;
			queue->phase ^= 1;
		}
	}

	if (count)
		vfio_pci_write32(&queue->ctrl->bar, queue->cq_doorbell, queue->cq_head);
	return ret < 0 ? ret : (int)count;
}
