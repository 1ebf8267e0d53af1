// SPDX-License-Identifier: BSD-3-Clause
/* The running kernel's device tree, and sysfs beside it: lib/fdt_live.c, tree*.c. */
#include "files.h"
#include "tree_holds.h"

const char fuzz_target[] = "tree";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fuzz_files files;
	struct iom_sys sys;
	int i;

	fuzz_files_read(&files, data, n);
	sys = fuzz_files_sys(&files);
	for (i = 0; i < files.n_words && i < 4; i++) {
		char address[IOM_PCI_ADDRESS_MAX];

		/* its sentence has the word as it is */
		if (iom_pci_address(files.words[i], address) == 0)
			read_and_look(&sys, address, NULL);
	}
	fuzz_files_free(&files);
	return 0;
}
