// SPDX-License-Identifier: BSD-3-Clause
/* What the library logs and where, and what of the process it leaves alone: errno, the sentence, stderr. */
#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

/* ---- stderr, caught ----------------------------------------------------------------------------- */

static char caught[8192];

/* What run() writes to stderr. */
static const char *catch_stderr(void (*run)(void))
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t n;

	ck_assert_ptr_nonnull(file);
	fflush(stderr);
	ck_assert_int_ge(dup2(fileno(file), STDERR_FILENO), 0);
	run();
	fflush(stderr);
	ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
	close(saved);
	rewind(file);
	n = fread(caught, 1, sizeof(caught) - 1, file);
	caught[n] = '\0';
	fclose(file);
	return caught;
}

/* A life with something to say at each level that there is. */
static void live(void)
{
	struct iom_device *edu;
	struct iom_region region;

	ck_assert_ok(iom_open_with(&rig.dom, NULL, &rig.sys, iom_backends));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
	iom_sim_set_quirk(rig.sim, IOM_SIM_CAPS_CYCLE, 1);
	iom_detach(edu);
	ck_assert_ok(map_any(rig_memory(PAGE), PAGE, &region));
	iom_sim_set_quirk(rig.sim, IOM_SIM_UNMAP_SHORT, 1);
	ck_assert_fails(iom_unmap(rig.dom, &region), -EIO, "unmap");
	iom_close(rig.dom);
	rig.dom = NULL;
}

START_TEST(silent_unless_asked)
{
	unsetenv("LIBIOMMU_LOG");
	ck_assert_str_eq(catch_stderr(live), "");
	setenv("LIBIOMMU_LOG", "", 1);
	ck_assert_str_eq(catch_stderr(live), "");
	unsetenv("LIBIOMMU_LOG");
}
END_TEST

START_TEST(levels_on_stderr)
{
	static const char *const levels[] = { "error", "warn", "info", "debug" };
	static const char *const said[] = { "is quarantined", "apertures stay",
					    "attached 0000:01:00.0" };
	int i;

	setenv("LIBIOMMU_LOG", levels[_i], 1);
	catch_stderr(live);
	unsetenv("LIBIOMMU_LOG");
	for (i = 0; i < 3; i++)
		ck_assert_msg(!!strstr(caught, said[i]) == (i <= _i), "%s at level %s: \"%s\"",
			      said[i], levels[_i], caught);
	ck_assert_ptr_nonnull(strstr(caught, "libiommu: error: "));
	ck_assert_int_eq(caught[strlen(caught) - 1], '\n');
}
END_TEST

START_TEST(no_such_level)
{
	static const char *const words[] = { "verbose", "3", "Error", "error ", "warning" };
	struct iom_domain *dom = (struct iom_domain *)&rig;

	setenv("LIBIOMMU_LOG", words[_i], 1);
	ck_assert_fails(rig_open(&dom), -EINVAL, "open: ", "LIBIOMMU_LOG", words[_i], "debug");
	ck_assert_ptr_eq(dom, &rig);
	unsetenv("LIBIOMMU_LOG");
}
END_TEST

/* Every level, whatever goes to stderr; the rig's callback checks its argument and each line. */
START_TEST(callback_gets_every_level)
{
	struct iom_device *dev;
	struct iom_region region;

	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &dev));
	ck_assert_ok(map_any(rig_memory(PAGE), PAGE, &region));
	iom_sim_set_quirk(rig.sim, IOM_SIM_UNMAP_SHORT, 1);
	ck_assert_fails(iom_unmap(rig.dom, &region), -EIO, "unmap");
	iom_detach(dev);
	ck_assert_ptr_nonnull(strstr(rig.log, "3 attached " NVME));
	ck_assert_ptr_nonnull(strstr(rig.log, "3 detached " NVME));
	ck_assert_ptr_nonnull(strstr(rig.log, "1 IOVA 0x"));
}
END_TEST

/* A group that a duplicated descriptor keeps: the log says so. */
START_TEST(a_busy_group_is_logged)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -EBUSY,
		.request = VFIO_GROUP_UNSET_CONTAINER,
	};

	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	iom_sim_fail(rig.sim, &failure);
	iom_detach(rig.nvme);
	ck_assert_ptr_nonnull(strstr(rig.log, "2 group 14 stays busy"));
	ck_assert_ptr_nonnull(strstr(rig.log, "BAR"));
}
END_TEST

/* ---- The sentence and errno --------------------------------------------------------------------- */

/* It is that of the last call that failed, through any number of calls that work. */
START_TEST(the_sentence_stays)
{
	struct iom_counters counters = { .size = sizeof(counters) };
	char *memory = rig_memory(PAGE);
	struct iom_device *dev, *edu;
	struct iom_region region;
	char sentence[512], text[64];

	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_fails(iom_attach(rig.dom, "0000:77:00.0", NULL, &dev), -ENODEV, "0000:77:00.0");
	snprintf(sentence, sizeof(sentence), "%s", iom_errmsg());

	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &dev));
	ck_assert_str_eq(iom_errmsg(), sentence);
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
	ck_assert_ok(map_any(memory, PAGE, &region));
	ck_assert_int_ge(iom_apertures(rig.dom, NULL, 0), 0);
	ck_assert_int_ge(iom_explain(rig.dom, text, sizeof(text)), 0);
	/* what fails inside a call that works is not its caller's business */
	iom_sim_set_quirk(rig.sim, IOM_SIM_CAPS_CYCLE, 1);
	ck_assert_ok(iom_read_counters(rig.dom, &counters));
	ck_assert_str_eq(iom_errmsg(), sentence);
	iom_sim_set_quirk(rig.sim, IOM_SIM_CAPS_CYCLE, 1);
	iom_detach(edu);
	ck_assert_str_eq(iom_errmsg(), sentence);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_ok(iom_unmap_all(rig.dom));
	iom_detach(dev);
	ck_assert_str_eq(iom_errmsg(), sentence);
}
END_TEST

#define ck_assert_errno(call)                                                        \
	do {                                                                         \
		errno = 4711;                                                        \
		(void)(call);                                                        \
		ck_assert_msg(errno == 4711, "%s leaves errno as %d", #call, errno); \
	} while (0)

/* On the real system, where each call that fails sets it: nothing here has such an address. */
START_TEST(errno_stays)
{
	struct iom_domain *dom;
	struct iom_device *dev;
	char *memory = rig_memory(PAGE);

	ck_assert_errno(iom_open(&dom, NULL));
	ck_assert_errno(iom_attach(dom, "ffffffff:ff:1f.7", NULL, &dev));
	ck_assert_fails(iom_attach(dom, "ffffffff:ff:1f.7", NULL, &dev), -ENODEV,
			"no PCI device ffffffff:ff:1f.7");
	ck_assert_errno(iom_attach(dom, "", NULL, &dev));
	ck_assert_errno(iom_map(dom, memory, PAGE, IOM_MAP_RW, NULL, NULL));
	ck_assert_errno(iom_unmap_all(dom));
	errno = 4711;
	iom_close(dom);
	ck_assert_int_eq(errno, 4711);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("manners");
	TCase *log = tcase_create("log");
	TCase *process = tcase_create("process");

	tcase_add_checked_fixture(log, set_up_machine, tear_down);
	tcase_add_test(log, silent_unless_asked);
	tcase_add_loop_test(log, levels_on_stderr, 0, 4);
	tcase_add_loop_test(log, no_such_level, 0, 5);
	tcase_add_test(log, callback_gets_every_level);
	tcase_add_test(log, a_busy_group_is_logged);
	tcase_add_checked_fixture(process, set_up_machine, tear_down);
	tcase_add_test(process, the_sentence_stays);
	tcase_add_test(process, errno_stays);
	suite_add_tcase(suite, log);
	suite_add_tcase(suite, process);
	return run_suite(suite);
}
