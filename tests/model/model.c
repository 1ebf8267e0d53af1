// SPDX-License-Identifier: BSD-3-Clause
/*
 * Random sequences of all that a domain can be asked, right and wrong, against plain lists.  A sequence
 * that goes wrong is made as short as it can be, and printed so that --replay takes it.
 *
 *	model [--seed S] [--operations N] [--machine PATTERN]
 *	model --machine NAME [--granule UNITS] --replay FILE
 *
 * IOM_FEW_ADDRESSES makes it a short run: for sanitizers, valgrind and emulation.
 */
#include <fnmatch.h>
#include <getopt.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/model/steps.h"

/* Of a sequence: then all begins anew. */
#define STEPS 2000
#define LOOK_EVERY 16

#define OPERATIONS UINT64_C(1000000)
#define FEW UINT64_C(10000)
#define SECONDS 600 /* for one sequence */

/* One of each backend, and of each page size; with what may be unmapped apart, in units. */
static const struct {
	const char *name;
	uint64_t granule;
} chosen[] = {
	{ "x86-48/4k/612/any", 0 },
	{ "x86-48/4k/702-iommufd/iommufd", 2 },
	{ "x86-39/4k/612-iommufd/type1-iommufd", 0 },
	{ "arm64-smmuv3/64k/601/type1", 2 },
	{ "arm64-smmuv3/4k/612-iommufd/any", 0 },
	{ "powernv/4k/612/any", 0 },
	{ "powernv/64k/702/any", 2 },
	{ "pseries/64k/702/any", 0 },
	{ "pseries/4k/612/any", 2 },
	{ "pseries-vf/64k/702/any", 0 },
};

static struct named_machine machine;
static char backend[32];
static uint64_t granule; /* units */

/* ---- A sequence ----------------------------------------------------------------------------------- */

static unsigned int kind_of(uint64_t dice)
{
	unsigned int k = 0;

	while (dice >= kinds[k].often)
		dice -= kinds[k++].often;
	return k;
}

/* The first step is an attach: without devices there is little to see. */
static void make_steps(uint64_t seed, struct step *steps)
{
	size_t i, w;

	for (i = 0; i < STEPS; i++) {
		steps[i].kind = kind_of(random_below(&seed, 1000));
		for (w = 0; w < WORDS; w++)
			steps[i].v[w] = (uint32_t)random_below(&seed, 100000);
	}
	while (strcmp(kinds[steps[0].kind].name, "attach") != 0)
		steps[0].kind = (steps[0].kind + 1) % ARRAY_SIZE(kinds);
}

static void begin(void)
{
	struct iom_sim_config config = machine_config(&machine.machine);
	char *small = lists.memory;

	alarm(SECONDS);
	memset(&lists, 0, sizeof(lists));
	lists.unit = config.page_size;
	lists.granule = granule * lists.unit;
	lists.memory = small ? small : rig_memory_at(PAGES * lists.unit, 2 * MIB, 0);
	if (!memory)
		memory = rig_memory_at(STREAM_BYTES, GRANULE, 0);
	unsetenv("IOM_TEST_BACKEND");
	rig_machine(&config);
	iom_sim_set_memlock(rig.sim, GIB, true);
	rig.backend = machine.machine.backend;
	rig.granule = lists.granule;
	if (*backend)
		setenv("IOM_TEST_BACKEND", backend, 1);
	start_listening();
	expect("open", rig_open(&rig.dom), 0);
}

static void check_left(const char *what, uint64_t n)
{
	if (n)
		wrong("%" PRIu64 " %s left behind", n, what);
}

static void end(void)
{
	size_t i;

	for (i = 0; i < FLIGHTS; i++)
		if (lists.flights[i].n)
			expect("land", land_in(lists.stream, &lists.flights[i]), 0);
	iom_close(rig.dom);
	check_left("descriptors", iom_sim_open_fds(rig.sim));
	check_left("bytes mapped", iom_sim_mapped_bytes(rig.sim));
	check_left("bytes locked", iom_sim_locked_bytes(rig.sim));
	check_left("bytes pinned", iom_sim_pinned_bytes(rig.sim));
	check_left("bytes allocated", iom_sim_allocated_bytes(rig.sim));
	check_left("registrations", iom_sim_spapr_leaks(rig.sim));
	check_left("crashes", iom_sim_spapr_crashes(rig.sim));
	iom_sim_destroy(rig.sim);
	pthread_mutex_destroy(&rig.log_lock);
}

static void run(const struct step *steps, size_t n, size_t every)
{
	size_t i;

	begin();
	for (i = 0; i < n; i++) {
		report->step = i;
		kinds[steps[i].kind].run(&steps[i]);
		glance();
		if (i % every == every - 1)
			look();
	}
	report->step = n ? n - 1 : 0;
	look();
	end();
}

/* ---- Processes -------------------------------------------------------------------------------------- */

/* What a process makes of it: true if it ends well; else the report tells. */
static bool in_process(void (*fn)(const void *arg), const void *arg)
{
	int status;
	pid_t pid;

	report->text[0] = '\0';
	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("model: fork");
		exit(99);
	}
	if (!pid) {
		fn(arg);
		exit(0); /* not _exit(): a sanitizer looks for leaks then */
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	if (WIFSIGNALED(status))
		snprintf(report->text, sizeof(report->text), "signal %d", WTERMSIG(status));
	else if (!report->text[0])
		snprintf(report->text, sizeof(report->text), "status %d", WEXITSTATUS(status));
	return false;
}

struct sequence {
	const struct step *steps;
	size_t n;
};

static void run_closely(const void *arg)
{
	const struct sequence *s = arg;

	run(s->steps, s->n, 1);
}

/* A sequence that fails, its own report aside. */
static bool fails(const struct step *steps, size_t n)
{
	const struct sequence s = { steps, n };

	return !in_process(run_closely, &s);
}

/* ---- The shortest ------------------------------------------------------------------------------------ */

/* Without [at, at + n) of them. */
static size_t without(const struct step *from, size_t length, size_t at, size_t n, struct step *to)
{
	n = n < length - at ? n : length - at;
	memcpy(to, from, at * sizeof(*to));
	memcpy(to + at, from + at + n, (length - at - n) * sizeof(*to));
	return length - n;
}

static size_t shorten(struct step *steps, size_t n)
{
	static struct step fewer[STEPS];
	size_t chunk, at, left;

	for (chunk = n / 2; chunk; chunk = chunk > 1 ? (chunk + 1) / 2 : 0) {
		for (at = 0; at < n;) {
			left = without(steps, n, at, chunk, fewer);
			if (!fails(fewer, left)) {
				at += chunk;
				continue;
			}
			/* what comes after the step that is wrong does not matter */
			n = report->step + 1 < left ? report->step + 1 : left;
			memcpy(steps, fewer, n * sizeof(*steps));
		}
	}
	return n;
}

/* Small numbers choose the first of what there is, so that more steps can go. */
static void simplify(struct step *steps, size_t n)
{
	size_t i, w;
	uint32_t v;

	for (i = 0; i < n; i++) {
		for (w = 0; w < WORDS; w++) {
			const uint32_t was = steps[i].v[w];

			for (v = 0; v < 8 && v < was; v++) {
				steps[i].v[w] = v;
				if (fails(steps, n))
					break;
				steps[i].v[w] = was;
			}
		}
	}
}

static size_t make_short(struct step *steps, size_t n)
{
	size_t before;

	n = shorten(steps, n);
	do {
		before = n;
		simplify(steps, n);
		n = shorten(steps, n);
	} while (n < before);
	return n;
}

static void print_steps(const struct step *steps, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		printf("#     %s %u %u %u %u\n", kinds[steps[i].kind].name, steps[i].v[0],
		       steps[i].v[1], steps[i].v[2], steps[i].v[3]);
}

static void explain(struct step *steps, size_t n)
{
	if (!fails(steps, n)) {
		printf("# by itself the sequence does not fail\n");
		return;
	}
	if (report->step + 1 < n)
		n = report->step + 1;
	n = make_short(steps, n);
	fails(steps, n);
	printf("# %s: %s\n# the shortest sequence, for --machine %s --granule %" PRIu64
	       " --replay FILE:\n",
	       machine.name, report->text, machine.name, granule);
	print_steps(steps, n);
}

/* ---- All of a machine's ------------------------------------------------------------------------------ */

struct share {
	uint64_t seed, sequences;
};

static uint64_t *under_way; /* the sequence, for who explains it */

static void run_share(const void *arg)
{
	static struct step steps[STEPS];
	const struct share *share = arg;
	uint64_t i;

	for (i = 0; i < share->sequences; i++) {
		*under_way = share->seed + i;
		make_steps(*under_way, steps);
		run(steps, STEPS, LOOK_EVERY);
	}
}

static void find_backend(const void *arg)
{
	struct step attach = { .kind = 0 };

	(void)arg;
	while (strcmp(kinds[attach.kind].name, "attach") != 0)
		attach.kind++;
	begin();
	step_attach(&attach);
	snprintf(report->text, sizeof(report->text), "%s", iom_backend(rig.dom));
	end();
}

static bool come_to(const char *name)
{
	size_t i;

	for (i = 0; i < machines_most(); i++) {
		if (!machine_get(i, &machine) || strcmp(machine.name, name) != 0)
			continue;
		backend[0] = '\0';
		lists.memory = NULL;
		memory = NULL;
		if (!in_process(find_backend, NULL))
			return false;
		snprintf(backend, sizeof(backend), "%.31s", report->text);
		return true;
	}
	return false;
}

static bool run_machine(const struct share *share)
{
	static struct step steps[STEPS];
	char first[sizeof(report->text)];

	if (in_process(run_share, share))
		return true;
	snprintf(first, sizeof(first), "%s", report->text);
	printf("# %s: seed 0x%" PRIx64 ", step %" PRIu64 ": %s\n", machine.name, *under_way,
	       report->step, first);
	make_steps(*under_way, steps);
	explain(steps, STEPS);
	return false;
}

static int run_all(const char *pattern, uint64_t seed, uint64_t operations)
{
	uint64_t n = 0, done = 0, failures = 0, sequences;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(chosen); i++)
		n += !fnmatch(pattern, chosen[i].name, 0);
	if (!n) {
		fprintf(stderr, "model: there is no such machine\n");
		return 2;
	}
	sequences = (operations + n * STEPS - 1) / (n * STEPS);
	printf("1..%" PRIu64 "\n", n);
	for (i = 0, n = 0; i < ARRAY_SIZE(chosen); i++) {
		const struct share share = { seed + (i << 40), sequences };
		bool good;

		if (fnmatch(pattern, chosen[i].name, 0))
			continue;
		granule = chosen[i].granule;
		good = come_to(chosen[i].name) && run_machine(&share);
		printf("%sok %" PRIu64 " - %s, by %s\n", good ? "" : "not ", ++n, chosen[i].name,
		       backend);
		failures += !good;
		done += good ? sequences * STEPS : 0;
	}
	printf("# model: %" PRIu64 " operations, seed 0x%" PRIx64 "\n", done, seed);
	return failures ? 1 : 0;
}

/* ---- Again ------------------------------------------------------------------------------------------- */

static size_t read_steps(FILE *in, struct step *steps)
{
	char line[200], name[32];
	size_t n = 0, k;

	while (n < STEPS && fgets(line, sizeof(line), in)) {
		struct step *s = &steps[n];

		if (sscanf(line, " %*[#] %31s %u %u %u %u", name, &s->v[0], &s->v[1], &s->v[2],
			   &s->v[3]) != 5 &&
		    sscanf(line, " %31s %u %u %u %u", name, &s->v[0], &s->v[1], &s->v[2],
			   &s->v[3]) != 5)
			continue;
		for (k = 0; k < ARRAY_SIZE(kinds) && strcmp(kinds[k].name, name) != 0; k++)
			;
		s->kind = (unsigned int)k;
		n += k < ARRAY_SIZE(kinds);
	}
	return n;
}

static int replay(const char *pattern, const char *path)
{
	static struct step steps[STEPS];
	FILE *in = fopen(path, "r");
	size_t n;

	if (!in || !come_to(pattern)) {
		fprintf(stderr, "model: there is no such %s\n", in ? "machine" : "file");
		return 2;
	}
	n = read_steps(in, steps);
	fclose(in);
	if (!n) {
		fprintf(stderr, "model: %s has no steps\n", path);
		return 2;
	}
	printf("1..1\n");
	if (!fails(steps, n)) {
		printf("ok 1 - %zu steps\n", n);
		return 0;
	}
	printf("not ok 1 - step %" PRIu64 " of %zu: %s\n", report->step + 1, n, report->text);
	return 1;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "operations", required_argument, NULL, 'o' },
		{ "machine", required_argument, NULL, 'm' },
		{ "granule", required_argument, NULL, 'g' },
		{ "replay", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t operations = getenv("IOM_FEW_ADDRESSES") ? FEW : OPERATIONS;
	const char *pattern = "*", *path = NULL;
	int c;

	unsetenv("LIBIOMMU_BACKEND");
	unsetenv("LIBIOMMU_LOG");
	unsetenv("LIBIOMMU_STRICT");
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			setenv("IOM_TEST_SEED", optarg, 1);
			break;
		case 'o':
			operations = strtoull(optarg, NULL, 0);
			break;
		case 'm':
			pattern = optarg;
			break;
		case 'g':
			granule = strtoull(optarg, NULL, 0);
			break;
		case 'r':
			path = optarg;
			break;
		default:
			return 2;
		}
	}
	report = mmap(NULL, sizeof(*report) + sizeof(*under_way), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED)
		return 99;
	under_way = (uint64_t *)(report + 1);
	if (path)
		return replay(pattern, path);
	return run_all(pattern, random_start(), operations);
}
