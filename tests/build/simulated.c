/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For simulated.sh, in C and in C++, as a user would write it: a mapping, and the device's side of it.
 * Prints the backend; 1 and a sentence: it went wrong.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <libiommu.h>
#include <libiommu/sim.h>

static const char nvme[] = "0000:01:00.0";
static const char data[] = "written by the device";

static int fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, iom_errmsg());
	return 1;
}

/* The device reaches the memory while it is mapped, and not after that. */
static int run(struct iom_sim *sim, struct iom_domain *dom)
{
	size_t length = 1 << 20;
	void *mem = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iom_device *dev;
	struct iom_region region;
	uint64_t iova;
	char seen[sizeof(data)];

	if (iom_attach(dom, nvme, NULL, &dev) < 0 ||
	    iom_map(dom, mem, length, IOM_MAP_RW, NULL, &region) < 0)
		return fail("attach, map");
	iova = iom_region_iova(&region, mem);
	if (iom_sim_dma_write(sim, nvme, iova, data, sizeof(data)) != 0 ||
	    memcmp(mem, data, sizeof(data)) != 0 ||
	    iom_sim_dma_read(sim, nvme, iova, seen, sizeof(seen)) != 0 ||
	    memcmp(seen, data, sizeof(data)) != 0)
		return fail("the device does not reach the memory");
	if (iom_unmap(dom, &region) < 0)
		return fail("unmap");
	if (iom_sim_dma_read(sim, nvme, iova, seen, sizeof(seen)) == 0 ||
	    iom_sim_faults(sim, NULL) == 0)
		return fail("the device reaches what is not mapped");
	printf("%s\n", iom_backend(dom));
	return 0;
}

static int on(struct iom_sim *sim, struct iom_domain *dom)
{
	int status = run(sim, dom);

	iom_close(dom);
	if (status == 0 && (iom_sim_open_fds(sim) || iom_sim_mapped_bytes(sim)))
		return fail("something is left open");
	return status;
}

/* A machine of its own; or, told "process", the one of LIBIOMMU_SIM. */
int main(int argc, char **argv)
{
	struct iom_sim_config config;
	struct iom_domain *dom = NULL;
	struct iom_sim *sim = NULL;
	int status;

	if (argc > 1 && strcmp(argv[1], "process") == 0) {
		sim = iom_sim_machine();
		if (!sim || iom_open(&dom, NULL) < 0)
			return fail("open");
		return on(sim, dom);
	}
	memset(&config, 0, sizeof(config));
	config.size = sizeof(config);
	config.platform = "powernv";
	if (iom_sim_create(&config, &sim) < 0 || iom_sim_open(sim, &dom, NULL) < 0)
		return fail("open");
	status = on(sim, dom);
	iom_sim_destroy(sim);
	return status;
}
