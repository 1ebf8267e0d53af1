// SPDX-License-Identifier: BSD-3-Clause
/*
 * The memory of a process that qemu-user runs, as the kernel sees it.  qemu-user takes
 * madvise(MADV_POPULATE_*) for good advice without giving it to the kernel, and has neither
 * process_vm_readv() nor process_vm_writev(), so sim_memory.c comes here.
 */
#include "sim/internal.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* An atomic operation of the kernel's, which may write to the page and changes nothing. */
static bool writable(uint64_t addr)
{
	uint32_t nobody = 0;

	return syscall(SYS_futex, &nobody, FUTEX_WAKE_OP_PRIVATE, 0, 0UL, addr,
		       FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0)) >= 0;
}

static bool readable(uint64_t addr)
{
	char byte;

	return iom_sim_emulated_copy(addr, &byte, NULL, 1) == 1;
}

int iom_sim_emulated_check(uint64_t start, uint64_t last, bool write)
{
	uint64_t page = page_size();

	for (start &= ~(page - 1);; start += page) {
		if (!(write ? writable(start) : readable(start)))
			return -EFAULT;
		if (last - start < page)
			return 0;
	}
}

/*
 * From the address to a buffer, or from a buffer to the address, through a file, so that the kernel
 * touches the memory and what is gone is an answer.  By pages, because qemu-user refuses as a whole
 * a range of which a part is gone.
 */
size_t iom_sim_emulated_copy(uint64_t vaddr, void *to, const void *from, size_t n)
{
	int file = memfd_create("dma", MFD_CLOEXEC);
	uint64_t page = page_size();
	size_t part, done = 0;

	while (file >= 0 && done < n) {
		void *there = (void *)(uintptr_t)(vaddr + done);

		part = page - ((vaddr + done) & (page - 1));
		part = part < n - done ? part : n - done;
		if (pwrite(file, from ? (const char *)from + done : there, part, 0) < 0 ||
		    pread(file, to ? (char *)to + done : there, part, 0) < 0)
			break;
		done += part;
	}
	if (file >= 0)
		close(file);
	return done;
}
