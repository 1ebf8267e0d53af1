// SPDX-License-Identifier: BSD-3-Clause
#include "rig.h"

#include <string.h>

enum outcome rig_build(struct rig *rig, struct fixture *f, struct iom_device *dev)
{
	*rig = (struct rig){ .f = f, .from = memory(f->page), .to = memory(f->page) };
	OK(iom_map(f->dom, rig->from, f->page, IOM_MAP_READ, NULL, &rig->from_region));
	OK(iom_map(f->dom, rig->to, f->page, IOM_MAP_RW, NULL, &rig->to_region));
	return rig_take(rig, dev);
}

enum outcome rig_take(struct rig *rig, struct iom_device *dev)
{
	int ret;

	rig->address = iom_device_address(dev);
	rig->proven = false;
	ret = engine_open(dev, &rig->engine);
	if (ret < 0)
		return failed(__FILE__, __LINE__, "%s cannot be told to do DMA: %s", rig->address,
			      strerror(-ret));
	return PASS;
}

void rig_release(struct rig *rig)
{
	engine_close(rig->engine);
	rig->engine = NULL;
}

void rig_prepare(struct rig *rig, void *target)
{
	unsigned char *bytes = target;
	unsigned int i;

	rig->round++;
	for (i = 0; i < RIG_BYTES; i++)
		rig->from[i] = (unsigned char)(i * 7 + rig->round * 31 + 1);
	for (i = 0; i < RIG_BYTES; i++)
		bytes[i] = (unsigned char)~rig->from[i];
}

bool rig_arrived(const struct rig *rig, const void *target)
{
	return !memcmp(target, rig->from, RIG_BYTES);
}

bool rig_untouched(const struct rig *rig, const void *target)
{
	const unsigned char *bytes = target;
	unsigned int i;

	for (i = 0; i < RIG_BYTES; i++)
		if (bytes[i] != (unsigned char)~rig->from[i])
			return false;
	return true;
}

int rig_copy(struct rig *rig, iom_iova_t target)
{
	int ret = engine_read(rig->engine, rig->from_region.iova, RIG_BYTES);

	return ret < 0 ? ret : engine_write(rig->engine, target, RIG_BYTES);
}

enum outcome rig_works(struct rig *rig)
{
	return rig_reaches(rig, rig->to, rig->to_region.iova);
}

enum outcome rig_reaches(struct rig *rig, void *target, iom_iova_t iova)
{
	rig_prepare(rig, target);
	OK(rig_copy(rig, iova));
	if (!rig_arrived(rig, target))
		return failed(__FILE__, __LINE__,
			      "what %s wrote to IOVA 0x%llx is not in the memory behind it",
			      rig->address, (unsigned long long)iova);
	rig->proven = true;
	return PASS;
}

enum outcome rig_reads(struct rig *rig, const void *source, iom_iova_t iova)
{
	OK(engine_read(rig->engine, iova, RIG_BYTES));
	OK(engine_write(rig->engine, rig->to_region.iova, RIG_BYTES));
	if (memcmp(rig->to, source, RIG_BYTES) != 0)
		return failed(__FILE__, __LINE__,
			      "what %s read at IOVA 0x%llx is not what the memory behind it holds",
			      rig->address, (unsigned long long)iova);
	return PASS;
}

enum outcome rig_misses(struct rig *rig, void *target, iom_iova_t iova)
{
	if (!rig->proven)
		TRY(rig_works(rig));
	expect_fault(rig->address, iova);
	rig_prepare(rig, target);
	OK(rig_copy(rig, iova));
	if (!rig_untouched(rig, target))
		return failed(__FILE__, __LINE__,
			      "%s reached memory at IOVA 0x%llx, where nothing is mapped for it",
			      rig->address, (unsigned long long)iova);
	return rig_works(rig);
}
