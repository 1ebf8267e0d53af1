// SPDX-License-Identifier: BSD-3-Clause
#include "in_use.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "beneath.h"
#include "files.h"
#include "pci.h"

#define SEVERAL 4 /* that are named; more of them say no more */

struct findings {
	const char *address;
	char *text;
	size_t n, used;
	unsigned int count;
};

__attribute__((format(printf, 2, 3))) static void add(struct findings *f, const char *format, ...)
{
	va_list args;

	if (++f->count > SEVERAL || f->used >= f->n)
		return;
	if (f->used)
		f->used += (size_t)snprintf(f->text + f->used, f->n - f->used, ", and ");
	if (f->used >= f->n)
		return;
	va_start(args, format);
	f->used += (size_t)vsnprintf(f->text + f->used, f->n - f->used, format, args);
	va_end(args);
}

/* Three digits, and no fewer: what is read here may have been cut within them. */
static bool is_escape(const char *text)
{
	return text[0] == '\\' && strspn(text + 1, "01234567") >= 3;
}

/* The kernel writes blanks in paths as \040 and the like. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (is_escape(text)) {
			*to++ = (char)((text[1] & 3) << 6 | (text[2] & 7) << 3 | (text[3] & 7));
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

/* "8:1", or of file systems that have numbers of their own (btrfs) the device that is named. */
static bool mount_name(const char *number, const char *source, char *name, size_t n)
{
	if (strncmp(number, "0:", 2) != 0)
		return block_by_number(number, name, n);
	return block_by_node(source, name, n);
}

/* ID PARENT MAJOR:MINOR ROOT PLACE OPTIONS... - TYPE SOURCE OPTIONS (proc_pid_mountinfo(5)) */
static void look_at_mounts(struct findings *f, const char *process)
{
	FILE *file = files_open("/proc/%s/mountinfo", process);
	char line[4096], number[32], place[512], source[512], name[64];
	const char *rest;

	while (file && fgets(line, sizeof(line), file)) {
		rest = strstr(line, " - ");
		if (!rest || sscanf(line, "%*s %*s %31s %*s %511s", number, place) != 2 ||
		    sscanf(rest, " - %*s %511s", source) != 1)
			continue;
		unescape(place);
		unescape(source);
		if (mount_name(number, source, name, sizeof(name)) &&
		    block_is_beneath(name, f->address))
			add(f, "%s is mounted from %s", place, name);
	}
	if (file)
		fclose(file);
}

/* Swap files lie on what is mounted. */
static void look_at_swap(struct findings *f)
{
	FILE *file = files_open("/proc/swaps");
	char line[1024], path[512], name[64];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%511s", path) != 1 || path[0] != '/')
			continue;
		unescape(path);
		if (block_by_node(path, name, sizeof(name)) && block_is_beneath(name, f->address))
			add(f, "the system swaps to %s", name);
	}
	if (file)
		fclose(file);
}

static void add_route(struct findings *f, const char *interface, const char *protocol)
{
	if (interface_is_beneath(interface, f->address))
		add(f, "the default route%s leads through %s", protocol, interface);
}

/* INTERFACE DESTINATION GATEWAY FLAGS COUNT USE METRIC MASK ..., in hexadecimal */
static void look_at_routes(struct findings *f, const char *process)
{
	FILE *file = files_open("/proc/%s/net/route", process);
	char line[512], interface[32], to[16], mask[16];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%31s %15s %*s %*s %*s %*s %*s %15s", interface, to, mask) == 3 &&
		    !strcmp(to, "00000000") && !strcmp(mask, "00000000"))
			add_route(f, interface, "");
	if (file)
		fclose(file);
}

/* DESTINATION LENGTH SOURCE LENGTH GATEWAY METRIC COUNT USE FLAGS INTERFACE */
static void look_at_routes6(struct findings *f, const char *process)
{
	FILE *file = files_open("/proc/%s/net/ipv6_route", process);
	char line[512], to[40], length[8], interface[32];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%39s %7s %*s %*s %*s %*s %*s %*s %*s %31s", to, length,
			   interface) == 3 &&
		    strspn(to, "0") == 32 && !strcmp(length, "00"))
			add_route(f, interface, " of IPv6");
	if (file)
		fclose(file);
}

static void look_as(struct findings *f, const char *process)
{
	look_at_mounts(f, process);
	look_at_routes(f, process);
	look_at_routes6(f, process);
}

/*
 * A process may live in a root folder or in namespaces of its own, where it does not see what hangs
 * on the machine's devices: the first process does.
 */
bool in_use_by_system(const char *address, char *what, size_t n)
{
	struct findings f = { .address = address, .text = what, .n = n };

	what[0] = '\0';
	look_as(&f, "self");
	if (!f.count)
		look_as(&f, "1");
	look_at_swap(&f);
	return f.count > 0;
}

/* ---- Processes ------------------------------------------------------------------------------- */

struct holder {
	char nodes[2][64];
	char folder[64]; /* /proc/PID/fd */
	char pid[32];
};

static int compare_fd(void *arg, const char *name)
{
	struct holder *holder = arg;
	char full[FILES_PATH], path[128], target[128];
	ssize_t length;

	snprintf(path, sizeof(path), "%.63s/%.31s", holder->folder, name);
	files_full(full, path);
	length = readlink(full, target, sizeof(target) - 1);
	if (length < 0)
		return 0;
	target[length] = '\0';
	return !strcmp(target, holder->nodes[0]) || !strcmp(target, holder->nodes[1]);
}

static int look_into_process(void *arg, const char *name)
{
	struct holder *holder = arg;

	if (!isdigit((unsigned char)name[0]))
		return 0;
	snprintf(holder->pid, sizeof(holder->pid), "%.20s", name);
	snprintf(holder->folder, sizeof(holder->folder), "/proc/%.20s/fd", name);
	return files_list(holder->folder, compare_fd, holder) == 1;
}

bool in_use_by_process(const char *address, int group, char *who, size_t n)
{
	struct holder holder = { .pid = "" };
	char command[64];

	snprintf(holder.nodes[0], sizeof(holder.nodes[0]), "/dev/vfio/%d", group);
	pci_device_node(address, holder.nodes[1], sizeof(holder.nodes[1]));
	if (files_list("/proc", look_into_process, &holder) != 1)
		return false;
	if (files_read(command, sizeof(command), "/proc/%s/comm", holder.pid) < 0)
		snprintf(who, n, "process %s", holder.pid);
	else
		snprintf(who, n, "process %s (%s)", holder.pid, command);
	return true;
}
