// SPDX-License-Identifier: BSD-3-Clause
#include "vfio_pci.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * s390's processor reaches PCI memory by instructions of its own; plain loads and stores to a mapped
 * BAR do not.
 */
#ifdef __s390x__
#define CAN_MAP_BARS 0
#else
#define CAN_MAP_BARS 1
#endif

static int region_info(int fd, uint32_t index, struct vfio_region_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	info->index = index;
	return ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, info) < 0 ? -errno : 0;
}

int vfio_pci_open(struct vfio_pci *pci, int fd)
{
	struct vfio_device_info device = { .argsz = sizeof(device) };
	struct vfio_region_info config;
	int ret;

	if (ioctl(fd, VFIO_DEVICE_GET_INFO, &device) < 0)
		return -errno;
	if (!(device.flags & VFIO_DEVICE_FLAGS_PCI))
		return -EINVAL;

	ret = region_info(fd, VFIO_PCI_CONFIG_REGION_INDEX, &config);
	if (ret < 0)
		return ret;

	pci->fd = fd;
	pci->config_offset = config.offset;
	pci->config_size = config.size;
	return 0;
}

static int config_range(const struct vfio_pci *pci, uint32_t offset, uint32_t size)
{
	if ((size != 1 && size != 2 && size != 4) || offset % size)
		return -EINVAL;
	return offset + (uint64_t)size > pci->config_size ? -ERANGE : 0;
}

int vfio_pci_config_read(const struct vfio_pci *pci, uint32_t offset, uint32_t size,
			 uint32_t *value)
{
	uint32_t raw = 0;
	ssize_t n;
	int ret;

	ret = config_range(pci, offset, size);
	if (ret < 0)
		return ret;

	n = pread(pci->fd, &raw, size, (off_t)(pci->config_offset + offset));
	if (n < 0)
		return -errno;
	if (n != (ssize_t)size)
		return -EIO;

	/* The bytes came in PCI's order and lie at the start of raw, whatever the size. */
	*value = le32toh(raw);
	return 0;
}

int vfio_pci_config_write(const struct vfio_pci *pci, uint32_t offset, uint32_t size,
			  uint32_t value)
{
	uint32_t raw = htole32(value);
	ssize_t n;
	int ret;

	ret = config_range(pci, offset, size);
	if (ret < 0)
		return ret;

	n = pwrite(pci->fd, &raw, size, (off_t)(pci->config_offset + offset));
	if (n < 0)
		return -errno;
	return n == (ssize_t)size ? 0 : -EIO;
}

static int change_command(const struct vfio_pci *pci, uint32_t set, uint32_t clear)
{
	uint32_t command = 0;
	int ret;

	ret = vfio_pci_config_read(pci, PCI_COMMAND, 2, &command);
	if (ret < 0)
		return ret;
	return vfio_pci_config_write(pci, PCI_COMMAND, 2, (command | set) & ~clear);
}

int vfio_pci_enable(const struct vfio_pci *pci)
{
	return change_command(pci, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
}

int vfio_pci_stop_dma(const struct vfio_pci *pci)
{
	return change_command(pci, 0, PCI_COMMAND_MASTER);
}

int vfio_pci_reset(const struct vfio_pci *pci)
{
	return ioctl(pci->fd, VFIO_DEVICE_RESET) < 0 ? -errno : 0;
}

int vfio_pci_request_open(const struct vfio_pci *pci, int *event)
{
	union {
		struct vfio_irq_set head;
		uint8_t bytes[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} set = {
		.head = {
			.argsz = sizeof(set),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_REQ_IRQ_INDEX,
			.count = 1,
		},
	};
	int32_t fd;
	int ret;

	fd = eventfd(0, EFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	memcpy(set.bytes + sizeof(set.head), &fd, sizeof(fd));
	if (ioctl(pci->fd, VFIO_DEVICE_SET_IRQS, &set) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	*event = fd;
	return 0;
}

void vfio_pci_request_close(const struct vfio_pci *pci, int event)
{
	struct vfio_irq_set none = {
		.argsz = sizeof(none),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_REQ_IRQ_INDEX,
	};

	/* If the kernel refuses, its reference to the event goes with the device's descriptor. */
	ioctl(pci->fd, VFIO_DEVICE_SET_IRQS, &none);
	close(event);
}

bool vfio_pci_requested(int event)
{
	struct pollfd entry = { .fd = event, .events = POLLIN };

	/* Nobody reads the event, so that once it has happened the answer stays yes. */
	return poll(&entry, 1, 0) > 0;
}

int vfio_pci_bar_open(const struct vfio_pci *pci, uint32_t index, struct vfio_pci_bar *bar)
{
	struct vfio_region_info info;
	void *map = MAP_FAILED;
	int ret;

	if (index > 5)
		return -EINVAL;
	ret = region_info(pci->fd, VFIO_PCI_BAR0_REGION_INDEX + index, &info);
	if (ret < 0)
		return ret;
	if (!info.size)
		return -ENOENT;

	if (CAN_MAP_BARS && (info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		map = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, pci->fd,
			   (off_t)info.offset);

	bar->fd = pci->fd;
	bar->offset = info.offset;
	bar->size = info.size;
	bar->map = map == MAP_FAILED ? NULL : map;
	return 0;
}

void vfio_pci_bar_close(struct vfio_pci_bar *bar)
{
	if (bar->map)
		munmap((void *)bar->map, bar->size);
	memset(bar, 0, sizeof(*bar));
	bar->fd = -1;
}

uint32_t vfio_pci_pread32(const struct vfio_pci_bar *bar, uint64_t offset)
{
	uint32_t raw;

	if (pread(bar->fd, &raw, sizeof(raw), (off_t)(bar->offset + offset)) != sizeof(raw))
		return UINT32_MAX;
	return le32toh(raw);
}

void vfio_pci_pwrite32(const struct vfio_pci_bar *bar, uint64_t offset, uint32_t value)
{
	uint32_t raw = htole32(value);
	ssize_t n;

	/* A device that is gone takes no writes; like on the bus, the reads that follow tell. */
	n = pwrite(bar->fd, &raw, sizeof(raw), (off_t)(bar->offset + offset));
	(void)n;
}
