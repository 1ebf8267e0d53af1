/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two network cards with a wire between them, behind the calls of examples/vfio_pci.h: their registers
 * are here, their DMA is that of the simulation's devices.  The wire does what a test wants.
 */
#ifndef IOM_TEST_CARD_RIG_H
#define IOM_TEST_CARD_RIG_H

#include <endian.h>

#include "examples/nic.h"
#include "tests/unit/domain_rig.h"

enum wire_fault {
	WIRE_FINE,
	WIRE_LOSES,
	WIRE_FLIPS, /* a bit of byte number fault_byte */
	WIRE_CUTS,  /* the last byte off */
	WIRE_REPEATS,
	WIRE_SWAPS,   /* with the frame that follows */
	WIRE_ADDS,    /* somebody else's frame before it */
	WIRE_DAMAGES, /* and the card says so */
	WIRE_SPLITS,  /* over two descriptors, as the card says */
};

struct card {
	const char *address; /* of the simulation's device */
	int fd;
	uint16_t id;
	bool present;
	bool master; /* may do DMA */
	unsigned int doorbells;
	uint32_t registers[NIC_REGISTERS / 4];
};

static struct card cards[2];

/* At the frame of this number, counted for both ways. */
static struct {
	enum wire_fault fault;
	unsigned int at;
	unsigned int fault_byte;
	unsigned int count;
	uint8_t held[2048]; /* WIRE_SWAPS: until the next one has passed */
	size_t held_length;
} wire;

#define REG(card, offset) ((card)->registers[(offset) / 4])

static inline void card_reset(struct card *card)
{
	static const uint8_t address[] = { 0x52, 0x54, 0, 0x12, 0x34 };

	memset(card->registers, 0, sizeof(card->registers));
	memcpy(&REG(card, NIC_RAL), address, 4);
	REG(card, NIC_RAL) = le32toh(REG(card, NIC_RAL));
	REG(card, NIC_RAH) = NIC_RAH_VALID | (uint32_t)(card - cards) << 8 | address[4];
	REG(card, NIC_EECD) = NIC_EECD_LOADED;
}

static inline void cards_plug(const struct iom_device *const *devices)
{
	for (size_t i = 0; i < ARRAY_SIZE(cards); i++) {
		cards[i] = (struct card){
			.address = iom_device_address(devices[i]),
			.fd = iom_device_fd(devices[i]),
			.id = NIC_82574L,
			.present = true,
		};
		card_reset(&cards[i]);
	}
	memset(&wire, 0, sizeof(wire));
}

/* ---- DMA ---------------------------------------------------------------------------------------- */

static inline void card_read(const struct card *card, uint64_t iova, void *to, size_t n)
{
	ck_assert(card->master);
	ck_assert_int_eq(iom_sim_dma_read(rig.sim, card->address, iova, to, n), 0);
}

static inline void card_write(const struct card *card, uint64_t iova, const void *from, size_t n)
{
	ck_assert(card->master);
	ck_assert_int_eq(iom_sim_dma_write(rig.sim, card->address, iova, from, n), 0);
}

static inline uint64_t descriptor(struct card *card, uint32_t ring)
{
	uint64_t base = REG(card, ring + NIC_RING_BASE) |
			(uint64_t)REG(card, ring + NIC_RING_BASE + 4) << 32;

	ck_assert_uint_eq(base % 16, 0);
	return base + REG(card, ring + NIC_RING_HEAD) * 16;
}

static inline void advance(struct card *card, uint32_t ring)
{
	uint32_t bytes = REG(card, ring + NIC_RING_BYTES);

	ck_assert_uint_eq(bytes % 128, 0);
	REG(card, ring + NIC_RING_HEAD) = (REG(card, ring + NIC_RING_HEAD) + 1) % (bytes / 16);
}

static inline bool ring_is_empty(struct card *card, uint32_t ring)
{
	return REG(card, ring + NIC_RING_HEAD) == REG(card, ring + NIC_RING_TAIL);
}

/* ---- Frames ------------------------------------------------------------------------------------- */

static inline void card_receives(struct card *card, const void *frame, size_t length,
				 uint8_t status, uint8_t errors)
{
	struct nic_rx_desc desc;
	uint64_t at;

	if (!(REG(card, NIC_RCTL) & NIC_RCTL_EN) || ring_is_empty(card, NIC_RX_RING)) {
		REG(card, NIC_MPC)++;
		return;
	}
	at = descriptor(card, NIC_RX_RING);
	card_read(card, at, &desc, sizeof(desc));
	card_write(card, le64toh(desc.address), frame, length);
	desc.length = htole16((uint16_t)length);
	desc.status = status;
	desc.errors = errors;
	card_write(card, at, &desc, sizeof(desc));
	advance(card, NIC_RX_RING);
	REG(card, NIC_GPRC)++;
}

static inline void wire_misbehaves(struct card *to, uint8_t *frame, size_t length)
{
	uint8_t whole = NIC_RX_DD | NIC_RX_EOP;

	switch (wire.fault) {
	case WIRE_FINE:
	case WIRE_LOSES:
		return;
	case WIRE_FLIPS:
		frame[wire.fault_byte] ^= 0x10;
		break;
	case WIRE_CUTS:
		length--;
		break;
	case WIRE_REPEATS:
		card_receives(to, frame, length, whole, 0);
		break;
	case WIRE_SWAPS:
		memcpy(wire.held, frame, length);
		wire.held_length = length;
		return;
	case WIRE_ADDS: {
		uint8_t other[NIC_BUFFER] = { [12] = 0x08, [13] = 0x06 };

		card_receives(to, other, 60, whole, 0);
		break;
	}
	case WIRE_DAMAGES:
		card_receives(to, frame, length, whole, 0x01);
		return;
	case WIRE_SPLITS:
		whole = NIC_RX_DD;
		break;
	}
	card_receives(to, frame, length, whole, 0);
}

static inline void wire_carries(struct card *from, uint8_t *frame, size_t length)
{
	struct card *to = &cards[from == &cards[0]];
	size_t held = wire.held_length;

	if (wire.count++ == wire.at && wire.fault) {
		wire_misbehaves(to, frame, length);
		return;
	}
	card_receives(to, frame, length, NIC_RX_DD | NIC_RX_EOP, 0);
	wire.held_length = 0;
	if (held)
		card_receives(to, wire.held, held, NIC_RX_DD | NIC_RX_EOP, 0);
}

static inline void card_sends(struct card *card)
{
	uint8_t frame[NIC_BUFFER];
	struct nic_tx_desc desc;
	uint64_t at;

	while ((REG(card, NIC_TCTL) & NIC_TCTL_EN) && !ring_is_empty(card, NIC_TX_RING)) {
		at = descriptor(card, NIC_TX_RING);
		card_read(card, at, &desc, sizeof(desc));
		ck_assert_uint_eq(desc.command & (NIC_TX_EOP | NIC_TX_IFCS),
				  NIC_TX_EOP | NIC_TX_IFCS);
		ck_assert_uint_eq(desc.status, 0);
		ck_assert_uint_le(le16toh(desc.length), sizeof(frame));
		card_read(card, le64toh(desc.address), frame, le16toh(desc.length));
		desc.status = NIC_TX_DD;
		if (desc.command & NIC_TX_RS)
			card_write(card, at, &desc, sizeof(desc));
		advance(card, NIC_TX_RING);
		REG(card, NIC_GPTC)++;
		wire_carries(card, frame, le16toh(desc.length));
	}
}

/* ---- What the driver calls: examples/vfio_pci.h ------------------------------------------------- */

static inline struct card *card_of(int fd)
{
	for (size_t i = 0; i < ARRAY_SIZE(cards); i++)
		if (cards[i].fd == fd)
			return &cards[i];
	abort();
}

int vfio_pci_open(struct vfio_pci *pci, int fd)
{
	pci->fd = card_of(fd)->fd;
	return 0;
}

int vfio_pci_config_read(const struct vfio_pci *pci, uint32_t offset, uint32_t size,
			 uint32_t *value)
{
	ck_assert_uint_eq(offset, 0);
	ck_assert_uint_eq(size, 4);
	*value = NIC_VENDOR | (uint32_t)card_of(pci->fd)->id << 16;
	return 0;
}

int vfio_pci_enable(const struct vfio_pci *pci)
{
	card_of(pci->fd)->master = true;
	return 0;
}

int vfio_pci_stop_dma(const struct vfio_pci *pci)
{
	card_of(pci->fd)->master = false;
	return 0;
}

int vfio_pci_reset(const struct vfio_pci *pci)
{
	card_reset(card_of(pci->fd));
	return 0;
}

int vfio_pci_request_open(const struct vfio_pci *pci, int *event)
{
	*event = pci->fd;
	return 0;
}

void vfio_pci_request_close(const struct vfio_pci *pci, int event)
{
	ck_assert_int_eq(event, pci->fd);
}

bool vfio_pci_requested(int event)
{
	return !card_of(event)->present;
}

int vfio_pci_bar_open(const struct vfio_pci *pci, uint32_t index, struct vfio_pci_bar *bar)
{
	ck_assert_uint_eq(index, 0);
	*bar = (struct vfio_pci_bar){ .fd = pci->fd, .size = NIC_REGISTERS };
	return 0;
}

void vfio_pci_bar_close(struct vfio_pci_bar *bar)
{
	memset(bar, 0, sizeof(*bar));
}

uint32_t vfio_pci_pread32(const struct vfio_pci_bar *bar, uint64_t offset)
{
	struct card *card = card_of(bar->fd);
	uint32_t value;

	ck_assert_uint_lt(offset, NIC_REGISTERS);
	value = REG(card, offset);
	if (!card->present)
		return UINT32_MAX;
	if (offset == NIC_ICR || (offset >= NIC_MPC - 0x10 && offset <= NIC_GPTC))
		REG(card, offset) = 0;
	if (offset == NIC_STATUS)
		value = (REG(card, NIC_CTRL) & NIC_CTRL_SLU ? NIC_STATUS_LU | 2u << 6 : 0) |
			(REG(card, NIC_CTRL) & NIC_CTRL_MASTER_DISABLE ? 0 : NIC_STATUS_MASTER);
	return value;
}

void vfio_pci_pwrite32(const struct vfio_pci_bar *bar, uint64_t offset, uint32_t value)
{
	struct card *card = card_of(bar->fd);

	ck_assert_uint_lt(offset, NIC_REGISTERS);
	if (offset == NIC_CTRL && (value & NIC_CTRL_RST)) {
		card_reset(card);
		return;
	}
	REG(card, offset) = value;
	if (offset == NIC_TX_RING + NIC_RING_TAIL && (REG(card, NIC_TCTL) & NIC_TCTL_EN)) {
		card->doorbells++;
		card_sends(card);
	}
}

#endif
