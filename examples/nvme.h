/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small NVMe driver in user space, polled, for one namespace of a drive.
 *
 * All DMA memory of its own (queues, PRP lists) comes from a libiommu domain; data buffers are the
 * caller's, who says for each command at which IOVAs of the same domain its data is.  Calls return 0 or a
 * negative errno, and leave a sentence in fail_sentence().  One thread.
 */
#ifndef NVME_H
#define NVME_H

#include <stdbool.h>
#include <stdint.h>

#include <libiommu.h>

#include "dma_memory.h"
#include "nvme_spec.h"
#include "vfio_pci.h"

/* No wait for the drive is longer, unless the drive itself asks for it (CAP.TO, RTD3E). */
#define NVME_TIMEOUT_MS 30000

/* A command in flight.  Its index in the queue's array is its command identifier. */
struct nvme_request {
	void *user;
	le64 *prp_list; /* NULL: its transfers need none */
	uint16_t next_free;
	bool busy;
};

/* A submission queue and the completion queue of the same number. */
struct nvme_queue {
	struct nvme_ctrl *ctrl;
	uint16_t id;
	uint16_t entries;
	uint16_t sq_tail;
	uint16_t sq_rung; /* the tail that the drive was told */
	uint16_t cq_head;
	uint16_t phase;       /* the phase tag of entries that are new */
	uint16_t free;        /* the first free request; entries - 1: none */
	uint64_t max_bytes;   /* of one transfer */
	uint64_t sq_doorbell; /* offsets in BAR 0 */
	uint64_t cq_doorbell;
	struct nvme_sqe *sq;
	volatile struct nvme_cqe *cq;
	struct nvme_request *requests; /* entries - 1 of them: a full queue keeps one slot open */
	struct dma_memory sq_memory;
	struct dma_memory cq_memory;
	struct dma_memory prp_memory; /* PRP lists, as many pages for each request as it may need */
	bool sq_created;
	bool cq_created;
};

struct nvme_ctrl {
	struct dma_space *space;
	struct vfio_pci pci;
	struct vfio_pci_bar bar;
	uint64_t cap;
	uint32_t page; /* CC.MPS in bytes: the unit of PRPs, no page of this machine */
	uint32_t ready_ms;
	uint32_t shutdown_ms;
	int request; /* the event of vfio_pci_request_open() */
	bool request_open;
	bool bar_open;
	bool enabled;
	struct dma_memory identify_memory; /* while nvme_identify() runs, or after it failed */
	struct nvme_queue admin;
	struct nvme_queue *queues;
	uint16_t queue_count;

	/* what Identify said */
	char serial[21];
	char model[41];
	char firmware[9];
	uint64_t max_transfer; /* bytes; UINT64_MAX: no limit */
	uint32_t nsid;
	uint64_t lbas;
	uint32_t lba_size;
};

/* A command that is done.  status is 0 or for nvme_status_words(). */
struct nvme_completion {
	void *user;
	uint32_t result;
	uint16_t status;
};

/*
 * Take over the drive behind a VFIO device descriptor: reset and enable it, and identify it and its
 * first namespace.  After a failure too, nvme_close() is needed.
 */
int nvme_open(struct nvme_ctrl *ctrl, struct dma_space *space, int fd);

/* Create count queue pairs for depth commands of at most max_bytes each. */
int nvme_create_queues(struct nvme_ctrl *ctrl, uint16_t count, uint32_t depth, uint64_t max_bytes);

/*
 * Delete the queues and shut the drive down, so that another driver finds it as after power-on.
 * Whatever happens, the drive makes no DMA afterwards; data buffers may be unmapped then, and not
 * before.  Returns the first failure.
 */
int nvme_close(struct nvme_ctrl *ctrl);

/*
 * Queue a read or a write of blocks at lba, whose data is in n ranges, or a flush (0, 0, NULL, 0).  The drive is
 * told by nvme_ring(), so that one register write starts many commands.  -EAGAIN, with no sentence, if
 * the queue is full.
 */
int nvme_submit(struct nvme_queue *queue, enum nvme_io_opcode opcode, uint64_t lba, uint32_t blocks,
		const struct iom_sge *data, size_t n, void *user);
void nvme_ring(struct nvme_queue *queue);

/*
 * Collect at most n completions; returns how many, or -EIO if the drive completed what was never
 * submitted.
 */
int nvme_poll(struct nvme_queue *queue, struct nvme_completion *done, unsigned int n);

/* Is the drive alive?  For whoever waited too long.  -ENODEV, -EIO or 0. */
int nvme_check(const struct nvme_ctrl *ctrl);

/*
 * Does somebody wait for the drive, to unbind or remove it?  Then -ECANCELED, else 0.  A system call,
 * for once in a while.
 */
int nvme_wanted_back(const struct nvme_ctrl *ctrl);

/* "Write Fault" and the like; the text is valid until the next call. */
const char *nvme_status_words(uint16_t status);

/* ---- Between the parts of the driver ------------------------------------------------------------ */

/* nvme_admin.c: commands that wait until they are done; -EIO with its words if one fails */
int nvme_identify(struct nvme_ctrl *ctrl);
int nvme_set_queue_count(struct nvme_ctrl *ctrl, uint16_t count);
int nvme_create_queue(struct nvme_queue *queue);
int nvme_delete_queue(struct nvme_queue *queue);

/* nvme_queue.c */
int nvme_queue_alloc(struct nvme_queue *queue, struct nvme_ctrl *ctrl, uint16_t id,
		     uint16_t entries, uint64_t max_bytes);
int nvme_queue_free(struct nvme_queue *queue);

/*
 * Begin a command: a free request and an empty queue entry to fill in, or NULL if the queue is full.
 * It counts from nvme_queue_commit() on; without that, nothing has happened.
 */
struct nvme_request *nvme_queue_begin(struct nvme_queue *queue, struct nvme_sqe **sqe);
void nvme_queue_commit(struct nvme_queue *queue, struct nvme_request *request, void *user);

/*
 * nvme_prp.c: describe data for a command: its two PRP entries, in the host's order, and the list
 * behind the second, if one is needed.  The list has as many pages of the given size as
 * nvme_prp_list_pages() says.  -EINVAL if it cannot be described: it is not aligned to 4 bytes, or a
 * page of it is not contiguous for the device.
 */
struct nvme_prp {
	uint64_t prp1;
	uint64_t prp2;
};

uint32_t nvme_prp_list_pages(uint32_t page, uint64_t length);
int nvme_prp_build(uint32_t page, const struct iom_sge *sges, size_t n, le64 *list,
		   iom_iova_t list_iova, struct nvme_prp *prp);

/* nvme_ctrl.c: time for deadlines */
uint64_t nvme_now_ms(void);
void nvme_pause(void);

#endif /* NVME_H */
