// SPDX-License-Identifier: BSD-3-Clause
/* iommuctl list: the PCI functions, and who could drive them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "host.h"
#include "json.h"
#include "pci.h"
#include "pciids.h"
#include "table.h"
#include "terminal.h"

enum column {
	ADDRESS,
	NAME,
	DRIVER,
	GROUP,
	NODE,
	BACKENDS
};

static const char *const heads[] = {
	"ADDRESS", "NAME", "DRIVER", "GROUP", "NUMA", "BACKENDS", NULL
};

struct list_options {
	bool json;
	bool all;
};

static const struct arg args[] = {
	{ "json", ARG_FLAG, ARG_FIELD(struct list_options, json) },
	{ "all", ARG_FLAG, ARG_FIELD(struct list_options, all) },
};

static void print_number(char cell[TABLE_CELL], int number)
{
	if (number < 0)
		strcpy(cell, "-");
	else
		snprintf(cell, TABLE_CELL, "%d", number);
}

static void join(char cell[TABLE_CELL], const char *const *names, size_t n)
{
	size_t used = 0;

	if (!n)
		strcpy(cell, "-");
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(cell + used, TABLE_CELL - used, "%s%s", i ? "," : "",
					 names[i]);
}

static int add_row(struct table *table, const struct host *host, const struct pci_function *f)
{
	char(*cells)[TABLE_CELL] = table_add(table);
	const char *names[HOST_BACKENDS];

	if (!cells)
		return fail(-ENOMEM, "no memory for a table");
	snprintf(cells[ADDRESS], TABLE_CELL, "%s", f->address);
	pciids_name(f, cells[NAME], TABLE_CELL);
	snprintf(cells[DRIVER], TABLE_CELL, "%s", *f->driver ? f->driver : "-");
	print_number(cells[GROUP], f->group);
	print_number(cells[NODE], f->node);
	join(cells[BACKENDS], names, host_backends(host, f, names));
	return 0;
}

static int print_table(const struct host *host, const struct pci_function *list, size_t n)
{
	struct table table = { .heads = heads, .elastic = NAME };
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++)
		ret = add_row(&table, host, &list[i]);
	if (!ret)
		table_print(&table);
	table_free(&table);
	return ret;
}

static void print_json_function(struct json *json, const struct host *host,
				const struct pci_function *f)
{
	const char *names[HOST_BACKENDS];
	size_t n = host_backends(host, f, names);
	char name[TABLE_CELL], number[16];

	json_open(json, NULL, '{');
	json_text(json, "address", f->address);
	pciids_name(f, name, sizeof(name));
	json_text(json, "name", name);
	snprintf(number, sizeof(number), "%04x", f->vendor);
	json_text(json, "vendor", number);
	snprintf(number, sizeof(number), "%04x", f->device);
	json_text(json, "device", number);
	snprintf(number, sizeof(number), "%06x", f->class);
	json_text(json, "class", number);
	json_text(json, "driver", *f->driver ? f->driver : NULL);
	if (f->group < 0)
		json_text(json, "group", NULL);
	else
		json_number(json, "group", (uint64_t)f->group);
	if (f->node < 0)
		json_text(json, "numa_node", NULL);
	else
		json_number(json, "numa_node", (uint64_t)f->node);
	json_open(json, "backends", '[');
	for (size_t i = 0; i < n; i++)
		json_text(json, NULL, names[i]);
	json_close(json, ']');
	json_close(json, '}');
}

static int print_json(const struct host *host, const struct pci_function *list, size_t n)
{
	struct json json = { 0 };

	json_open(&json, NULL, '[');
	for (size_t i = 0; i < n; i++)
		print_json_function(&json, host, &list[i]);
	json_close(&json, ']');
	return 0;
}

/* Nobody drives a bridge from user space. */
static size_t drop_bridges(struct pci_function *list, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (!pci_is_bridge(&list[i]))
			list[kept++] = list[i];
	return kept;
}

int list_command(int argc, char **argv)
{
	struct list_options options = { 0 };
	struct operands operands;
	struct pci_function *list;
	struct host host;
	int ret, status;
	size_t n;

	if (!command_parse(args, sizeof(args) / sizeof(args[0]), argc, argv, &options, 0, 0,
			   &operands, &status))
		return status;
	ret = pci_list(&list, &n);
	if (ret < 0)
		return complain(EXIT_FAILED);
	host_read(&host);
	pciids_load();
	if (!options.all)
		n = drop_bridges(list, n);
	ret = options.json ? print_json(&host, list, n) : print_table(&host, list, n);
	pciids_unload();
	free(list);
	return ret < 0 ? complain(EXIT_FAILED) : EXIT_WELL;
}
