// SPDX-License-Identifier: BSD-3-Clause
/* Stages on a real machine.  The process that starts the cases undoes what outlives a case. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linux.h"
#include "world.h"

#define NOBODY 65534

#define AWAY ".away"

static const char *const folders[] = { "/dev", "/dev/vfio", "/dev/vfio/devices" };

static const char *const parameters[] = {
	"/sys/module/vfio_iommu_type1/parameters/dma_entry_limit",
	"/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
	"/sys/module/iommufd/parameters/allow_unsafe_interrupts",
};

enum {
	ENTRY_LIMIT,
	TYPE1_UNSAFE,
	IOMMUFD_UNSAFE,
	N_PARAMETERS
};

#define N_ADDRESSES 10

/* A node, and what its mode was. */
struct mode {
	char path[64];
	mode_t mode;
};

/* How the machine was before the first case. */
static struct {
	char parameter[N_PARAMETERS][32];
	struct {
		const char *address;
		char driver[64];
		char override[64]; /* "(null)" if there was none */
	} function[N_ADDRESSES];
	struct mode nodes[64];
	size_t n_nodes;
} before;

static int read_word(const char *path, char *word, size_t n)
{
	FILE *file = fopen(path, "re");
	bool ok;

	if (!file)
		return -1;
	ok = fgets(word, (int)n, file) != NULL;
	fclose(file);
	if (!ok)
		return -1;
	word[strcspn(word, "\n")] = '\0';
	return 0;
}

static int write_word(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t done;

	if (fd < 0)
		return -1;
	done = write(fd, word, strlen(word));
	close(fd);
	return done < 0 ? -1 : 0;
}

/* ---- Functions and their drivers ------------------------------------------------------------- */

static void driver_of(const char *address, char *driver, size_t n)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", address);
	linux_link_name(path, driver, n);
}

static void unbind(const char *address)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver/unbind", address);
	write_word(path, address);
}

static void override_path(const char *address, char *path, size_t n)
{
	snprintf(path, n, "/sys/bus/pci/devices/%s/driver_override", address);
}

/* driver "": to none. */
static int bind(const char *address, const char *driver)
{
	char path[128], now[64];

	unbind(address);
	override_path(address, path, sizeof(path));
	if (write_word(path, *driver ? driver : "none") < 0)
		return -1;
	if (*driver)
		write_word("/sys/bus/pci/drivers_probe", address);
	driver_of(address, now, sizeof(now));
	return strcmp(now, driver) ? -1 : 0;
}

/* ---- Before and after ------------------------------------------------------------------------ */

typedef void node_fn(const char *path, const struct stat *st);

/* All that is a device in the folders that have VFIO's and iommufd's nodes. */
static void for_each_node(node_fn *fn)
{
	struct dirent *entry;
	struct stat st;
	char path[300];
	size_t i;
	DIR *dir;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		dir = opendir(folders[i]);
		while (dir && (entry = readdir(dir))) {
			snprintf(path, sizeof(path), "%s/%s", folders[i], entry->d_name);
			if (i == 0 && strncmp(entry->d_name, "iommu", 5) != 0)
				continue;
			if (stat(path, &st) == 0 && S_ISCHR(st.st_mode))
				fn(path, &st);
		}
		if (dir)
			closedir(dir);
	}
}

static void note_node(const char *path, const struct stat *st)
{
	struct mode *node = &before.nodes[before.n_nodes];

	if (before.n_nodes == sizeof(before.nodes) / sizeof(before.nodes[0]) ||
	    strlen(path) >= sizeof(node->path))
		return;
	snprintf(node->path, sizeof(node->path), "%.63s", path);
	node->mode = st->st_mode & 07777;
	before.n_nodes++;
}

void world_note(const struct world *world)
{
	const char *const addresses[N_ADDRESSES] = {
		world->device, world->edu,   world->edu2,      world->pair[0], world->pair[1],
		world->wide,   world->wide2, world->elsewhere, world->unequal, world->windowless,
	};
	char path[128];
	size_t i;

	for (i = 0; i < N_PARAMETERS; i++)
		read_word(parameters[i], before.parameter[i], sizeof(before.parameter[i]));
	for (i = 0; i < N_ADDRESSES; i++) {
		before.function[i].address = addresses[i];
		if (!addresses[i])
			continue;
		driver_of(addresses[i], before.function[i].driver,
			  sizeof(before.function[i].driver));
		override_path(addresses[i], path, sizeof(path));
		read_word(path, before.function[i].override, sizeof(before.function[i].override));
	}
	for_each_node(note_node);
}

static void bring_back(const char *path, const struct stat *st)
{
	size_t length = strlen(path), tail = strlen(AWAY);
	char old[300];

	(void)st;
	if (length < tail || strcmp(path + length - tail, AWAY) != 0)
		return;
	snprintf(old, sizeof(old), "%.*s", (int)(length - tail), path);
	rename(path, old);
}

static void mend_function(size_t i)
{
	const char *address = before.function[i].address;
	char now[64], path[128];

	if (!address)
		return;
	driver_of(address, now, sizeof(now));
	if (!strcmp(now, before.function[i].driver))
		return;
	bind(address, before.function[i].driver);
	override_path(address, path, sizeof(path));
	write_word(path, strcmp(before.function[i].override, "(null)") ? before.function[i].override
								       : "\n");
}

static void mend_node(const struct mode *node)
{
	struct stat st;

	if (stat(node->path, &st) == 0 && (st.st_mode & 07777) != node->mode)
		chmod(node->path, node->mode);
}

void world_mend(const struct world *world)
{
	char now[64];
	size_t i;

	(void)world;
	for_each_node(bring_back);
	for (i = 0; i < N_PARAMETERS; i++)
		if (read_word(parameters[i], now, sizeof(now)) == 0 &&
		    strcmp(now, before.parameter[i]) != 0)
			write_word(parameters[i], before.parameter[i]);
	for (i = 0; i < N_ADDRESSES; i++)
		mend_function(i);
	for (i = 0; i < before.n_nodes; i++)
		mend_node(&before.nodes[i]);
}

/* ---- Stages ---------------------------------------------------------------------------------- */

static const char needs_root[] = "only root can stage it";
static const char left_alone[] = "the machine is to be left as it is";

bool linux_left_alone;

const char *stage_memlock(uint64_t bytes)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	const struct rlimit limit = { .rlim_cur = bytes, .rlim_max = bytes };

	if (syscall(SYS_capget, &header, data) < 0)
		return "the process cannot read its capabilities";
	data[0].effective &= ~(1u << CAP_IPC_LOCK);
	data[0].permitted &= ~(1u << CAP_IPC_LOCK);
	if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0 || syscall(SYS_capset, &header, data) < 0)
		return "the process cannot give up CAP_IPC_LOCK";
	return NULL;
}

const char *stage_entry_limit(unsigned int n)
{
	char word[16];

	if (linux_left_alone)
		return left_alone;
	snprintf(word, sizeof(word), "%u", n);
	return write_word(parameters[ENTRY_LIMIT], word) < 0 ? "dma_entry_limit cannot be set"
							     : NULL;
}

const char *stage_missing(const char *node)
{
	char away[128];

	if (access(node, F_OK) < 0)
		return NULL;
	if (linux_left_alone)
		return left_alone;
	snprintf(away, sizeof(away), "%s" AWAY, node);
	return rename(node, away) < 0 ? needs_root : NULL;
}

/* Everybody may use all nodes but this one. */
const char *stage_forbidden(const char *node)
{
	size_t i;

	if (linux_left_alone)
		return left_alone;
	if (geteuid() != 0)
		return needs_root;
	for (i = 0; i < before.n_nodes; i++)
		chmod(before.nodes[i].path, 0666);
	if (chmod(node, 0600) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return "it is not possible to become another user";
	/* else the process may not read its own files in /proc */
	prctl(PR_SET_DUMPABLE, 1);
	return NULL;
}

const char *stage_unbound(const char *address)
{
	if (linux_left_alone)
		return left_alone;
	return bind(address, "") < 0 ? needs_root : NULL;
}

/*
 * A driver that takes whatever it is given, and that VFIO does not know for harmless
 * (driver_managed_dma in the kernel).
 */
const char *stage_kernel_driver(const char *address, const char **driver)
{
	if (linux_left_alone)
		return left_alone;
	*driver = "uio_pci_generic";
	if (access("/sys/bus/pci/drivers/uio_pci_generic", F_OK) < 0)
		return "the module uio_pci_generic is not loaded";
	return bind(address, *driver) < 0 ? "uio_pci_generic does not take the device" : NULL;
}

/* In a child: hold the node until the parent is gone. */
static void hold(const char *node, int report)
{
	char ok = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (open(node, O_RDWR | O_CLOEXEC) < 0)
		_exit(1);
	if (write(report, &ok, 1) == 1)
		pause();
	_exit(1);
}

const char *stage_held(const char *address, int *pid)
{
	struct nodes nodes;
	int pipes[2];
	ssize_t got;
	char ok;

	world_nodes(address, &nodes);
	if (pipe(pipes) < 0)
		return "there is no pipe to be had";
	*pid = fork();
	if (*pid == 0)
		hold(nodes.group, pipes[1]);
	close(pipes[1]);
	got = read(pipes[0], &ok, 1);
	close(pipes[0]);
	return *pid > 0 && got == 1 ? NULL : "the group's node cannot be opened";
}

/*
 * virtio-iommu remaps no interrupts on x86 (on arm64 the GIC's ITS does); that the others do is for
 * the machine's owner to see to.
 */
#if defined(__x86_64__)
static bool isolates_interrupts(void)
{
	DIR *dir = opendir("/sys/bus/virtio/drivers/virtio_iommu");
	struct dirent *entry;
	bool isolates = true;

	while (dir && (entry = readdir(dir)))
		isolates &= strncmp(entry->d_name, "virtio", 6) != 0;
	if (dir)
		closedir(dir);
	return isolates;
}
#else
static bool isolates_interrupts(void)
{
	return true;
}
#endif

const char *stage_not_isolated(bool allowed)
{
	const char *word = allowed ? "Y" : "N";

	if (isolates_interrupts())
		return "interrupts are isolated here";
	if (linux_left_alone)
		return left_alone;
	if (write_word(parameters[TYPE1_UNSAFE], word) < 0)
		return needs_root;
	write_word(parameters[IOMMUFD_UNSAFE], word);
	return NULL;
}

const char *stage_windowless(const struct world *world, const char **address)
{
	*address = world->windowless;
	return *address ? NULL : "there is no bridge without dynamic windows";
}

/* Real bridges of POWER do; but there is nothing here that could tell them from QEMU's. */
const char *stage_freezing(void)
{
	return "a DMA fault freezes nothing here";
}

static struct rlimit descriptors;

const char *stage_no_descriptors(void)
{
	int lowest = dup(STDERR_FILENO);
	struct rlimit limit;

	close(lowest);
	if (getrlimit(RLIMIT_NOFILE, &descriptors) < 0)
		return "the limit cannot be read";
	limit = descriptors;
	limit.rlim_cur = (rlim_t)lowest;
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? "the limit cannot be set" : NULL;
}

void stage_descriptors(void)
{
	setrlimit(RLIMIT_NOFILE, &descriptors);
}

void world_nodes(const char *address, struct nodes *nodes)
{
	char path[128], group[32];
	struct dirent *entry;
	DIR *dir;

	*nodes = (struct nodes){ "", "" };
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address);
	linux_link_name(path, group, sizeof(group));
	snprintf(nodes->group, sizeof(nodes->group), "/dev/vfio/%s", group);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", address);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "vfio", 4))
			snprintf(nodes->device, sizeof(nodes->device), "/dev/vfio/devices/%.32s",
				 entry->d_name);
	if (dir)
		closedir(dir);
}
