// SPDX-License-Identifier: BSD-3-Clause
/*
 * pci.ids, which anybody may have written: tools/pciids.c; and the names out of it, as iommuctl
 * writes them: tools/json.c, table.c and terminal.c.  The input is a line of the function's
 * numbers, vendor, device and class, in hexadecimal, and then the file.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "output.h"
#include "tools/files.h"
#include "tools/json.h"
#include "tools/pciids.h"
#include "tools/table.h"

const char fuzz_target[] = "pciids";

#define ID_FILE "/usr/share/misc/pci.ids"

static void write_file(const char *folder, const struct fuzz_bytes *bytes)
{
	struct fuzz_files folders = { .n = 1 };
	char path[1024];
	int fd;

	snprintf(path, sizeof(path), "%s" ID_FILE, folder);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		folders.v[0].path = (char *)(uintptr_t)ID_FILE;
		folders.v[0].data = (char *)(uintptr_t) "";
		fuzz_files_write(&folders, folder);
		fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	}
	fuzz_holds(fd >= 0 && write(fd, bytes->at, bytes->left) == (ssize_t)bytes->left);
	close(fd);
}

static void print(const char *name)
{
	static const char *const heads[] = { "NAME", "NUMBER", NULL };
	struct table table = { .heads = heads, .elastic = 0 };
	char(*cells)[TABLE_CELL] = table_add(&table);
	struct json json = { 0 };
	struct output output;

	fuzz_holds(cells);
	snprintf(cells[0], TABLE_CELL, "%s", name);
	output_begin(&output);
	table_print(&table);
	output_end(&output);
	output_prints(output.out, output.n_out);
	output_free(&output);
	table_free(&table);

	output_begin(&output);
	json_open(&json, NULL, '{');
	json_text(&json, name, name);
	json_close(&json, '}');
	output_end(&output);
	output_prints(output.out, output.n_out);
	output_is_json(output.out);
	output_free(&output);
}

static struct pci_function read_numbers(struct fuzz_bytes *bytes)
{
	struct pci_function function = { .group = -1 };
	char line[32] = "", *at = line;

	while (bytes->left && at < line + sizeof(line) - 1) {
		*at = (char)fuzz_take(bytes, 1);
		if (*at++ == '\n')
			break;
	}
	at = line;
	function.vendor = (uint16_t)strtoul(at, &at, 16);
	function.device = (uint16_t)strtoul(at, &at, 16);
	function.class = (uint32_t)strtoul(at, &at, 16);
	return function;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *folder = fuzz_files_folder();
	struct fuzz_bytes bytes = { data, n };
	struct pci_function function = read_numbers(&bytes);
	char name[TABLE_CELL + 8], small[24];

	write_file(folder, &bytes);
	files_set_root(folder);
	pciids_load();
	memset(name, 0x5a, sizeof(name));
	pciids_name(&function, name, TABLE_CELL);
	fuzz_holds(strnlen(name, TABLE_CELL) < TABLE_CELL && name[TABLE_CELL] == 0x5a);
	pciids_name(&function, small, sizeof(small));
	fuzz_holds(strnlen(small, sizeof(small)) < sizeof(small));
	pciids_unload();
	print(name);
	return 0;
}
