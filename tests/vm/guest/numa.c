// SPDX-License-Identifier: BSD-3-Clause
/*
 * numa ADDRESS: buffers for a device that is on another NUMA node than the processor, as TAP.  On
 * which node they are is not asked of the library, but of the kernel (move_pages(2)), page by page.
 */

#define _GNU_SOURCE
#include <err.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <libiommu.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define HUGE (2 * MIB)
#define MIXED (-1) /* pages of several nodes */

static struct iom_domain *domain;
static char warning[512];
static int near, other;
static int results, failures;

static void result(const char *name, bool good)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++results, name);
	failures += !good;
}

static void note_warning(void *arg, int level, const char *message)
{
	(void)arg;
	if (level == IOM_LOG_WARN)
		snprintf(warning, sizeof(warning), "%s", message);
}

/* ---- What the kernel says -------------------------------------------------------------------- */

static int number_in(const char *path)
{
	int n;
	FILE *file = fopen(path, "r");

	if (!file || fscanf(file, "%d", &n) != 1)
		errx(1, "%s cannot be read", path);
	fclose(file);
	return n;
}

static int node_of_device(const char *address)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/numa_node", address);
	return number_in(path);
}

static void set_huge_pages(int node, int n)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path),
		 "/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/nr_hugepages", node);
	file = fopen(path, "w");
	if (!file || fprintf(file, "%d\n", n) < 0 || fclose(file))
		err(1, "%s", path);
	if (number_in(path) != n)
		errx(1, "node %d has no %d huge pages", node, n);
}

/* The node of a page, or a negative errno. */
static int node_of(void *va)
{
	int node = 0;

	if (syscall(SYS_move_pages, 0, 1UL, &va, NULL, &node, 0) < 0)
		err(1, "move_pages");
	return node;
}

/* Of all of its pages. */
static int node_of_all(const void *va, uint64_t length)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), i;
	int node = node_of((void *)(uintptr_t)va);

	for (i = page; i < length; i += page)
		if (node_of((char *)(uintptr_t)va + i) != node)
			return MIXED;
	return node;
}

/* ---- Buffers --------------------------------------------------------------------------------- */

struct made {
	int node;      /* of all of its pages */
	int first;     /* of the first one */
	uint64_t page; /* and what the library says */
	uint64_t says, nearest;
};

/* A buffer, and what the kernel and the library say of it before it goes again. */
static struct made make(uint64_t length, const struct iom_buf_opts *opts)
{
	struct iom_buf_info info = { .size = sizeof(info) };
	struct iom_region buf;
	struct made made;

	warning[0] = '\0';
	if (iom_buf_alloc(domain, length, opts, &buf) < 0 ||
	    iom_buf_read_info(domain, &buf, &info) < 0)
		errx(1, "%s", iom_errmsg());
	made = (struct made){
		.node = node_of_all(buf.va, length),
		.first = node_of(buf.va),
		.page = info.page,
		.says = info.node,
		.nearest = info.nearest,
	};
	printf("# 0x%" PRIx64 " bytes: node %d (%d of all pages), of 0x%" PRIx64
	       " bytes; the library says %" PRIu64 ", nearest %" PRIu64 "%s%s\n",
	       length, made.first, made.node, made.page, made.says, made.nearest,
	       *warning ? "; " : "", warning);
	if (iom_unmap(domain, &buf) < 0)
		errx(1, "%s", iom_errmsg());
	return made;
}

static bool is_on(const struct made *made, int node, uint64_t page)
{
	return made->node == node && made->says == (uint64_t)node && made->page == page;
}

/* Else the rest would show nothing: where memory is that nobody says anything of. */
static int node_of_others(void)
{
	char *p = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int node;

	if (p == MAP_FAILED)
		err(1, "mmap");
	memset(p, 1, HUGE);
	node = node_of_all(p, HUGE);
	munmap(p, HUGE);
	return node;
}

static void small_pages(uint64_t flags, const char *name)
{
	const struct iom_buf_opts opts = { .size = sizeof(opts), .flags = flags };
	struct made made = make(64 * KIB, &opts);

	result(name, is_on(&made, near, 4 * KIB) && made.nearest == (uint64_t)near && !*warning);
}

static void huge_pages(uint64_t flags, const char *name)
{
	const struct iom_buf_opts opts = { .size = sizeof(opts), .flags = flags };
	struct made made = make(2 * HUGE, &opts);

	result(name, is_on(&made, near, HUGE) && !*warning);
}

/* Those of the other node are not taken, unless nothing else will do. */
static void huge_pages_elsewhere(uint64_t flags, const char *name, const char *forced)
{
	struct iom_buf_opts opts = { .size = sizeof(opts), .flags = flags };
	struct made made = make(2 * HUGE, &opts);
	char where[32];

	snprintf(where, sizeof(where), "0 of 2 MiB on node %d", near);
	result(name, is_on(&made, near, 4 * KIB) && strstr(warning, where));
	opts.least_page = HUGE;
	made = make(2 * HUGE, &opts);
	snprintf(where, sizeof(where), "not on node %d", near);
	result(forced, is_on(&made, other, HUGE) && strstr(warning, where));
}

static void asked_for(void)
{
	struct iom_buf_opts opts = { .size = sizeof(opts), .flags = IOM_BUF_ON_NODE };
	struct made made;

	opts.node = (uint64_t)other;
	made = make(64 * KIB, &opts);
	result("the other node, asked for", is_on(&made, other, 4 * KIB));
	made = make(2 * HUGE, &opts);
	result("the other node's huge pages, asked for", is_on(&made, other, HUGE));
}

/* What the node has no room for is elsewhere. */
static void more_than_there_is(uint64_t length)
{
	struct made made = make(length, NULL);

	result("more than the node has", made.node == MIXED && made.first == near);
}

static void pool(void)
{
	struct iom_buf_pool *pool;
	struct iom_buf buf;
	bool good;

	if (iom_buf_pool_open(domain, 2048, 32, NULL, &pool) < 0 || iom_buf_get(pool, &buf) < 0)
		errx(1, "%s", iom_errmsg());
	good = node_of_all(buf.va, 2048) == near;
	iom_buf_pool_close(pool);
	result("a pool", good);
}

int main(int argc, char **argv)
{
	struct iom_open_opts opts = { .size = sizeof(opts), .log = note_warning };
	struct iom_device *device;

	if (argc != 3)
		errx(2, "usage: numa ADDRESS BYTES, more than its node has");
	near = node_of_device(argv[1]);
	other = node_of_others();
	printf("1..13\n# %s is on node %d, this process on node %d\n", argv[1], near, other);
	result("the device's node is another one", near >= 0 && other >= 0 && near != other);
	if (iom_open(&domain, &opts) < 0 || iom_attach(domain, argv[1], NULL, &device) < 0)
		errx(1, "%s", iom_errmsg());

	set_huge_pages(near, 2);
	set_huge_pages(other, 2);
	small_pages(0, "small pages");
	small_pages(IOM_BUF_SHARED, "small pages, shared");
	huge_pages(0, "huge pages");
	huge_pages(IOM_BUF_SHARED, "huge pages, shared");
	asked_for();
	pool();
	set_huge_pages(near, 0);
	huge_pages_elsewhere(0, "huge pages elsewhere", "huge pages elsewhere, forced");
	huge_pages_elsewhere(IOM_BUF_SHARED, "huge pages elsewhere, shared",
			     "huge pages elsewhere, shared and forced");
	set_huge_pages(other, 0);
	more_than_there_is(strtoull(argv[2], NULL, 0) * MIB);
	iom_close(domain);
	return failures > 0;
}
