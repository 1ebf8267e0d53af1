// SPDX-License-Identifier: BSD-3-Clause
/*
 * EEH: a group that errs is frozen by its bridge.  VFIO has this of the container, for all groups
 * in it, which is another reason for one each (drivers/vfio/vfio_iommu_spapr_tce.c).
 *
 * VFIO_EEH_PE_ENABLE is never asked for: EEH is enabled at boot, and to enable it for a group that
 * is frozen thaws that unseen (eeh_pe_change_owner() in arch/powerpc/kernel/eeh.c), as opening and
 * closing a device of it does.
 */
#include <errno.h>

#include <linux/vfio.h>

#include "lib/error.h"
#include "libiommu.h"
#include "machine.h"

static int eeh_op(const struct iom_sys *sys, const struct iom_spapr_container *c, unsigned int op)
{
	struct vfio_eeh_pe_op arg = { .argsz = sizeof(arg), .op = op };

	return iom_sys_ioctl(sys, c->vfio.container, VFIO_EEH_PE_OP, &arg);
}

/* ---- States ---------------------------------------------------------------------------------- */

/* -ENODEV, which is said of a device that has gone, is said where the group has no EEH, too. */
static int no_state(const struct iom_sys *sys, const struct iom_backend_device *dev, int err)
{
	int ret;

	if (err != -ENODEV && err != -ENOTTY)
		return iom_error(-EIO, "the kernel does not tell its state: %s",
				 iom_error_text(err));
	ret = iom_sysfs_device_exists(sys, dev->address);
	if (ret < 0)
		return ret;
	return iom_error(-EOPNOTSUPP,
			 "the kernel has no EEH for group %u, so its state is not known (a guest "
			 "has that from PowerVM, not from QEMU); where all registers read as ones, "
			 "the device is frozen or gone",
			 dev->group);
}

/* Linux before 6.14, unless it has 11b93559000c, says "stopped" on pSeries of what works, too. */
static void add_doubt(const struct iom_sys *sys)
{
	struct iom_kept_error kept;
	int machine;

	iom_error_keep(&kept);
	machine = iom_power_machine(sys);
	iom_error_restore(&kept);
	if (machine == IOM_POWER_SERIES)
		iom_error_append("; but kernels before Linux 6.14 say so on pSeries of every "
				 "device: see if its registers really read as ones");
}

#define TO_DO "; stop using it, and reset it: iom_device_recover()"

static int explain_state(const struct iom_sys *sys, unsigned int group, int state)
{
	switch (state) {
	case VFIO_EEH_PE_STATE_NORMAL:
		return IOM_DEVICE_WORKS;
	case VFIO_EEH_PE_STATE_STOPPED:
		iom_error_set(
			"it is frozen, with all of group %u: its registers read as ones, and it "
			"reaches no memory; the cause is DMA to an IOVA where nothing is mapped, "
			"or an error on its bus, as dmesg may tell" TO_DO,
			group);
		add_doubt(sys);
		return IOM_DEVICE_FROZEN;
	case VFIO_EEH_PE_STATE_STOPPED_DMA:
		iom_error_set("its DMA is frozen, with that of all of group %u, and only its "
			      "registers work" TO_DO,
			      group);
		return IOM_DEVICE_DMA_STOPPED;
	case VFIO_EEH_PE_STATE_RESET:
		iom_error_set("it is held in reset, with all of group %u: a reset of it has not "
			      "ended" TO_DO,
			      group);
		return IOM_DEVICE_RESETTING;
	case VFIO_EEH_PE_STATE_UNAVAIL:
		iom_error_set("it is not available, with all of group %u: the kernel recovers a "
			      "bridge above it, or has given it up; ask again later, and if it "
			      "stays so, detach it",
			      group);
		return IOM_DEVICE_UNAVAILABLE;
	default:
		return iom_error(-EIO, "the kernel answers %d as its state, which is none", state);
	}
}

static int read_state(const struct iom_sys *sys, const struct iom_spapr_container *c,
		      const struct iom_backend_device *dev)
{
	int ret = eeh_op(sys, c, VFIO_EEH_PE_GET_STATE);

	return ret < 0 ? no_state(sys, dev, ret) : explain_state(sys, dev->group, ret);
}

int iom_spapr_device_state(struct iom_backend *backend, const struct iom_backend_device *dev)
{
	struct iom_spapr *s = backend->priv;

	return read_state(backend->sys, iom_spapr_container_of(s, dev->group), dev);
}

/* ---- Recovery -------------------------------------------------------------------------------- */

static int refused(const char *what, int err)
{
	return iom_error(-EIO, "the kernel does not %s: %s", what, iom_error_text(err));
}

/* Registers first: DMA without them is no state that a group may be in. */
static int thaw(const struct iom_sys *sys, const struct iom_spapr_container *c)
{
	int ret;

	ret = eeh_op(sys, c, VFIO_EEH_PE_UNFREEZE_IO);
	if (ret)
		return refused("thaw its registers", ret);
	ret = eeh_op(sys, c, VFIO_EEH_PE_UNFREEZE_DMA);
	return ret ? refused("thaw its DMA", ret) : 0;
}

/*
 * The kernel waits by itself for as long as the platform needs, and thaws what it has reset.  What
 * it did not manage to begin is to be ended, too: it has frozen the group before, and lets nobody
 * read its config space (eeh_pe_reset()).
 */
static int reset_once(const struct iom_sys *sys, const struct iom_spapr_container *c,
		      unsigned int kind)
{
	int begun, ret;

	begun = eeh_op(sys, c, kind);
	ret = eeh_op(sys, c, VFIO_EEH_PE_RESET_DEACTIVATE);
	if (begun)
		return refused(kind == VFIO_EEH_PE_RESET_HOT ? "begin a hot reset"
							     : "begin a fundamental reset",
			       begun);
	if (ret)
		return refused("end the reset", ret);
	ret = eeh_op(sys, c, VFIO_EEH_PE_CONFIGURE);
	return ret ? refused("configure its bridges after the reset", ret) : 0;
}

/* What it did must be seen: a call may succeed and change nothing. */
static int check_works(const struct iom_sys *sys, const struct iom_spapr_container *c,
		       const struct iom_backend_device *dev)
{
	int ret = read_state(sys, c, dev);

	if (ret <= 0)
		return ret;
	return iom_error_prefix(ret == IOM_DEVICE_UNAVAILABLE ? -EBUSY : -EIO, "it was done, but ");
}

/* For some devices it takes a fundamental reset, and only the kernel's drivers know for which. */
static int reset(const struct iom_backend *backend, const struct iom_spapr_container *c,
		 const struct iom_backend_device *dev)
{
	int ret;

	ret = reset_once(backend->sys, c, VFIO_EEH_PE_RESET_HOT);
	if (!ret)
		ret = check_works(backend->sys, c, dev);
	/* what is gone, or the kernel is busy with, is not to be reset again */
	if (ret != -EIO)
		return ret;
	iom_log(backend->log, IOM_LOG_WARN, "a hot reset of %s does not help: %s", dev->address,
		iom_errmsg());
	ret = reset_once(backend->sys, c, VFIO_EEH_PE_RESET_FUNDAMENTAL);
	return ret < 0 ? ret : check_works(backend->sys, c, dev);
}

static int unfreeze(const struct iom_backend *backend, const struct iom_spapr_container *c,
		    const struct iom_backend_device *dev, int state)
{
	int ret;

	if (state == IOM_DEVICE_RESETTING)
		return iom_error(-EIO, "it is held in reset, which only IOM_RECOVER_RESET ends");
	ret = thaw(backend->sys, c);
	return ret < 0 ? ret : check_works(backend->sys, c, dev);
}

int iom_spapr_recover(struct iom_backend *backend, const struct iom_backend_device *dev,
		      unsigned int flags)
{
	struct iom_spapr *s = backend->priv;
	struct iom_spapr_container *c = iom_spapr_container_of(s, dev->group);
	bool nothing = false;
	int ret;

	pthread_mutex_lock(&c->recovering);
	ret = read_state(backend->sys, c, dev);
	/* what the host's kernel is busy with is not to be disturbed */
	if (ret == IOM_DEVICE_UNAVAILABLE)
		ret = -EBUSY;
	else if (flags == IOM_RECOVER_RESET && ret >= 0)
		ret = reset(backend, c, dev);
	else if (ret > 0)
		ret = unfreeze(backend, c, dev, ret);
	else if (!ret)
		nothing = true;
	pthread_mutex_unlock(&c->recovering);
	return ret < 0 || nothing ? ret : 1;
}
