// SPDX-License-Identifier: BSD-3-Clause
/*
 * tree ADDRESS: what the device tree says of a device that vfio-pci has, beside what the library
 * got from VFIO, as TAP.  tree --explain ADDRESS: as text; nothing is opened.
 */

#define _GNU_SOURCE
#include <err.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <libiommu.h>

#define MAX_APERTURES 16
#define GIB (UINT64_C(1) << 30)

static int results, failures;

static void result(const char *name, bool good)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++results, name);
	failures += !good;
}

static struct iom_tree_info read_tree(const char *address)
{
	struct iom_tree_info info = { .size = sizeof(info) };

	if (iom_tree_read(address, NULL, &info) < 0)
		errx(1, "%s", iom_errmsg());
	return info;
}

static int explain(const char *address, const char *dtb)
{
	struct iom_tree_opts opts = { .size = sizeof(opts), .dtb = dtb };
	char text[4096];

	if (iom_tree_explain(address, &opts, text, sizeof(text)) < 0)
		errx(1, "%s", iom_errmsg());
	fputs(text, stdout);
	return 0;
}

static int apertures_of(const struct iom_domain *domain, struct iom_aperture *apertures)
{
	int i, n = iom_apertures(domain, apertures, MAX_APERTURES);

	if (n < 0 || n > MAX_APERTURES)
		errx(1, "%d apertures: %s", n, iom_errmsg());
	for (i = 0; i < n; i++)
		printf("# aperture 0x%" PRIx64 " to 0x%" PRIx64 ", pages 0x%" PRIx64 "\n",
		       apertures[i].start, apertures[i].last, apertures[i].page_sizes);
	return n;
}

static bool is_aperture(const struct iom_tree_window *window, const struct iom_aperture *a, int n)
{
	for (int i = 0; i < n; i++)
		if (a[i].start == window->start && a[i].last - a[i].start == window->length - 1 &&
		    a[i].page_sizes == window->page)
			return true;
	return false;
}

/* No aperture has an IOVA that the bridge takes for itself. */
static bool keeps_out(const struct iom_tree_info *info, const struct iom_aperture *a, int n)
{
	for (uint64_t i = 0; i < info->n_ranges && i < IOM_TREE_RANGES; i++)
		for (int j = 0; j < n; j++)
			if (info->ranges[i].start <= a[j].last &&
			    a[j].start <= info->ranges[i].start + (info->ranges[i].length - 1))
				return false;
	return true;
}

static struct iom_domain *attach(const char *address, uint64_t bytes, uint64_t page)
{
	struct iom_open_opts opts = {
		.size = sizeof(opts),
		.expect_bytes = bytes,
		.expect_page = page,
	};
	struct iom_domain *domain;
	struct iom_device *device;

	if (iom_open(&domain, &opts) < 0 || iom_attach(domain, address, NULL, &device) < 0)
		errx(1, "%s", iom_errmsg());
	return domain;
}

/* One domain that takes what there is, and one that has a window made. */
static void check_power(const char *address, bool pseries)
{
	struct iom_tree_info before = read_tree(address), info;
	struct iom_aperture apertures[MAX_APERTURES];
	struct iom_domain *domain;
	int n;

	result("the tree has the device",
	       before.source == IOM_TREE_LIVE && before.flags & IOM_TREE_OWN && before.bridge[0]);
	result("sysfs names the IOMMU", !strncmp(before.iommu_name, "iommu-phb", 9) &&
						!strcmp(before.iommu_kind, "spapr-tce-iommu"));

	domain = attach(address, 0, 0);
	info = read_tree(address);
	n = apertures_of(domain, apertures);
	explain(address, NULL);
	if (pseries)
		result("the default window is the aperture",
		       info.flags & IOM_TREE_WINDOW && is_aperture(&info.window, apertures, n));
	else
		result("no window is in the tree",
		       !(info.flags & (IOM_TREE_WINDOW | IOM_TREE_DDW)));
	result("what the bridge decodes is in no aperture",
	       info.n_ranges > 0 && keeps_out(&info, apertures, n));
	iom_close(domain);

	/* a larger one, with pages of 64 KiB */
	domain = attach(address, 4 * GIB, 65536);
	info = read_tree(address);
	n = apertures_of(domain, apertures);
	explain(address, NULL);
	if (pseries)
		result("the window that VFIO makes is in the tree",
		       info.flags & IOM_TREE_MADE && is_aperture(&info.made, apertures, n));
	else
		result("the window has pages that the tree offers",
		       n > 1 && info.page_sizes & apertures[n - 1].page_sizes &&
			       !(apertures[n - 1].page_sizes & ~info.page_sizes));
	result("what the bridge decodes is in neither", keeps_out(&info, apertures, n));
	iom_close(domain);

	info = read_tree(address);
	explain(address, NULL);
	result("at last all is as before",
	       !memcmp(&info.window, &before.window, sizeof(info.window)) &&
		       (info.flags & IOM_TREE_MADE) == (before.flags & IOM_TREE_MADE));
}

static void check_others(const char *address)
{
	struct iom_tree_info info = read_tree(address);

	explain(address, NULL);
	result("there is no tree", info.source == IOM_TREE_NONE && !info.flags && !info.node[0]);
	result("sysfs names the IOMMU", info.iommu_name[0] != '\0');
	result("and its kind", info.iommu_kind[0] != '\0');
}

int main(int argc, char **argv)
{
	const char *backend;
	struct iom_domain *domain;

	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "--explain"))
		return explain(argv[2], argv[3]);
	if (argc != 2)
		errx(2, "usage: tree ADDRESS, or tree --explain ADDRESS [DTB]");
	domain = attach(argv[1], 0, 0);
	backend = iom_backend(domain);
	iom_close(domain);
	if (!strcmp(backend, "pseries") || !strcmp(backend, "powernv"))
		check_power(argv[1], !strcmp(backend, "pseries"));
	else
		check_others(argv[1]);
	printf("1..%d\n", results);
	return failures > 0;
}
