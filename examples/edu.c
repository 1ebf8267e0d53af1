// SPDX-License-Identifier: BSD-3-Clause
#include "edu.h"

#include <endian.h>
#include <errno.h>
#include <unistd.h>

#define REG_ID 0x00
#define ID_MASK 0x0000ffffu
#define ID 0x000000edu
#define REG_DMA_SOURCE 0x80
#define REG_DMA_TARGET 0x88
#define REG_DMA_COUNT 0x90
#define REG_DMA_COMMAND 0x98
#define DMA_START 0x1u
#define DMA_TO_MEMORY 0x2u
#define BUFFER 0x40000

/*
 * QEMU gives the registers the byte order of the architecture that it emulates: on POWER they are
 * big-endian, whatever the guest is.
 */
static uint32_t read32(const struct edu *edu, uint64_t offset)
{
	uint32_t value = vfio_pci_read32(&edu->bar, offset);

	return edu->swapped ? __builtin_bswap32(value) : value;
}

static void write32(struct edu *edu, uint64_t offset, uint32_t value)
{
	vfio_pci_write32(&edu->bar, offset, edu->swapped ? __builtin_bswap32(value) : value);
}

/* In one piece: edu ignores what is written to the upper half of a register alone. */
static int write64(struct edu *edu, uint64_t offset, uint64_t value)
{
	volatile uint64_t *registers = (volatile void *)edu->bar.map;

	if (!registers)
		return -ENOTSUP;
	registers[offset / sizeof(*registers)] =
		htole64(edu->swapped ? __builtin_bswap64(value) : value);
	return 0;
}

/* The id tells the byte order. */
static bool is_edu(struct edu *edu)
{
	edu->swapped = false;
	if ((read32(edu, REG_ID) & ID_MASK) == ID)
		return true;
	edu->swapped = true;
	return (read32(edu, REG_ID) & ID_MASK) == ID;
}

int edu_open(struct edu *edu, int fd)
{
	int ret;

	ret = vfio_pci_open(&edu->pci, fd);
	if (!ret)
		ret = vfio_pci_enable(&edu->pci);
	if (!ret)
		ret = vfio_pci_bar_open(&edu->pci, 0, &edu->bar);
	if (ret < 0)
		return ret;
	if (!is_edu(edu)) {
		edu_close(edu);
		return -ENODEV;
	}
	return 0;
}

void edu_close(struct edu *edu)
{
	vfio_pci_bar_close(&edu->bar);
}

static int transfer(struct edu *edu, uint64_t source, uint64_t target, uint32_t n, uint32_t command)
{
	int tries, ret;

	ret = write64(edu, REG_DMA_SOURCE, source);
	if (!ret)
		ret = write64(edu, REG_DMA_TARGET, target);
	if (ret < 0)
		return ret;
	write32(edu, REG_DMA_COUNT, n);
	write32(edu, REG_DMA_COMMAND, command);
	/* it takes a tenth of a second */
	for (tries = 0; tries < 500; tries++) {
		if (!(read32(edu, REG_DMA_COMMAND) & DMA_START))
			return 0;
		usleep(10000);
	}
	return -ETIMEDOUT;
}

int edu_read(struct edu *edu, uint64_t iova, uint32_t n)
{
	return transfer(edu, iova, BUFFER, n, DMA_START);
}

int edu_write(struct edu *edu, uint64_t iova, uint32_t n)
{
	return transfer(edu, BUFFER, iova, n, DMA_START | DMA_TO_MEMORY);
}
