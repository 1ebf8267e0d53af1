/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommufd and what hangs on it: drivers/iommu/iommufd of Linux 6.12 to 7.2, and VFIO's character
 * devices, drivers/vfio/device_cdev.c.  Everything here is used with the simulation's lock held.
 *
 * An IOAS has areas, each of which shows part of some pages.  The pages are looked at and counted
 * while the IOAS has page tables, which is while devices are attached to it.  Areas are struct
 * sim_map, so the device side does not tell them from type1's mappings.
 */
#ifndef IOM_SIM_IOMMUFD_H
#define IOM_SIM_IOMMUFD_H

#include "sim/internal.h"

/* ---- Pages (sim_pages.c) -------------------------------------------------------------------- */

enum sim_account {
	SIM_ACCOUNT_NONE, /* CAP_IPC_LOCK, when they were mapped */
	SIM_ACCOUNT_USER, /* against what all processes of the user have */
	SIM_ACCOUNT_MM,   /* against what this process has, as type1 does */
};

struct sim_pages {
	unsigned int refs;
	uint64_t base;    /* where the first page is in this process */
	uint64_t address; /* what an IOVA is aligned like: base, or the offset in a file */
	uint64_t npages;
	bool writable;
	enum sim_account account;
	struct sim_map *pinned; /* the areas whose pages are looked after */
	size_t file_length;     /* of our own mapping of a file; 0: memory of the user */
	int error;              /* of every pinning */
};

/* Memory of this process from vaddr on, which need not be there. */
int iom_sim_pages_of_user(const struct iom_sim *sim, uint64_t vaddr, uint64_t length, bool writable,
			  bool per_mm, struct sim_pages **pages);
/* A file of this process: fd is one of the real kernel. */
int iom_sim_pages_of_file(const struct iom_sim *sim, int fd, uint64_t start, uint64_t length,
			  bool writable, bool per_mm, struct sim_pages **pages);
void iom_sim_pages_put(struct sim_pages *pages);
/* Pin what an area shows of its pages, and is not pinned already for another one; and unpin. */
int iom_sim_pages_pin(struct iom_sim *sim, struct sim_map *area);
void iom_sim_pages_unpin(struct iom_sim *sim, struct sim_map *area);

/* ---- Objects (sim_iommufd.c) ---------------------------------------------------------------- */

enum sim_object_kind {
	SIM_IOAS,
	SIM_HWPT,
	SIM_BOUND, /* a device */
};

struct sim_object {
	struct sim_object *next; /* ascending */
	uint32_t id;
	enum sim_object_kind kind;
	unsigned int users; /* that keep it from being destroyed */
};

struct sim_reserved {
	struct sim_range range;
	const void *owner; /* a device, or a page table whose end it is */
};

struct sim_ioas {
	struct sim_object object; /* first */
	struct sim_maps areas;
	struct sim_reserved *reserved;
	size_t n_reserved;
	struct sim_ranges allowed; /* for IOVAs that are chosen; none: all are */
	struct sim_hwpt *hwpts;    /* in the order of their making */
	bool small_pages;          /* no large ones */
};

/* A page table, made when a device is attached, gone with its last one. */
struct sim_hwpt {
	struct sim_object object; /* first; users: the devices attached */
	struct sim_hwpt *next;
	struct sim_ioas *ioas;
	uint64_t last; /* IOVA */
};

struct sim_iommufd {
	unsigned int refs; /* its descriptor, groups that it was set for, devices bound */
	struct sim_object *objects;
	struct sim_ioas *compat; /* the one that container calls mean */
	bool per_mm;             /* how memory is counted */
};

/* Opened as /dev/vfio/vfio if container. */
int iom_sim_iommufd_open(struct iom_sim *sim, bool container);
void iom_sim_iommufd_put(struct iom_sim *sim, struct sim_iommufd *iommufd);
int iom_sim_iommufd_ioctl(struct iom_sim *sim, struct sim_iommufd *iommufd, unsigned long request,
			  void *arg);
/* NULL: none of this number, or (unless any) not of this kind. */
struct sim_object *iom_sim_object(const struct sim_iommufd *iommufd, uint32_t id,
				  enum sim_object_kind kind);
struct sim_object *iom_sim_any_object(const struct sim_iommufd *iommufd, uint32_t id);
/* Give an object the lowest free number; take it out. */
void iom_sim_object_add(struct sim_iommufd *iommufd, struct sim_object *object,
			enum sim_object_kind kind);
void iom_sim_object_remove(struct sim_iommufd *iommufd, struct sim_object *object);

/* ---- Address spaces (sim_ioas.c, sim_area.c) ------------------------------------------------ */

struct sim_ioas *iom_sim_ioas_new(struct sim_iommufd *iommufd);
void iom_sim_ioas_free(struct iom_sim *sim, struct sim_iommufd *iommufd, struct sim_ioas *ioas);
/* What is not reserved, in place of what is in ranges. */
int iom_sim_ioas_ranges(const struct sim_ioas *ioas, struct sim_ranges *ranges);
uint64_t iom_sim_ioas_alignment(const struct iom_sim *sim, const struct sim_ioas *ioas);
/* Do without large pages, or with them. */
int iom_sim_ioas_small_pages(struct iom_sim *sim, struct sim_ioas *ioas, bool small);

/* -EADDRINUSE: something is mapped, or was explicitly allowed, there. */
int iom_sim_ioas_reserve(struct sim_ioas *ioas, struct sim_range range, const void *owner);
void iom_sim_ioas_unreserve(struct sim_ioas *ioas, const void *owner);
/* A page table begins or ceases to serve the IOAS. */
int iom_sim_ioas_add_hwpt(struct iom_sim *sim, struct sim_ioas *ioas, struct sim_hwpt *hwpt);
void iom_sim_ioas_remove_hwpt(struct iom_sim *sim, struct sim_ioas *ioas, struct sim_hwpt *hwpt);

int iom_sim_ioas_allow_iovas(struct sim_iommufd *iommufd, void *arg);

#define SIM_ANY_IOVA 0x80000000u /* a flag besides VFIO_DMA_MAP_FLAG_READ and _WRITE */

/* Show the pages, from start of them on, at *iova, or where there is room (into *iova). */
int iom_sim_area_map(struct iom_sim *sim, struct sim_ioas *ioas, struct sim_pages *pages,
		     uint64_t start, uint64_t length, uint64_t *iova, uint32_t flags);
/* Show what another (or the same) one shows at from. */
int iom_sim_area_copy(struct iom_sim *sim, struct sim_ioas *to, const struct sim_ioas *from,
		      uint64_t from_iova, uint64_t length, uint64_t *iova, uint32_t flags);
/* The areas that end before an -ENOENT are gone, and in *unmapped, as in Linux. */
int iom_sim_area_unmap(struct iom_sim *sim, struct sim_ioas *ioas, uint64_t start, uint64_t last,
		       uint64_t *unmapped);
int iom_sim_area_unmap_length(struct iom_sim *sim, struct sim_ioas *ioas, uint64_t iova,
			      uint64_t length, uint64_t *unmapped);
/* Make two areas of the one that goes over the end of iova. */
int iom_sim_area_cut(struct iom_sim *sim, struct sim_ioas *ioas, uint64_t iova);

/* ---- Devices (sim_attach.c) ----------------------------------------------------------------- */

int iom_sim_bind_iommufd(struct iom_sim *sim, struct sim_device *device,
			 struct sim_iommufd *iommufd);
void iom_sim_unbind_iommufd(struct iom_sim *sim, struct sim_device *device);
/* To an IOAS or a page table, or from the one it has to this; *id becomes the page table's. */
int iom_sim_attach_iommufd(struct iom_sim *sim, struct sim_device *device, uint32_t *id);
void iom_sim_detach_iommufd(struct iom_sim *sim, struct sim_device *device);

/* ---- Container calls (sim_compat.c) --------------------------------------------------------- */

int iom_sim_compat_ioctl(struct iom_sim *sim, struct sim_iommufd *iommufd, unsigned long request,
			 void *arg);
/* A group was given this as its container. */
int iom_sim_compat_join(struct sim_iommufd *iommufd);

/* ---- Character devices (sim_cdev.c) --------------------------------------------------------- */

struct sim_cdev {
	struct sim_device *device;
	bool bound; /* by this descriptor */
};

int iom_sim_cdev_open(struct iom_sim *sim, struct sim_device *device);
void iom_sim_cdev_close(struct iom_sim *sim, struct sim_cdev *cdev);
int iom_sim_cdev_ioctl(struct iom_sim *sim, struct sim_cdev *cdev, unsigned long request,
		       void *arg);

#endif
