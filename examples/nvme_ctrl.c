// SPDX-License-Identifier: BSD-3-Clause
/*
 * The controller as a whole: Base 3.5.1 (initialization) and 3.6.1 (shutdown).
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nvme.h"
#include "sentence.h"

#define PCI_CLASS_NVME 0x010802
#define ADMIN_ENTRIES 16
#define SHUTDOWN_MS 5000 /* unless the drive wants longer */

uint64_t nvme_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void nvme_pause(void)
{
	struct timespec pause = { 0, 100000 };

	nanosleep(&pause, NULL);
}

static int gone(void)
{
	return fail(-ENODEV, "the drive is gone: its registers read as all ones");
}

int nvme_check(const struct nvme_ctrl *ctrl)
{
	uint32_t csts = vfio_pci_read32(&ctrl->bar, NVME_CSTS);

	if (csts == NVME_GONE)
		return gone();
	if (csts & NVME_CSTS_CFS)
		return fail(-EIO, "the drive reports a fatal error of its controller (CSTS.CFS)");
	if (!(csts & NVME_CSTS_RDY))
		return fail(-EIO, "the drive is not ready any more: somebody has reset it");
	return 0;
}

int nvme_wanted_back(const struct nvme_ctrl *ctrl)
{
	if (!ctrl->request_open || !vfio_pci_requested(ctrl->request))
		return 0;
	return fail(-ECANCELED, "the drive is wanted back: it is being unbound from vfio-pci or "
				"removed, which waits for this program to let go of it");
}

static int wait_status(const struct nvme_ctrl *ctrl, uint32_t mask, uint32_t want, uint32_t ms,
		       const char *what)
{
	uint64_t deadline = nvme_now_ms() + ms;
	uint32_t csts;
	bool late;

	for (;;) {
		late = nvme_now_ms() > deadline;
		csts = vfio_pci_read32(&ctrl->bar, NVME_CSTS);
		if (csts == NVME_GONE)
			return gone();
		if ((csts & mask) == want)
			return 0;
		if (late)
			return fail(-ETIMEDOUT, "the drive does not %s within %u ms (CSTS is 0x%x)",
				    what, ms, csts);
		nvme_pause();
	}
}

/* Without it, whoever unbinds or removes the drive has to wait until the run ends by itself. */
static int open_request(struct nvme_ctrl *ctrl)
{
	int ret;

	ret = vfio_pci_request_open(&ctrl->pci, &ctrl->request);
	if (ret == -EINVAL || ret == -ENOTTY)
		return 0;
	if (ret < 0)
		return fail(ret, "the drive's removal cannot be watched for: %s", strerror(-ret));
	ctrl->request_open = true;
	return 0;
}

/* Base 3.5.1: whoever had the drive before may have left it enabled. */
static int disable(struct nvme_ctrl *ctrl)
{
	uint32_t cc = vfio_pci_read32(&ctrl->bar, NVME_CC);

	if (cc == NVME_GONE)
		return gone();
	vfio_pci_write32(&ctrl->bar, NVME_CC, cc & ~(NVME_CC_EN | NVME_CC_SHN_MASK));
	return wait_status(ctrl, NVME_CSTS_RDY, 0, ctrl->ready_ms, "stop");
}

static int enable(struct nvme_ctrl *ctrl)
{
	struct nvme_queue *admin = &ctrl->admin;
	uint32_t size = admin->entries - 1u;
	int ret;

	vfio_pci_write32(&ctrl->bar, NVME_AQA, size << 16 | size);
	vfio_pci_write64(&ctrl->bar, NVME_ASQ, admin->sq_memory.region.iova);
	vfio_pci_write64(&ctrl->bar, NVME_ACQ, admin->cq_memory.region.iova);

	ctrl->enabled = true;
	vfio_pci_write32(&ctrl->bar, NVME_CC,
			 NVME_CC_EN | NVME_CC_CSS_NVM | NVME_CC_MPS(ctrl->page) | NVME_CC_IOSQES |
				 NVME_CC_IOCQES);
	ret = wait_status(ctrl, NVME_CSTS_RDY, NVME_CSTS_RDY, ctrl->ready_ms, "get ready");
	return ret < 0 ? ret : nvme_check(ctrl);
}

static int open_registers(struct nvme_ctrl *ctrl, int fd)
{
	uint32_t class = 0;
	int ret;

	ret = vfio_pci_open(&ctrl->pci, fd);
	if (ret < 0)
		return fail(ret, "this is not the descriptor of a VFIO PCI device: %s",
			    strerror(-ret));
	ret = vfio_pci_config_read(&ctrl->pci, PCI_CLASS_REVISION, 4, &class);
	if (ret < 0)
		return fail(ret, "the device's config space cannot be read: %s", strerror(-ret));
	if (class >> 8 != PCI_CLASS_NVME)
		return fail(-ENODEV, "this is no NVMe drive: its PCI class is %06x, not %06x",
			    class >> 8, PCI_CLASS_NVME);

	ret = open_request(ctrl);
	if (ret < 0)
		return ret;
	ret = vfio_pci_bar_open(&ctrl->pci, 0, &ctrl->bar);
	if (ret < 0)
		return fail(ret, "the drive's BAR 0 cannot be opened: %s", strerror(-ret));
	ctrl->bar_open = true;
	if (ctrl->bar.size < NVME_DOORBELLS + 16)
		return fail(-EIO, "the drive's BAR 0 has %llu bytes, too few for an NVMe drive",
			    (unsigned long long)ctrl->bar.size);

	ret = vfio_pci_enable(&ctrl->pci);
	return ret < 0 ? fail(ret, "the drive cannot be enabled: %s", strerror(-ret)) : 0;
}

static int read_capabilities(struct nvme_ctrl *ctrl)
{
	ctrl->cap = vfio_pci_read64(&ctrl->bar, NVME_CAP);
	if (ctrl->cap == UINT64_MAX)
		return gone();
	if (!NVME_CAP_CSS_NVM(ctrl->cap))
		return fail(-EOPNOTSUPP, "the drive does not have the NVM command set");

	/*
	 * The drive's smallest page, 4 KiB nearly always: it divides any page of the machine, whatever
	 * that is, so that memory which is contiguous by the machine's pages is so by the drive's.
	 */
	ctrl->page = NVME_CAP_MPSMIN(ctrl->cap);
	ctrl->ready_ms = (NVME_CAP_TO(ctrl->cap) + 1) * 500;
	ctrl->shutdown_ms = SHUTDOWN_MS;
	return 0;
}

int nvme_open(struct nvme_ctrl *ctrl, struct dma_space *space, int fd)
{
	int ret;

	memset(ctrl, 0, sizeof(*ctrl));
	ctrl->space = space;

	ret = open_registers(ctrl, fd);
	if (ret < 0)
		return ret;
	ret = read_capabilities(ctrl);
	if (ret < 0)
		return ret;
	ret = disable(ctrl);
	if (ret < 0)
		return ret;

	ret = nvme_queue_alloc(&ctrl->admin, ctrl, 0, ADMIN_ENTRIES, 0);
	if (ret < 0)
		return ret;
	ret = enable(ctrl);
	if (ret < 0)
		return ret;
	return nvme_identify(ctrl);
}

int nvme_create_queues(struct nvme_ctrl *ctrl, uint16_t count, uint32_t depth, uint64_t max_bytes)
{
	int ret;

	if (depth + 1 > NVME_CAP_MQES(ctrl->cap))
		return fail(-ENOSPC, "the drive's queues hold %u commands at most, not %u",
			    NVME_CAP_MQES(ctrl->cap) - 1, depth);
	ret = nvme_set_queue_count(ctrl, count);
	if (ret < 0)
		return ret;

	ctrl->queues = calloc(count, sizeof(*ctrl->queues));
	if (!ctrl->queues)
		return fail(-ENOMEM, "no memory for %u queues", count);

	while (ctrl->queue_count < count) {
		struct nvme_queue *queue = &ctrl->queues[ctrl->queue_count++];

		ret = nvme_queue_alloc(queue, ctrl, ctrl->queue_count, (uint16_t)(depth + 1),
				       max_bytes);
		if (ret < 0)
			return ret;
		ret = nvme_create_queue(queue);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Base 3.6.1: first the queues, then the notification, so that the drive can save what it holds. */
static int shut_down(struct nvme_ctrl *ctrl)
{
	uint32_t cc;
	int ret;

	ret = nvme_check(ctrl);
	if (ret < 0)
		return ret;
	for (uint16_t i = ctrl->queue_count; i-- > 0;) {
		ret = nvme_delete_queue(&ctrl->queues[i]);
		if (ret < 0)
			return ret;
	}

	cc = vfio_pci_read32(&ctrl->bar, NVME_CC);
	vfio_pci_write32(&ctrl->bar, NVME_CC, (cc & ~NVME_CC_SHN_MASK) | NVME_CC_SHN_NORMAL);
	return wait_status(ctrl, NVME_CSTS_SHST_MASK, NVME_CSTS_SHST_COMPLETE, ctrl->shutdown_ms,
			   "shut down");
}

/* A drive that does not stop when asked is reset, and whatever it does, it loses the bus. */
static int stop(struct nvme_ctrl *ctrl)
{
	int ret = 0;

	if (ctrl->enabled) {
		ret = shut_down(ctrl);
		if (disable(ctrl) < 0)
			vfio_pci_reset(&ctrl->pci);
	}
	vfio_pci_stop_dma(&ctrl->pci);
	ctrl->enabled = false;
	return ret;
}

int nvme_close(struct nvme_ctrl *ctrl)
{
	int first = 0;
	int ret;

	if (ctrl->bar_open)
		first = stop(ctrl);

	for (uint16_t i = ctrl->queue_count; i-- > 0;) {
		ret = nvme_queue_free(&ctrl->queues[i]);
		first = first < 0 ? first : ret;
	}
	free(ctrl->queues);
	if (ctrl->admin.ctrl) {
		ret = nvme_queue_free(&ctrl->admin);
		first = first < 0 ? first : ret;
	}
	ret = dma_free(ctrl->space, &ctrl->identify_memory);
	first = first < 0 ? first : ret;

	if (ctrl->bar_open)
		vfio_pci_bar_close(&ctrl->bar);
	if (ctrl->request_open)
		vfio_pci_request_close(&ctrl->pci, ctrl->request);
	memset(ctrl, 0, sizeof(*ctrl));
	return first;
}
