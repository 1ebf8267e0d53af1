// SPDX-License-Identifier: BSD-3-Clause
/*
 * The card as a whole: taking over, reset, link, and letting go.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <time.h>

#include "nic.h"
#include "sentence.h"

#define RESET_MS 1000
#define MASTER_MS 1000
#define LINK_MS 10000 /* a negotiation takes two seconds or three */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void pause_ms(unsigned int ms)
{
	struct timespec pause = { 0, (long)ms * 1000000 };

	nanosleep(&pause, NULL);
}

static int gone(const struct nic *nic)
{
	return fail(-ENODEV, "the card %s is gone: its registers read as all ones", nic->name);
}

/* Until the bits of mask are want in a register; -ETIMEDOUT has no sentence yet. */
static int wait_for(const struct nic *nic, uint64_t offset, uint32_t mask, uint32_t want,
		    uint32_t ms)
{
	uint64_t deadline = now_ms() + ms;
	uint32_t value;
	bool late;

	for (;;) {
		late = now_ms() > deadline;
		value = vfio_pci_read32(&nic->bar, offset);
		if (value == NIC_GONE)
			return gone(nic);
		if ((value & mask) == want)
			return 0;
		if (late)
			return -ETIMEDOUT;
		pause_ms(1);
	}
}

/* The card finishes the DMA under way, and begins no other. */
static int quiesce(const struct nic *nic)
{
	uint32_t ctrl = vfio_pci_read32(&nic->bar, NIC_CTRL);
	int ret;

	if (ctrl == NIC_GONE)
		return gone(nic);
	vfio_pci_write32(&nic->bar, NIC_IMC, UINT32_MAX);
	vfio_pci_write32(&nic->bar, NIC_RCTL, 0);
	vfio_pci_write32(&nic->bar, NIC_TCTL, NIC_TCTL_PSP);
	vfio_pci_write32(&nic->bar, NIC_CTRL, ctrl | NIC_CTRL_MASTER_DISABLE);
	ret = wait_for(nic, NIC_STATUS, NIC_STATUS_MASTER, 0, MASTER_MS);
	if (ret == -ETIMEDOUT)
		fail(ret, "the card %s does not end its DMA within %u ms", nic->name, MASTER_MS);
	return ret;
}

static int reset(const struct nic *nic)
{
	uint32_t ctrl = vfio_pci_read32(&nic->bar, NIC_CTRL);
	int ret;

	vfio_pci_write32(&nic->bar, NIC_CTRL, ctrl | NIC_CTRL_RST);
	/* It must not be read at once. */
	pause_ms(2);
	ret = wait_for(nic, NIC_CTRL, NIC_CTRL_RST, 0, RESET_MS);
	if (!ret)
		ret = wait_for(nic, NIC_EECD, NIC_EECD_LOADED, NIC_EECD_LOADED, RESET_MS);
	if (ret == -ETIMEDOUT)
		return fail(ret, "the card %s does not end its reset within %u ms", nic->name,
			    RESET_MS);
	if (ret < 0)
		return ret;

	/* What was enabled before the reset may be pending. */
	vfio_pci_write32(&nic->bar, NIC_IMC, UINT32_MAX);
	vfio_pci_read32(&nic->bar, NIC_ICR);
	return 0;
}

static int read_address(struct nic *nic)
{
	uint32_t low = vfio_pci_read32(&nic->bar, NIC_RAL);
	uint32_t high = vfio_pci_read32(&nic->bar, NIC_RAH);

	if (!(high & NIC_RAH_VALID))
		return fail(-EIO, "the card %s has no Ethernet address in its NVM", nic->name);
	for (unsigned int i = 0; i < NIC_ADDRESS; i++)
		nic->address[i] = (uint8_t)(i < 4 ? low >> 8 * i : high >> 8 * (i - 4));
	return 0;
}

/* Without it, whoever unbinds or removes the card has to wait until the run ends by itself. */
static int open_request(struct nic *nic)
{
	int ret;

	ret = vfio_pci_request_open(&nic->pci, &nic->request);
	if (ret == -EINVAL || ret == -ENOTTY)
		return 0;
	if (ret < 0)
		return fail(ret, "the removal of %s cannot be watched for: %s", nic->name,
			    strerror(-ret));
	nic->request_open = true;
	return 0;
}

static int open_registers(struct nic *nic, int fd)
{
	uint32_t id = 0;
	int ret;

	ret = vfio_pci_open(&nic->pci, fd);
	if (ret < 0)
		return fail(ret, "%s is not the descriptor of a VFIO PCI device: %s", nic->name,
			    strerror(-ret));
	ret = vfio_pci_config_read(&nic->pci, PCI_VENDOR_ID, 4, &id);
	if (ret < 0)
		return fail(ret, "the config space of %s cannot be read: %s", nic->name,
			    strerror(-ret));
	if (id != (NIC_VENDOR | NIC_82574L << 16))
		return fail(-ENODEV, "%s is no 82574L: it is %04x:%04x, not %04x:%04x", nic->name,
			    id & 0xffff, id >> 16, NIC_VENDOR, NIC_82574L);

	ret = open_request(nic);
	if (ret < 0)
		return ret;
	ret = vfio_pci_bar_open(&nic->pci, 0, &nic->bar);
	if (ret < 0)
		return fail(ret, "BAR 0 of %s cannot be opened: %s", nic->name, strerror(-ret));
	nic->bar_open = true;
	if (nic->bar.size < NIC_REGISTERS)
		return fail(-EIO, "BAR 0 of %s has %" PRIu64 " bytes, too few for an 82574L",
			    nic->name, nic->bar.size);

	ret = vfio_pci_enable(&nic->pci);
	return ret < 0 ? fail(ret, "%s cannot be enabled: %s", nic->name, strerror(-ret)) : 0;
}

int nic_open(struct nic *nic, struct iom_domain *domain, const struct iom_device *device)
{
	int ret;

	memset(nic, 0, sizeof(*nic));
	nic->domain = domain;
	nic->name = iom_device_address(device);

	ret = open_registers(nic, iom_device_fd(device));
	if (ret < 0)
		return ret;
	/* Whoever had the card before may have left it at work. */
	ret = quiesce(nic);
	if (ret < 0)
		return ret;
	ret = reset(nic);
	if (ret < 0)
		return ret;
	return read_address(nic);
}

int nic_start(struct nic *nic, struct iom_buf_pool *pool, uint32_t entries)
{
	struct nic_counts before = { 0 };
	uint32_t ctrl;
	int ret;

	nic->pool = pool;
	ret = nic_rings_open(nic, entries);
	if (ret < 0)
		return ret;

	for (uint32_t i = 0; i < NIC_MTA_COUNT; i++)
		vfio_pci_write32(&nic->bar, NIC_MTA + 4 * i, 0);
	nic_read_counts(nic, &before);

	ctrl = vfio_pci_read32(&nic->bar, NIC_CTRL);
	ctrl &= ~(NIC_CTRL_FORCE | NIC_CTRL_MASTER_DISABLE);
	vfio_pci_write32(&nic->bar, NIC_CTRL, ctrl | NIC_CTRL_SLU | NIC_CTRL_FD);

	vfio_pci_write32(&nic->bar, NIC_TIPG, NIC_TIPG_COPPER);
	vfio_pci_write32(&nic->bar, NIC_TCTL,
			 NIC_TCTL_EN | NIC_TCTL_PSP | NIC_TCTL_CT | NIC_TCTL_COLD);
	vfio_pci_write32(&nic->bar, NIC_RCTL, NIC_RCTL_EN | NIC_RCTL_2048 | NIC_RCTL_SECRC);
	vfio_pci_write32(&nic->bar, NIC_RX_RING + NIC_RING_TAIL, nic->rx.tail);
	return 0;
}

int nic_wait_link(struct nic *nic)
{
	static const unsigned int speeds[] = { 10, 100, 1000, 1000 };
	uint32_t status;
	int ret;

	ret = wait_for(nic, NIC_STATUS, NIC_STATUS_LU, NIC_STATUS_LU, LINK_MS);
	if (ret == -ETIMEDOUT)
		return fail(ret, "the card %s has no link after %u ms: is its cable plugged in?",
			    nic->name, LINK_MS);
	if (ret < 0)
		return ret;
	status = vfio_pci_read32(&nic->bar, NIC_STATUS);
	nic->speed = speeds[NIC_STATUS_SPEED(status)];
	return 0;
}

int nic_check(const struct nic *nic)
{
	uint32_t status = vfio_pci_read32(&nic->bar, NIC_STATUS);

	if (status == NIC_GONE)
		return gone(nic);
	if (!(status & NIC_STATUS_LU))
		return fail(-ENETDOWN, "the card %s has lost its link", nic->name);
	return 0;
}

int nic_wanted_back(const struct nic *nic)
{
	if (!nic->request_open || !vfio_pci_requested(nic->request))
		return 0;
	return fail(-ECANCELED,
		    "the card %s is wanted back: it is being unbound from vfio-pci or removed, "
		    "which waits for this program to let go of it",
		    nic->name);
}

void nic_read_counts(const struct nic *nic, struct nic_counts *counts)
{
	counts->sent += vfio_pci_read32(&nic->bar, NIC_GPTC);
	counts->received += vfio_pci_read32(&nic->bar, NIC_GPRC);
	counts->missed += vfio_pci_read32(&nic->bar, NIC_MPC);
}

/* A card that does not stop when asked is reset, and whatever it does, it loses the bus. */
static int stop(const struct nic *nic)
{
	int ret;

	ret = quiesce(nic);
	if (!ret)
		ret = reset(nic);
	if (ret < 0)
		vfio_pci_reset(&nic->pci);
	vfio_pci_stop_dma(&nic->pci);
	return ret;
}

int nic_close(struct nic *nic)
{
	int first = 0;
	int ret;

	if (nic->bar_open)
		first = stop(nic);
	ret = nic_rings_close(nic);
	first = first < 0 ? first : ret;
	if (nic->bar_open)
		vfio_pci_bar_close(&nic->bar);
	if (nic->request_open)
		vfio_pci_request_close(&nic->pci, nic->request);
	memset(nic, 0, sizeof(*nic));
	return first;
}
