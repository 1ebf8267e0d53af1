/* SPDX-License-Identifier: BSD-3-Clause */
/* What the doctor looks for: a table of checks, each of one cause. */
#ifndef CHECKS_H
#define CHECKS_H

#include <stdbool.h>
#include <stdint.h>

#include "host.h"
#include "pci.h"

struct patient {
	struct host host;
	bool has_device;
	struct pci_function device; /* with has_device */
	uint64_t memory;            /* bytes that the driver wants to map */
	bool may_attach;            /* for a moment, to see whether it works */
	unsigned int found;         /* of the checks before */
	unsigned int commands;      /* that mend what was found */
};

/* What a check answers. */
enum answer {
	CHECK_GOOD,
	CHECK_FOUND, /* what was found is in the finding */
	CHECK_SKIP,  /* it does not apply here, or what it builds upon is not well */
};

struct finding {
	char what[600]; /* what is wrong, and what to do about it if no command mends it */
	char mend[600]; /* the command, for root unless it says ulimit; "": there is none */
	const char *id; /* the check's, unless it sets another */
};

struct check {
	const char *id;
	const char *good; /* said if nothing is wrong */
	enum answer (*look)(const struct patient *patient, struct finding *finding);
};

/* In the order in which causes are mended; the last ones have no id. */
extern const struct check machine_checks[];
extern const struct check process_checks[];
extern const struct check device_checks[];

/* Fill in what is wrong, and the command; they answer CHECK_FOUND. */
enum answer check_found(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
enum answer check_mend(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* One command more, after those that there are. */
void check_add_mend(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Interrupts are not isolated, and the kernel was not told that this is accepted. */
enum answer check_unsafe(const struct patient *patient, struct finding *finding);

#endif
