// SPDX-License-Identifier: BSD-3-Clause
/* The descriptors of a domain of our own, for somebody else to map through. */
#include "tests/unit/adopt_rig.h"
#include "tests/unit/runner.h"

static char *theirs, *ours; /* 16 pages each */
static struct iom_fds fds;

static void set_up(void)
{
	set_up_device();
	theirs = rig_memory(16 * PAGE);
	ours = rig_memory(16 * PAGE);
	fds = (struct iom_fds){ .size = sizeof(fds) };
}

static int space(void)
{
	return (int)(fds.iommufd < 0 ? fds.container : fds.iommufd);
}

START_TEST(which_there_are)
{
	struct {
		struct iom_fds fds;
		uint64_t tail;
	} longer = { .fds = { .size = sizeof(longer) }, .tail = 1 };
	const unsigned int open = iom_sim_open_fds(rig.sim);

	ck_assert_ok(iom_domain_fds(rig.dom, rig.nvme, &fds));
	ck_assert_uint_eq(fds.size, sizeof(fds));
	if (rig_is("iommufd")) {
		ck_assert_int_eq(fds.container, -1);
		ck_assert_int_eq(fds.group, -1);
		ck_assert_int_ge(fds.iommufd, 0);
		ck_assert_uint_ne(fds.ioas, 0);
	} else {
		ck_assert_int_ge(fds.container, 0);
		ck_assert_int_ge(fds.group, 0);
		ck_assert_int_ne(fds.group, fds.container);
		ck_assert_int_eq(fds.iommufd, -1);
		ck_assert_uint_eq(fds.ioas, 0);
	}
	ck_assert_ok(iom_domain_fds(rig.dom, rig.nvme, &longer.fds));
	ck_assert_uint_eq(longer.tail, 0);
	ck_assert_int_eq(longer.fds.container, fds.container);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), open);
	ck_assert_works();
}
END_TEST

START_TEST(refused)
{
	struct iom_device *edu;

	fds.size = sizeof(fds) - 1;
	ck_assert_fails(iom_domain_fds(rig.dom, NULL, &fds), -EINVAL,
			"descriptors: ", "iom_fds.size");
	fds.size = sizeof(fds);
	fds.group = 77;
	if (rig_is_power()) {
		ck_assert_fails(iom_domain_fds(rig.dom, NULL, &fds), -EINVAL, "which device");
	} else {
		ck_assert_ok(iom_domain_fds(rig.dom, NULL, &fds));
		ck_assert_int_eq(fds.group, -1);
		fds.group = 77;
	}
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
	iom_detach(rig.nvme);
	ck_assert_fails(iom_domain_fds(rig.dom, (struct iom_device *)&rig, &fds), -EINVAL,
			"not attached");
	ck_assert_int_eq(fds.group, 77);
	ck_assert_ok(iom_domain_fds(rig.dom, edu, &fds));
	iom_detach(edu);
	fds.group = 77;
	ck_assert_fails(iom_domain_fds(rig.dom, NULL, &fds), -ENODEV, "no device is attached");
	ck_assert_int_eq(fds.group, 77);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_works();
}
END_TEST

/* On POWER each group has a container, with its own group in it. */
START_TEST(of_two_devices)
{
	struct iom_fds second = { .size = sizeof(second) };
	struct iom_device *edu;

	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
	ck_assert_ok(iom_domain_fds(rig.dom, rig.nvme, &fds));
	ck_assert_ok(iom_domain_fds(rig.dom, edu, &second));
	ck_assert_int_eq(fds.container != second.container, rig_is_power());
	ck_assert_int_eq(fds.iommufd, second.iommufd);
	if (!rig_is("iommufd"))
		ck_assert_int_ne(fds.group, second.group);
}
END_TEST

/* What somebody else maps stays, when all of ours goes; and none of ours is put there. */
START_TEST(others_map)
{
	struct iom_region first, mine;
	uint64_t bytes;

	if (rig_is_power())
		return;
	ck_assert_ok(map_any(ours, PAGE, &first));
	ck_assert_ok(iom_domain_fds(rig.dom, NULL, &fds));
	ck_assert_int_eq(raw_map(space(), (uint32_t)fds.ioas, theirs, PAGE, first.iova), -EEXIST);
	ck_assert_ok(iom_unmap(rig.dom, &first));
	ck_assert_int_eq(raw_map(space(), (uint32_t)fds.ioas, theirs, PAGE, first.iova), 0);
	bytes = iom_sim_mapped_bytes(rig.sim);
	ck_assert_ok(map_any(ours, 2 * PAGE, &mine));
	ck_assert(dma_works(NVME, &mine));
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), bytes);
	first.va = theirs;
	ck_assert(dma_works(NVME, &first));
	raw_unmap(space(), (uint32_t)fds.ioas, first.iova, PAGE);
	ck_assert_works();
}
END_TEST

/* Another domain, over ours, with our device: each unmaps its own. */
START_TEST(domain_over_domain)
{
	struct iom_region mine, second;
	struct iom_domain *dom = rig.dom;
	struct iom_device *nvme = rig.nvme;

	if (rig_is_power())
		return;
	ck_assert_ok(iom_domain_fds(dom, NULL, &fds));
	ck_assert_ok(map_any(ours, PAGE, &mine));
	other = (struct holder){
		.space = space(),
		.ioas = (uint32_t)fds.ioas,
		.device = iom_device_fd(nvme),
		.fds = iom_sim_open_fds(rig.sim),
	};
	start_beside();
	ck_assert_ok(map_any(ours, PAGE, &second));
	ck_assert_uint_ne(second.iova, mine.iova);
	ck_assert(dma_works(NVME, &mine));
	ck_assert(dma_works(NVME, &second));
	end_beside();
	ck_assert(dma_misses(NVME, second.iova, second.length));
	ck_assert(dma_works(NVME, &mine));
	rig.dom = dom;
	rig.nvme = nvme;
}
END_TEST

/* The kernel does not tell the windows of a container. */
START_TEST(power_is_not_adopted)
{
	struct iom_domain *dom = rig.dom;

	if (!rig_is_power())
		return;
	ck_assert_ok(iom_domain_fds(dom, rig.nvme, &fds));
	other = (struct holder){
		.space = space(),
		.device = iom_device_fd(rig.nvme),
		.fds = iom_sim_open_fds(rig.sim),
	};
	ck_assert_ok(open_beside(NULL, 0));
	ck_assert_fails(attach_fd(other.device), -EOPNOTSUPP, "attach " NVME ": ", "windows");
	end_beside();
	rig.dom = dom;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("domain_fds");
	TCase *tcase = tcase_create("domain_fds");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, which_there_are);
	tcase_add_test(tcase, refused);
	tcase_add_test(tcase, of_two_devices);
	tcase_add_test(tcase, others_map);
	tcase_add_test(tcase, domain_over_domain);
	tcase_add_test(tcase, power_is_not_adopted);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
