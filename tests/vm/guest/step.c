// SPDX-License-Identifier: BSD-3-Clause
#include "step.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ioctl.h>

#define MARK SIGUSR1
#define CALL_STOP (SIGTRAP | 0x80) /* by PTRACE_O_TRACESYSGOOD */
#define ENDED (-1)
#define IOMMU_TYPE ';' /* of the ioctls of VFIO and of iommufd */

pid_t step_fork(int (*child)(void *arg), void *arg)
{
	pid_t pid = fork();
	int status;

	if (pid)
		return pid < 0 || waitpid(pid, &status, 0) < 0 ||
				       ptrace(PTRACE_SETOPTIONS, pid, NULL,
					      PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) < 0
			       ? -1
			       : pid;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0)
		_exit(EXIT_FAILURE);
	exit(child(arg));
}

void step_mark(void)
{
	raise(MARK);
}

/* The signal that it stopped with, or ENDED.  Others than ours reach it. */
static int go_on(pid_t pid, enum __ptrace_request how)
{
	int signal = 0;
	int status;

	for (;;) {
		if (ptrace(how, pid, NULL, (void *)(intptr_t)signal) < 0 ||
		    waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
			return ENDED;
		signal = WSTOPSIG(status);
		if (signal == MARK || signal == SIGTRAP || signal == CALL_STOP)
			return signal;
	}
}

/* The kernel tells it at each stop, not only at system calls. */
static uint64_t where(pid_t pid)
{
	struct __ptrace_syscall_info info = { 0 };

	ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
	return info.instruction_pointer;
}

#ifdef __powerpc64__
/*
 * The kernel takes the reservation of a load-and-reserve away whenever it returns to user space, so
 * that a program that is stepped through such a sequence would repeat it forever.  It runs through it
 * to a breakpoint behind, as debuggers have it.
 */
#define TRAP 0x7fe00008u
#define MAX_SEQUENCE 16
#define MAX_EXITS 4

struct breakpoint {
	uint64_t at;
	long before;
};

static uint32_t instruction_at(pid_t pid, uint64_t at)
{
	long word = ptrace(PTRACE_PEEKTEXT, pid, (void *)at, NULL);
	uint32_t instruction;

	memcpy(&instruction, &word, sizeof(instruction));
	return instruction;
}

static bool is_extended(uint32_t instruction, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	uint32_t extended = instruction >> 1 & 0x3ff;

	return instruction >> 26 == 31 &&
	       (extended == a || extended == b || extended == c || extended == d);
}

/* lwarx, ldarx, lbarx, lharx */
static bool reserves(uint32_t instruction)
{
	return is_extended(instruction, 20, 84, 52, 116);
}

/* stwcx., stdcx., stbcx., sthcx. */
static bool stores(uint32_t instruction)
{
	return is_extended(instruction, 150, 214, 694, 726);
}

static void set_breakpoint(pid_t pid, struct breakpoint *point, uint64_t at)
{
	uint32_t trap = TRAP;
	long word;

	point->at = at;
	point->before = word = ptrace(PTRACE_PEEKTEXT, pid, (void *)at, NULL);
	memcpy(&word, &trap, sizeof(trap));
	ptrace(PTRACE_POKETEXT, pid, (void *)at, (void *)word);
}

/* Through the sequence that begins at pc.  How many instructions it has, or 0: it is none. */
static uint64_t skip_sequence(pid_t pid, uint64_t pc)
{
	struct breakpoint points[MAX_EXITS];
	uint64_t exits[MAX_EXITS];
	size_t count = 0;
	uint64_t length;

	for (length = 1; length < MAX_SEQUENCE; length++) {
		uint64_t at = pc + 4 * length;
		uint32_t instruction = instruction_at(pid, at);

		if (stores(instruction))
			break;
		/* bc: a way out */
		if (instruction >> 26 == 16 && count < MAX_EXITS - 1)
			exits[count++] = at + (uint64_t)(int16_t)(instruction & 0xfffc);
	}
	if (length == MAX_SEQUENCE)
		return 0;
	exits[count++] = pc + 4 * (length + 1);

	for (size_t i = 0; i < count; i++)
		set_breakpoint(pid, &points[i], exits[i]);
	go_on(pid, PTRACE_CONT);
	for (size_t i = count; i-- > 0;)
		ptrace(PTRACE_POKETEXT, pid, (void *)points[i].at, (void *)points[i].before);
	return length + 1;
}

static uint64_t step_over(pid_t pid, uint64_t pc)
{
	return reserves(instruction_at(pid, pc)) ? skip_sequence(pid, pc) : 0;
}
#else
static uint64_t step_over(pid_t pid, uint64_t pc)
{
	(void)pid;
	(void)pc;
	return 0;
}
#endif

/* One that repeats (x86) is stepped through each time, and counts once, as a processor counts it. */
static bool count_instructions(pid_t pid, struct step_counts *counts)
{
	uint64_t passed, pc, before = 0;
	int stop;

	for (;; before = pc) {
		pc = where(pid);
		passed = step_over(pid, pc);
		counts->instructions += passed;
		if (passed)
			continue;
		stop = go_on(pid, PTRACE_SINGLESTEP);
		if (stop != SIGTRAP)
			return stop == MARK;
		counts->instructions += pc != before;
	}
}

static bool count_calls(pid_t pid, struct step_counts *counts)
{
	struct __ptrace_syscall_info info;
	int stop;

	while ((stop = go_on(pid, PTRACE_SYSCALL)) == CALL_STOP) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0)
			return false;
		if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
			continue;
		counts->calls++;
		if (info.entry.nr == SYS_ioctl && _IOC_TYPE(info.entry.args[1]) == IOMMU_TYPE)
			counts->iommu++;
	}
	return stop == MARK;
}

bool step_count(pid_t pid, enum step_mode mode, struct step_counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	if (go_on(pid, PTRACE_CONT) != MARK)
		return false;
	return mode == STEP_CALLS ? count_calls(pid, counts) : count_instructions(pid, counts);
}

int step_end(pid_t pid)
{
	int signal = 0;
	int status;

	while (!ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)signal) &&
	       waitpid(pid, &status, 0) == pid) {
		if (WIFEXITED(status))
			return WEXITSTATUS(status);
		if (WIFSIGNALED(status))
			return 128 + WTERMSIG(status);
		signal = WSTOPSIG(status) == MARK ? 0 : WSTOPSIG(status);
	}
	return EXIT_FAILURE;
}
