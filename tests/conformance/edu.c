// SPDX-License-Identifier: BSD-3-Clause
#include "edu.h"

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
	if ((vfio_pci_read32(&edu->bar, REG_ID) & ID_MASK) != ID) {
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
	int tries;

	vfio_pci_write64(&edu->bar, REG_DMA_SOURCE, source);
	vfio_pci_write64(&edu->bar, REG_DMA_TARGET, target);
	vfio_pci_write32(&edu->bar, REG_DMA_COUNT, n);
	vfio_pci_write32(&edu->bar, REG_DMA_COMMAND, command);
	for (tries = 0; tries < 5000; tries++) {
		if (!(vfio_pci_read32(&edu->bar, REG_DMA_COMMAND) & DMA_START))
			return 0;
		usleep(1000);
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
