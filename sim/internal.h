/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the simulation share.  Everything here is used with the simulation's lock held.
 */
#ifndef IOM_SIM_INTERNAL_H
#define IOM_SIM_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/sys.h"
#include "sim/sim.h"

struct vfio_bitmap;

/* ---- The tree of paths (sim_tree.c) --------------------------------------------------------- */

enum sim_node_kind {
	SIM_DIR,
	SIM_TEXT,           /* a file that says text; NULL: one for writing only */
	SIM_SHOW,           /* a file that says what show writes */
	SIM_LINK,           /* a link to text */
	SIM_CONTAINER_NODE, /* /dev/vfio/vfio */
	SIM_GROUP_NODE,     /* /dev/vfio/N, of group object */
	SIM_IOMMU_NODE,     /* /dev/iommu */
	SIM_COMPAT_NODE,    /* /dev/vfio/vfio, of iommufd */
	SIM_CDEV_NODE,      /* /dev/vfio/devices/vfioN, of device object */
};

/* A file's contents in the making; what does not fit in a page is lost, as in sysfs. */
struct sim_text {
	char buf[4096];
	size_t n;
};

typedef void sim_show_fn(const struct iom_sim *sim, const void *object, struct sim_text *text);

struct sim_node {
	struct sim_node *parent, *child, *next; /* child: the first one, next: its next sibling */
	enum sim_node_kind kind;
	char *text;
	sim_show_fn *show;
	void *object;
	int error; /* of every use of it */
	char name[];
};

/* Add a node and the folders above it.  What fails is told by the next iom_sim_tree_status(). */
void iom_sim_tree_dir(struct iom_sim *sim, const char *path, ...)
	__attribute__((format(printf, 2, 3)));
void iom_sim_tree_text(struct iom_sim *sim, const char *text, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
void iom_sim_tree_show(struct iom_sim *sim, sim_show_fn *show, void *object, const char *path, ...)
	__attribute__((format(printf, 4, 5)));
void iom_sim_tree_node(struct iom_sim *sim, enum sim_node_kind kind, void *object, const char *path,
		       ...) __attribute__((format(printf, 4, 5)));
/* A link that says target as it is. */
void iom_sim_tree_link(struct iom_sim *sim, const char *target, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
/* A link to the absolute path target that says it relative to its own folder, as sysfs does. */
void iom_sim_tree_relative(struct iom_sim *sim, const char *target, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
/* Remove a node and all below it, if it is there. */
void iom_sim_tree_remove(struct iom_sim *sim, const char *path, ...)
	__attribute__((format(printf, 2, 3)));
/* 0, or -ENOMEM if an addition failed since the last call. */
int iom_sim_tree_status(struct iom_sim *sim);
/* The node at a path, a link at its end followed or not. */
int iom_sim_tree_find(struct iom_sim *sim, const char *path, bool follow, struct sim_node **node);
/* Of every use of the node at this path; a link at its end is not followed. */
int iom_sim_tree_set_error(struct iom_sim *sim, const char *path, int error);
void iom_sim_tree_free(struct sim_node *node);

/* Append to a file's contents. */
void iom_sim_print(struct sim_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- What the kernel knows ------------------------------------------------------------------ */

struct sim_range {
	uint64_t start, last;
};

struct sim_ranges {
	struct sim_range *at; /* ascending */
	size_t n;
};

struct sim_resv {
	struct sim_range range;
	char type[24];
};

enum sim_machine {
	SIM_NO_POWER, /* an IOMMU of type1 */
	SIM_POWERNV,
	SIM_PSERIES,
};

struct sim_platform {
	const char *name;
	enum sim_machine machine;
	unsigned int windows; /* POWER: that a group may have */
	uint64_t last;        /* of the IOMMU's addresses */
	uint64_t pgsizes[3];  /* as type1 tells them with base pages of 4, 16 and 64 KiB */
	uint64_t least_page;  /* of the IOMMU; 0: the kernel's */
	struct sim_resv resv[2];
	size_t n_resv;
	bool write_only_reads; /* the page table cannot forbid reading what may be written */
};

struct sim_group {
	struct sim_group *next;
	int number;
	bool open;          /* by us */
	unsigned int refs;  /* its descriptor, and those of its devices in a container */
	unsigned int users; /* of the container: 1, and each device descriptor */
	struct sim_container *container;
	struct sim_group *container_next;
	int holder; /* the other process that has it open; 0: none */

	struct sim_iommufd *iommufd; /* set in place of a container */
	struct sim_iommufd *owner;   /* that devices of the group are bound to */
	unsigned int bound;          /* these devices */
	unsigned int cdevs;          /* those of them that are bound by a device's own descriptor */
	struct sim_hwpt *hwpt;       /* that they are attached to */

	/* POWER */
	struct sim_group *tce_next; /* of the container's, the last that was attached first */
	uint64_t dma64_start;       /* of its 64-bit window, where a hypervisor says */
	uint64_t dma32_size;        /* of its default window; 0: as the machine's */
	bool no_windows;            /* a window failed: none is made until the next boot */
	struct {
		bool mmio_stopped, dma_stopped, reset, unavailable;
	} eeh;
};

struct sim_device {
	struct sim_device *next;
	struct sim_group *group; /* NULL: no IOMMU */
	char address[16];
	char driver[64]; /* "": none */
	uint16_t vendor_id, device_id;
	uint32_t class_code;
	struct sim_resv *resv;
	size_t n_resv;
	uint64_t iommu_last;
	unsigned int index; /* of its vfio-dev name */
	int numa_node;      /* or -1 */
	int holder;         /* the other process that has it bound; 0: none */
	unsigned int opens; /* descriptors */
	unsigned int users; /* those that may use it: not bound to an iommufd yet are not */
	struct sim_iommufd *iommufd;
	struct sim_object *bound; /* what the iommufd knows of it */
	bool attached;            /* to the group's page table */
	bool no_reset;
	bool plugged; /* there is such hardware */
	bool known;   /* sysfs shows it */
};

struct sim_map {
	struct sim_map *left, *right; /* see sim_maps.c */
	uint32_t priority;
	uint64_t iova, last;
	uint64_t vaddr;
	uint32_t flags;     /* VFIO_DMA_MAP_FLAG_READ and _WRITE */
	bool vaddr_invalid; /* see VFIO_DMA_UNMAP_FLAG_VADDR */

	/* of an IOAS's area */
	struct sim_pages *pages;
	uint64_t start_byte; /* where it begins in them */
	struct sim_map *next_pinned;
};

struct sim_maps {
	struct sim_map *root;
	uint64_t seed;
};

/* What SET_IOMMU makes of a container. */
struct sim_type1 {
	bool v2;
	uint32_t avail; /* entries left */
	struct sim_maps maps;
	struct sim_ranges ranges; /* that can be mapped */
	uint64_t pgsizes;
	bool dirty;                 /* dirty pages are tracked */
	unsigned int vaddr_invalid; /* mappings that are */
};

struct sim_container {
	struct sim_container *next;
	unsigned int refs; /* its descriptor, and its groups */
	struct sim_group *groups;
	struct sim_type1 *type1; /* NULL before SET_IOMMU */
	struct sim_spapr *spapr; /* in its place on POWER */
};

enum sim_file_kind {
	SIM_CONTAINER,
	SIM_GROUP,
	SIM_DEVICE, /* by its group */
	SIM_IOMMUFD,
	SIM_CDEV,  /* a device by its own node */
	SIM_PLAIN, /* a file or folder without ioctls */
};

struct sim_file {
	struct sim_file *next;
	int fd;
	enum sim_file_kind kind;
	void *object;
	char target[48]; /* what /proc says of it, cut */
};

/* What a POWER machine has; see spapr.h for what the kernel makes of it. */
struct sim_power {
	enum sim_machine machine;
	uint64_t pgsizes;
	uint64_t dma32_size;     /* of the default window */
	uint64_t largest_window; /* entries that the hypervisor has to give */
	unsigned int windows;
	bool ddw_off;
	struct sim_region *regions; /* registered by this process, the last one first */
	uint64_t n_regions;
	struct iom_sim_spapr_cost cost;
	unsigned int crashes, leaks;
	bool survives;
	bool freezes; /* a group whose DMA faults */
};

/* Pages behind memory that are not what they really are. */
struct sim_backing {
	uint64_t start, end, page_size;
};

/* Calls of one function or request. */
struct sim_count {
	unsigned long request;
	unsigned int calls;
};

struct iom_sim {
	pthread_mutex_t lock;
	struct iom_sys sys;
	int pid;

	const struct sim_platform *platform;
	unsigned int kernel;
	uint64_t page_size;
	uint64_t pgsizes;
	uint32_t dma_entry_limit;
	uint64_t memlock;
	bool ipc_lock;
	bool isolated_msi;
	bool unsafe_interrupts;
	bool iommufd_unsafe_interrupts;
	bool iommufd;          /* /dev/iommu is there */
	bool cdev;             /* so are the devices' own nodes */
	bool container;        /* and VFIO's own containers */
	bool compat_container; /* /dev/vfio/vfio is iommufd's */
	bool first_stage_only; /* of VT-d's page tables */
	bool write_only_reads; /* see struct sim_platform */
	uint64_t last;         /* of the IOMMU's addresses */
	uint64_t least_page;   /* of the IOMMU */
	enum iom_sim_memory memory;
	bool emulated; /* the process: see sim_emulated.c */
	struct sim_power power;
	struct sim_backing *backings; /* a later one hides an earlier */
	size_t n_backings;
	struct sim_huge *huge; /* see sim_huge.c */
	struct sim_buf *bufs;
	uint64_t ram;
	uint64_t hugepage_size, n_hugepages;
	unsigned int quirks[IOM_SIM_QUIRKS]; /* how many more times each applies */
	unsigned int info_growth;            /* see IOM_SIM_INFO_GROWS */

	struct sim_node *root;
	int tree_error;
	struct sim_device *devices;
	unsigned int next_index;
	struct sim_group *groups;
	struct sim_container *containers;
	struct sim_file *files;
	int next_fd;

	uint64_t mapped_bytes;
	uint64_t locked_pages; /* of this process */
	uint64_t user_pages;   /* of its user: what iommufd counts */
	uint64_t pinned_pages; /* by iommufd, counted or not */
	uint64_t allocated_bytes;

	struct iom_sim_failure failure; /* nth 0: none */
	unsigned int failed;
	struct iom_sim_event event; /* the running call */
	char event_path[48];
	bool override; /* its answer is replaced when it ends */
	iom_sim_event_fn *watch;
	void *watch_arg;
	unsigned int calls[IOM_SIM_CALLS];
	struct sim_count *ioctls;
	size_t n_ioctls;

	unsigned int faults;
	struct iom_sim_fault fault;
};

struct sim_device *iom_sim_device(struct iom_sim *sim, const char *address);
struct sim_group *iom_sim_group(struct iom_sim *sim, int number);

/* ---- sysfs, /proc and /dev (sim_fs.c) ------------------------------------------------------- */

void iom_sim_fs_machine(struct iom_sim *sim);
void iom_sim_fs_device(struct iom_sim *sim, struct sim_device *device);
void iom_sim_fs_no_device(struct iom_sim *sim, struct sim_device *device);
/* Show or hide what comes and goes with the driver of a device. */
void iom_sim_fs_driver(struct iom_sim *sim, struct sim_device *device);
void iom_sim_fs_no_driver(struct iom_sim *sim, struct sim_device *device);
/* Another process has opened target as fd, and closes it. */
void iom_sim_fs_holder(struct iom_sim *sim, int pid, const char *comm, int fd, const char *target);
void iom_sim_fs_no_holder(struct iom_sim *sim, int pid, int fd);
void iom_sim_fs_fd(struct iom_sim *sim, int fd, const char *target);
void iom_sim_fs_no_fd(struct iom_sim *sim, int fd);

/* ---- The table of system calls (sim_table.c) ------------------------------------------------ */

void iom_sim_table_init(struct iom_sim *sim);

/* ---- Descriptors (sim_files.c) -------------------------------------------------------------- */

int iom_sim_files_open(struct iom_sim *sim, const char *path);
int iom_sim_files_close(struct iom_sim *sim, int fd);
/* A new descriptor for an object; what /proc says of it is target. */
int iom_sim_files_add(struct iom_sim *sim, enum sim_file_kind kind, void *object,
		      const char *target);
struct sim_file *iom_sim_files_find(struct iom_sim *sim, int fd);

/* ---- VFIO (sim_vfio.c) ---------------------------------------------------------------------- */

/* Is this driver one of VFIO's; does it leave DMA to the user. */
bool iom_sim_driver_is_vfio(const char *driver);
bool iom_sim_driver_is_harmless(const char *driver);
/* Does the kernel fail to bind it: VFIO's, on POWER before 6.11. */
bool iom_sim_refuses_driver(const struct iom_sim *sim, const char *driver);
/* Does no driver do DMA in the group, and nobody own it. */
bool iom_sim_vfio_is_viable(const struct iom_sim *sim, const struct sim_group *group);
/* Has another process bound one of the group's devices. */
bool iom_sim_vfio_other_has_device(const struct iom_sim *sim, const struct sim_group *group);
/* What a device answers, however it was opened. */
int iom_sim_vfio_device_ioctl(struct sim_device *device, unsigned long request, void *arg);

int iom_sim_vfio_open_container(struct iom_sim *sim);
int iom_sim_vfio_open_group(struct iom_sim *sim, struct sim_group *group);
void iom_sim_vfio_close(struct iom_sim *sim, enum sim_file_kind kind, void *object);
int iom_sim_vfio_ioctl(struct iom_sim *sim, struct sim_file *file, unsigned long request,
		       void *arg);

/* ---- type1 (sim_type1.c, sim_info.c, sim_dirty.c, sim_ranges.c, sim_maps.c) ----------------- */

int iom_sim_type1_extension(const struct iom_sim *sim, const struct sim_type1 *type1,
			    unsigned long extension);
/* SET_IOMMU: make one of this type for the container's groups. */
int iom_sim_type1_open(struct iom_sim *sim, struct sim_container *container, unsigned long type);
void iom_sim_type1_release(struct iom_sim *sim, struct sim_type1 *type1);
/* A group that the container does not have yet; and one that is still in its list. */
int iom_sim_type1_attach(struct iom_sim *sim, struct sim_container *container,
			 struct sim_group *group);
void iom_sim_type1_detach(struct iom_sim *sim, struct sim_container *container,
			  struct sim_group *group);
int iom_sim_type1_ioctl(struct iom_sim *sim, struct sim_type1 *type1, unsigned long request,
			void *arg);
int iom_sim_type1_info(struct iom_sim *sim, struct sim_type1 *type1, void *arg);
int iom_sim_type1_dirty(const struct iom_sim *sim, struct sim_type1 *type1, void *arg);
/* Does a range to unmap, or to ask for, begin or end inside of a mapping. */
bool iom_sim_type1_cuts(const struct iom_sim *sim, const struct sim_type1 *type1, uint64_t start,
			uint64_t last);

#define SIM_DIRTY_BITMAP_MAX (256u << 20) /* DIRTY_BITMAP_SIZE_MAX */

/* Is a bitmap fit for size bytes; mark the pages of a mapping in one that begins at iova. */
int iom_sim_dirty_check(const struct sim_type1 *type1, uint64_t size,
			const struct vfio_bitmap *bitmap);
void iom_sim_dirty_fill(const struct sim_map *map, uint64_t iova, const struct vfio_bitmap *bitmap);

/*
 * What all groups but one (or none), and one more (or none), can use: into *ranges, in place of
 * what is there.  -EINVAL: nothing.
 */
int iom_sim_ranges_compute(const struct iom_sim *sim, const struct sim_group *groups,
			   const struct sim_group *more, const struct sim_group *without,
			   struct sim_ranges *ranges);
/* Is anything mapped that the group cannot use. */
bool iom_sim_ranges_conflict(const struct iom_sim *sim, const struct sim_group *group,
			     struct sim_maps *maps);

/* Ranges without what is in hole. */
int iom_sim_ranges_exclude(struct sim_ranges *ranges, struct sim_range hole);
/* All that there are. */
int iom_sim_ranges_all(struct sim_ranges *ranges);
/* Each range that a device cannot use, the end of its addresses apart, until one answer is not 0. */
typedef int iom_sim_hole_fn(void *arg, struct sim_range hole);
int iom_sim_ranges_each_hole(const struct iom_sim *sim, const struct sim_device *device,
			     iom_sim_hole_fn *hole, void *arg);

/* The mapping with the lowest IOVAs of those that end at iova or above; NULL if there is none. */
struct sim_map *iom_sim_maps_from(const struct sim_maps *maps, uint64_t iova);
/* The one after map. */
struct sim_map *iom_sim_maps_next(const struct sim_maps *maps, const struct sim_map *map);
/* map overlaps none. */
void iom_sim_maps_insert(struct sim_maps *maps, struct sim_map *map);
void iom_sim_maps_remove(struct sim_maps *maps, struct sim_map *map);

/* ---- POWER (sim_power.c, sim_spapr.c) ------------------------------------------------------- */

/* What the config says of such a machine and its memory; -EINVAL. */
int iom_sim_power_init(struct iom_sim *sim, const struct iom_sim_config *config);
void iom_sim_power_free(struct iom_sim *sim);
void iom_sim_power_fs(struct iom_sim *sim);

int iom_sim_spapr_extension(const struct iom_sim *sim, unsigned long extension);
/* SET_IOMMU: make one of this type for the container's groups. */
int iom_sim_spapr_open(struct iom_sim *sim, struct sim_container *container, unsigned long type);
void iom_sim_spapr_release(struct iom_sim *sim, struct sim_container *container);
/* A group that the container does not have yet; and one that is still in its list. */
int iom_sim_spapr_attach(struct iom_sim *sim, struct sim_spapr *spapr, struct sim_group *group);
void iom_sim_spapr_detach(struct iom_sim *sim, struct sim_spapr *spapr, struct sim_group *group);
int iom_sim_spapr_ioctl(struct iom_sim *sim, struct sim_spapr *spapr, unsigned long request,
			void *arg);
const struct sim_maps *iom_sim_spapr_maps(const struct sim_spapr *spapr);

/* ---- EEH (sim_eeh.c) ------------------------------------------------------------------------ */

/* The DMA of a group has faulted; does the platform let none of it through. */
void iom_sim_eeh_fault(const struct iom_sim *sim, struct sim_group *group);
bool iom_sim_eeh_stops(const struct sim_group *group);
/* A device of the group was opened or closed, which thaws it. */
void iom_sim_eeh_owner(struct sim_group *group);

/* ---- The process's memory (sim_memory.c, sim_emulated.c, sim_backing.c) --------------------- */

bool iom_sim_memory_can_populate(void);
/* -EFAULT unless all of it is there and may be read (and written). */
int iom_sim_memory_check(const struct iom_sim *sim, uint64_t vaddr, uint64_t length, bool write);
/* Copy; the bytes done, which end where memory is missing. */
size_t iom_sim_memory_read(uint64_t vaddr, void *buf, size_t n);
size_t iom_sim_memory_write(uint64_t vaddr, const void *buf, size_t n);
/* The same where an emulator runs the process. */
bool iom_sim_memory_is_emulated(void);
int iom_sim_emulated_check(uint64_t start, uint64_t last, bool write);
size_t iom_sim_emulated_copy(uint64_t vaddr, void *to, const void *from, size_t n);
/* How the memory at an address is backed, as the machine's kernel would say it. */
int iom_sim_find_vma(const struct iom_sim *sim, uint64_t addr, struct iom_vma *vma);
/* iom_sim_set_backing() in a call, and its end. */
int iom_sim_add_backing(struct iom_sim *sim, uintptr_t va, uint64_t length, uint64_t page_size);
void iom_sim_remove_backing(struct iom_sim *sim, uintptr_t va);

/* The functions of the table (sim_huge.c); and the end of the machine. */
int iom_sim_alloc_buf(struct iom_sim *sim, const struct iom_buf_want *want, void **pages, int *fd);
void iom_sim_free_buf(struct iom_sim *sim, void *pages, size_t length, int fd);
int iom_sim_node_of(const struct iom_sim *sim, const void *va);
void iom_sim_huge_free(struct iom_sim *sim);

/* The real alloc_pages(), at a multiple of the machine's page. */
int iom_sim_alloc_pages(const struct iom_sim *sim, size_t length, void **pages);
/* What the ioctl functions do with a bad pointer: -EFAULT. */
int iom_sim_copy_in(void *to, const void *arg, size_t n);
int iom_sim_copy_out(void *arg, const void *from, size_t n);

/* ---- Failures and counts (sim_fault.c) ------------------------------------------------------ */

/* Take the lock and count; false if the call is to fail now with *answer. */
bool iom_sim_begin(struct iom_sim *sim, const struct iom_sim_event *event, int *answer);
/* Release the lock; the answer, replaced if the call is to fail after its work. */
ssize_t iom_sim_end(struct iom_sim *sim, ssize_t answer);
/*
 * Does a quirk apply now; one time less from now on.  (Those of the NO_ kind are only looked at.)
 */
bool iom_sim_quirk(struct iom_sim *sim, enum iom_sim_quirk quirk);

#endif
