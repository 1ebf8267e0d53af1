// SPDX-License-Identifier: BSD-3-Clause
/*
 * For those to whom IOVAs matter: which ones the IOMMU translates, and a range of our own in which
 * nobody else's mappings come to lie.
 *
 *	./04_apertures 0000:01:00.0
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

#include <libiommu.h>

#define MAX_APERTURES 16
#define RANGE (UINT64_C(16) << 20)
#define LENGTH (UINT64_C(1) << 20)

static void list(const struct iom_domain *dom)
{
	struct iom_aperture apertures[MAX_APERTURES];
	int n = iom_apertures(dom, apertures, MAX_APERTURES);

	if (n < 0)
		errx(1, "%s", iom_errmsg());
	for (int i = 0; i < n && i < MAX_APERTURES; i++)
		printf("0x%016" PRIx64 " to 0x%016" PRIx64 ", pages 0x%" PRIx64 "%s\n",
		       apertures[i].start, apertures[i].last, apertures[i].page_sizes,
		       apertures[i].flags & IOM_APERTURE_REQUESTED ? ", ours" : "");
}

int main(int argc, char **argv)
{
	/* With .start and IOM_APERTURE_FIXED it is there, or not at all. */
	const struct iom_aperture_opts wish = { .size = sizeof(wish), .length = RANGE };
	struct iom_map_opts place = { .size = sizeof(place) };
	struct iom_domain *dom = NULL;
	struct iom_aperture granted;
	struct iom_region region;
	struct iom_device *dev;
	uint64_t id;
	void *mem;

	if (argc != 2)
		errx(2, "usage: 04_apertures 0000:01:00.0");
	mem = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		err(1, "mmap");

	/* A request may come before the first device; the attach answers it then. */
	if (iom_open(&dom, NULL) < 0 || iom_attach(dom, argv[1], NULL, &dev) < 0 ||
	    iom_aperture_request(dom, &wish, &id) < 0 ||
	    iom_aperture_granted(dom, id, &granted) < 0)
		errx(1, "%s", iom_errmsg());
	list(dom);

	/* Only fixed IOVAs lie in it, so the caller decides what goes where: here, at its end. */
	place.iova = granted.last - LENGTH + 1;
	if (iom_map(dom, mem, LENGTH, IOM_MAP_RW | IOM_MAP_FIXED, &place, &region) < 0)
		errx(1, "%s", iom_errmsg());
	printf("mapped at 0x%" PRIx64 "\n", region.iova);

	/* The other end of its life: first what is in it, then the range itself. */
	if (iom_unmap_range(dom, region.iova, region.length) < 0 ||
	    iom_aperture_release(dom, id) < 0)
		errx(1, "%s", iom_errmsg());
	iom_close(dom);
	return 0;
}
