/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI function behind a VFIO device descriptor: its BARs, config space, DMA enable, reset and
 * the wish of others to have it back.
 *
 * This is the driver's half of VFIO, which libiommu leaves alone; it knows no particular device.
 * The descriptor is borrowed, from iom_device_fd() for instance.
 *
 * PCI is little-endian; values are converted here, so that callers see the host's order.
 */
#ifndef VFIO_PCI_H
#define VFIO_PCI_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>

struct vfio_pci {
	int fd;
	uint64_t config_offset; /* of config space, in the descriptor */
	uint64_t config_size;
};

/* A BAR.  Must be closed before the device is detached: a mapped BAR keeps the group busy. */
struct vfio_pci_bar {
	int fd;
	uint64_t offset; /* in the descriptor */
	uint64_t size;
	volatile uint32_t *map; /* NULL: reached by pread() and pwrite() */
};

/*
 * All return 0 or a negative errno; none writes a message.  -ENOTTY or -EINVAL from the first call
 * means that the descriptor is not one of a PCI device.
 */
int vfio_pci_open(struct vfio_pci *pci, int fd);

/* Access of 1, 2 or 4 bytes; -EIO if the kernel moved fewer. */
int vfio_pci_config_read(const struct vfio_pci *pci, uint32_t offset, uint32_t size,
			 uint32_t *value);
int vfio_pci_config_write(const struct vfio_pci *pci, uint32_t offset, uint32_t size,
			  uint32_t value);

/* Let the function answer register accesses and start DMA. */
int vfio_pci_enable(const struct vfio_pci *pci);

/* No DMA from now on; registers still answer. */
int vfio_pci_stop_dma(const struct vfio_pci *pci);

/* -ENOTTY if the function has no way to be reset alone. */
int vfio_pci_reset(const struct vfio_pci *pci);

/*
 * An event for when somebody unbinds or removes the device: he is blocked until the descriptor is
 * closed, so whoever holds it should let go.  -EINVAL or -ENOTTY if the kernel has no such event for
 * this device.
 */
int vfio_pci_request_open(const struct vfio_pci *pci, int *event);
void vfio_pci_request_close(const struct vfio_pci *pci, int event);

/* Has it happened?  One system call. */
bool vfio_pci_requested(int event);

/* index is the BAR's number, 0 to 5.  -ENOENT if the function has no such BAR. */
int vfio_pci_bar_open(const struct vfio_pci *pci, uint32_t index, struct vfio_pci_bar *bar);
void vfio_pci_bar_close(struct vfio_pci_bar *bar);

/* Registers of a BAR that could not be mapped.  What cannot be read is all ones, as on the bus. */
uint32_t vfio_pci_pread32(const struct vfio_pci_bar *bar, uint64_t offset);
void vfio_pci_pwrite32(const struct vfio_pci_bar *bar, uint64_t offset, uint32_t value);

/*
 * Barriers between memory that the device reaches by DMA and registers or other such memory.  The
 * device is not a CPU of the machine, so that C11's fences are too weak on some architectures.
 *
 *	vfio_pci_wmb()	stores to memory before it are visible to the device before register writes
 *			after it
 *	vfio_pci_rmb()	loads before it, of memory or of registers, are done before loads after it
 */
#if defined(__x86_64__) || defined(__i386__)
#define vfio_pci_wmb() __asm__ volatile("" ::: "memory")
#define vfio_pci_rmb() __asm__ volatile("" ::: "memory")
#elif defined(__aarch64__)
#define vfio_pci_wmb() __asm__ volatile("dmb oshst" ::: "memory")
#define vfio_pci_rmb() __asm__ volatile("dmb oshld" ::: "memory")
#elif defined(__powerpc__)
#define vfio_pci_wmb() __asm__ volatile("sync" ::: "memory")
#define vfio_pci_rmb() __asm__ volatile("sync" ::: "memory")
#elif defined(__riscv)
#define vfio_pci_wmb() __asm__ volatile("fence w, ow" ::: "memory")
#define vfio_pci_rmb() __asm__ volatile("fence ir, ir" ::: "memory")
#else
#define vfio_pci_wmb() __sync_synchronize()
#define vfio_pci_rmb() __sync_synchronize()
#endif

/* Ordered like the kernel's readl() and writel(): no barrier is needed around them. */
static inline uint32_t vfio_pci_read32(const struct vfio_pci_bar *bar, uint64_t offset)
{
	uint32_t value;

	if (!bar->map)
		return vfio_pci_pread32(bar, offset);

	value = le32toh(bar->map[offset / sizeof(*bar->map)]);
	vfio_pci_rmb();
	return value;
}

static inline void vfio_pci_write32(const struct vfio_pci_bar *bar, uint64_t offset, uint32_t value)
{
	vfio_pci_wmb();
	if (!bar->map)
		vfio_pci_pwrite32(bar, offset, value);
	else
		bar->map[offset / sizeof(*bar->map)] = htole32(value);
}

/* 64 bits as two accesses, the low half first: devices that want one access are not served. */
static inline uint64_t vfio_pci_read64(const struct vfio_pci_bar *bar, uint64_t offset)
{
	uint64_t low = vfio_pci_read32(bar, offset);

	return low | (uint64_t)vfio_pci_read32(bar, offset + 4) << 32;
}

static inline void vfio_pci_write64(const struct vfio_pci_bar *bar, uint64_t offset, uint64_t value)
{
	vfio_pci_write32(bar, offset, (uint32_t)value);
	vfio_pci_write32(bar, offset + 4, (uint32_t)(value >> 32));
}

#endif /* VFIO_PCI_H */
