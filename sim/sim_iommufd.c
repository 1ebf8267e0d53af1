// SPDX-License-Identifier: BSD-3-Clause
/*
 * /dev/iommu: its objects and its commands, drivers/iommu/iommufd/main.c and ioas.c.  Of the
 * commands of 6.12 and later, those that make page tables by hand, or tell of the hardware, are not
 * there.
 */
#include "sim/iommufd.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/uapi/iommufd.h"

/* ---- Objects -------------------------------------------------------------------------------- */

struct sim_object *iom_sim_any_object(const struct sim_iommufd *iommufd, uint32_t id)
{
	struct sim_object *object;

	for (object = iommufd->objects; object && object->id != id; object = object->next)
		;
	return object;
}

struct sim_object *iom_sim_object(const struct sim_iommufd *iommufd, uint32_t id,
				  enum sim_object_kind kind)
{
	struct sim_object *object = iom_sim_any_object(iommufd, id);

	return object && object->kind == kind ? object : NULL;
}

static struct sim_ioas *find_ioas(const struct sim_iommufd *iommufd, uint32_t id)
{
	return (struct sim_ioas *)iom_sim_object(iommufd, id, SIM_IOAS);
}

void iom_sim_object_add(struct sim_iommufd *iommufd, struct sim_object *object,
			enum sim_object_kind kind)
{
	struct sim_object **link;
	uint32_t id = 1;

	for (link = &iommufd->objects; *link && (*link)->id == id; link = &(*link)->next)
		id++;
	object->id = id;
	object->kind = kind;
	object->next = *link;
	*link = object;
}

void iom_sim_object_remove(struct sim_iommufd *iommufd, struct sim_object *object)
{
	struct sim_object **link;

	for (link = &iommufd->objects; *link != object; link = &(*link)->next)
		;
	*link = object->next;
}

/* ---- Life ----------------------------------------------------------------------------------- */

int iom_sim_iommufd_open(struct iom_sim *sim, bool container)
{
	struct sim_iommufd *iommufd;
	int fd;

	iommufd = calloc(1, sizeof(*iommufd));
	if (!iommufd)
		return -ENOMEM;
	fd = iom_sim_files_add(sim, SIM_IOMMUFD, iommufd,
			       container ? "/dev/vfio/vfio" : "/dev/iommu");
	if (fd < 0) {
		free(iommufd);
		return fd;
	}
	iommufd->refs = 1;
	iommufd->per_mm = container;
	return fd;
}

/* The last one to go leaves address spaces only: page tables and devices hold the iommufd. */
void iom_sim_iommufd_put(struct iom_sim *sim, struct sim_iommufd *iommufd)
{
	if (--iommufd->refs)
		return;
	while (iommufd->objects)
		iom_sim_ioas_free(sim, iommufd, (struct sim_ioas *)iommufd->objects);
	free(iommufd);
}

/* ---- Commands ------------------------------------------------------------------------------- */

union command {
	struct iom_iommu_destroy destroy;
	struct iom_iommu_ioas_alloc alloc;
	struct iom_iommu_ioas_allow_iovas allow;
	struct iom_iommu_ioas_copy copy;
	struct iom_iommu_ioas_iova_ranges ranges;
	struct iom_iommu_ioas_map map;
	struct iom_iommu_ioas_map_file map_file;
	struct iom_iommu_ioas_unmap unmap;
	struct iom_iommu_option option;
	struct iom_iommu_vfio_ioas vfio_ioas;
	uint32_t size;
};

static int destroy(struct iom_sim *sim, struct sim_iommufd *iommufd, union command *cmd)
{
	struct sim_object *object = iom_sim_any_object(iommufd, cmd->destroy.id);

	if (!object)
		return -ENOENT;
	if (object->users)
		return -EBUSY;
	iom_sim_ioas_free(sim, iommufd, (struct sim_ioas *)object);
	return 0;
}

static int ioas_alloc(struct iom_sim *sim, struct sim_iommufd *iommufd, union command *cmd)
{
	struct sim_ioas *ioas;

	(void)sim;
	if (cmd->alloc.flags)
		return -EOPNOTSUPP;
	ioas = iom_sim_ioas_new(iommufd);
	if (!ioas)
		return -ENOMEM;
	cmd->alloc.out_ioas_id = ioas->object.id;
	return 0;
}

static int allow_iovas(struct iom_sim *sim, struct sim_iommufd *iommufd, union command *cmd)
{
	(void)sim;
	return iom_sim_ioas_allow_iovas(iommufd, &cmd->allow);
}

static int copy_ranges(const struct sim_ranges *ranges, uint64_t to, uint32_t room)
{
	size_t n = ranges->n < room ? ranges->n : room;

	return n ? iom_sim_copy_out((void *)(uintptr_t)to, ranges->at, n * sizeof(*ranges->at)) : 0;
}

/* The right number is told with -EMSGSIZE too. */
static int iova_ranges(struct iom_sim *sim, struct sim_iommufd *iommufd, union command *cmd)
{
	const struct sim_ioas *ioas;
	struct sim_ranges ranges = { NULL, 0 };
	uint32_t room = cmd->ranges.num_iovas;
	int ret;

	if (cmd->ranges.reserved)
		return -EOPNOTSUPP;
	ioas = find_ioas(iommufd, cmd->ranges.ioas_id);
	if (!ioas)
		return -ENOENT;
	ret = iom_sim_ioas_ranges(ioas, &ranges);
	if (ret)
		return ret;
	ret = copy_ranges(&ranges, cmd->ranges.allowed_iovas, room);
	cmd->ranges.num_iovas = (uint32_t)ranges.n;
	cmd->ranges.out_iova_alignment = iom_sim_ioas_alignment(sim, ioas);
	free(ranges.at);
	if (ret)
		return ret;
	if (iom_sim_quirk(sim, IOM_SIM_RANGES_GROW))
		cmd->ranges.num_iovas = room + 1;
	return cmd->ranges.num_iovas > room ? -EMSGSIZE : 0;
}

#define MAP_FLAGS \
	(IOM_IOMMU_IOAS_MAP_FIXED_IOVA | IOM_IOMMU_IOAS_MAP_READABLE | IOM_IOMMU_IOAS_MAP_WRITEABLE)

/* What MAP, MAP_FILE and COPY check alike, and the flags of the area. */
static int check_map(uint32_t flags, uint64_t iova, uint64_t length, uint32_t *area_flags)
{
	if (flags & ~MAP_FLAGS)
		return -EOPNOTSUPP;
	if (iova == UINT64_MAX || length == UINT64_MAX)
		return -EOVERFLOW;
	if (!(flags & (IOM_IOMMU_IOAS_MAP_READABLE | IOM_IOMMU_IOAS_MAP_WRITEABLE)))
		return -EINVAL;
	*area_flags = flags & IOM_IOMMU_IOAS_MAP_FIXED_IOVA ? 0 : SIM_ANY_IOVA;
	if (flags & IOM_IOMMU_IOAS_MAP_READABLE)
		*area_flags |= VFIO_DMA_MAP_FLAG_READ;
	if (flags & IOM_IOMMU_IOAS_MAP_WRITEABLE)
		*area_flags |= VFIO_DMA_MAP_FLAG_WRITE;
	return 0;
}

static int ioas_map(struct iom_sim *sim, struct sim_iommufd *iommufd, union command *cmd)
{
	struct iom_iommu_ioas_map *map = &cmd->map;
	struct sim_pages *pages;
	struct sim_ioas *ioas;
	uint32_t flags;
	int ret;

	if (map->reserved)
		return -EOPNOTSUPP;
	ret = check_map(map->flags, map->iova, map->length, &flags);
	if (ret)
		return ret;
	ioas = find_ioas(iommufd, map->ioas_id);
	if (!ioas)
		return -ENOENT;
	ret = iom_sim_pages_of_user(sim, map->user_va, map->length, flags & VFIO_DMA_MAP_FLAG_WRITE,
				    iommufd->per_mm, &pages);
	if (ret)
		return ret;
	ret = iom_sim_area_map(sim, ioas, pages, map->user_va - pages->base, map->length,
			       &map->iova, flags);
	iom_sim_pages_put(pages);
	return ret;
}

static int ioas_map_file(struct iom_sim *sim, struct sim_iommufd *iommufd, union command *cmd)
{
	struct iom_iommu_ioas_map_file *map = &cmd->map_file;
	struct sim_pages *pages;
	struct sim_ioas *ioas;
	uint32_t flags;
	int ret;

	ret = check_map(map->flags, map->iova, map->length, &flags);
	if (ret)
		return ret;
	ioas = find_ioas(iommufd, map->ioas_id);
	if (!ioas)
		return -ENOENT;
	ret = iom_sim_pages_of_file(sim, map->fd, map->start, map->length,
				    flags & VFIO_DMA_MAP_FLAG_WRITE, iommufd->per_mm, &pages);
	if (ret)
		return ret;
	ret = iom_sim_area_map(sim, ioas, pages, map->start - pages->address, map->length,
			       &map->iova, flags);
	iom_sim_pages_put(pages);
	return ret;
}

static int ioas_copy(struct iom_sim *sim, struct sim_iommufd *iommufd, union command *cmd)
{
	struct iom_iommu_ioas_copy *copy = &cmd->copy;
	const struct sim_ioas *from;
	uint32_t flags;
	int ret;

	ret = check_map(copy->flags, copy->src_iova == UINT64_MAX ? UINT64_MAX : copy->dst_iova,
			copy->length, &flags);
	if (ret)
		return ret;
	from = find_ioas(iommufd, copy->src_ioas_id);
	if (!from)
		return -ENOENT;
	return iom_sim_area_copy(sim, find_ioas(iommufd, copy->dst_ioas_id), from, copy->src_iova,
				 copy->length, &copy->dst_iova, flags);
}

static int ioas_unmap(struct iom_sim *sim, struct sim_iommufd *iommufd, union command *cmd)
{
	struct iom_iommu_ioas_unmap *unmap = &cmd->unmap;
	bool all = !unmap->iova && unmap->length == UINT64_MAX;
	uint64_t unmapped = 0;
	struct sim_ioas *ioas;
	int ret = 0;

	ioas = find_ioas(iommufd, unmap->ioas_id);
	if (!ioas)
		return -ENOENT;
	if (!all && (unmap->iova == UINT64_MAX || unmap->length == UINT64_MAX))
		return -EOVERFLOW;
	if (iom_sim_quirk(sim, IOM_SIM_UNMAP_NOTHING)) {
		unmap->length = 0;
		return 0;
	}
	if (all)
		ret = iom_sim_area_unmap(sim, ioas, 0, UINT64_MAX, &unmapped);
	else
		ret = iom_sim_area_unmap_length(sim, ioas, unmap->iova, unmap->length, &unmapped);
	if (!ret && !unmapped && !all)
		ret = -ENOENT;
	if (ret)
		return ret;
	if (unmapped && iom_sim_quirk(sim, IOM_SIM_UNMAP_SHORT))
		unmapped -= sim->page_size;
	unmap->length = unmapped;
	return 0;
}

/* ---- Options -------------------------------------------------------------------------------- */

static int rlimit_mode(const struct iom_sim *sim, struct sim_iommufd *iommufd,
		       struct iom_iommu_option *option)
{
	if (option->object_id)
		return -EOPNOTSUPP;
	switch (option->op) {
	case IOM_IOMMU_OPTION_OP_GET:
		option->val64 = iommufd->per_mm;
		return 0;
	case IOM_IOMMU_OPTION_OP_SET:
		if (!sim->ipc_lock) /* CAP_SYS_RESOURCE, which comes and goes with it here */
			return -EPERM;
		if (iommufd->objects)
			return -EBUSY;
		if (option->val64 > 1)
			return -EINVAL;
		iommufd->per_mm = option->val64;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int huge_pages(struct iom_sim *sim, struct sim_iommufd *iommufd,
		      struct iom_iommu_option *option)
{
	struct sim_ioas *ioas = find_ioas(iommufd, option->object_id);

	if (!ioas)
		return -ENOENT;
	switch (option->op) {
	case IOM_IOMMU_OPTION_OP_GET:
		option->val64 = !ioas->small_pages;
		return 0;
	case IOM_IOMMU_OPTION_OP_SET:
		if (option->val64 > 1)
			return -EINVAL;
		return iom_sim_ioas_small_pages(sim, ioas, !option->val64);
	default:
		return -EOPNOTSUPP;
	}
}

static int set_option(struct iom_sim *sim, struct sim_iommufd *iommufd, union command *cmd)
{
	if (cmd->option.reserved)
		return -EOPNOTSUPP;
	switch (cmd->option.option_id) {
	case IOM_IOMMU_OPTION_RLIMIT_MODE:
		return rlimit_mode(sim, iommufd, &cmd->option);
	case IOM_IOMMU_OPTION_HUGE_PAGES:
		return huge_pages(sim, iommufd, &cmd->option);
	default:
		return -EOPNOTSUPP;
	}
}

static int vfio_ioas(struct iom_sim *sim, struct sim_iommufd *iommufd, union command *cmd)
{
	struct sim_ioas *ioas;

	(void)sim;
	if (cmd->vfio_ioas.reserved)
		return -EOPNOTSUPP;
	switch (cmd->vfio_ioas.op) {
	case IOM_IOMMU_VFIO_IOAS_GET:
		if (!iommufd->compat)
			return -ENODEV;
		cmd->vfio_ioas.ioas_id = iommufd->compat->object.id;
		return 0;
	case IOM_IOMMU_VFIO_IOAS_SET:
		ioas = find_ioas(iommufd, cmd->vfio_ioas.ioas_id);
		if (!ioas)
			return -ENOENT;
		iommufd->compat = ioas;
		return 0;
	case IOM_IOMMU_VFIO_IOAS_CLEAR:
		iommufd->compat = NULL;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/* ---- Dispatch ------------------------------------------------------------------------------- */

static const struct operation {
	unsigned long request;
	unsigned int from; /* kernel */
	uint32_t size;
	int (*run)(struct iom_sim *sim, struct sim_iommufd *iommufd, union command *cmd);
} operations[] = {
	{ IOM_IOMMU_DESTROY, 0, sizeof(struct iom_iommu_destroy), destroy },
	{ IOM_IOMMU_IOAS_ALLOC, 0, sizeof(struct iom_iommu_ioas_alloc), ioas_alloc },
	{ IOM_IOMMU_IOAS_ALLOW_IOVAS, 0, sizeof(struct iom_iommu_ioas_allow_iovas), allow_iovas },
	{ IOM_IOMMU_IOAS_COPY, 0, sizeof(struct iom_iommu_ioas_copy), ioas_copy },
	{ IOM_IOMMU_IOAS_IOVA_RANGES, 0, sizeof(struct iom_iommu_ioas_iova_ranges), iova_ranges },
	{ IOM_IOMMU_IOAS_MAP, 0, sizeof(struct iom_iommu_ioas_map), ioas_map },
	{ IOM_IOMMU_IOAS_UNMAP, 0, sizeof(struct iom_iommu_ioas_unmap), ioas_unmap },
	{ IOM_IOMMU_OPTION, 0, sizeof(struct iom_iommu_option), set_option },
	{ IOM_IOMMU_VFIO_IOAS, 0, sizeof(struct iom_iommu_vfio_ioas), vfio_ioas },
	{ IOM_IOMMU_IOAS_MAP_FILE, 613, sizeof(struct iom_iommu_ioas_map_file), ioas_map_file },
};

static const struct operation *find_operation(const struct iom_sim *sim, unsigned long request)
{
	size_t i;

	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (operations[i].request == request && sim->kernel >= operations[i].from)
			return &operations[i];
	return NULL;
}

/* copy_struct_from_user(): what the kernel does not know must be zero. */
static int read_command(const struct operation *op, const void *arg, uint32_t size,
			union command *cmd)
{
	const unsigned char *bytes = arg;
	uint32_t i;

	if (size < op->size)
		return -EINVAL;
	for (i = op->size; i < size; i++)
		if (bytes[i])
			return -E2BIG;
	return iom_sim_copy_in(cmd, arg, op->size);
}

int iom_sim_iommufd_ioctl(struct iom_sim *sim, struct sim_iommufd *iommufd, unsigned long request,
			  void *arg)
{
	const struct operation *op = find_operation(sim, request);
	union command cmd;
	uint32_t size;
	int ret;

	if (!op)
		return iom_sim_compat_ioctl(sim, iommufd, request, arg);
	ret = iom_sim_copy_in(&size, arg, sizeof(size));
	if (ret)
		return ret;
	memset(&cmd, 0, sizeof(cmd));
	ret = read_command(op, arg, size, &cmd);
	if (ret)
		return ret;
	ret = op->run(sim, iommufd, &cmd);
	/* many commands answer nothing, and their arguments may be constant */
	if ((!ret || ret == -EMSGSIZE) && memcmp(arg, &cmd, op->size) != 0)
		(void)iom_sim_copy_out(arg, &cmd, op->size);
	return ret;
}
