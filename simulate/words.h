/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated machine in words, as LIBIOMMU_SIM has it; iommu-sim(1) is the list of them. */
#ifndef IOM_WORDS_H
#define IOM_WORDS_H

#include <stddef.h>

#include "sim/sim.h"

#define IOM_WORDS_DEVICES 16

/* What the words say; the configuration points into the rest. */
struct iom_words {
	struct iom_sim_config config;
	struct iom_sim_device devices[IOM_WORDS_DEVICES];
	char text[1024];
};

/* -EINVAL, and why in n bytes of text: a word is not known, or its value is none. */
int iom_words_read(struct iom_words *words, const char *text, char *why, size_t n);

#endif
