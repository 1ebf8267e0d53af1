/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the example driver needs of the NVMe specifications, by these revisions:
 *
 *	Base	NVM Express Base Specification 2.0
 *	NVM	NVM Express NVM Command Set Specification 1.0
 *	PCIe	NVM Express NVMe over PCIe Transport Specification 1.0
 *
 * Everything in memory and in registers is little-endian: le16, le32 and le64 are for htole*() and
 * le*toh() to read.
 */
#ifndef NVME_SPEC_H
#define NVME_SPEC_H

#include <assert.h>
#include <stdint.h>

typedef uint16_t le16;
typedef uint32_t le32;
typedef uint64_t le64;

/* ---- Controller properties: Base 3.1.3, in BAR 0 by PCIe ---------------------------------------- */

#define NVME_CAP 0x00  /* 64 bits, Base 3.1.3.1 */
#define NVME_VS 0x08   /* Base 3.1.3.2 */
#define NVME_CC 0x14   /* Base 3.1.3.5 */
#define NVME_CSTS 0x1c /* Base 3.1.3.6 */
#define NVME_AQA 0x24  /* Base 3.1.3.8 */
#define NVME_ASQ 0x28  /* 64 bits, Base 3.1.3.9 */
#define NVME_ACQ 0x30  /* 64 bits, Base 3.1.3.10 */
#define NVME_DOORBELLS 0x1000

#define NVME_CAP_MQES(cap) (1u + (uint32_t)((cap)&0xffff)) /* entries of the longest I/O queue */
#define NVME_CAP_TO(cap) ((uint32_t)((cap) >> 24 & 0xff))  /* in units of 500 ms */
#define NVME_CAP_DSTRD(cap) (4u << ((cap) >> 32 & 0xf))    /* bytes from doorbell to doorbell */
#define NVME_CAP_CSS_NVM(cap) ((cap) >> 37 & 1)            /* has the NVM command set */
#define NVME_CAP_MPSMIN(cap) (1u << (12 + ((cap) >> 48 & 0xf))) /* bytes */

#define NVME_CC_EN 0x1u
#define NVME_CC_CSS_NVM (0u << 4)
#define NVME_CC_MPS(bytes) ((uint32_t)(__builtin_ctz(bytes) - 12) << 7)
#define NVME_CC_SHN_MASK (3u << 14)
#define NVME_CC_SHN_NORMAL (1u << 14)
#define NVME_CC_IOSQES (6u << 16) /* submission queue entries of 2^6 bytes */
#define NVME_CC_IOCQES (4u << 20) /* completion queue entries of 2^4 bytes */

#define NVME_CSTS_RDY 0x1u
#define NVME_CSTS_CFS 0x2u /* controller fatal status */
#define NVME_CSTS_SHST_MASK (3u << 2)
#define NVME_CSTS_SHST_COMPLETE (2u << 2)

/* Reading a device that is gone gives all ones. */
#define NVME_GONE UINT32_MAX

/* ---- Queue entries ------------------------------------------------------------------------------ */

/* Base 3.3.3.1 */
struct nvme_sqe {
	uint8_t opcode;
	uint8_t flags; /* 0: PRPs, not fused */
	le16 cid;
	le32 nsid;
	le32 cdw2;
	le32 cdw3;
	le64 mptr;
	le64 prp1;
	le64 prp2;
	le32 cdw10;
	le32 cdw11;
	le32 cdw12;
	le32 cdw13;
	le32 cdw14;
	le32 cdw15;
};
static_assert(sizeof(struct nvme_sqe) == 64, "CC.IOSQES");

/* Base 3.3.3.2 */
struct nvme_cqe {
	le32 dw0; /* the command's result */
	le32 dw1;
	le16 sq_head;
	le16 sq_id;
	le16 cid;
	le16 status; /* bit 0 is the phase tag */
};
static_assert(sizeof(struct nvme_cqe) == 16, "CC.IOCQES");

/*
 * A status is what a completion has above its phase tag: bits 7:0 are the status code, bits 10:8 its
 * type, bit 14 is Do Not Retry.  0 is success.
 */
#define NVME_STATUS(entry_status) ((uint16_t)((entry_status) >> 1))
#define NVME_STATUS_TYPE(status) ((status) >> 8 & 0x7u)
#define NVME_STATUS_CODE(status) ((status)&0xffu)
#define NVME_STATUS_INVALID_FIELD 0x002

/* ---- Commands ----------------------------------------------------------------------------------- */

enum nvme_admin_opcode {
	NVME_ADMIN_DELETE_SQ = 0x00,    /* Base 5.7 */
	NVME_ADMIN_CREATE_SQ = 0x01,    /* Base 5.5 */
	NVME_ADMIN_DELETE_CQ = 0x04,    /* Base 5.6 */
	NVME_ADMIN_CREATE_CQ = 0x05,    /* Base 5.4 */
	NVME_ADMIN_IDENTIFY = 0x06,     /* Base 5.17 */
	NVME_ADMIN_SET_FEATURES = 0x09, /* Base 5.27 */
};

enum nvme_io_opcode {
	NVME_IO_FLUSH = 0x00, /* Base 7.1 */
	NVME_IO_WRITE = 0x01, /* NVM 3.2.6 */
	NVME_IO_READ = 0x02,  /* NVM 3.2.4 */
};

#define NVME_FEATURE_QUEUES 0x07        /* Base 5.27.1.5 */
#define NVME_QUEUE_CONTIGUOUS (1u << 0) /* cdw11 of Create I/O Submission and Completion Queue */

enum nvme_identify {
	NVME_IDENTIFY_NAMESPACE = 0x00,
	NVME_IDENTIFY_CONTROLLER = 0x01,
	NVME_IDENTIFY_ACTIVE_NAMESPACES = 0x02, /* a list of le32, ascending, 0 ends it */
};

#define NVME_IDENTIFY_SIZE 4096 /* every Identify data structure, whatever the page size */

/* The start of the Identify Controller data structure, Base 5.17.2.1. */
struct nvme_identify_controller {
	le16 vid;
	le16 ssvid;
	char serial[20]; /* padded with spaces, no NUL */
	char model[40];
	char firmware[8];
	uint8_t rab;
	uint8_t ieee[3];
	uint8_t cmic;
	uint8_t mdts; /* the longest transfer is CAP.MPSMIN << mdts; 0: no limit */
	le16 cntlid;
	le32 ver;
	le32 rtd3r;
	le32 rtd3e; /* microseconds that a shutdown may take; 0: not said */
};
static_assert(sizeof(struct nvme_identify_controller) == 92, "offset of RTD3E plus its size");

/* NVM 4.1.5.1 */
struct nvme_lba_format {
	le16 metadata_size; /* bytes for each block */
	uint8_t data_size;  /* log2 of bytes */
	uint8_t performance;
};

struct nvme_identify_namespace {
	le64 nsze; /* blocks */
	le64 ncap;
	le64 nuse;
	uint8_t nsfeat;
	uint8_t nlbaf;
	uint8_t flbas; /* which lbaf is in use: bits 3:0, and 6:5 above them */
	uint8_t mc;
	uint8_t other[100];
	struct nvme_lba_format lbaf[64];
};
static_assert(sizeof(struct nvme_identify_namespace) == 384, "LBAF0 is at byte 128");

#endif /* NVME_SPEC_H */
