/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conformance suite: what libiommu.h promises, case by case, on the backend and device at hand.
 * Each case runs in a process of its own, with a domain of its own to which the device is attached.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libiommu.h>

/* What the suite was told on its command line. */
struct world {
	const char *backend; /* NULL: the library's choice */
	const char *device;  /* the PCI function that most cases attach */
	const char *edu;     /* QEMU's edu device, for DMA that must fault; NULL: none */
};

struct fixture {
	const struct world *world;
	struct iom_domain *dom;
	struct iom_device *dev; /* world->device, or world->edu for cases that need it */
	uint64_t page;          /* iom_page_size() */
};

/* A case returns one of these; a failure was explained before. */
enum outcome {
	PASS,
	FAIL,
	NOT_APPLICABLE
};

enum need {
	NEEDS_DEVICE,   /* attached */
	NEEDS_EDU,      /* attached, with dma_bits for its 28 bits */
	NEEDS_ADDRESSES /* of both, nothing attached */
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

/* A call that must fail with this errno, and with a sentence that has all of these words. */
#define REFUSED(call, err, ...)                                                                 \
	do {                                                                                    \
		enum outcome refused_out = refused(__FILE__, __LINE__, #call, (call), (err),    \
						   (const char *const[]){ __VA_ARGS__, NULL }); \
		if (refused_out != PASS)                                                        \
			return refused_out;                                                     \
	} while (0)

enum outcome refused(const char *file, int line, const char *what, int ret, int err,
		     const char *const *words);

/* Memory, touched, of the given length, aligned to its largest page up to 2 MiB; the process dies on failure. */
void *memory(uint64_t length);

/* The same of huge pages of 2 MiB; NULL if there are none. */
void *huge_memory(uint64_t length);

/* Map for reading and writing at a fixed IOVA. */
int map_at(struct fixture *f, void *va, uint64_t length, iom_iova_t iova,
	   struct iom_region *region);

/* Map below a limit. */
int map_below(struct fixture *f, void *va, uint64_t length, iom_iova_t limit,
	      struct iom_region *region);

/* The counters are as they were: nothing of a refused call is left. */
struct iom_counters counters(const struct fixture *f);
bool same_mappings(const struct fixture *f, const struct iom_counters *before);

#endif
