// SPDX-License-Identifier: BSD-3-Clause
/*
 * The smallest backend that backends/backend.h allows: it has no operation that may be left out, maps
 * nothing, and looks whether the core keeps its side of the contract (docs/backend.md).
 */
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

/* ---- The backend -------------------------------------------------------------------------------- */

#define LOW_START UINT64_C(0x10000)
#define LOW_LAST (2 * GIB - 1)
#define HIGH_START (4 * GIB)
#define HIGH_LAST ((UINT64_C(1) << 40) - 1)
#define ROOM 4096 /* maps alive at once, in these tests */

struct null_map {
	uint64_t iova, length;
};

/* Its own state, allocated and zeroed by the core. */
struct null {
	pthread_mutex_t lock; /* map and unmap come from several threads */
	struct null_map maps[ROOM];
	size_t n;
	unsigned int devices;
};

/* What the tests tell it and ask it; the state itself ends with the domain. */
static struct {
	int attach_error, map_error, unmap_error;
	bool mute; /* has no aperture to report */
	unsigned int maps, unmaps, destroyed, forgotten, open_fds;
	size_t alive;
	const char *broken; /* the first rule that the core broke */
} told;

static bool expect(bool kept, const char *rule)
{
	if (!kept && !told.broken)
		told.broken = rule;
	return kept;
}

static int null_attach(struct iom_backend *backend, struct iom_backend_device *dev)
{
	struct null *null = backend->priv;

	if (backend->adopted)
		return iom_error(-EOPNOTSUPP, "nothing cannot be adopted");
	expect(dev->fd == -1, "attach: the device has no descriptor yet");
	if (told.attach_error)
		return iom_error(told.attach_error, "there is no nothing here");
	dev->fd = iom_sys_open(backend->sys, "/dev/null", O_RDWR);
	if (dev->fd < 0)
		return iom_error(dev->fd, "/dev/null: %s", iom_error_text(dev->fd));
	if (!null->devices++)
		pthread_mutex_init(&null->lock, NULL);
	return 0;
}

static void null_close_device(struct iom_backend *backend, struct iom_backend_device *dev)
{
	expect(dev->fd >= 0, "close_device: the descriptor is open");
	iom_sys_close(backend->sys, dev->fd);
	dev->fd = -1;
}

static void null_detach(struct iom_backend *backend, struct iom_backend_device *dev)
{
	struct null *null = backend->priv;

	if (dev->fd >= 0)
		null_close_device(backend, dev);
	expect(null->devices > 0, "detach: it was attached");
	if (--null->devices)
		return;
	expect(!null->n || told.unmap_error, "detach: nothing is mapped with the last device");
	pthread_mutex_destroy(&null->lock);
}

static int null_apertures(struct iom_backend *backend, struct iom_aperture_set *set)
{
	int ret;

	(void)backend;
	expect(!set->n, "apertures: the set is empty");
	if (told.mute)
		return 0;
	ret = iom_aperture_add(set, HIGH_START, HIGH_LAST, PAGE | 2 * MIB, 0);
	return ret < 0 ? ret : iom_aperture_add(set, LOW_START, LOW_LAST, PAGE, 0);
}

static bool lies_within(uint64_t start, uint64_t last)
{
	return (start >= LOW_START && last <= LOW_LAST) ||
	       (start >= HIGH_START && last <= HIGH_LAST);
}

static int null_map(struct iom_backend *backend, const struct iom_backend_map *map, bool *left)
{
	uint64_t last = map->iova + (map->length - 1);
	struct null *null = backend->priv;
	int ret = told.map_error;
	size_t i;

	expect(!*left, "map: nothing is left over yet");
	expect(map->length && !((map->iova | map->length | map->va) % PAGE), "map: whole pages");
	expect(map->flags && !(map->flags & ~IOM_MAP_RW), "map: no flags but these two");
	expect(map->rest >= map->length, "map: the rest counts this piece");
	expect(lies_within(map->iova, last), "map: in an aperture that was reported");
	pthread_mutex_lock(&null->lock);
	told.maps++;
	for (i = 0; i < null->n; i++)
		expect(last < null->maps[i].iova ||
			       map->iova - null->maps[i].iova >= null->maps[i].length,
		       "map: nothing is mapped there");
	if (null->n == ROOM)
		ret = -ENOSPC;
	if (!ret)
		null->maps[null->n++] = (struct null_map){ map->iova, map->length };
	told.alive = null->n;
	pthread_mutex_unlock(&null->lock);
	return ret ? iom_error(ret, "nothing is mapped") : 0;
}

static bool take_out(struct null *null, uint64_t iova, uint64_t *length)
{
	size_t i;

	for (i = 0; i < null->n; i++)
		if (null->maps[i].iova == iova) {
			*length = null->maps[i].length;
			null->maps[i] = null->maps[--null->n];
			return true;
		}
	return false;
}

static int null_unmap(struct iom_backend *backend, uint64_t iova, uint64_t length)
{
	struct null *null = backend->priv;
	int ret = told.unmap_error;
	uint64_t part;

	pthread_mutex_lock(&null->lock);
	told.unmaps++;
	while (!ret && length) {
		if (!expect(take_out(null, iova, &part) && part <= length,
			    "unmap: whole maps, without a gap")) {
			ret = -EINVAL;
			break;
		}
		iova += part;
		length -= part;
	}
	told.alive = null->n;
	pthread_mutex_unlock(&null->lock);
	return ret ? iom_error(ret, "nothing is unmapped") : 0;
}

static bool null_can_unmap_all(const struct iom_backend *backend)
{
	(void)backend;
	return false;
}

static void null_entries(const struct iom_backend *backend, uint64_t *limit, uint64_t *used)
{
	const struct null *null = backend->priv;

	*limit = UINT64_MAX;
	if (used)
		*used = null->n;
}

/* It has an address space that no descriptor stands for. */
static int null_fds(const struct iom_backend *backend, const struct iom_backend_device *dev,
		    struct iom_backend_fds *fds)
{
	(void)backend;
	(void)dev;
	*fds = (struct iom_backend_fds){ -1, -1, -1, 0 };
	return 0;
}

static void null_destroy(struct iom_backend *backend)
{
	const struct null *null = backend->priv;

	expect(!null->devices && !null->n, "destroy: no device, and nothing mapped");
	told.destroyed++;
}

static void null_forget(struct iom_backend *backend, struct iom_backend_device *dev)
{
	told.forgotten++;
	if (dev)
		null_close_device(backend, dev);
}

static const struct iom_backend_ops null_ops = {
	.name = "null",
	.priv_size = sizeof(struct null),
	.attach = null_attach,
	.detach = null_detach,
	.close_device = null_close_device,
	.apertures = null_apertures,
	.map = null_map,
	.unmap = null_unmap,
	.can_unmap_all = null_can_unmap_all,
	.entries = null_entries,
	.fds = null_fds,
	.destroy = null_destroy,
	.forget = null_forget,
};

static const struct iom_backend_ops *const null_alone[] = { &null_ops, NULL };

/* ---- The rig ------------------------------------------------------------------------------------ */

static int (*sim_open)(void *ctx, const char *path, int flags);

static int open_null(void *ctx, const char *path, int flags)
{
	if (strcmp(path, "/dev/null") != 0)
		return sim_open(ctx, path, flags);
	return 1000 + (int)told.open_fds++;
}

static int close_null(void *ctx, int fd)
{
	(void)ctx;
	expect(fd >= 1000, "close: of what was opened");
	told.open_fds--;
	return 0;
}

static int attach(const char *address, struct iom_device **dev)
{
	return iom_attach(rig.dom, address, NULL, dev);
}

static void set_up(void)
{
	rig_machine(NULL);
	memset(&told, 0, sizeof(told));
	sim_open = rig.sys.open;
	rig.sys.open = open_null;
	rig.sys.close = close_null;
	ck_assert_ok(iom_open_with(&rig.dom, NULL, &rig.sys, null_alone));
}

static void set_up_attached(void)
{
	set_up();
	ck_assert_ok(attach(NVME, &rig.nvme));
}

static void tear_down_null(void)
{
	bool lived = iom_backend(rig.dom);

	tear_down();
	ck_assert_msg(!told.broken, "%s", told.broken);
	ck_assert_uint_eq(told.open_fds, 0);
	ck_assert_uint_eq(told.alive, 0);
	ck_assert(told.destroyed || !lived);
}

/* ---- Cases -------------------------------------------------------------------------------------- */

START_TEST(is_a_backend)
{
	char text[512];

	ck_assert_str_eq(iom_backend(rig.dom), "null");
	ck_assert_int_ge(iom_device_fd(rig.nvme), 1000);
	ck_assert_int_gt(iom_explain(rig.dom, text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, "null: taken"));
	ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), 2);
	ck_assert_uint_eq(iom_page_size(rig.dom), PAGE);
	ck_assert_uint_eq(rig_counters().entry_limit, UINT64_MAX);
}
END_TEST

START_TEST(maps_and_unmaps)
{
	struct iom_region region, fixed;
	char *memory = rig_memory(4 * MIB);

	ck_assert_ok(map_any(memory, 4 * MIB, &region));
	ck_assert_uint_ge(region.iova, HIGH_START);
	ck_assert_uint_eq((region.iova - (uintptr_t)memory) % (2 * MIB), 0);
	ck_assert_uint_eq(told.maps, 1);
	ck_assert(is_mapped(memory + MIB));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_int_eq(iom_unmap(rig.dom, &region), -ENOENT);
	ck_assert_uint_eq(told.unmaps, 1);

	/* what the core decides by itself: the backend is not asked */
	ck_assert_int_eq(map_fixed(memory, PAGE, 3 * GIB, &fixed), -ERANGE);
	ck_assert_int_eq(map_fixed(memory, PAGE, HIGH_LAST + 1, &fixed), -ERANGE);
	ck_assert_int_eq(map_fixed(memory, PAGE / 2, HIGH_START, &fixed), -EINVAL);
	ck_assert_uint_eq(told.maps, 1);
	ck_assert_ok(map_fixed(memory, PAGE, LOW_START, &fixed));
	ck_assert_int_eq(map_fixed(memory + PAGE, PAGE, LOW_START, &fixed), -EEXIST);
	ck_assert_uint_eq(told.maps, 2);
	munmap(memory, 4 * MIB);
}
END_TEST

/* Operations that it has not are capabilities that it lacks, and no call crashes for it. */
START_TEST(does_without)
{
	const struct iom_aperture_opts wish = { .size = sizeof(wish), .length = 16 * MIB };
	struct iom_piece pieces[3] = { 0 };
	struct iom_segment segments[2];
	struct iom_region regions[3];
	struct iom_fds fds = { .size = sizeof(fds) };
	struct iom_stream *stream;
	struct iom_memory *promise;
	char *memory = rig_memory(4 * MIB);
	uint64_t id;

	ck_assert_ok(iom_domain_fds(rig.dom, rig.nvme, &fds));
	ck_assert_int_eq(fds.container, -1);
	ck_assert_int_eq(fds.iommufd, -1);
	ck_assert_int_eq(iom_device_state(rig.nvme), -EOPNOTSUPP);
	ck_assert_int_eq(iom_device_recover(rig.nvme, IOM_RECOVER_RESET), -EOPNOTSUPP);
	ck_assert_ok(iom_aperture_request(rig.dom, &wish, &id));
	ck_assert_ok(iom_aperture_release(rig.dom, id));

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		pieces[i] = (struct iom_piece){ .va = memory + i * PAGE, .length = PAGE };
	ck_assert_ok(iom_mapv(rig.dom, pieces, 3, IOM_MAP_RW, NULL, regions));
	ck_assert_uint_eq(told.maps, 1);
	ck_assert_ok(iom_unmapv(rig.dom, regions, 3));

	ck_assert_ok(iom_memory_add(rig.dom, memory + 2 * MIB, 2 * MIB, IOM_MAP_RW, &promise));
	ck_assert_ok(iom_stream_open(rig.dom, &stream));
	for (int i = 0; i < 2; i++) {
		int n = iom_dma_map(stream, memory + 3 * MIB, 100, IOM_MAP_READ, segments, 2);

		ck_assert_int_eq(n, 1);
		ck_assert_ok(iom_dma_unmap(stream, segments, 1));
	}
	ck_assert_uint_eq(told.maps, 2);
	ck_assert_ok(iom_memory_remove(promise));
	ck_assert_uint_eq(told.alive, 0);
	munmap(memory, 4 * MIB);
}
END_TEST

START_TEST(refuses)
{
	struct iom_region region;
	char *memory = rig_memory(2 * PAGE);
	struct state before = rig_state();

	told.map_error = -ENOMEM;
	ck_assert_fails(map_any(memory, PAGE, &region), -ENOMEM, "nothing is mapped");
	ck_assert_unchanged(before);
	told.map_error = 0;
	ck_assert_ok(map_any(memory, PAGE, &region));
	told.unmap_error = -EIO;
	ck_assert_fails(iom_unmap(rig.dom, &region), -EIO, "nothing is unmapped");
	ck_assert_uint_eq(rig_counters().quarantined_bytes, PAGE);
	told.unmap_error = 0;
	munmap(memory, 2 * PAGE);
}
END_TEST

START_TEST(refuses_to_attach)
{
	told.attach_error = -EOPNOTSUPP;
	ck_assert_fails(attach(NVME, &rig.nvme), -EOPNOTSUPP, "no backend works here",
			"there is no nothing here");
	ck_assert_uint_eq(told.destroyed, 1);
	told.attach_error = 0;
	told.mute = true;
	ck_assert_fails(attach(NVME, &rig.nvme), -EIO, "no IOVA range that can be mapped");
	ck_assert_uint_eq(told.destroyed, 2);
	ck_assert_uint_eq(told.open_fds, 0);
	ck_assert_ptr_null(iom_backend(rig.dom));
}
END_TEST

START_TEST(is_not_adopted)
{
	const struct iom_adopt_opts adopt = { .size = sizeof(adopt), .fd = 1000 };
	const struct iom_open_opts opts = { .size = sizeof(opts), .adopt = &adopt };

	iom_close(rig.dom);
	ck_assert_ok(iom_open_with(&rig.dom, &opts, &rig.sys, null_alone));
	ck_assert_fails(attach(NVME, &rig.nvme), -EOPNOTSUPP, "nothing cannot be adopted");
	ck_assert_uint_eq(told.open_fds, 0);
}
END_TEST

/* The core unmaps all before the last detach, and the next attach has it mapped again. */
START_TEST(maps_again)
{
	struct iom_region region;
	char *memory = rig_memory(PAGE);

	ck_assert_ok(map_any(memory, PAGE, &region));
	iom_detach(rig.nvme);
	ck_assert_uint_eq(told.unmaps, 1);
	ck_assert_uint_eq(told.alive, 0);
	ck_assert_uint_eq(told.open_fds, 0);
	ck_assert(is_mapped(memory));
	ck_assert_ok(attach(NVME, &rig.nvme));
	ck_assert_uint_eq(told.alive, 1);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	munmap(memory, PAGE);
}
END_TEST

START_TEST(is_forgotten_in_a_child)
{
	struct iom_region region;
	char *memory = rig_memory(PAGE);
	int status;
	pid_t pid;

	ck_assert_ok(map_any(memory, PAGE, &region));
	pid = fork();
	if (!pid) {
		bool refused = iom_unmap(rig.dom, &region) == -EPERM;

		iom_close(rig.dom);
		_exit(refused && told.forgotten && !told.open_fds && !told.unmaps &&
				      told.alive == 1 && !told.broken
			      ? 0
			      : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	munmap(memory, PAGE);
}
END_TEST

#define THREADS 4

static void *map_for_a_while(void *arg)
{
	char *memory = arg;
	struct iom_region regions[8];

	for (int round = 0; round < 100; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(regions); i++)
			if (map_any(memory + i * PAGE, PAGE, &regions[i]) < 0)
				return arg;
		for (size_t i = 0; i < ARRAY_SIZE(regions); i++)
			if (iom_unmap(rig.dom, &regions[i]) < 0)
				return arg;
	}
	return NULL;
}

START_TEST(serves_threads)
{
	char *memory = rig_memory(THREADS * MIB);
	pthread_t threads[THREADS];
	void *failed;

	for (size_t i = 0; i < THREADS; i++)
		ck_assert(!pthread_create(&threads[i], NULL, map_for_a_while, memory + i * MIB));
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
	ck_assert_uint_eq(told.maps, THREADS * 100 * 8);
	ck_assert_uint_eq(told.alive, 0);
	munmap(memory, THREADS * MIB);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("null_backend");
	TCase *attached = tcase_create("attached"), *alone = tcase_create("alone");

	tcase_add_checked_fixture(attached, set_up_attached, tear_down_null);
	tcase_add_test(attached, is_a_backend);
	tcase_add_test(attached, maps_and_unmaps);
	tcase_add_test(attached, does_without);
	tcase_add_test(attached, refuses);
	tcase_add_test(attached, maps_again);
	tcase_add_test(attached, is_forgotten_in_a_child);
	tcase_add_test(attached, serves_threads);
	suite_add_tcase(suite, attached);
	tcase_add_checked_fixture(alone, set_up, tear_down_null);
	tcase_add_test(alone, refuses_to_attach);
	tcase_add_test(alone, is_not_adopted);
	suite_add_tcase(suite, alone);
	return run_suite(suite);
}
