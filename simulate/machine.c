// SPDX-License-Identifier: BSD-3-Clause
/* The calls that begin at no domain, on the simulated kernel: the process has one machine. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/domain.h"
#include "lib/error.h"
#include "lib/tree.h"
#include "sim/sim.h"
#include "simulate/words.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct iom_words words;
static struct iom_sim *machine;
static char why[256];
static int failed;

static void make_machine(void)
{
	const char *text = secure_getenv("LIBIOMMU_SIM");

	failed = iom_words_read(&words, text ? text : "", why, sizeof(why));
	if (failed)
		return;
	failed = iom_sim_create(&words.config, &machine);
	if (failed)
		snprintf(why, sizeof(why),
			 "there is no such machine (%s): its kernel or its page is not one of those "
			 "in iommu-sim(1), or words exclude each other",
			 iom_error_text(failed));
}

struct iom_sim *iom_sim_machine(void)
{
	pthread_once(&once, make_machine);
	if (failed)
		iom_error_set("LIBIOMMU_SIM: %s", why);
	return machine;
}

int iom_sim_open(struct iom_sim *sim, struct iom_domain **dom, const struct iom_open_opts *opts)
{
	return iom_open_with(dom, opts, iom_sim_sys(sim), iom_backends);
}

int iom_open(struct iom_domain **dom, const struct iom_open_opts *opts)
{
	struct iom_sim *sim = iom_sim_machine();

	if (!sim)
		return iom_error_prefix(failed, "open: ");
	return iom_sim_open(sim, dom, opts);
}

int iom_tree_read(const char *address, const struct iom_tree_opts *opts, struct iom_tree_info *info)
{
	struct iom_sim *sim = iom_sim_machine();

	if (!sim)
		return iom_error_prefix(failed, "device tree, %.64s: ", address);
	return iom_tree_read_on(iom_sim_sys(sim), address, opts, info);
}

int iom_tree_explain(const char *address, const struct iom_tree_opts *opts, char *buf, size_t n)
{
	struct iom_sim *sim = iom_sim_machine();

	if (!sim)
		return iom_error_prefix(failed, "device tree, %.64s: ", address);
	return iom_tree_explain_on(iom_sim_sys(sim), address, opts, buf, n);
}
