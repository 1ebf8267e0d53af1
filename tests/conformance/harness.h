/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conformance suite: what libiommu.h promises, case by case, on the backend and machine at
 * hand.  Each case runs in a process of its own, with a domain of its own to which the device is
 * attached.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libiommu.h>

#include "world.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* Where every machine here has room, and every device can drive it. */
#define LOW_IOVA (world_first_iova() + 64 * MIB)

/* More apertures than any machine here has. */
#define N_APERTURES 16

struct fixture {
	const struct world *world;
	struct iom_domain *dom;
	struct iom_device *dev; /* world->device, or world->edu for cases that need it */
	uint64_t page;          /* iom_page_size() */
};

/* What memory comes and goes in: the kernel's page, which may be larger than iom_page_size(). */
uint64_t memory_page(const struct fixture *f);

/* Memory must be registered for writing there, and windows have sizes. */
bool on_power(const struct fixture *f);

/* A case returns one of these; a failure was explained before. */
enum outcome {
	PASS,
	FAIL,
	NOT_APPLICABLE
};

enum need {
	NEEDS_DEVICE,    /* attached */
	NEEDS_EDU,       /* attached, with dma_bits for its 28 bits */
	NEEDS_ADDRESSES, /* of both, nothing attached */
	NEEDS_NOTHING,   /* not even a domain: the case opens one */
	NEEDS_WINDOWS    /* DMA windows, and no domain either */
};

struct test {
	const char *name;
	enum outcome (*run)(struct fixture *f);
	enum need need;
};

/* Each file's cases, ended by one without a name. */
extern const struct test map_tests[];
extern const struct test refuse_tests[];
extern const struct test unmap_tests[];
extern const struct test translate_tests[];
extern const struct test life_tests[];
extern const struct test dma_tests[];
extern const struct test granule_tests[];
extern const struct test cut_tests[];
extern const struct test device_tests[];
extern const struct test only_tests[];
extern const struct test file_tests[];
extern const struct test machine_tests[];
extern const struct test choice_tests[];
extern const struct test defect_tests[];
extern const struct test thread_tests[];
extern const struct test share_tests[];
extern const struct test power_tests[];
extern const struct test power_group_tests[];
extern const struct test eeh_tests[];
extern const struct test request_tests[];
extern const struct test request_life_tests[];
extern const struct test request_thread_tests[];
extern const struct test request_power_tests[];
extern const struct test batch_tests[];
extern const struct test batch_unmap_tests[];
extern const struct test scatter_tests[];
extern const struct test stream_tests[];
extern const struct test stream_room_tests[];
extern const struct test stream_life_tests[];
extern const struct test buf_tests[];
extern const struct test strict_tests[];
extern const struct test adopt_tests[];

/* Say why the running case fails, or does not apply. */
enum outcome failed(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
enum outcome not_applicable(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define EXPECT(condition)                                                    \
	do {                                                                 \
		if (!(condition))                                            \
			return failed(__FILE__, __LINE__, "%s", #condition); \
	} while (0)

/* A call that must succeed. */
#define OK(call)                                                                       \
	do {                                                                           \
		int ok_ret = (call);                                                   \
		if (ok_ret < 0)                                                        \
			return failed(__FILE__, __LINE__, "%s: %d: %s", #call, ok_ret, \
				      iom_errmsg());                                   \
	} while (0)

/* A part of a case, which must pass. */
#define TRY(part)                              \
	do {                                   \
		enum outcome try_out = (part); \
		if (try_out != PASS)           \
			return try_out;        \
	} while (0)

/* A call that must fail with this errno, and with a sentence that has all of these words. */
#define REFUSED(call, err, ...)                               \
	TRY(refused(__FILE__, __LINE__, #call, (call), (err), \
		    (const char *const[]){ __VA_ARGS__, NULL }))

enum outcome refused(const char *file, int line, const char *what, int ret, int err,
		     const char *const *words);

/* What the case needs of the machine; without it, the case does not apply. */
#define STAGE(stage)                                            \
	do {                                                    \
		const char *stage_why = (stage);                \
		if (stage_why)                                  \
			return not_applicable("%s", stage_why); \
	} while (0)

#define NEED(address, what)                                \
	do {                                               \
		if (!(address))                            \
			return not_applicable("%s", what); \
	} while (0)

/*
 * Memory of the given length, and to the end of the kernel's page, aligned to 2 MiB; the process
 * dies on failure.  Room is not touched yet, and has this protection.
 */
void *room(uint64_t length, int prot);
void *memory(uint64_t length);

/*
 * Take the memory away.  Its addresses stay taken, by an empty file: else the next who asks the
 * kernel for memory, perhaps inside of the library, might be given these.
 */
void take_away(void *p, uint64_t length);

/* Whether the process has memory at this page. */
bool is_there(const void *page);

/* Open the case's domain, with the backend that is to be forced; attach, with what it can drive. */
int open_domain(struct fixture *f, uint64_t granule);
int attach(struct fixture *f, const char *address, struct iom_device **dev);

/* The same with world->device, or world->edu; they set f->dev and f->page. */
int open_with_device(struct fixture *f, uint64_t granule);
int open_with_edu(struct fixture *f, uint64_t granule);

/* Map for reading and writing at a fixed IOVA. */
int map_at(struct fixture *f, void *va, uint64_t length, iom_iova_t iova,
	   struct iom_region *region);

/* Map below a limit. */
int map_below(struct fixture *f, void *va, uint64_t length, iom_iova_t limit,
	      struct iom_region *region);

/* The smallest page of the aperture at this IOVA. */
uint64_t aperture_page(const struct fixture *f, iom_iova_t iova);

/* The largest page that the IOMMU has there, up to most. */
uint64_t largest_page(const struct fixture *f, iom_iova_t iova, uint64_t most);

/* Whether an aperture is so large, without page 0. */
bool has_room(const struct fixture *f, uint64_t length);

/*
 * Map a page for reading and writing at an IOVA of more than so many bits: where the library puts
 * it, or, if all apertures end below 4 GiB, where it is told to.
 */
int map_above(struct fixture *f, void *va, unsigned int bits, const struct iom_device *only,
	      struct iom_region *region);

/* Whether iom_translate() knows the address, at this IOVA. */
bool translates_to(const struct fixture *f, const void *va, iom_iova_t iova);
bool is_mapped(const struct fixture *f, const void *va);

/* The counters are as they were: nothing of a refused call is left. */
struct iom_counters counters(const struct fixture *f);
bool same_mappings(const struct fixture *f, const struct iom_counters *before);

#endif
