/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The machine that the cases run on: a real one (world_linux.c, stage_linux.c) or a simulated one
 * (sim/world_sim.c).  Each program is linked with one of them.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include <libiommu.h>

/* What the suite was told of the machine.  Devices that it has not are NULL. */
struct world {
	const char *backend;  /* to force; NULL: the library's choice */
	const char *device;   /* the PCI function that most cases attach */
	const char *edu;      /* does DMA as it is told, within 28 bits; alone in its group */
	const char *edu2;     /* the same, in another group */
	const char *pair[2];  /* the same, two functions of one group */
	const char *narrow;   /* behind an IOMMU of fewer address bits than the others' */
	const char *reserved; /* its group reserves IOVAs that the others' do not */
	const char *wide;     /* as edu, but it drives 64 bits; alone in its group */
	const char *wide2;    /* the same, in another group */
	/* POWER: edus whose second window begins elsewhere; whose default one has another size; */
	/* and one that can have none */
	const char *elsewhere;
	const char *unequal;
	const char *windowless;
};

/* What edu devices can drive. */
#define EDU_DMA_BITS 28

/* Before and after a case, in its process; what a case has left behind, or NULL. */
int world_begin(void);
const char *world_left(void);
void world_end(void);

/* The page size of the kernel. */
uint64_t world_page_size(void);

/* Where the first aperture of the machine begins, if no device has been attached either. */
uint64_t world_first_iova(void);

/* What is counted against RLIMIT_MEMLOCK now. */
uint64_t world_locked(void);

/* Memory of huge pages of 2^shift bytes; NULL if there are none. */
void *world_huge_memory(uint64_t length, int shift);

/* Bytes of memory that a case may use up, some hundred MiB at least. */
uint64_t world_working_set(void);

/*
 * Whether the device's DMA is worth its time for the i-th of many alike: QEMU's edu takes a tenth of
 * a second for each transfer (edu_dma_timer).
 */
bool world_tries_dma(uint64_t i);

/* POWER: how many DMA windows a device may have; 0 elsewhere. */
int world_windows(void);

/* POWER: calls of the kernel so far.  False where nobody counts them. */
struct window_calls {
	unsigned int created, removed, registered, unregistered, mapped, unmapped;
};

bool world_window_calls(struct window_calls *calls);

/* In the process that starts the cases: remember how the machine is, and make it so again. */
void world_note(const struct world *world);
void world_mend(const struct world *world);

/* iom_open() on this machine. */
int world_open(struct iom_domain **dom, const struct iom_open_opts *opts);

/* The kernel's own calls, for somebody else in the process: the answer, or -errno. */
int world_raw_open(const char *node);
int world_raw_ioctl(int fd, unsigned long request, void *arg);
void world_raw_close(int fd);

/* ---- DMA ------------------------------------------------------------------------------------- */

/* A device that copies between memory and a buffer of its own, and never says whether it could. */
struct engine;

#define ENGINE_MAX 2048u

int engine_open(struct iom_device *dev, struct engine **engine);
void engine_close(struct engine *engine); /* before the device is detached */

/* From memory at iova into the buffer; from there to memory. */
int engine_read(struct engine *engine, uint64_t iova, uint32_t n);
int engine_write(struct engine *engine, uint64_t iova, uint32_t n);

/* Say in the kernel's log that a fault is wanted, of the device at address, at this IOVA. */
void expect_fault(const char *address, uint64_t iova);

/* Why reading what is mapped for writing alone is not refused here; NULL if it is. */
const char *write_only_is_readable(void);

/* The window for MSIs, which is no place for DMA; or why it is not known. */
const char *world_msi_window(uint64_t *start, uint64_t *last);

/* ---- Stages ---------------------------------------------------------------------------------- */

/*
 * Make the machine as a case needs it, for the rest of the case.  NULL, or why that cannot be done
 * here.  Those marked so need that no domain is open.
 */
const char *stage_memlock(uint64_t bytes); /* the limit, without CAP_IPC_LOCK */
const char *stage_entry_limit(unsigned int n);
const char *stage_missing(const char *node);
const char *stage_forbidden(const char *node); /* permission is denied on it; not open */
const char *stage_unbound(const char *address);
const char *stage_kernel_driver(const char *address, const char **driver);
const char *stage_held(const char *address, int *pid); /* its group, by another process */
const char *stage_not_isolated(bool allowed);          /* interrupts; not open */
const char *stage_no_descriptors(void);
void stage_descriptors(void);     /* as many as before */
const char *stage_freezing(void); /* a DMA fault freezes the group of the device */
const char *stage_windowless(const struct world *world, const char **address); /* not open */

/* The nodes of the device at address: its group's, and its own ("" if it has none). */
struct nodes {
	char group[64];
	char device[64];
};

void world_nodes(const char *address, struct nodes *nodes);

#endif
