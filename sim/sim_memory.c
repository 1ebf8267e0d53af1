// SPDX-License-Identifier: BSD-3-Clause
/*
 * The memory of this very process, as the kernel sees it.
 *
 * MAP_DMA pins: it faults every page in with the access asked for, or fails.
 * madvise(MADV_POPULATE_*) runs the same walk, so it has the same answers for holes, protections,
 * guard pages and the ends of files, in one call, without writing to memory that other threads use,
 * as a write back of what was read would. mincore() knows nothing of permissions, and
 * process_vm_writev() would have to change the memory.
 *
 * The device's reads and writes go through process_vm_readv() and _writev(): memory that is gone by
 * then is an answer instead of a signal, and no sanitizer takes the device for a thread of the
 * program.
 */
#include "sim/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ /* Linux 5.14 */
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

/* Walk /proc/self/maps: is the range covered, without a gap, by mappings with this access. */
static int check_maps(uint64_t start, uint64_t last, bool write)
{
	unsigned long from, end;
	char line[512], access[8];
	FILE *maps;
	int ret = -EFAULT;

	maps = fopen("/proc/self/maps", "re");
	if (!maps)
		return -EFAULT;
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &end, access) != 3 || end <= start)
			continue;
		if (from > start || access[write ? 1 : 0] == '-')
			break;
		if (end - 1 >= last) {
			ret = 0;
			break;
		}
		start = end;
	}
	fclose(maps);
	return ret;
}

static int populate(uint64_t start, uint64_t last, bool write)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int ret;

	start &= ~(page - 1);
	do
		ret = madvise((void *)(uintptr_t)start, last - start + 1,
			      write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -EFAULT : 0;
}

bool iom_sim_memory_can_populate(void)
{
	static const char here = 1;

	/* a kernel before 5.14 refuses good memory too */
	return !populate((uintptr_t)&here, (uintptr_t)&here, false);
}

bool iom_sim_memory_is_emulated(void)
{
	/* an emulator has no such advice, and says yes to page 0 too */
	return !populate(0, 0, false);
}

int iom_sim_memory_check(const struct iom_sim *sim, uint64_t vaddr, uint64_t length, bool write)
{
	uint64_t last = vaddr + length - 1;

	if (sim->memory == IOM_SIM_MEMORY_MAPS)
		return check_maps(vaddr, last, write);
	if (sim->emulated)
		return iom_sim_emulated_check(vaddr, last, write);
	return populate(vaddr, last, write);
}

size_t iom_sim_memory_read(uint64_t vaddr, void *buf, size_t n)
{
	struct iovec local = { buf, n }, remote = { (void *)(uintptr_t)vaddr, n };
	ssize_t done = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

	if (done < 0 && errno == ENOSYS)
		return iom_sim_emulated_copy(vaddr, buf, NULL, n);
	return done < 0 ? 0 : (size_t)done;
}

size_t iom_sim_memory_write(uint64_t vaddr, const void *buf, size_t n)
{
	struct iovec local = { (void *)(uintptr_t)buf, n };
	struct iovec remote = { (void *)(uintptr_t)vaddr, n };
	ssize_t done = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);

	if (done < 0 && errno == ENOSYS)
		return iom_sim_emulated_copy(vaddr, NULL, buf, n);
	return done < 0 ? 0 : (size_t)done;
}

/*
 * A plain copy, so that sanitizers and valgrind see a caller's buffer that is too short.  Only
 * pointers that cannot be any are refused; the lowest 64 KiB are never mapped (vm.mmap_min_addr).
 */
int iom_sim_copy_in(void *to, const void *arg, size_t n)
{
	if ((uintptr_t)arg < 65536)
		return -EFAULT;
	memcpy(to, arg, n);
	return 0;
}

int iom_sim_copy_out(void *arg, const void *from, size_t n)
{
	if ((uintptr_t)arg < 65536)
		return -EFAULT;
	memcpy(arg, from, n);
	return 0;
}
