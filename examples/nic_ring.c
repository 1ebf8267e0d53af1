// SPDX-License-Identifier: BSD-3-Clause
/*
 * Rings of descriptors.  The driver fills in descriptors and moves the tail; the card sets a bit in
 * those that it is done with, in order, so that polling needs no register.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nic.h"
#include "sentence.h"

/* The card reads and writes them meanwhile. */
static volatile struct nic_rx_desc *rx_desc(const struct nic *nic, uint32_t i)
{
	return (volatile struct nic_rx_desc *)nic->rx.memory.va + i;
}

static volatile struct nic_tx_desc *tx_desc(const struct nic *nic, uint32_t i)
{
	return (volatile struct nic_tx_desc *)nic->tx.memory.va + i;
}

static int open_ring(struct nic *nic, struct nic_ring *ring, uint64_t registers, uint32_t entries)
{
	uint64_t bytes = entries * sizeof(struct nic_rx_desc);
	int ret;

	ring->registers = registers;
	ring->mask = entries - 1;
	ring->buffers = calloc(entries, sizeof(*ring->buffers));
	if (!ring->buffers)
		return fail(-ENOMEM, "no memory for %u descriptors", entries);
	ret = iom_buf_alloc(nic->domain, bytes, NULL, &ring->memory);
	if (ret < 0)
		return fail(ret, "%s", iom_errmsg());

	vfio_pci_write64(&nic->bar, registers + NIC_RING_BASE, ring->memory.iova);
	vfio_pci_write32(&nic->bar, registers + NIC_RING_BYTES, (uint32_t)bytes);
	vfio_pci_write32(&nic->bar, registers + NIC_RING_HEAD, 0);
	vfio_pci_write32(&nic->bar, registers + NIC_RING_TAIL, 0);
	return 0;
}

/* What the card left in the descriptor is no longer needed. */
static void offer(struct nic *nic, uint32_t i, const struct iom_buf *buffer)
{
	volatile struct nic_rx_desc *desc = rx_desc(nic, i);

	nic->rx.buffers[i] = *buffer;
	desc->address = htole64(buffer->iova);
	desc->length = 0;
	desc->status = 0;
	desc->errors = 0;
}

int nic_rings_open(struct nic *nic, uint32_t entries)
{
	struct iom_buf buffer;
	int ret;

	ret = open_ring(nic, &nic->rx, NIC_RX_RING, entries);
	if (ret < 0)
		return ret;
	ret = open_ring(nic, &nic->tx, NIC_TX_RING, entries);
	if (ret < 0)
		return ret;
	nic->tx_last = calloc(entries, sizeof(*nic->tx_last));
	if (!nic->tx_last)
		return fail(-ENOMEM, "no memory for %u descriptors", entries);

	for (uint32_t i = 0; i < entries; i++) {
		ret = iom_buf_get(nic->pool, &buffer);
		if (ret < 0)
			return fail(ret, "no buffer to receive into: %s", strerror(-ret));
		offer(nic, i, &buffer);
	}
	nic->rx.tail = nic->rx.mask;
	return 0;
}

static int close_ring(struct nic *nic, struct nic_ring *ring)
{
	int first = 0;
	int ret;

	for (uint32_t i = 0; ring->buffers && i <= ring->mask; i++) {
		ret = ring->buffers[i].va ? iom_buf_put(nic->pool, &ring->buffers[i]) : 0;
		if (ret < 0 && !first)
			first = fail(ret, "a buffer of %s cannot be put back: %s", nic->name,
				     strerror(-ret));
	}
	free(ring->buffers);
	if (ring->memory.length) {
		ret = iom_unmap(nic->domain, &ring->memory);
		if (ret < 0 && !first)
			first = fail(ret, "%s", iom_errmsg());
	}
	memset(ring, 0, sizeof(*ring));
	return first;
}

int nic_rings_close(struct nic *nic)
{
	int rx = close_ring(nic, &nic->rx);
	int tx = close_ring(nic, &nic->tx);

	free(nic->tx_last);
	nic->tx_last = NULL;
	return rx < 0 ? rx : tx;
}

int nic_send(struct nic *nic, const struct iom_buf *buffer, uint16_t length)
{
	uint32_t next = (nic->tx.tail + 1) & nic->tx.mask;
	volatile struct nic_tx_desc *desc = tx_desc(nic, nic->tx.tail);

	if (next == nic->tx.head)
		return -EAGAIN;
	desc->address = htole64(buffer->iova);
	desc->length = htole16(length);
	desc->command = NIC_TX_EOP | NIC_TX_IFCS;
	desc->status = 0;
	nic->tx.buffers[nic->tx.tail] = *buffer;
	nic->tx.tail = next;
	return 0;
}

/* Only the last one of a batch is reported: a write of the card's for many frames. */
void nic_kick(struct nic *nic)
{
	uint32_t last = (nic->tx.tail - 1) & nic->tx.mask;

	if (nic->tx.tail == nic->tx_told)
		return;
	tx_desc(nic, last)->command = NIC_TX_EOP | NIC_TX_IFCS | NIC_TX_RS;
	nic->tx_last[nic->tx_told] = last;
	nic->tx_told = nic->tx.tail;
	vfio_pci_write32(&nic->bar, NIC_TX_RING + NIC_RING_TAIL, nic->tx.tail);
}

/* Where a buffer cannot be put back, closing the ring says so. */
static void reclaim_one(struct nic *nic)
{
	struct iom_buf *buffer = &nic->tx.buffers[nic->tx.head];

	if (iom_buf_put(nic->pool, buffer) == 0)
		buffer->va = NULL;
	nic->tx.head = (nic->tx.head + 1) & nic->tx.mask;
}

void nic_reclaim(struct nic *nic)
{
	uint32_t last;

	while (nic->tx.head != nic->tx_told) {
		last = nic->tx_last[nic->tx.head];
		if (!(tx_desc(nic, last)->status & NIC_TX_DD))
			return;
		while (nic->tx.head != last)
			reclaim_one(nic);
		reclaim_one(nic);
	}
}

unsigned int nic_receive(struct nic *nic, struct nic_frame *frames, unsigned int n)
{
	unsigned int count = 0;
	struct iom_buf fresh;

	while (count < n) {
		volatile struct nic_rx_desc *desc = rx_desc(nic, nic->rx.head);
		uint8_t status = desc->status;

		if (!(status & NIC_RX_DD) || iom_buf_get(nic->pool, &fresh) < 0)
			break;
		/* The rest of the descriptor, and the frame, may be read only after this bit. */
		vfio_pci_rmb();
		frames[count].buffer = nic->rx.buffers[nic->rx.head];
		frames[count].length = le16toh(desc->length);
		frames[count].whole = (status & NIC_RX_EOP) && !(desc->errors & NIC_RX_ERRORS);
		count++;

		offer(nic, nic->rx.head, &fresh);
		nic->rx.tail = nic->rx.head;
		nic->rx.head = (nic->rx.head + 1) & nic->rx.mask;
	}

	if (count)
		vfio_pci_write32(&nic->bar, NIC_RX_RING + NIC_RING_TAIL, nic->rx.tail);
	return count;
}
