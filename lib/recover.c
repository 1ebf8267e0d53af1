// SPDX-License-Identifier: BSD-3-Clause
/*
 * Devices that the platform has stopped: their state, and back to work.
 *
 * The topology lock is held for reading only, though a recovery changes the device: no mapping and
 * no aperture changes with it, and it takes seconds, in which the domain's other devices go on until
 * somebody waits for writing: attach and detach, which would take the device or its group away.
 */
#include <errno.h>

#include "domain.h"
#include "error.h"

/* Elsewhere the IOMMU refuses what a device may not do, and lets it go on. */
static int never_stops(void)
{
	return iom_error(-EOPNOTSUPP, "this platform does not stop devices, so it has no such "
				      "state: that is EEH, on POWER");
}

static int state_of(struct iom_backend *backend, const struct iom_device *dev)
{
	if (!backend->ops->device_state)
		return never_stops();
	return backend->ops->device_state(backend, &dev->base);
}

int iom_device_state(const struct iom_device *dev)
{
	struct iom_domain *dom = dev->domain;
	int ret;

	ret = iom_check_owner(dom);
	if (!ret) {
		pthread_rwlock_rdlock(&dom->topology);
		ret = state_of(dom->backend, dev);
		pthread_rwlock_unlock(&dom->topology);
	}
	if (ret != IOM_DEVICE_WORKS)
		return iom_error_prefix(ret, "device %s: ", dev->base.address);
	return ret;
}

static int check_flags(unsigned int flags)
{
	if (flags == IOM_RECOVER_UNFREEZE || flags == IOM_RECOVER_RESET)
		return 0;
	return iom_error(-EINVAL,
			 "flags are 0x%x; they are IOM_RECOVER_UNFREEZE or IOM_RECOVER_RESET",
			 flags);
}

static int recover(struct iom_domain *dom, const struct iom_device *dev, unsigned int flags)
{
	struct iom_backend *backend = dom->backend;
	int ret;

	if (!backend->ops->recover)
		return never_stops();
	ret = backend->ops->recover(backend, &dev->base, flags);
	if (ret > 0)
		iom_log(&dom->log, IOM_LOG_INFO, "device %s, and with it group %u, was %s",
			dev->base.address, dev->base.group,
			flags == IOM_RECOVER_RESET ? "reset" : "unfrozen");
	return ret;
}

int iom_device_recover(struct iom_device *dev, unsigned int flags)
{
	struct iom_domain *dom = dev->domain;
	struct iom_kept_error kept;
	int ret;

	iom_error_keep(&kept);
	ret = iom_check_owner(dom);
	if (!ret)
		ret = check_flags(flags);
	if (!ret) {
		pthread_rwlock_rdlock(&dom->topology);
		ret = recover(dom, dev, flags);
		pthread_rwlock_unlock(&dom->topology);
	}
	if (ret < 0)
		return iom_error_prefix(ret, "recover %s: ", dev->base.address);
	iom_error_restore(&kept);
	return 0;
}
