// SPDX-License-Identifier: BSD-3-Clause
/* iommuctl fdt: what the device tree says of DMA, the machine's or that of a file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <libiommu.h>

#include "command.h"
#include "files.h"
#include "pci.h"
#include "sentence.h"
#include "terminal.h"

#define SEGMENTS 256 /* as many host bridges as are looked for in a file */

struct fdt_options {
	const char *device;
};

static const struct arg args[] = {
	{ "device", ARG_TEXT, ARG_FIELD(struct fdt_options, device) },
};

static int explain(const char *address, const char *file)
{
	struct iom_tree_opts opts = { .size = sizeof(opts), .dtb = file };
	char *text, dtb[FILES_PATH];
	int n;

	files_full(dtb, "/sys/firmware/fdt");
	if (!file && !files_are_real())
		opts.dtb = dtb;
	n = iom_tree_explain(address, &opts, NULL, 0);
	if (n < 0)
		return n;
	text = malloc((size_t)n + 1);
	if (!text)
		return -ENOMEM;
	iom_tree_explain(address, &opts, text, (size_t)n + 1);
	printf("%s%s%s\n%s", terminal_colour(TERMINAL_BOLD), address,
	       terminal_colour(TERMINAL_PLAIN), text);
	free(text);
	return 0;
}

/* One function of each host bridge will do: of the rest only their own bridge is said besides. */
static int explain_file(const char *file)
{
	char address[PCI_ADDRESS];
	int ret, found = 0;

	for (unsigned int segment = 0; segment < SEGMENTS; segment++) {
		snprintf(address, sizeof(address), "%04x:00:00.0", segment);
		ret = explain(address, file);
		if (ret < 0 && ret != -ENODEV)
			return ret;
		found += !ret;
	}
	if (found)
		return 0;
	/* the sentence of the first tells why */
	snprintf(address, sizeof(address), "0000:00:00.0");
	return explain(address, file);
}

static int explain_machine(void)
{
	struct pci_function *list;
	char segment[PCI_ADDRESS] = "";
	int ret;
	size_t n;

	ret = pci_list(&list, &n);
	if (ret < 0) {
		complain(EXIT_FAILED);
		return ret;
	}
	for (size_t i = 0; i < n && !ret; i++) {
		if (!strncmp(list[i].address, segment, strcspn(segment, ":") + 1) && *segment)
			continue;
		snprintf(segment, sizeof(segment), "%s", list[i].address);
		ret = explain(list[i].address, NULL);
		if (ret < 0)
			complain_of_library(EXIT_FAILED);
	}
	free(list);
	return ret;
}

/* One that is not there is the library's to say so; a FIFO would be waited for. */
static int check_file(const char *file)
{
	struct stat st;

	if (stat(file, &st) < 0 || S_ISREG(st.st_mode))
		return 0;
	return fail(-EINVAL, "%s is no regular file", file);
}

int fdt_command(int argc, char **argv)
{
	struct fdt_options options = { 0 };
	struct operands operands;
	char address[PCI_ADDRESS];
	const char *file;
	int status, ret;

	if (!command_parse(args, sizeof(args) / sizeof(args[0]), argc, argv, &options, 0, 1,
			   &operands, &status))
		return status;
	file = operands.n ? operands.words[0] : NULL;
	if (!options.device && !file)
		return explain_machine() < 0 ? EXIT_FAILED : EXIT_WELL;
	if (options.device && pci_address(options.device, address) < 0)
		return complain(EXIT_USAGE);
	if (file && check_file(file) < 0)
		return complain(EXIT_FAILED);
	ret = options.device ? explain(address, file) : explain_file(file);
	return ret < 0 ? complain_of_library(EXIT_FAILED) : EXIT_WELL;
}
