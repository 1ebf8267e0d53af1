/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small driver in user space for Intel's 82574L, polled: one ring to receive, one to send.
 *
 * The rings are memory of iom_buf_alloc(); frames are in buffers of a pool, of NIC_BUFFER bytes, that
 * the caller opens and that several cards of one domain may share.  Calls return 0 or a negative errno,
 * and leave a sentence in fail_sentence().  One thread.
 */
#ifndef NIC_H
#define NIC_H

#include <stdbool.h>
#include <stdint.h>

#include <libiommu.h>

#include "nic_spec.h"
#include "vfio_pci.h"

#define NIC_MAX_ENTRIES 4096 /* of a ring */

/*
 * Descriptors from head to tail, without tail, are the card's, or it is done with them and nobody has
 * looked.  A full ring keeps one open.
 */
struct nic_ring {
	struct iom_region memory; /* length 0: none */
	struct iom_buf *buffers;  /* of each descriptor; va NULL: none */
	uint64_t registers;       /* offset in BAR 0 */
	uint32_t mask;            /* entries - 1 */
	uint32_t head;
	uint32_t tail;
};

struct nic {
	struct iom_domain *domain;
	struct iom_buf_pool *pool;
	struct vfio_pci pci;
	struct vfio_pci_bar bar;
	const char *name; /* its PCI address */
	int request;      /* the event of vfio_pci_request_open() */
	bool request_open;
	bool bar_open;
	struct nic_ring rx;
	struct nic_ring tx;
	uint32_t tx_told;  /* the tail that the card knows */
	uint32_t *tx_last; /* where a batch begins: its last descriptor, which tells of all of it */
	uint8_t address[NIC_ADDRESS];
	unsigned int speed; /* Mb/s */
};

/* A frame that came.  The buffer is the caller's, who puts it back into the pool. */
struct nic_frame {
	struct iom_buf buffer;
	uint16_t length;
	bool whole; /* the card found nothing wrong with it */
};

/* Since nic_start(), by the card's own counters. */
struct nic_counts {
	uint64_t sent;
	uint64_t received;
	uint64_t missed;
};

/*
 * Take over the card behind a device that is attached to domain: reset it, and read its address.
 * After a failure too, nic_close() is needed.
 */
int nic_open(struct nic *nic, struct iom_domain *domain, const struct iom_device *device);

/*
 * Make rings of entries descriptors, a power of two from NIC_RING_UNIT to NIC_MAX_ENTRIES, fill the
 * one to receive with buffers, and switch both on.  pool outlives nic_close().
 */
int nic_start(struct nic *nic, struct iom_buf_pool *pool, uint32_t entries);

/* Until there is a link.  -ETIMEDOUT. */
int nic_wait_link(struct nic *nic);

/*
 * Whatever happens, the card makes no DMA afterwards.  Buffers in its rings go back to the pool.
 * Returns the first failure.
 */
int nic_close(struct nic *nic);

/*
 * Queue a frame of length bytes; its buffer is the card's from then on, and goes back to the pool when
 * nic_reclaim() finds it sent.  The card is told by nic_kick(), so that one register write starts many
 * frames.  -EAGAIN, with no sentence, if the ring is full.
 */
int nic_send(struct nic *nic, const struct iom_buf *buffer, uint16_t length);
void nic_kick(struct nic *nic);
void nic_reclaim(struct nic *nic);

/*
 * Take at most n frames that came; returns how many.  Each leaves the card another buffer of the pool, so
 * that none is taken while the pool is empty.
 */
unsigned int nic_receive(struct nic *nic, struct nic_frame *frames, unsigned int n);

/* Is the card alive, and has it a link?  For whoever waited too long. */
int nic_check(const struct nic *nic);

/* Does somebody wait for the card, to unbind or remove it?  Then -ECANCELED, else 0.  A system call. */
int nic_wanted_back(const struct nic *nic);

/* Add what the card has counted since the last call. */
void nic_read_counts(const struct nic *nic, struct nic_counts *counts);

/* ---- Between the parts of the driver: nic_ring.c ------------------------------------------------ */

/* After a failure of the first, the second is needed, once the card does no DMA any more. */
int nic_rings_open(struct nic *nic, uint32_t entries);
int nic_rings_close(struct nic *nic);

#endif /* NIC_H */
