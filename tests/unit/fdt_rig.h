/* SPDX-License-Identifier: BSD-3-Clause */
/* Flattened device trees, written by libfdt, and a table of system calls that has one as a file. */
#ifndef IOM_TEST_FDT_RIG_H
#define IOM_TEST_FDT_RIG_H

#include <check.h>
#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys.h"
#include "lib/tree.h"

#define FDT_RIG_FILE "machine.dtb"
#define FDT_RIG_ROOM (1 << 20)

struct fdt_rig {
	struct iom_sys sys;
	void *blob;
	char *bytes; /* the same */
	size_t length;
	int error; /* the file's, if it cannot be read */
};

static inline ssize_t fdt_rig_read(void *ctx, const char *path, void *buf, size_t n)
{
	struct fdt_rig *rig = ctx;

	if (rig->error)
		return rig->error;
	if (strcmp(path, FDT_RIG_FILE) && strcmp(path, "/sys/firmware/fdt"))
		return -ENOENT;
	n = n < rig->length ? n : rig->length;
	memcpy(buf, rig->blob, n);
	return (ssize_t)n;
}

/* ---- Writing: a node is begun, and ended before its parent ------------------------------------- */

static inline void fdt_rig_start(struct fdt_rig *rig)
{
	*rig = (struct fdt_rig){ .sys = { .read_file = fdt_rig_read },
				 .blob = malloc(FDT_RIG_ROOM) };
	ck_assert_ptr_nonnull(rig->blob);
	rig->bytes = rig->blob;
	ck_assert_int_eq(fdt_create(rig->blob, FDT_RIG_ROOM), 0);
	ck_assert_int_eq(fdt_finish_reservemap(rig->blob), 0);
	ck_assert_int_eq(fdt_begin_node(rig->blob, ""), 0);
}

static inline void fdt_rig_finish(struct fdt_rig *rig)
{
	ck_assert_int_eq(fdt_end_node(rig->blob), 0);
	ck_assert_int_eq(fdt_finish(rig->blob), 0);
	rig->length = fdt_totalsize(rig->blob);
	rig->sys.ctx = rig;
}

static inline void fdt_rig_free(struct fdt_rig *rig)
{
	free(rig->blob);
	rig->blob = NULL;
	rig->bytes = NULL;
}

static inline void begin(struct fdt_rig *rig, const char *name)
{
	ck_assert_int_eq(fdt_begin_node(rig->blob, name), 0);
}

static inline void end(struct fdt_rig *rig)
{
	ck_assert_int_eq(fdt_end_node(rig->blob), 0);
}

static inline void text(struct fdt_rig *rig, const char *name, const char *value)
{
	ck_assert_int_eq(fdt_property_string(rig->blob, name, value), 0);
}

static inline void write_cells(struct fdt_rig *rig, const char *name, const uint32_t *value,
			       size_t n)
{
	fdt32_t cells[64];
	size_t i;

	ck_assert_uint_le(n, 64);
	for (i = 0; i < n; i++)
		cells[i] = cpu_to_fdt32(value[i]);
	ck_assert_int_eq(fdt_property(rig->blob, name, cells, (int)(4 * n)), 0);
}

#define cells(rig, name, ...)                                     \
	write_cells(rig, name, (const uint32_t[]){ __VA_ARGS__ }, \
		    sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

/* A PCI bridge, left open; a function below it, by bus, device and function. */
static inline void begin_bridge(struct fdt_rig *rig, const char *name)
{
	begin(rig, name);
	text(rig, "device_type", "pci");
	cells(rig, "#address-cells", 3);
	cells(rig, "#size-cells", 2);
}

static inline uint32_t pci_reg(unsigned int bus, unsigned int device, unsigned int function)
{
	return bus << 16 | device << 11 | function << 8;
}

static inline void add_function(struct fdt_rig *rig, const char *name, uint32_t reg)
{
	begin(rig, name);
	cells(rig, "reg", reg, 0, 0, 0, 0);
	end(rig);
}

/* ---- Machines ----------------------------------------------------------------------------------- */

/* Two bridges with windows; behind the second one a bridge, whose bus the tree gives in reg. */
static inline void fdt_rig_pseries(struct fdt_rig *rig)
{
	unsigned int i;

	fdt_rig_start(rig);
	cells(rig, "#address-cells", 2);
	cells(rig, "#size-cells", 2);
	begin(rig, "rtas");
	end(rig);
	for (i = 0; i < 2; i++) {
		begin_bridge(rig, i ? "pci@800000020000001" : "pci@800000020000000");
		text(rig, "compatible", "IBM,Logical_PHB");
		cells(rig, "reg", 0x8000000, 0x20000000 + i, 0, 0);
		cells(rig, "bus-range", 0, 0xff);
		cells(rig, "ibm,#dma-address-cells", 2);
		cells(rig, "ibm,#dma-size-cells", 2);
		cells(rig, "ibm,dma-window", 0x80000000 + i, 0, 0, 0, 0x20000000 << i);
		cells(rig, "ibm,ddw-applicable", 0x2026, 0x2027, 0x2028);
		cells(rig, "ibm,ddw-extensions", 2, 0x2029, 1);
		cells(rig, "ranges", 0x1000000, 0, 0, 0x2000, 0, 0, 0x10000, 0x2000000, 0,
		      0x80000000, 0x2000, 0x80000000, 0, 0x80000000, 0x3000000, 0x2100, 0, 0x2100,
		      0, 0x100, 0);
		add_function(rig, "mass-storage@2", pci_reg(0, 2, 0));
		if (i) {
			begin_bridge(rig, "pci@3");
			cells(rig, "reg", pci_reg(0, 3, 0), 0, 0, 0, 0);
			add_function(rig, "ethernet@1", pci_reg(1, 1, 0));
			add_function(rig, "ethernet@1,1", pci_reg(1, 1, 1));
			end(rig);
		}
		end(rig);
	}
	fdt_rig_finish(rig);
}

/* One bridge, numbered 3 by OPAL, and a switch below it. */
static inline void fdt_rig_powernv(struct fdt_rig *rig)
{
	fdt_rig_start(rig);
	cells(rig, "#address-cells", 2);
	begin(rig, "ibm,opal");
	end(rig);
	begin_bridge(rig, "pciex@600c3c0000000");
	cells(rig, "ibm,opal-phbid", 0, 3);
	cells(rig, "bus-range", 0, 0xff);
	cells(rig, "ranges", 0x2000000, 0, 0x80000000, 0x600c0, 0, 0, 0x7fff0000);
	cells(rig, "ibm,opal-m64-window", 0x60000, 0, 0x60000, 0, 0x40, 0);
	cells(rig, "ibm,supported-tce-sizes", 12, 16, 21, 30);
	begin_bridge(rig, "pci@0");
	cells(rig, "reg", 0, 0, 0, 0, 0);
	begin_bridge(rig, "pci@0");
	cells(rig, "reg", pci_reg(1, 0, 0), 0, 0, 0, 0);
	add_function(rig, "mass-storage@0", pci_reg(2, 0, 0));
	end(rig);
	end(rig);
	end(rig);
	fdt_rig_finish(rig);
}

/* A generic host in segment 5, an SMMU and a virtio-iommu, which the map leaves out. */
static inline void fdt_rig_arm64(struct fdt_rig *rig)
{
	fdt_rig_start(rig);
	cells(rig, "#address-cells", 2);
	begin(rig, "smmuv3@9050000");
	cells(rig, "phandle", 0x8004);
	text(rig, "compatible", "arm,smmu-v3");
	end(rig);
	begin_bridge(rig, "pcie@10000000");
	cells(rig, "linux,pci-domain", 5);
	cells(rig, "bus-range", 0x20, 0x2f);
	cells(rig, "iommu-map", 0x2000, 0x8004, 0, 8, 0x2009, 0x8005, 0x2009, 0xff0);
	cells(rig, "ranges", 0x42000000, 0, 0x10000000, 0, 0x10000000, 0, 0x2eff0000);
	begin(rig, "virtio_iommu@1,0");
	cells(rig, "phandle", 0x8005);
	cells(rig, "reg", pci_reg(0, 1, 0), 0, 0, 0, 0);
	text(rig, "compatible", "virtio,pci-iommu");
	end(rig);
	begin_bridge(rig, "pcie@2,0");
	cells(rig, "reg", pci_reg(0, 2, 0), 0, 0, 0, 0);
	cells(rig, "bus-range", 0x21, 0x21);
	add_function(rig, "wifi@0", 0);
	end(rig);
	begin_bridge(rig, "pcie@3,0");
	cells(rig, "reg", pci_reg(0, 3, 0), 0, 0, 0, 0);
	add_function(rig, "whose@0", 0);
	end(rig);
	end(rig);
	fdt_rig_finish(rig);
}

#endif
