// SPDX-License-Identifier: BSD-3-Clause
/*
 * Admin commands: identify the drive, and create and delete its I/O queues.  One at a time, waited for.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "nvme.h"
#include "sentence.h"

/*
 * Run a command whose fields but the identifier are filled in.  result may be NULL.  The status is
 * left in *status, for the caller that knows what to do about one.
 */
static int run_status(struct nvme_ctrl *ctrl, const char *what, const struct nvme_sqe *command,
		      uint32_t *result, uint16_t *status)
{
	uint64_t deadline = nvme_now_ms() + NVME_TIMEOUT_MS;
	struct nvme_completion done;
	struct nvme_request *request;
	struct nvme_sqe *sqe;
	le16 cid;
	int ret;

	request = nvme_queue_begin(&ctrl->admin, &sqe);
	if (!request)
		return fail(-EBUSY, "%s: the admin queue is full of unanswered commands", what);
	cid = sqe->cid;
	*sqe = *command;
	sqe->cid = cid;
	nvme_queue_commit(&ctrl->admin, request, NULL);
	nvme_ring(&ctrl->admin);

	while (!(ret = nvme_poll(&ctrl->admin, &done, 1))) {
		ret = nvme_check(ctrl);
		if (ret < 0)
			return ret;
		if (nvme_now_ms() > deadline)
			return fail(-ETIMEDOUT, "%s: no answer from the drive for %d s", what,
				    NVME_TIMEOUT_MS / 1000);
		nvme_pause();
	}
	if (ret < 0)
		return ret;

	if (result)
		*result = done.result;
	*status = done.status;
	return 0;
}

static int run(struct nvme_ctrl *ctrl, const char *what, const struct nvme_sqe *command,
	       uint32_t *result)
{
	uint16_t status;
	int ret;

	ret = run_status(ctrl, what, command, result, &status);
	if (ret < 0)
		return ret;
	if (status)
		return fail(-EIO, "%s: the drive says: %s", what, nvme_status_words(status));
	return 0;
}

/* Strings of the drive are padded with spaces, and may hold anything. */
static void copy_text(char *to, const char *from, size_t length)
{
	while (length && (from[length - 1] == ' ' || !from[length - 1]))
		length--;
	for (size_t i = 0; i < length; i++)
		to[i] = from[i] < ' ' || from[i] > '~' ? '?' : from[i];
	to[length] = '\0';
}

static void take_controller(struct nvme_ctrl *ctrl, const struct nvme_identify_controller *data)
{
	uint32_t rtd3e_ms = le32toh(data->rtd3e) / 1000;

	copy_text(ctrl->serial, data->serial, sizeof(data->serial));
	copy_text(ctrl->model, data->model, sizeof(data->model));
	copy_text(ctrl->firmware, data->firmware, sizeof(data->firmware));

	ctrl->max_transfer = UINT64_MAX;
	if (data->mdts && data->mdts < 32)
		ctrl->max_transfer = (uint64_t)NVME_CAP_MPSMIN(ctrl->cap) << data->mdts;
	if (rtd3e_ms > ctrl->shutdown_ms)
		ctrl->shutdown_ms = rtd3e_ms;
}

static int take_namespace(struct nvme_ctrl *ctrl, const struct nvme_identify_namespace *data)
{
	uint8_t format = (data->flbas & 0xf) | (data->flbas >> 1 & 0x30);
	const struct nvme_lba_format *lbaf = &data->lbaf[format];
	uint16_t metadata = le16toh(lbaf->metadata_size);

	if (metadata)
		return fail(
			-EOPNOTSUPP,
			"namespace %u is formatted with %u bytes of metadata for each block, which "
			"this driver does not handle",
			ctrl->nsid, metadata);
	if (lbaf->data_size < 9 || lbaf->data_size > 20)
		return fail(-EIO, "namespace %u has blocks of 2^%u bytes", ctrl->nsid,
			    lbaf->data_size);

	ctrl->lba_size = 1u << lbaf->data_size;
	ctrl->lbas = le64toh(data->nsze);
	if (!ctrl->lbas || ctrl->lbas > UINT64_MAX >> lbaf->data_size)
		return fail(-EIO, "namespace %u has %" PRIu64 " blocks", ctrl->nsid, ctrl->lbas);
	return 0;
}

static int identify(struct nvme_ctrl *ctrl, const char *what, enum nvme_identify cns, uint32_t nsid,
		    const struct dma_memory *memory, uint16_t *status)
{
	struct nvme_sqe command = {
		.opcode = NVME_ADMIN_IDENTIFY,
		.nsid = htole32(nsid),
		.prp1 = htole64(memory->region.iova),
		.cdw10 = htole32(cns),
	};

	memset(memory->va, 0, NVME_IDENTIFY_SIZE);
	return status ? run_status(ctrl, what, &command, NULL, status)
		      : run(ctrl, what, &command, NULL);
}

/* The first namespace that is there; drives older than NVMe 1.1 have no list of them. */
static int find_namespace(struct nvme_ctrl *ctrl, const struct dma_memory *memory)
{
	const le32 *list = memory->va;
	uint16_t status;
	int ret;

	ret = identify(ctrl, "Identify active namespaces", NVME_IDENTIFY_ACTIVE_NAMESPACES, 0,
		       memory, &status);
	if (ret < 0)
		return ret;

	ctrl->nsid = status ? 1 : le32toh(list[0]);
	return ctrl->nsid ? 0 : fail(-ENODEV, "the drive has no namespace");
}

static int identify_all(struct nvme_ctrl *ctrl, const struct dma_memory *memory)
{
	int ret;

	ret = identify(ctrl, "Identify controller", NVME_IDENTIFY_CONTROLLER, 0, memory, NULL);
	if (ret < 0)
		return ret;
	take_controller(ctrl, memory->va);

	ret = find_namespace(ctrl, memory);
	if (ret < 0)
		return ret;

	ret = identify(ctrl, "Identify namespace", NVME_IDENTIFY_NAMESPACE, ctrl->nsid, memory,
		       NULL);
	if (ret < 0)
		return ret;
	return take_namespace(ctrl, memory->va);
}

int nvme_identify(struct nvme_ctrl *ctrl)
{
	int ret;

	ret = dma_alloc(ctrl->space, NVME_IDENTIFY_SIZE, IOM_MAP_WRITE, false,
			&ctrl->identify_memory);
	if (ret < 0)
		return ret;

	ret = identify_all(ctrl, &ctrl->identify_memory);
	if (ret < 0)
		return ret;
	return dma_free(ctrl->space, &ctrl->identify_memory);
}

/* Base 5.27.1.5: counts are one less than what they mean, in the request and in the answer. */
int nvme_set_queue_count(struct nvme_ctrl *ctrl, uint16_t count)
{
	uint32_t want = count - 1u;
	struct nvme_sqe command = {
		.opcode = NVME_ADMIN_SET_FEATURES,
		.cdw10 = htole32(NVME_FEATURE_QUEUES),
		.cdw11 = htole32(want << 16 | want),
	};
	uint32_t got, pairs;
	int ret;

	ret = run(ctrl, "Set Features, number of queues", &command, &got);
	if (ret < 0)
		return ret;

	pairs = (got & 0xffff) < got >> 16 ? got & 0xffff : got >> 16;
	if (pairs < want)
		return fail(-ENOSPC, "%u I/O queue pairs were asked for, and the drive has %u",
			    count, pairs + 1);
	return 0;
}

int nvme_create_queue(struct nvme_queue *queue)
{
	uint32_t size_and_id = (queue->entries - 1u) << 16 | queue->id;
	struct nvme_sqe cq = {
		.opcode = NVME_ADMIN_CREATE_CQ,
		.prp1 = htole64(queue->cq_memory.region.iova),
		.cdw10 = htole32(size_and_id),
		.cdw11 = htole32(NVME_QUEUE_CONTIGUOUS), /* and no interrupts */
	};
	struct nvme_sqe sq = {
		.opcode = NVME_ADMIN_CREATE_SQ,
		.prp1 = htole64(queue->sq_memory.region.iova),
		.cdw10 = htole32(size_and_id),
		.cdw11 = htole32((uint32_t)queue->id << 16 | NVME_QUEUE_CONTIGUOUS),
	};
	int ret;

	ret = run(queue->ctrl, "Create I/O Completion Queue", &cq, NULL);
	if (ret < 0)
		return ret;
	queue->cq_created = true;

	ret = run(queue->ctrl, "Create I/O Submission Queue", &sq, NULL);
	if (ret < 0)
		return ret;
	queue->sq_created = true;
	return 0;
}

/* The submission queue goes first: Base 5.6 refuses to delete a completion queue that is in use. */
int nvme_delete_queue(struct nvme_queue *queue)
{
	struct nvme_sqe command = { .cdw10 = htole32(queue->id) };
	int ret;

	if (queue->sq_created) {
		command.opcode = NVME_ADMIN_DELETE_SQ;
		ret = run(queue->ctrl, "Delete I/O Submission Queue", &command, NULL);
		if (ret < 0)
			return ret;
		queue->sq_created = false;
	}
	if (queue->cq_created) {
		command.opcode = NVME_ADMIN_DELETE_CQ;
		ret = run(queue->ctrl, "Delete I/O Completion Queue", &command, NULL);
		if (ret < 0)
			return ret;
		queue->cq_created = false;
	}
	return 0;
}
