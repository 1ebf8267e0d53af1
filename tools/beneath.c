// SPDX-License-Identifier: BSD-3-Clause
#include "beneath.h"

#include <stdio.h>
#include <string.h>

#include "files.h"

/* Devices upon devices: deeper than anybody stacks them, and an end where they go in a circle. */
#define DEEPEST 8

struct search {
	const char *address;
	const char *folder; /* that lists what is below */
	unsigned int depth;
};

/* Whether a path of sysfs has the function in it. */
static bool leads_through(const char *path, const char *address)
{
	size_t n = strlen(address);

	for (; (path = strstr(path, address)); path += n)
		if (path[-1] == '/' && (path[n] == '/' || !path[n]))
			return true;
	return false;
}

static void last_part(const char *path, char *name, size_t n)
{
	const char *slash = strrchr(path, '/');

	snprintf(name, n, "%.63s", slash ? slash + 1 : path);
}

bool block_by_number(const char *number, char *name, size_t n)
{
	char path[FILES_PATH];

	if (files_resolve(path, "/sys/dev/block/%s", number) < 0)
		return false;
	last_part(path, name, n);
	return true;
}

bool block_by_node(const char *node, char *name, size_t n)
{
	char path[FILES_PATH];

	/* a link such as /dev/mapper/root leads to the node that has the kernel's name */
	if (strncmp(node, "/dev/", 5) != 0)
		return false;
	if (files_resolve(path, "%s", node) < 0)
		snprintf(path, sizeof(path), "%s", node);
	last_part(path, name, n);
	return files_exist("/sys/class/block/%s", name);
}

/*
 * The head of a multipath NVMe drive belongs to a subsystem, in no function's folder; the paths to
 * it are controllers, to which the subsystem has links.
 */
static int is_path_of_nvme(void *arg, const char *name)
{
	const struct search *search = arg;
	char path[FILES_PATH];

	return !strncmp(name, "nvme", 4) &&
	       files_resolve(path, "%.300s/%.60s", search->folder, name) == 0 &&
	       leads_through(path, search->address);
}

static bool is_nvme_beneath(char *path, const char *address)
{
	char *head = strstr(path, "/nvme-subsystem/nvme-subsys");
	struct search search = { .address = address, .folder = path };

	if (!head)
		return false;
	head[strlen("/nvme-subsystem/") + strcspn(head + strlen("/nvme-subsystem/"), "/")] = '\0';
	return files_list(path, is_path_of_nvme, &search) == 1;
}

static bool is_block(const char *name, const char *address, unsigned int depth);

static int is_slave(void *arg, const char *name)
{
	const struct search *search = arg;

	return is_block(name, search->address, search->depth);
}

static bool is_block(const char *name, const char *address, unsigned int depth)
{
	struct search search = { .address = address, .depth = depth + 1 };
	char path[FILES_PATH], slaves[FILES_PATH];

	if (depth > DEEPEST || files_resolve(path, "/sys/class/block/%s", name) < 0)
		return false;
	if (leads_through(path, address))
		return true;
	snprintf(slaves, sizeof(slaves), "%.400s/slaves", path);
	if (files_list(slaves, is_slave, &search) == 1)
		return true;
	/* a partition's disk has them */
	if (files_exist("%s/partition", path)) {
		snprintf(slaves, sizeof(slaves), "%.400s/../slaves", path);
		if (files_list(slaves, is_slave, &search) == 1)
			return true;
	}
	return is_nvme_beneath(path, address);
}

bool block_is_beneath(const char *name, const char *address)
{
	return is_block(name, address, 0);
}

static bool is_interface(const char *name, const char *address, unsigned int depth);

/* What a bond, bridge or VLAN stands on: links lower_NAME. */
static int is_lower(void *arg, const char *name)
{
	const struct search *search = arg;

	return !strncmp(name, "lower_", 6) &&
	       is_interface(name + 6, search->address, search->depth);
}

static bool is_interface(const char *name, const char *address, unsigned int depth)
{
	struct search search = { .address = address, .depth = depth + 1 };
	char path[FILES_PATH];

	if (depth > DEEPEST || files_resolve(path, "/sys/class/net/%s", name) < 0)
		return false;
	return leads_through(path, address) || files_list(path, is_lower, &search) == 1;
}

bool interface_is_beneath(const char *name, const char *address)
{
	return is_interface(name, address, 0);
}
