// SPDX-License-Identifier: BSD-3-Clause
/* The machine that the program runs on. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "edu.h"
#include "linux.h"
#include "world.h"

struct engine {
	struct edu edu;
};

static unsigned int fds_before;

/* What is open; none is above this. */
static unsigned int count_fds(void)
{
	unsigned int n = 0;
	int fd;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* A number of KiB in /proc/self/status. */
static unsigned long status_kib(const char *label)
{
	FILE *status = fopen("/proc/self/status", "re");
	unsigned long kib = 0;
	char line[256];

	if (!status)
		return 0;
	while (fgets(line, sizeof(line), status))
		if (!strncmp(line, label, strlen(label)))
			kib = strtoul(line + strlen(label), NULL, 10);
	fclose(status);
	return kib;
}

int world_begin(void)
{
	fds_before = count_fds();
	return 0;
}

const char *world_left(void)
{
	static char what[128];
	unsigned int fds = count_fds();

	if (fds != fds_before)
		snprintf(what, sizeof(what), "%u descriptors, before it were %u", fds, fds_before);
	else if (status_kib("VmLck:") || status_kib("VmPin:"))
		snprintf(what, sizeof(what), "%lu KiB locked, %lu KiB pinned", status_kib("VmLck:"),
			 status_kib("VmPin:"));
	else
		return NULL;
	return what;
}

void world_end(void)
{
}

uint64_t world_page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* zPCI's begin where the machine says, which is 4 GiB (start_dma in arch/s390/include/asm/pci.h). */
uint64_t world_first_iova(void)
{
#if defined(__s390x__)
	return UINT64_C(1) << 32;
#else
	return 0;
#endif
}

uint64_t world_locked(void)
{
	return (uint64_t)status_kib("VmLck:") << 10;
}

uint64_t world_working_set(void)
{
	return 98u << 20;
}

bool world_tries_dma(uint64_t i)
{
	return i % 8 == 0;
}

/* A virtual function, which has one, would have to be told of. */
int world_windows(void)
{
#if defined(__powerpc__)
	return 2;
#else
	return 0;
#endif
}

bool world_window_calls(struct window_calls *calls)
{
	(void)calls;
	return false;
}

void *world_huge_memory(uint64_t length, int shift)
{
	void *p;

	p = mmap(NULL, length, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | shift << MAP_HUGE_SHIFT, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

int world_open(struct iom_domain **dom, const struct iom_open_opts *opts)
{
	return iom_open(dom, opts);
}

int world_raw_open(const char *node)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int world_raw_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

void world_raw_close(int fd)
{
	close(fd);
}

int engine_open(struct iom_device *dev, struct engine **engine)
{
	struct engine *e = calloc(1, sizeof(*e));
	int ret;

	if (!e)
		return -ENOMEM;
	ret = edu_open(&e->edu, iom_device_fd(dev));
	if (ret < 0) {
		free(e);
		return ret;
	}
	*engine = e;
	return 0;
}

void engine_close(struct engine *engine)
{
	edu_close(&engine->edu);
	free(engine);
}

int engine_read(struct engine *engine, uint64_t iova, uint32_t n)
{
	return edu_read(&engine->edu, iova, n);
}

int engine_write(struct engine *engine, uint64_t iova, uint32_t n)
{
	return edu_write(&engine->edu, iova, n);
}

/* The kernel's log is scanned for faults afterwards. */
void expect_fault(const char *address, uint64_t iova)
{
	FILE *log = fopen("/dev/kmsg", "we");

	if (!log)
		return;
	fprintf(log, "conformance: expect-fault %s 0x%" PRIx64 "\n", address, iova);
	fclose(log);
}

/* As the device tree says, in a list of strings. */
static bool is_powernv(void)
{
	FILE *file = fopen("/proc/device-tree/compatible", "re");
	char list[512], *at;
	size_t n;

	if (!file)
		return false;
	n = fread(list, 1, sizeof(list) - 1, file);
	fclose(file);
	list[n] = '\0';
	for (at = list; at < list + n; at += strlen(at) + 1)
		if (!strcmp(at, "ibm,powernv"))
			return true;
	return false;
}

/* Is there an IOMMU whose name in sysfs begins so? */
static bool has_iommu(const char *prefix)
{
	DIR *dir = opendir("/sys/class/iommu");
	struct dirent *entry;
	bool has = false;

	while (dir && (entry = readdir(dir)))
		has |= !strncmp(entry->d_name, prefix, strlen(prefix));
	if (dir)
		closedir(dir);
	return has;
}

/*
 * Linux has mapped write-only memory as readable, too, behind VT-d from 5.12 (eea53c581688) until
 * 6.16 (Restore WO permissions on second-level paging entries); on PowerNV always (pnv_tce_xchg in
 * arch/powerpc/platforms/powernv/pci-ioda-tce.c).  The first-stage tables of an SMMUv3 cannot say it
 * (arm_lpae_prot_to_pte in drivers/iommu/io-pgtable-arm.c).
 */
const char *write_only_is_readable(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname uts;

	if (is_powernv())
		return "PowerNV: write-only memory is readable";
	if (has_iommu("smmu3."))
		return "an SMMUv3's first stage: write-only memory is readable";
	if (!has_iommu("dmar") || uname(&uts) < 0)
		return NULL;
	sscanf(uts.release, "%u.%u", &major, &minor);
	if (major > 6 || (major == 6 && minor >= 16))
		return NULL;
	return "VT-d before Linux 6.16: write-only memory is readable";
}

const char *world_msi_window(uint64_t *start, uint64_t *last)
{
#if defined(__x86_64__)
	*start = 0xfee00000;
	*last = 0xfeefffff;
	return NULL;
#elif defined(__aarch64__)
	/* MSI_IOVA_BASE in drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c */
	*start = 0x8000000;
	*last = 0x80fffff;
	return has_iommu("smmu3.") ? NULL : "the window is the machine's";
#elif defined(__powerpc__)
	(void)start;
	(void)last;
	return "POWER's apertures have no window for MSIs";
#else
	(void)start;
	(void)last;
	return "no window is known on this machine";
#endif
}

void linux_link_name(const char *path, char *name, size_t n)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);

	target[length < 0 ? 0 : length] = '\0';
	snprintf(name, n, "%s", strrchr(target, '/') ? strrchr(target, '/') + 1 : "");
}
