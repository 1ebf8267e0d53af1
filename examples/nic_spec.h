/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the example driver needs of Intel's 82574 GbE controller (e1000e in Linux and QEMU), by its
 * data sheet, revision 3.4: descriptors are in chapter 7, "Inline Functions", registers in chapter
 * 10, "Driver Programming Interface".
 *
 * Everything in memory and in registers is little-endian: le16 and le64 are for htole*() and
 * le*toh() to read.
 */
#ifndef NIC_SPEC_H
#define NIC_SPEC_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

typedef uint16_t le16;
typedef uint64_t le64;

#define NIC_VENDOR 0x8086
#define NIC_82574L 0x10d3

/* ---- Registers, in BAR 0 ------------------------------------------------------------------------ */

#define NIC_REGISTERS 0x20000 /* bytes of BAR 0 */

#define NIC_CTRL 0x0000
#define NIC_STATUS 0x0008
#define NIC_EECD 0x0010
#define NIC_ICR 0x00c0 /* cleared by reading */
#define NIC_IMC 0x00d8
#define NIC_RCTL 0x0100
#define NIC_TCTL 0x0400
#define NIC_TIPG 0x0410
#define NIC_RX_RING 0x2800
#define NIC_TX_RING 0x3800
#define NIC_MTA 0x5200 /* 128 of them */
#define NIC_MTA_COUNT 128
#define NIC_RAL 0x5400 /* the card's own address, from its NVM */
#define NIC_RAH 0x5404

/* Of a ring, from NIC_RX_RING or NIC_TX_RING on. */
#define NIC_RING_BASE 0x00 /* 64 bits; a multiple of 16 */
#define NIC_RING_BYTES 0x08
#define NIC_RING_HEAD 0x10 /* the descriptor that the card takes next */
#define NIC_RING_TAIL 0x18 /* the first that is not the card's */

/* Statistics: 32 bits, cleared by reading. */
#define NIC_MPC 0x4010  /* missed: there was no room for them */
#define NIC_GPRC 0x4074 /* good frames received */
#define NIC_GPTC 0x4080 /* good frames sent */

#define NIC_CTRL_FD (1u << 0)
#define NIC_CTRL_MASTER_DISABLE (1u << 2)
#define NIC_CTRL_SLU (1u << 6)    /* set link up */
#define NIC_CTRL_FORCE (3u << 11) /* speed and duplex: else they are negotiated */
#define NIC_CTRL_RST (1u << 26)

#define NIC_STATUS_LU (1u << 1)
#define NIC_STATUS_SPEED(status) ((status) >> 6 & 3u) /* 0: 10 Mb/s, 1: 100, 2 and 3: 1000 */
#define NIC_STATUS_MASTER (1u << 19)                  /* it may still do DMA */

#define NIC_EECD_LOADED (1u << 9) /* the NVM was read, after a reset */

#define NIC_RCTL_EN (1u << 1)
#define NIC_RCTL_2048 (0u << 16)  /* bytes of a buffer */
#define NIC_RCTL_SECRC (1u << 26) /* the checksum at the end of a frame is not stored */

#define NIC_TCTL_EN (1u << 1)
#define NIC_TCTL_PSP (1u << 3) /* pad short frames */
#define NIC_TCTL_CT (0x0fu << 4)
#define NIC_TCTL_COLD (0x3fu << 12)

#define NIC_TIPG_COPPER (8u | 8u << 10 | 6u << 20) /* gaps between frames */

#define NIC_RAH_VALID (1u << 31)

/* Reading a card that is gone gives all ones. */
#define NIC_GONE UINT32_MAX

/* ---- Descriptors -------------------------------------------------------------------------------- */

/* The length of a ring is a multiple of 128 bytes. */
#define NIC_RING_UNIT 8

/* Legacy receive descriptor. */
struct nic_rx_desc {
	le64 address;
	le16 length;
	le16 checksum;
	uint8_t status;
	uint8_t errors;
	le16 special;
};
static_assert(sizeof(struct nic_rx_desc) == 16, "a receive descriptor has 16 bytes");
static_assert(offsetof(struct nic_rx_desc, length) == 8, "what the card writes comes second");
static_assert(offsetof(struct nic_rx_desc, status) == 12, "bits 39:32 of it are the status");

#define NIC_RX_DD 0x01  /* the card is done with it */
#define NIC_RX_EOP 0x02 /* the frame ends here */

/* CE (checksum), SE (symbol), SEQ (sequence), CXE (carrier extension), RXE (data) */
#define NIC_RX_ERRORS 0x97

/* Legacy transmit descriptor. */
struct nic_tx_desc {
	le64 address;
	le16 length;
	uint8_t checksum_offset;
	uint8_t command;
	uint8_t status;
	uint8_t checksum_start;
	le16 special;
};
static_assert(sizeof(struct nic_tx_desc) == 16, "a transmit descriptor has 16 bytes");
static_assert(offsetof(struct nic_tx_desc, command) == 11, "bits 31:24 are the command");
static_assert(offsetof(struct nic_tx_desc, status) == 12, "bits 35:32 are the status");

#define NIC_TX_EOP 0x01  /* the frame ends here */
#define NIC_TX_IFCS 0x02 /* the card appends the checksum of the frame */
#define NIC_TX_RS 0x08   /* it reports when it is done */
#define NIC_TX_DD 0x01

/* ---- Frames ------------------------------------------------------------------------------------- */

#define NIC_ADDRESS 6   /* bytes of an Ethernet address */
#define NIC_BUFFER 2048 /* bytes for a frame */

#endif /* NIC_SPEC_H */
