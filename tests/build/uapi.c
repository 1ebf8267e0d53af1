// SPDX-License-Identifier: BSD-3-Clause
/*
 * Our definitions of the kernel's interfaces beside newer headers of the kernel, name by name, as TAP.
 * uapi.sh makes the list of names, from all that ours define.
 */
#include <inttypes.h>
#include <linux/iommufd.h>
#include <linux/version.h>
#include <linux/vfio.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "backends/uapi/iommufd.h"

static unsigned int count, failed;

static void same(const char *what, uint64_t ours, uint64_t theirs)
{
	printf("%sok %u - %s\n", ours == theirs ? "" : "not ", ++count, what);
	if (ours != theirs) {
		printf("# ours is 0x%" PRIx64 ", the kernel's 0x%" PRIx64 "\n", ours, theirs);
		failed = 1;
	}
}

/* Structures grow at their end, and tell by their first member how much of them is there. */
static void same_size(const char *what, uint64_t ours, uint64_t theirs)
{
	if (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0) && theirs > ours) {
		printf("# %s has grown from %" PRIu64 " to %" PRIu64 "\n", what, ours, theirs);
		theirs = ours;
	}
	same(what, ours, theirs);
}

static void __attribute__((unused)) skip(const char *what)
{
	printf("ok %u - %s # SKIP not in these headers yet\n", ++count, what);
}

#define CONSTANT(name) same(#name, IOM_##name, name)
#define SIZE(type) same_size("sizeof " #type, sizeof(struct iom_##type), sizeof(struct type))
#define MEMBER(type, name, kernels)                                                               \
	do {                                                                                      \
		const struct iom_##type *ours = NULL;                                             \
		const struct type *theirs = NULL;                                                 \
                                                                                                  \
		same(#type "." #name " begins", offsetof(struct iom_##type, name),                \
		     offsetof(struct type, kernels));                                             \
		same(#type "." #name " is as long", sizeof(ours->name), sizeof(theirs->kernels)); \
	} while (0)
#define NEWER(name) skip(#name)

int main(void)
{
#include "uapi-names.h"
	printf("1..%u\n", count);
	return failed ? 1 : 0;
}
