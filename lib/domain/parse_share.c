/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest has together with others: memory, and directories of the host. */
#include "base/parse.h"
#include "lib/domain/parse_device.h"
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define SIZE (4 * MIB) /* libvirt's, where none is said */
#define NAME_MAX_LENGTH 200
#define TAG_MAX_LENGTH 35 /* the device has 36 bytes for it */

static bool is_plain(const struct pp_domain_device *device)
{
	return pp_text_is(device->model, "ivshmem-plain");
}

/* It becomes the name of a file in /dev/shm. */
static void parse_name(
	struct pp_parsing *parsing, const struct pp_element *element, struct pp_shmem *shmem)
{
	const char *name = pp_parsing_attribute(parsing, element, "name");

	shmem->name = name;
	if (name && (!*name || *name == '.' || strchr(name, '/') || strchr(name, '\n') ||
			    strlen(name) > NAME_MAX_LENGTH))
		pp_parsing_fail(parsing, element->line,
			"name='%.60s' of <shmem> cannot be the name of a file in /dev/shm", name);
}

static void parse_plain(
	struct pp_parsing *parsing, const struct pp_element *element, struct pp_shmem *shmem)
{
	const struct pp_element *size = pp_element_child(element, "size");
	static const char *const of_doorbell[] = {"server", "msi", NULL};

	shmem->size = size ? pp_parsing_bytes(parsing, size, NULL, "bytes") : SIZE;
	if (!parsing->failed && (shmem->size < MIB || shmem->size & (shmem->size - 1)))
		pp_parsing_fail(parsing, size ? size->line : element->line,
			"the <size> of a <shmem> is a power of two, 1 MiB or more");
	for (unsigned i = 0; of_doorbell[i]; i++)
		if (pp_element_child(element, of_doorbell[i]))
			pp_parsing_fail(parsing, element->line,
				"<%s> of <shmem> is for the model ivshmem-doorbell",
				of_doorbell[i]);
}

static void parse_doorbell(
	struct pp_parsing *parsing, const struct pp_element *element, struct pp_shmem *shmem)
{
	const struct pp_element *size = pp_element_child(element, "size");
	const struct pp_element *server = pp_element_child(element, "server");
	const struct pp_element *msi = pp_element_child(element, "msi");

	if (!server)
		pp_parsing_fail(parsing, element->line,
			"a <shmem> of model ivshmem-doorbell needs <server path=>, the socket of "
			"an "
			"ivshmem-server");
	if (size)
		pp_parsing_fail(parsing, size->line,
			"the server says the size of a <shmem> of model ivshmem-doorbell");
	shmem->server = pp_parsing_path(parsing, server, "path");
	shmem->vectors = pp_parsing_number(parsing, msi, "vectors", 64, 0);
	shmem->ioeventfd = pp_parsing_switch(msi, "ioeventfd");
}

void pp_parsing_shmem(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	struct pp_shmem *shmem = &device->shmem;

	device->model = pp_parsing_attribute(parsing, pp_element_child(element, "model"), "type");
	shmem->master = pp_parsing_is(element, "role", "master");
	parse_name(parsing, element, shmem);
	if (is_plain(device))
		parse_plain(parsing, element, shmem);
	else
		parse_doorbell(parsing, element, shmem);
}

void pp_parsing_filesystem(struct pp_parsing *parsing, const struct pp_element *element,
	struct pp_domain_device *device)
{
	struct pp_filesystem *filesystem = &device->filesystem;
	const struct pp_element *binary = pp_element_child(element, "binary");
	const struct pp_element *target = pp_element_child(element, "target");

	filesystem->source = pp_parsing_path(parsing, pp_element_child(element, "source"), "dir");
	filesystem->tag = pp_parsing_attribute(parsing, target, "dir");
	filesystem->readonly = pp_element_child(element, "readonly") != NULL;
	filesystem->queue =
		pp_parsing_number(parsing, pp_element_child(element, "driver"), "queue", 1024, 0);
	filesystem->cache =
		pp_parsing_attribute(parsing, pp_element_child(binary, "cache"), "mode");
	filesystem->xattr = pp_parsing_switch(binary, "xattr");
	if (filesystem->queue & (filesystem->queue - 1))
		pp_parsing_fail(parsing, element->line, "queue='%u' of <driver> is no power of two",
			filesystem->queue);
	if (filesystem->tag && (!*filesystem->tag || strlen(filesystem->tag) > TAG_MAX_LENGTH))
		pp_parsing_fail(parsing, target->line,
			"dir='%.60s' of <target> is what the guest mounts it by: 1 to %d "
			"characters",
			filesystem->tag, TAG_MAX_LENGTH);
}
