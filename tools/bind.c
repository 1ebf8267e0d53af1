// SPDX-License-Identifier: BSD-3-Clause
/* iommuctl bind and unbind: a function to vfio-pci, and back, by driver_override. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "files.h"
#include "in_use.h"
#include "pci.h"

#define NO_OVERRIDE "\n" /* what ends an override */

struct bind_options {
	const char *driver;
	bool dry_run;
	bool force;
};

static const struct arg bind_args[] = {
	{ "driver", ARG_TEXT, ARG_FIELD(struct bind_options, driver) },
	{ "dry-run", ARG_FLAG, ARG_FIELD(struct bind_options, dry_run) },
	{ "force", ARG_FLAG, ARG_FIELD(struct bind_options, force) },
};

/* unbind has no driver to choose */
static const struct arg *const unbind_args = bind_args + 1;

static int write_file(const char *text, const char *address, const char *name)
{
	int ret = files_write(text, PCI_DEVICES "/%s/%s", address, name);

	if (ret == -EACCES || ret == -EPERM)
		return fail(ret, "permission denied on " PCI_DEVICES "/%s/%s; run as root", address,
			    name);
	if (ret < 0)
		return fail(ret, "cannot write " PCI_DEVICES "/%s/%s: %s", address, name,
			    strerror(-ret));
	return 0;
}

static int let_go(const struct pci_function *f)
{
	return *f->driver ? write_file(f->address, f->address, "driver/unbind") : 0;
}

static int probe(const char *address)
{
	int ret = files_write(address, "/sys/bus/pci/drivers_probe");

	return ret < 0 ? fail(ret, "cannot write /sys/bus/pci/drivers_probe: %s", strerror(-ret))
		       : 0;
}

static void current_driver(const char *address, char *driver, size_t n)
{
	files_link_name(driver, n, PCI_DEVICES "/%s/driver", address);
}

/* What would be typed to do it by hand. */
static int print_steps(const struct pci_function *f, const char *driver)
{
	const char *address = f->address;

	printf("echo %s >" PCI_DEVICES "/%s/driver_override\n", *driver ? driver : "''", address);
	if (*f->driver)
		printf("echo %s >" PCI_DEVICES "/%s/driver/unbind\n", address, address);
	printf("echo %s >/sys/bus/pci/drivers_probe\n", address);
	return EXIT_WELL;
}

/* The kernel keeps a reason to itself, or in its log: put things back, and say what is known. */
static int take_back(const struct pci_function *f, const char *override, const char *driver)
{
	char now[64];

	files_write(*override && strcmp(override, "(null)") ? override : NO_OVERRIDE,
		    PCI_DEVICES "/%s/driver_override", f->address);
	files_write(f->address, "/sys/bus/pci/drivers_probe");
	current_driver(f->address, now, sizeof(now));
	return fail(-EIO,
		    "%s did not take %s, which %s%s now; %s (the kernel's log may say why: dmesg)",
		    driver, f->address, *now ? "is bound to " : "is bound to no driver",
		    *now ? now : "",
		    f->group < 0 ? "no IOMMU covers it, see iommuctl doctor"
				 : "see iommuctl doctor");
}

static int rebind(const struct pci_function *f, const char *driver)
{
	char override[64] = "", now[64];
	int ret;

	files_read(override, sizeof(override), PCI_DEVICES "/%s/driver_override", f->address);
	ret = write_file(driver, f->address, "driver_override");
	if (!ret)
		ret = let_go(f);
	if (ret < 0) {
		char kept[512];

		snprintf(kept, sizeof(kept), "%s", fail_sentence());
		files_write(*override && strcmp(override, "(null)") ? override : NO_OVERRIDE,
			    PCI_DEVICES "/%s/driver_override", f->address);
		return fail(ret, "%s", kept);
	}
	ret = probe(f->address);
	current_driver(f->address, now, sizeof(now));
	return ret < 0 || strcmp(now, driver) ? take_back(f, override, driver) : 0;
}

static int give_back(const struct pci_function *f, char *now, size_t n)
{
	int ret;

	ret = write_file(NO_OVERRIDE, f->address, "driver_override");
	if (!ret)
		ret = let_go(f);
	if (!ret)
		ret = probe(f->address);
	current_driver(f->address, now, n);
	return ret;
}

/* The function, if it is one that drivers are for. */
static int read_function(const char *text, struct pci_function *f, int *status)
{
	char address[PCI_ADDRESS];

	*status = EXIT_USAGE;
	if (pci_address(text, address) < 0)
		return -EINVAL;
	*status = EXIT_FAILED;
	if (pci_read(address, f) < 0)
		return -ENODEV;
	if (pci_is_bridge(f))
		return fail(-EINVAL, "%s is a bridge, which is for the kernel to drive", address);
	return 0;
}

static int refuse(const struct pci_function *f, const char *what, const char *to_do)
{
	fail(-EBUSY, "%s is in use: %s; %s", f->address, what, to_do);
	return complain(EXIT_IN_USE);
}

/* One on which the system hangs, or that a process holds, is not taken from it. */
static int refuse_used(const struct pci_function *f, bool may_be_held)
{
	char what[1024];

	if (in_use_by_system(f->address, what, sizeof(what)))
		return refuse(f, what, "end that first, or insist with --force");
	/* the kernel would wait for the holder, in the write that unbinds it */
	if (may_be_held && in_use_by_process(f->address, f->group, what, sizeof(what)))
		return refuse(f, what, "end it first, or wait for it with --force");
	return 0;
}

/* One that can be a folder's, and that a shell reads as it is printed. */
static bool is_driver_name(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_-";

	return *name && !name[strspn(name, letters)];
}

int bind_command(int argc, char **argv)
{
	struct bind_options options = { .driver = "vfio-pci" };
	struct pci_function f;
	struct operands operands;
	int status;

	if (!command_parse(bind_args, sizeof(bind_args) / sizeof(bind_args[0]), argc, argv,
			   &options, 1, 1, &operands, &status))
		return status;
	if (!is_driver_name(options.driver)) {
		fail(-EINVAL, "--driver: \"%s\" is not the name of a driver", options.driver);
		return complain(EXIT_USAGE);
	}
	if (read_function(operands.words[0], &f, &status) < 0)
		return complain(status);
	if (!strcmp(f.driver, options.driver)) {
		printf("%s is bound to %s already\n", f.address, options.driver);
		return EXIT_WELL;
	}
	status = options.force ? 0 : refuse_used(&f, pci_is_for_userspace(f.driver));
	if (status)
		return status;
	if (!files_exist("/sys/bus/pci/drivers/%s", options.driver)) {
		fail(-ENOENT, "the driver %s is not loaded; modprobe %s", options.driver,
		     options.driver);
		return complain(EXIT_FAILED);
	}
	if (options.dry_run)
		return print_steps(&f, options.driver);
	if (rebind(&f, options.driver) < 0)
		return complain(EXIT_FAILED);
	printf("%s is bound to %s", f.address, options.driver);
	if (*f.driver)
		printf(", before to %s", f.driver);
	putchar('\n');
	return EXIT_WELL;
}

/* With a driver for user space, or one that was chosen by an override. */
static bool is_ours(const struct pci_function *f)
{
	char override[64] = "";

	files_read(override, sizeof(override), PCI_DEVICES "/%s/driver_override", f->address);
	return !*f->driver || pci_is_for_userspace(f->driver) || !strcmp(f->driver, override);
}

int unbind_command(int argc, char **argv)
{
	struct bind_options options = { 0 };
	struct pci_function f;
	struct operands operands;
	char now[64];
	int status;

	if (!command_parse(unbind_args, sizeof(bind_args) / sizeof(bind_args[0]) - 1, argc, argv,
			   &options, 1, 1, &operands, &status))
		return status;
	if (read_function(operands.words[0], &f, &status) < 0)
		return complain(status);
	if (!is_ours(&f)) {
		fail(-EINVAL, "%s is bound to %s already, and nobody chose that driver for it",
		     f.address, f.driver);
		return complain(EXIT_FAILED);
	}
	status = options.force ? 0 : refuse_used(&f, true);
	if (status)
		return status;
	if (options.dry_run)
		return print_steps(&f, "");
	if (give_back(&f, now, sizeof(now)) < 0)
		return complain(EXIT_FAILED);
	printf("%s is bound to %s\n", f.address, *now ? now : "no driver");
	return EXIT_WELL;
}
