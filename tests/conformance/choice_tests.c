// SPDX-License-Identifier: BSD-3-Clause
/* Which backend is taken, and why the others are not. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define VARIABLE "LIBIOMMU_BACKEND"

/* In order of preference. */
static const char *const names[] = { "iommufd", "type1", "type1-iommufd", "powernv", "pseries" };

#define N_NAMES ((int)(sizeof(names) / sizeof(names[0])))

static int rank(const char *name)
{
	int i;

	for (i = 0; i < N_NAMES; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

/* A line "NAME: REASON" of iom_explain(): the reason, in the caller's buffer; "" if there is none. */
static void reason_of(const struct fixture *f, const char *name, char *reason, size_t n)
{
	char text[4096], *line, *end;
	size_t length = strlen(name);

	reason[0] = '\0';
	if (iom_explain(f->dom, text, sizeof(text)) < 0)
		return;
	for (line = text; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (!strncmp(line, name, length) && !strncmp(line + length, ": ", 2))
			snprintf(reason, n, "%s", line + length + 2);
	}
}

static bool says(const struct fixture *f, const char *name, const char *word)
{
	char reason[1024];

	reason_of(f, name, reason, sizeof(reason));
	return *reason && strstr(reason, word);
}

static int open_by(struct fixture *f, const char *backend)
{
	const struct iom_open_opts opts = { .size = sizeof(opts), .backend = backend };

	return world_open(&f->dom, &opts);
}

static void close_domain(struct fixture *f)
{
	iom_close(f->dom);
	f->dom = NULL;
}

/* Whether this backend works here when nothing is staged. */
static enum outcome works(struct fixture *f, const char *backend, bool *answer)
{
	OK(open_by(f, backend));
	*answer = attach(f, f->world->device, &f->dev) == 0;
	close_domain(f);
	return PASS;
}

/* The first in order that works, and each one before it has a reason that is more than a word. */
static enum outcome by_itself(struct fixture *f)
{
	char reason[1024];
	bool answer;
	int i, taken;

	unsetenv(VARIABLE);
	OK(open_by(f, NULL));
	EXPECT(!iom_backend(f->dom));
	OK(attach(f, f->world->device, &f->dev));
	taken = rank(iom_backend(f->dom));
	EXPECT(taken >= 0 && says(f, names[taken], "taken"));
	for (i = 0; i < taken; i++) {
		reason_of(f, names[i], reason, sizeof(reason));
		EXPECT(strlen(reason) > 16 && !strstr(reason, "taken"));
	}
	for (i = taken + 1; i < N_NAMES; i++)
		EXPECT(says(f, names[i], "not tried"));
	close_domain(f);
	for (i = 0; i < taken; i++) {
		TRY(works(f, names[i], &answer));
		EXPECT(!answer);
	}
	return PASS;
}

/* Each one, forced: it is taken, or says why not, and no other steps in. */
static enum outcome forced(struct fixture *f)
{
	struct iom_device *dev;
	int i, j, ret;

	for (i = 0; i < N_NAMES; i++) {
		OK(open_by(f, names[i]));
		dev = NULL;
		ret = attach(f, f->world->device, &dev);
		if (!ret) {
			EXPECT(!strcmp(iom_backend(f->dom), names[i]));
			EXPECT(says(f, names[i], "taken, as asked for"));
		} else {
			EXPECT(!dev && !iom_backend(f->dom));
			EXPECT(strlen(iom_errmsg()) > 40 && strstr(iom_errmsg(), f->world->device));
			EXPECT(says(f, names[i], "") && !says(f, names[i], "taken"));
		}
		for (j = 0; j < N_NAMES; j++)
			EXPECT(j == i || says(f, names[j], "another backend was asked for"));
		close_domain(f);
	}
	return PASS;
}

/* Without iommufd the library takes type1 by itself. */
static enum outcome without_iommufd(struct fixture *f)
{
	bool answer;

	unsetenv(VARIABLE);
	TRY(works(f, "type1", &answer));
	if (!answer)
		return not_applicable("type1 does not work here");
	STAGE(stage_missing("/dev/iommu"));
	OK(open_by(f, NULL));
	OK(attach(f, f->world->device, &f->dev));
	EXPECT(!strcmp(iom_backend(f->dom), "type1"));
	EXPECT(says(f, "iommufd", "/dev/iommu") && says(f, "type1", "taken"));
	f->page = iom_page_size(f->dom);
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, NULL));
	return PASS;
}

/* Without device nodes and without a container of type1, an iommufd stands in for the container. */
static enum outcome container_of_iommufd(struct fixture *f)
{
	struct nodes nodes;
	bool answer;

	unsetenv(VARIABLE);
	TRY(works(f, "type1-iommufd", &answer));
	if (!answer)
		return not_applicable("iommufd's container calls do not work here");
	world_nodes(f->world->device, &nodes);
	if (*nodes.device)
		STAGE(stage_missing(nodes.device));
	STAGE(stage_missing("/dev/vfio/vfio"));
	OK(open_by(f, NULL));
	OK(attach(f, f->world->device, &f->dev));
	EXPECT(!strcmp(iom_backend(f->dom), "type1-iommufd"));
	EXPECT(!says(f, "iommufd", "taken") && says(f, "type1", "/dev/vfio/vfio"));
	f->page = iom_page_size(f->dom);
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, NULL));
	return PASS;
}

static enum outcome none(struct fixture *f)
{
	struct iom_device *dev = NULL;

	unsetenv(VARIABLE);
	STAGE(stage_missing("/dev/iommu"));
	STAGE(stage_missing("/dev/vfio/vfio"));
	OK(open_by(f, NULL));
	REFUSED(attach(f, f->world->device, &dev), -EOPNOTSUPP, f->world->device,
		"no backend works", "/dev/vfio/vfio", "/dev/iommu", "modprobe");
	EXPECT(!dev && !iom_backend(f->dom));
	EXPECT(says(f, "iommufd", "/dev/iommu") && says(f, "type1", "/dev/vfio/vfio") &&
	       says(f, "type1-iommufd", "/dev/iommu"));
	return PASS;
}

static enum outcome forced_without_node(struct fixture *f)
{
	struct iom_device *dev = NULL;
	bool answer[N_NAMES];
	const char *word;
	int i;

	for (i = 0; i < N_NAMES; i++)
		TRY(works(f, names[i], &answer[i]));
	STAGE(stage_missing("/dev/iommu"));
	STAGE(stage_missing("/dev/vfio/vfio"));
	for (i = 0; i < N_NAMES; i++) {
		word = strstr(names[i], "iommufd") ? "/dev/iommu" : "/dev/vfio/vfio";
		if (*names[i] == 'p' && !answer[i])
			word = "this is no";
		OK(open_by(f, names[i]));
		REFUSED(attach(f, f->world->device, &dev), -EOPNOTSUPP, f->world->device, word);
		EXPECT(says(f, names[i], word));
		close_domain(f);
	}
	return PASS;
}

/* The variable forces, the option wins over it, and what is set after the open does not count. */
static enum outcome environment(struct fixture *f)
{
	const char *backend;

	unsetenv(VARIABLE);
	OK(open_with_device(f, 0));
	backend = iom_backend(f->dom);
	close_domain(f);

	setenv(VARIABLE, backend, 1);
	OK(open_by(f, NULL));
	setenv(VARIABLE, "nonsense", 1);
	OK(attach(f, f->world->device, &f->dev));
	EXPECT(!strcmp(iom_backend(f->dom), backend) && says(f, backend, "as asked for"));
	close_domain(f);

	OK(open_by(f, backend));
	OK(attach(f, f->world->device, &f->dev));
	EXPECT(!strcmp(iom_backend(f->dom), backend));
	return PASS;
}

static enum outcome nonsense(struct fixture *f)
{
	int i;

	setenv(VARIABLE, "nonsense", 1);
	for (i = 0; i < N_NAMES; i++)
		REFUSED(open_by(f, NULL), -EINVAL, VARIABLE, "nonsense", names[i]);
	REFUSED(open_by(f, "type2"), -EINVAL, "type2", "iom_open_opts.backend");
	/* set to nothing is not set */
	setenv(VARIABLE, "", 1);
	OK(open_by(f, NULL));
	EXPECT(!attach(f, f->world->device, &f->dev));
	return PASS;
}

const struct test choice_tests[] = {
	{ "choice-by-itself", by_itself, NEEDS_NOTHING },
	{ "choice-forced", forced, NEEDS_NOTHING },
	{ "choice-without-iommufd", without_iommufd, NEEDS_NOTHING },
	{ "choice-of-iommufds-container", container_of_iommufd, NEEDS_NOTHING },
	{ "choice-of-none", none, NEEDS_NOTHING },
	{ "choice-forced-without-its-node", forced_without_node, NEEDS_NOTHING },
	{ "choice-by-environment", environment, NEEDS_NOTHING },
	{ "choice-of-nonsense", nonsense, NEEDS_NOTHING },
	{ NULL, NULL, NEEDS_NOTHING },
};
