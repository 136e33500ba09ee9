/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions on the facts that several checks ask. */
#include "lib/check/check.h"
#include "base/parse.h"
#include <string.h>

/* vfio-pci and its variants: mlx5_vfio_pci, nvgrace-gpu-vfio-pci ... */
bool pp_driver_is_vfio(const char *driver)
{
	return driver && strstr(driver, "vfio");
}

bool pp_check_to_vfio(const struct pp_check_run *run)
{
	return !run->options->driver || pp_driver_is_vfio(run->options->driver);
}

bool pp_check_goes(const struct pp_check_run *run, const struct pp_device *device)
{
	for (size_t i = 0; i < run->n_devices; i++) {
		if (run->devices[i] == device)
			return true;
	}
	return false;
}

bool pp_check_asked(const struct pp_check_run *run, const struct pp_device *device)
{
	for (size_t i = 0; i < run->n_asked; i++) {
		if (run->devices[i] == device)
			return true;
	}
	return false;
}

bool pp_check_has_iommu(const struct pp_host *host)
{
	return host->n_groups > 0 || (host->iommu && host->iommu->n_units > 0);
}

const char *pp_check_parameter(struct pp_check_run *run, const char *prefix)
{
	const char *cursor = run->host->kernel ? run->host->kernel->command_line : NULL;
	const char *word;
	size_t length, n = strlen(prefix);
	const char *found = NULL;

	/* The last one counts, as for the kernel. */
	while (cursor && pp_text_word(&cursor, " \t\n", &word, &length)) {
		bool value = n > 0 && prefix[n - 1] == '=';

		if (length < n || strncmp(word, prefix, n) != 0 || (!value && length != n))
			continue;
		found = pp_arena_strndup(run->arena, word, length);
		if (!found)
			run->failed = true;
	}
	return found;
}

bool pp_device_is_display(const struct pp_device *device)
{
	return device->class_code >> 16 == 0x03;
}

const char *pp_device_words(struct pp_check_run *run, const struct pp_device *device)
{
	const char *what = device->product_name ? device->product_name : device->class_name;
	const char *text =
		what ? pp_arena_printf(run->arena, "%s (%s)", device->name, what) : device->name;

	if (!text)
		run->failed = true;
	return text;
}

const char *pp_check_size(struct pp_check_run *run, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < PP_COUNT(units)) {
		value /= 1024;
		unit++;
	}
	bool whole = value - (double)(uint64_t)value < 0.05;
	const char *text = whole ? pp_arena_printf(run->arena, "%.0f %s", value, units[unit])
				 : pp_arena_printf(run->arena, "%.1f %s", value, units[unit]);
	if (!text)
		run->failed = true;
	return text;
}

unsigned pp_check_kernel(const struct pp_host *host)
{
	const char *at = host->kernel ? host->kernel->release : NULL;
	uint64_t major, minor;

	if (!at || pp_parse_prefix(at, 10, 999, &major, &at) < 0 || *at != '.' ||
		pp_parse_prefix(at + 1, 10, 999, &minor, &at) < 0)
		return 0;
	return (unsigned)(major * 1000 + minor);
}

bool pp_check_word(const char *list, const char *word)
{
	const char *at;
	size_t length, n = strlen(word);

	while (list && pp_text_word(&list, " ,\t\n", &at, &length)) {
		if (length == n && strncmp(at, word, n) == 0)
			return true;
	}
	return false;
}

bool pp_device_same_slot(const struct pp_device *a, const struct pp_device *b)
{
	return a != b && a->address.domain == b->address.domain &&
	       a->address.bus == b->address.bus && a->address.slot == b->address.slot;
}
