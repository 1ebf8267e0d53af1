// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* An NVMe drive's, as the machine's own first device has them. */
#define NVME .driver = "vfio-pci", .vendor_id = 0x1b36, .device_id = 0x0010, .class_code = 0x010802

struct word {
	const char *name;
	int (*read)(struct iom_words *words, const struct word *word, const char *value);
	size_t offset; /* of its member of the configuration */
};

/* ---- Values --------------------------------------------------------------------------------- */

static int read_bytes(const char *value, uint64_t *bytes)
{
	static const char units[] = "kMGT";
	const char *unit;
	uint64_t n;
	char *end;
	int shift;

	if (*value < '0' || *value > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(value, &end, 0);
	if (errno)
		return -EINVAL;
	unit = *end ? strchr(units, *end) : NULL;
	shift = unit ? 10 * (int)(unit - units + 1) : 0;
	if (end[unit ? 1 : 0] || n > UINT64_MAX >> shift)
		return -EINVAL;
	*bytes = n << shift;
	return 0;
}

static void *member(struct iom_words *words, const struct word *word)
{
	return (char *)&words->config + word->offset;
}

static int take_flag(struct iom_words *words, const struct word *word, const char *value)
{
	if (value)
		return -EINVAL;
	*(bool *)member(words, word) = true;
	return 0;
}

static int take_bytes(struct iom_words *words, const struct word *word, const char *value)
{
	return value ? read_bytes(value, member(words, word)) : -EINVAL;
}

static int take_number(struct iom_words *words, const struct word *word, const char *value)
{
	uint64_t n;

	if (!value || read_bytes(value, &n) < 0 || !n || n > UINT32_MAX)
		return -EINVAL;
	*(uint32_t *)member(words, word) = (uint32_t)n;
	return 0;
}

/* Who asks for a limit wants to meet it: the process may not exceed it. */
static int take_memlock(struct iom_words *words, const struct word *word, const char *value)
{
	words->config.no_ipc_lock = true;
	return take_bytes(words, word, value);
}

/* "6.12" */
static int take_kernel(struct iom_words *words, const struct word *word, const char *value)
{
	unsigned int major, minor;
	char more;

	if (!value || sscanf(value, "%2u.%2u%c", &major, &minor, &more) != 2)
		return -EINVAL;
	*(unsigned int *)member(words, word) = major * 100 + minor;
	return 0;
}

/* "0000:41:00.0@7": its address, and its IOMMU group. */
static int take_device(struct iom_words *words, const struct word *word, const char *value)
{
	struct iom_sim_config *config = &words->config;
	char *at = value ? strchr(value, '@') : NULL;
	unsigned int group;
	char more;

	(void)word;
	if (!at || config->n_devices == COUNT(words->devices) ||
	    sscanf(at + 1, "%6u%c", &group, &more) != 1)
		return -EINVAL;
	*at = '\0';
	words->devices[config->n_devices++] =
		(struct iom_sim_device){ .address = value, .group = (int)group, NVME };
	config->devices = words->devices;
	return 0;
}

/* ---- Words ---------------------------------------------------------------------------------- */

#define MEMBER(name) offsetof(struct iom_sim_config, name)

static const struct word all[] = {
	{ "compat-container", take_flag, MEMBER(compat_container) },
	{ "device", take_device, 0 },
	{ "dma32", take_bytes, MEMBER(dma32_size) },
	{ "entries", take_number, MEMBER(dma_entry_limit) },
	{ "first-stage-only", take_flag, MEMBER(first_stage_only) },
	{ "hash-mmu", take_flag, MEMBER(hash_mmu) },
	{ "iommufd", take_flag, MEMBER(iommufd) },
	{ "kernel", take_kernel, MEMBER(kernel) },
	{ "memlock", take_memlock, MEMBER(memlock) },
	{ "no-cdev", take_flag, MEMBER(no_cdev) },
	{ "no-isolated-msi", take_flag, MEMBER(no_isolated_msi) },
	{ "no-type1", take_flag, MEMBER(no_type1) },
	{ "no-windows", take_flag, MEMBER(ddw_off) },
	{ "page", take_bytes, MEMBER(page_size) },
	{ "unsafe-interrupts", take_flag, MEMBER(unsafe_interrupts) },
};

/* The simulation's own copy of the name. */
static const char *find_platform(const char *name)
{
	const char *platform;
	size_t i;

	for (i = 0; (platform = iom_sim_platform(i)); i++)
		if (!strcmp(platform, name))
			return platform;
	return NULL;
}

static const struct word *find_word(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(all); i++)
		if (!strcmp(all[i].name, name))
			return &all[i];
	return NULL;
}

static int read_word(struct iom_words *words, char *name, char *why, size_t n)
{
	const char *platform = find_platform(name);
	char *value = strchr(name, '=');
	const struct word *word;

	if (platform) {
		words->config.platform = platform;
		return 0;
	}
	if (value)
		*value++ = '\0';
	word = find_word(name);
	if (!word) {
		snprintf(why, n, "'%.64s' is neither a platform nor a word; iommu-sim(1) has them",
			 name);
		return -EINVAL;
	}
	if (word->read(words, word, value) < 0) {
		snprintf(why, n, "'%s' cannot be '%.64s'; iommu-sim(1) says what it takes", name,
			 value ? value : "");
		return -EINVAL;
	}
	return 0;
}

int iom_words_read(struct iom_words *words, const char *text, char *why, size_t n)
{
	char *name, *rest;
	int ret;

	*words = (struct iom_words){
		.config.size = sizeof(words->config),
		/* the memory is real: the program aligns it to the pages that it sees */
		.config.page_size = (uint64_t)sysconf(_SC_PAGESIZE),
	};
	if (strlen(text) >= sizeof(words->text)) {
		snprintf(why, n, "it is longer than %zu bytes", sizeof(words->text) - 1);
		return -EINVAL;
	}
	strcpy(words->text, text);
	for (rest = words->text; (name = strsep(&rest, ","));) {
		ret = *name ? read_word(words, name, why, n) : 0;
		if (ret < 0)
			return ret;
	}
	return 0;
}
