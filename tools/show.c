// SPDX-License-Identifier: BSD-3-Clause
/* iommuctl show: the IOVAs that a device can use, and its limits. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libiommu.h>

#include "command.h"
#include "files.h"
#include "json.h"
#include "pci.h"
#include "pciids.h"
#include "process.h"
#include "space.h"
#include "terminal.h"

struct show_options {
	const char *backend;
	bool json;
};

static const struct arg args[] = {
	{ "backend", ARG_TEXT, ARG_FIELD(struct show_options, backend) },
	{ "json", ARG_FLAG, ARG_FIELD(struct show_options, json) },
};

/* All that is known of a device. */
struct view {
	struct pci_function function;
	char name[160];
	char backend[32]; /* that has it attached; "": it was not attached */
	char why[512];    /* it was not */
	bool has_tree;
	struct iom_tree_info tree;
	struct space space;
	uint64_t page;        /* the smallest unit that can be mapped; 0: not known */
	uint64_t entry_limit; /* UINT64_MAX: none */
	uint64_t memlock;
};

/* Capability register of VT-d: what widths its tables have (10.4.2 of the specification). */
static unsigned int vtd_width(const char *address)
{
	unsigned int width = 0, most;
	char text[32];
	uint64_t cap;

	if (files_read(text, sizeof(text), PCI_DEVICES "/%s/iommu/intel-iommu/cap", address) < 0)
		return 64;
	cap = strtoull(text, NULL, 16);
	most = (unsigned int)(cap >> 16 & 0x3f) + 1;
	for (unsigned int i = 1; i < 4; i++)
		if (cap >> (8 + i) & 1)
			width = 30 + 9 * i;
	return width && width < most ? width : most;
}

static void read_limits(struct view *view, const struct iom_domain *domain)
{
	struct iom_counters counters = { .size = sizeof(counters) };

	view->page = iom_page_size(domain);
	if (iom_read_counters(domain, &counters) == 0)
		view->entry_limit = counters.entry_limit;
}

static int read_apertures(struct view *view, const struct iom_domain *domain)
{
	struct iom_aperture apertures[SPACE_PARTS];
	int n = iom_apertures(domain, apertures, SPACE_PARTS);

	if (n < 0)
		return n;
	space_of_apertures(&view->space, apertures, n < SPACE_PARTS ? (size_t)n : SPACE_PARTS,
			   view->function.group, view->has_tree ? &view->tree : NULL);
	return 0;
}

/* For a moment; it is what tells most.  -EINVAL: there is no such backend. */
static int look_attached(struct view *view, const char *backend)
{
	struct iom_open_opts opts = { .size = sizeof(opts), .backend = backend };
	struct iom_device *device;
	struct iom_domain *domain;
	int ret;

	ret = iom_open(&domain, &opts);
	if (ret < 0)
		return ret;
	ret = iom_attach(domain, view->function.address, NULL, &device);
	if (!ret)
		ret = read_apertures(view, domain);
	if (!ret) {
		snprintf(view->backend, sizeof(view->backend), "%s", iom_backend(domain));
		read_limits(view, domain);
	}
	iom_close(domain);
	return ret;
}

static void read_tree(struct view *view)
{
	struct iom_tree_opts opts = { .size = sizeof(opts) };
	char dtb[FILES_PATH];

	/* of a machine that is made up, as the one that it was booted with */
	files_full(dtb, "/sys/firmware/fdt");
	opts.dtb = files_are_real() ? NULL : dtb;
	view->tree = (struct iom_tree_info){ .size = sizeof(view->tree) };
	view->has_tree = iom_tree_read(view->function.address, &opts, &view->tree) == 0;
}

/* Windows are not there before VFIO makes them, so without a range sysfs' say would be none. */
static void look_from_outside(struct view *view)
{
	const struct iom_tree_window *window = &view->tree.window;

	if (view->has_tree && view->tree.flags & IOM_TREE_WINDOW) {
		struct iom_aperture a = { .start = window->start,
					  .last = window->start + (window->length - 1),
					  .page_sizes = window->page };

		space_of_apertures(&view->space, &a, 1, view->function.group, &view->tree);
	} else if (view->function.group >= 0) {
		space_of_sysfs(&view->space, view->function.group,
			       vtd_width(view->function.address),
			       view->has_tree ? &view->tree : NULL);
	}
}

static int look(struct view *view, const char *backend)
{
	uint64_t hard;
	int ret = -ENODEV;

	view->entry_limit = UINT64_MAX;
	process_memlock(&view->memlock, &hard);
	if (process_has(PROCESS_IPC_LOCK))
		view->memlock = UINT64_MAX;
	pciids_load();
	pciids_name(&view->function, view->name, sizeof(view->name));
	pciids_unload();
	read_tree(view);
	if (files_are_real()) {
		ret = look_attached(view, backend);
		snprintf(view->why, sizeof(view->why), "%s", iom_errmsg());
	} else {
		snprintf(view->why, sizeof(view->why), "this is not the machine");
	}
	if (ret == -EINVAL)
		return ret;
	if (ret < 0)
		look_from_outside(view);
	return 0;
}

/* ---- Text ------------------------------------------------------------------------------------ */

static void print_tree(const struct view *view)
{
	const struct iom_tree_info *tree = &view->tree;
	char pages[160];

	if (!view->has_tree)
		return;
	if (tree->iommu_kind[0])
		printf("IOMMU          %s%s%s\n", tree->iommu_kind, tree->iommu_name[0] ? ", " : "",
		       tree->iommu_name);
	if (tree->bridge[0])
		printf("host bridge    %s\n", tree->bridge);
	if (!(tree->flags & IOM_TREE_WINDOW) && !tree->page_sizes)
		return;
	printf("windows        ");
	terminal_page_sizes(tree->page_sizes, pages, sizeof(pages));
	if (tree->page_sizes)
		printf("one more can be made, with pages of %s\n", pages);
	else if (tree->flags & IOM_TREE_DDW)
		printf("one more can be made: the bridge has dynamic windows\n");
	else
		printf("none can be made: the bridge has no dynamic windows\n");
}

static void print_limit(const char *label, uint64_t value, const char *none)
{
	char size[TERMINAL_SIZE];

	terminal_size(value, size);
	printf("%-15s%s\n", label, value == UINT64_MAX ? none : size);
}

static void print_text(const struct view *view)
{
	const struct pci_function *f = &view->function;

	printf("%s%s%s  %s\n", terminal_colour(TERMINAL_BOLD), f->address,
	       terminal_colour(TERMINAL_PLAIN), view->name);
	printf("driver         %s\n", *f->driver ? f->driver : "none");
	if (f->group >= 0)
		printf("IOMMU group    %d\n", f->group);
	else
		printf("IOMMU group    none: no IOMMU covers it\n");
	if (f->node >= 0)
		printf("NUMA node      %d\n", f->node);
	print_tree(view);
	if (*view->backend)
		printf("backend        %s\n", view->backend);
	else
		printf("not attached   %s\n", view->why);
	if (view->space.n)
		printf("address width  %u bits\n", space_width(&view->space));
	if (view->page)
		print_limit("page size", view->page, "");
	if (*view->backend && view->entry_limit == UINT64_MAX)
		printf("mappings       as many as there is memory for\n");
	else if (*view->backend)
		printf("mappings       at most %" PRIu64 " of the kernel's\n", view->entry_limit);
	print_limit("may be locked", view->memlock, "without limit");
	if (!view->space.n)
		return;
	printf("\n%s\n", *view->backend ? "IOVA space:"
					: "IOVA space, as far as can be told without attaching:");
	space_draw(&view->space);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void print_parts(struct json *json, const struct space *space, bool holes)
{
	json_open(json, holes ? "holes" : "apertures", '[');
	for (size_t i = 0; i < space->n; i++) {
		const struct space_part *part = &space->parts[i];

		if (part->hole != holes)
			continue;
		json_open(json, NULL, '{');
		json_address(json, "start", part->start);
		json_address(json, "last", part->last);
		if (holes)
			json_text(json, "why", part->why);
		else
			json_address(json, "page_sizes", part->page_sizes);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void print_optional(struct json *json, const char *key, uint64_t value, uint64_t none)
{
	if (value == none)
		json_text(json, key, NULL);
	else
		json_number(json, key, value);
}

static void print_json(const struct view *view)
{
	const struct pci_function *f = &view->function;
	struct json json = { 0 };

	json_open(&json, NULL, '{');
	json_text(&json, "address", f->address);
	json_text(&json, "name", view->name);
	json_text(&json, "driver", *f->driver ? f->driver : NULL);
	print_optional(&json, "group", (uint64_t)(int64_t)f->group, UINT64_MAX);
	print_optional(&json, "numa_node", (uint64_t)(int64_t)f->node, UINT64_MAX);
	json_text(&json, "backend", *view->backend ? view->backend : NULL);
	json_text(&json, "not_attached", *view->backend ? NULL : view->why);
	json_text(&json, "iommu",
		  view->has_tree && *view->tree.iommu_kind ? view->tree.iommu_kind : NULL);
	print_optional(&json, "address_width", space_width(&view->space), 0);
	print_optional(&json, "page_size", view->page, 0);
	print_optional(&json, "entry_limit", view->entry_limit, UINT64_MAX);
	print_optional(&json, "memlock", view->memlock, UINT64_MAX);
	print_parts(&json, &view->space, false);
	print_parts(&json, &view->space, true);
	json_close(&json, '}');
}

int show_command(int argc, char **argv)
{
	struct show_options options = { 0 };
	struct operands operands;
	struct view view = { 0 };
	char address[PCI_ADDRESS];
	int status;

	if (!command_parse(args, sizeof(args) / sizeof(args[0]), argc, argv, &options, 1, 1,
			   &operands, &status))
		return status;
	if (pci_address(operands.words[0], address) < 0)
		return complain(EXIT_USAGE);
	if (pci_read(address, &view.function) < 0)
		return complain(EXIT_FAILED);
	if (look(&view, options.backend) < 0)
		return complain_of_library(EXIT_USAGE);
	if (options.json)
		print_json(&view);
	else
		print_text(&view);
	return EXIT_WELL;
}
