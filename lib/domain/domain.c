/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/domain/domain.h"
#include "base/buffer.h"
#include <string.h>

void pp_domain_free(struct pp_domain *domain)
{
	if (domain)
		pp_arena_free(domain->arena);
}

const struct pp_domain_device *pp_domain_next_hostdev(
	const struct pp_domain *domain, const struct pp_domain_device *previous)
{
	const struct pp_domain_device *device = previous ? previous + 1 : domain->devices;

	for (; device < domain->devices + domain->n_devices; device++)
		if (device->kind == PP_DEV_HOSTDEV && device->hostdev.type == PP_HOSTDEV_PCI)
			return device;
	return NULL;
}

static uint64_t count_hostdevs(const struct pp_domain *domain)
{
	const struct pp_domain_device *device = NULL;
	uint64_t count = 0;

	while ((device = pp_domain_next_hostdev(domain, device)))
		count++;
	return count;
}

static bool has_iommu(const struct pp_domain *domain)
{
	for (size_t i = 0; i < domain->n_devices; i++)
		if (domain->devices[i].kind == PP_DEV_IOMMU)
			return true;
	return false;
}

uint64_t pp_domain_memlock(const struct pp_domain *domain)
{
	uint64_t count = count_hostdevs(domain), shared = 0, factor, bytes;

	if (domain->hard_limit)
		return domain->hard_limit;
	if (domain->memory_locked)
		return UINT64_MAX;
	if (count == 0)
		return 0;
	factor = has_iommu(domain) ? count : 1;
	/* What it shares is mapped for devices too. */
	for (size_t i = 0; i < domain->n_devices; i++)
		if (domain->devices[i].kind == PP_DEV_SHMEM)
			shared += domain->devices[i].shmem.size;
	if (__builtin_mul_overflow(factor, domain->memory, &bytes) ||
		__builtin_add_overflow(bytes, ((uint64_t)1 << 30) + shared, &bytes))
		return UINT64_MAX;
	return bytes;
}

/* The blanks before the line's first character, so that the new line stands as its neighbour does.
 */
static size_t indentation(const char *text, size_t offset, const char **ret_start)
{
	size_t start = offset, length = 0;

	while (start > 0 && text[start - 1] != '\n')
		start--;
	while (start + length < offset &&
		(text[start + length] == ' ' || text[start + length] == '\t'))
		length++;
	*ret_start = text + start;
	return length;
}

int pp_domain_text_with_uuid(const char *text, size_t length, const struct pp_domain *domain,
	const char *uuid, char **ret_text, size_t *ret_length)
{
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	size_t offset = domain->uuid_offset, blanks;
	const char *line;
	bool carriage_return;

	if (offset > length || domain->uuid)
		return -EINVAL;
	blanks = indentation(text, offset, &line);
	pp_buffer_append(&buffer, text, offset);
	carriage_return = memchr(text, '\n', length) && text[0] != '\n' &&
			  ((const char *)memchr(text, '\n', length))[-1] == '\r';
	if (memchr(text, '\n', length)) {
		pp_buffer_puts(&buffer, carriage_return ? "\r\n" : "\n");
		pp_buffer_append(&buffer, line, blanks);
	}
	pp_buffer_printf(&buffer, "<uuid>%s</uuid>", uuid);
	pp_buffer_append(&buffer, text + offset, length - offset);
	*ret_length = buffer.length;
	*ret_text = pp_buffer_take(&buffer);
	return *ret_text ? 0 : -ENOMEM;
}
