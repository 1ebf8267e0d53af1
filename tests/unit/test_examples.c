// SPDX-License-Identifier: BSD-3-Clause
/* The numbered examples, as they are, on a simulated machine: each runs to its end and says so. */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

/* The only call by which an example reaches the machine. */
static int open_simulated(struct iom_domain **dom, const struct iom_open_opts *opts)
{
	return iom_open_with(dom, opts, &rig.sys, iom_backends);
}

#define iom_open open_simulated

int hello_map_main(int argc, char **argv);
int batch_main(int argc, char **argv);
int streams_main(int argc, char **argv);
int apertures_main(int argc, char **argv);
int buffers_main(int argc, char **argv);
int errors_main(int argc, char **argv);

#undef LENGTH
#define main hello_map_main
#include "examples/01_hello_map.c"
#undef main
#undef LENGTH
#define main batch_main
#include "examples/02_batch.c"
#undef main
#undef LENGTH
#define main streams_main
#include "examples/03_streams.c"
#undef main
#undef LENGTH
#define main apertures_main
#include "examples/04_apertures.c"
#undef main
#undef LENGTH
#define main buffers_main
#include "examples/05_buffers.c"
#undef main
#undef LENGTH
#define main errors_main
#include "examples/06_errors.c"
#undef main
#undef iom_open

struct example {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *says[4]; /* words of its output */
};

static const struct example examples[] = {
	{ "01_hello_map", hello_map_main, { "is at IOVA 0x", "the VFIO descriptor of 0000:01" } },
	{ "02_batch", batch_main, { "256 buffers, ", "element 0: IOVA 0x", " 262144 bytes" } },
	{ "03_streams", streams_main, { "0 hits, 0 misses, 1000 mapped", "and declared: 99" } },
	{ "04_apertures", apertures_main, { ", ours", "mapped at 0x" } },
	{ "05_buffers", buffers_main, { "4194304 bytes at ", "2 threads took 32000 packets" } },
	{ "06_errors",
	  errors_main,
	  { "before there is a device: No such device", "it once more: File exists",
	    "unmap it again: No such file", ": unmapped " } },
};

/* What it prints, and its exit status. */
static int run(const struct example *example, char *address, char *text, size_t n)
{
	char name[32];
	char *argv[] = { name, address, NULL };
	FILE *out = tmpfile();
	int status, fd;
	size_t used;
	pid_t pid;

	ck_assert_ptr_nonnull(out);
	snprintf(name, sizeof(name), "%s", example->name);
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		dup2(fileno(out), 1);
		dup2(fileno(out), 2);
		exit(example->main(2, argv));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	fd = fileno(out);
	used = (size_t)pread(fd, text, n - 1, 0);
	ck_assert_uint_lt(used, n);
	text[used] = '\0';
	fclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -status;
}

START_TEST(runs_to_its_end)
{
	const struct example *example = &examples[_i];
	char address[] = NVME, text[8192];

	ck_assert_msg(run(example, address, text, sizeof(text)) == 0, "%s: %s", example->name,
		      text);
	for (size_t i = 0; i < ARRAY_SIZE(example->says) && example->says[i]; i++)
		ck_assert_msg(strstr(text, example->says[i]), "%s lacks '%s':\n%s", example->name,
			      example->says[i], text);
}
END_TEST

START_TEST(says_what_is_missing)
{
	char address[] = "0000:7f:00.0", text[8192];

	ck_assert_int_eq(run(&examples[_i], address, text, sizeof(text)), 1);
	ck_assert_msg(strstr(text, "attach 0000:7f:00.0: "), "%s", text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("examples");
	TCase *tcase = tcase_create("examples");

	tcase_add_checked_fixture(tcase, set_up_machine, tear_down);
	tcase_add_loop_test(tcase, runs_to_its_end, 0, ARRAY_SIZE(examples));
	tcase_add_loop_test(tcase, says_what_is_missing, 0, ARRAY_SIZE(examples));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
