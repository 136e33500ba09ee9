/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lib/vfio without the rest of pcipass: what a device that is with vfio-pci is, and a register of
 * its BAR 0, read by a guest of a few instructions.
 *
 *	cc -I. -Iinclude -o vfio examples/vfio.c lib/vfio/{vfio,device,microguest}.c base/error.c
 *	pcipass nodedev-detach 01:00.0 && ./vfio 0000:01:00.0 8 && pcipass nodedev-reattach 01:00.0
 */
#include "lib/vfio/microguest.h"
#include "lib/vfio/vfio.h"
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define COMMAND 4 /* in configuration space */
#define DECODE_MEMORY 2

static int fail(const char *what, int code)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-code));
	return EXIT_FAILURE;
}

static int group_of(const char *address)
{
	char path[PATH_MAX], target[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address);
	ssize_t length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	return (int)strtol(basename(target), NULL, 10);
}

/* Memory decoding is off when VFIO opens a device. */
static int decode_memory(struct pp_vfio_device *device)
{
	uint16_t command;

	int r = pp_vfio_config_read(device, COMMAND, &command, sizeof(command));
	if (r < 0)
		return r;
	command |= DECODE_MEMORY;
	return pp_vfio_config_write(device, COMMAND, &command, sizeof(command));
}

static int guest_reads(struct pp_vfio_device *device, uint32_t offset)
{
	struct pp_microguest guest = PP_MICROGUEST_INIT;
	struct pp_error error = {0};
	uint32_t value = 0;
	void *bar;
	size_t size;

	int r = decode_memory(device);
	if (r == 0)
		r = pp_vfio_region_map(device, 0, &bar, &size);
	if (r < 0)
		return fail("mapping BAR 0", r);
	if (offset > size - 4 || device->regions[0].map_offset) {
		r = fail("this offset", -ERANGE);
	} else if (pp_microguest_open(&guest, &error) < 0) {
		fprintf(stderr, "%s\n", error.text);
		r = EXIT_FAILURE;
	} else {
		r = pp_microguest_read(&guest, (char *)bar + offset / PAGE * PAGE, PAGE,
			offset % PAGE, 2000, &value);
		if (r < 0)
			r = fail("reading it in a guest", r);
		else
			printf("BAR 0 + 0x%x: 0x%08x\n", offset, value);
	}
	pp_microguest_close(&guest);
	munmap(bar, size);
	return r;
}

static int show(struct pp_vfio *vfio, const char *address, uint32_t offset)
{
	struct pp_vfio_device device = PP_VFIO_DEVICE_INIT;
	struct pp_error error = {0};

	if (pp_vfio_device_open(vfio, address, &device, &error) < 0) {
		fprintf(stderr, "%s\n", error.text);
		return EXIT_FAILURE;
	}
	for (unsigned i = 0; i < 6 && i < device.n_regions; i++)
		if (device.regions[i].size)
			printf("BAR %u: 0x%llx bytes\n", i,
				(unsigned long long)device.regions[i].size);
	printf("INTx %u, MSI %u, MSI-X %u\n", device.interrupts[0].count,
		device.interrupts[1].count, device.interrupts[2].count);
	int status = guest_reads(&device, offset);
	pp_vfio_device_close(&device);
	return status;
}

int main(int argc, char **argv)
{
	struct pp_vfio vfio = PP_VFIO_INIT;
	struct pp_error error = {0};
	enum pp_vfio_stage stage;

	if (argc != 3) {
		fprintf(stderr, "usage: vfio DDDD:BB:DD.F OFFSET\n");
		return EXIT_FAILURE;
	}
	int group = group_of(argv[1]);
	if (group < 0)
		return fail(argv[1], group);
	if (pp_vfio_open(group, &vfio, &stage, &error) < 0) {
		fprintf(stderr, "%s\n", error.text);
		return EXIT_FAILURE;
	}
	int status = show(&vfio, argv[1], (uint32_t)strtoul(argv[2], NULL, 0));
	pp_vfio_close(&vfio);
	return status;
}
