/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SR-IOV in the model of the kernel: virtual functions appear beside their physical one, each in a
 * group of its own, and go again. A driver's file may say "vfs ADDRESS ERRNO": it fails to make
 * them. */
#include "base/file.h"
#include "base/parse.h"
#include "lib/apply/modelkit.h"
#include "lib/plan/plan.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEVICES "/sys/bus/pci/devices"
#define GROUPS "/sys/kernel/iommu_groups"
#define MODALIAS_DEVICE 14 /* in "pci:v00008086d000010D3sv..." */

static int file_put(
	struct pp_model *model, const char *folder, const char *name, const char *text, size_t size)
{
	char *path = pp_model_outside(model, folder);
	if (!path)
		return -ENOMEM;
	PP_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : pp_file_replace(fd, name, text, size, 0644);
}

static int line_put(struct pp_model *model, const char *folder, const char *name, const char *text)
{
	char *line = pp_arena_printf(model->arena, "%s\n", text);
	return line ? file_put(model, folder, name, line, strlen(line)) : -ENOMEM;
}

static int number_read(struct pp_model *model, const char *folder, const char *name, int base,
	uint64_t *ret_number)
{
	char path[PP_PATH_MAX];
	int r = pp_path(path, sizeof(path), "%s/%s", folder, name);
	return r < 0 ? r : pp_tree_u64(model->tree, path, base, ret_number);
}

bool pp_model_can_probe(struct pp_model *model, const struct pp_model_function *function)
{
	char path[PP_PATH_MAX];
	uint64_t number;
	if (function->override || pp_path(path, sizeof(path), "%s/physfn", function->path) < 0 ||
		number_read(model, path, "sriov_drivers_autoprobe", 10, &number) < 0)
		return true;
	return number != 0;
}

/* ---- one function appears ---- */

/* What it has of its physical function. */
static int copy_files(struct pp_model *model, const struct pp_model_function *pf, const char *to)
{
	static const char *const names[] = {"vendor", "device", "class", "revision",
		"subsystem_vendor", "subsystem_device", "numa_node", "power_state", "config",
		"resource"};
	for (size_t i = 0; i < PP_COUNT(names); i++) {
		char path[PP_PATH_MAX], *data;
		size_t length;
		int r = pp_path(path, sizeof(path), "%s/%s", pf->path, names[i]);
		if (r >= 0)
			r = pp_tree_read(model->tree, model->arena, path, &data, &length);
		if (r == -ENOENT)
			continue;
		if (r >= 0)
			r = file_put(model, to, names[i], data, length);
		if (r < 0)
			return r;
	}
	return 0;
}

static int put_identity(struct pp_model *model, const struct pp_model_function *pf, const char *to)
{
	uint64_t device;
	char *modalias = pp_arena_strdup(model->arena, pf->modalias ? pf->modalias : "");
	if (!modalias)
		return -ENOMEM;
	if (number_read(model, pf->path, "sriov_vf_device", 16, &device) == 0) {
		char text[16];
		snprintf(text, sizeof(text), "0x%04x", (unsigned)device & 0xffff);
		int r = line_put(model, to, "device", text);
		if (r < 0)
			return r;
		snprintf(text, sizeof(text), "%08X", (unsigned)device & 0xffff);
		if (strlen(modalias) >= MODALIAS_DEVICE + 8)
			memcpy(modalias + MODALIAS_DEVICE, text, 8);
	}
	int r = line_put(model, to, "modalias", modalias);
	if (r >= 0)
		r = line_put(model, to, "driver_override", "(null)");
	return r < 0 ? r : line_put(model, to, "reset_method", "flr");
}

static int put_group(struct pp_model *model, const char *address, const char *to)
{
	char **names = NULL, name[16], path[PP_PATH_MAX], *real = NULL;
	size_t count = 0;
	uint64_t highest = 0, number;
	int r = pp_tree_list(model->tree, model->arena, GROUPS, &names, &count);
	if (r < 0 || count == 0) /* a host without IOMMU */
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < count; i++)
		if (pp_parse_u64(names[i], 10, INT32_MAX, &number) == 0 && number > highest)
			highest = number;
	snprintf(name, sizeof(name), "%u", (unsigned)highest + 1);
	r = pp_model_folder(model, GROUPS, name);
	if (r < 0)
		return r;
	pp_path(path, sizeof(path), GROUPS "/%s", name);
	r = pp_model_folder(model, path, "devices");
	if (r >= 0)
		r = line_put(model, path, "type", "DMA-FQ");
	if (r >= 0)
		r = pp_model_link(model, to, "iommu_group", path);
	pp_path(path, sizeof(path), GROUPS "/%s/devices", name);
	if (r >= 0)
		r = pp_tree_real(model->tree, model->arena, path, &real);
	return r < 0 ? r : pp_model_link(model, real, address, to);
}

static int function_make(struct pp_model *model, const struct pp_model_function *pf,
	const char *address, unsigned index)
{
	char name[32];
	struct pp_model_function function;
	char *parent = pp_arena_strndup(
		model->arena, pf->path, (size_t)(strrchr(pf->path, '/') - pf->path));
	char *to = parent ? pp_arena_printf(model->arena, "%s/%s", parent, address) : NULL;
	if (!to)
		return -ENOMEM;
	snprintf(name, sizeof(name), "virtfn%u", index);
	int r = pp_model_folder(model, parent, address);
	if (r >= 0)
		r = copy_files(model, pf, to);
	if (r >= 0)
		r = put_identity(model, pf, to);
	if (r >= 0)
		r = pp_model_link(model, to, "physfn", pf->path);
	if (r >= 0)
		r = pp_model_link(model, to, "subsystem", "/sys/bus/pci");
	if (r >= 0)
		r = put_group(model, address, to);
	if (r >= 0)
		r = pp_model_link(model, pf->path, name, to);
	if (r >= 0)
		r = pp_model_link(model, DEVICES, address, to);
	if (r >= 0)
		r = pp_model_function(model, address, &function);
	return r < 0 ? r : pp_model_probe(model, &function);
}

static int functions_make(
	struct pp_model *model, const struct pp_model_function *pf, unsigned count)
{
	struct pp_address address;
	uint64_t offset = 1, stride = 1;
	int r = pp_address_parse(pf->address, &address);
	if (r < 0)
		return r;
	number_read(model, pf->path, "sriov_offset", 10, &offset);
	number_read(model, pf->path, "sriov_stride", 10, &stride);
	unsigned first =
		((unsigned)address.bus << 8 | (unsigned)address.slot << 3 | address.function) +
		(unsigned)offset;
	for (unsigned i = 0; i < count; i++) {
		unsigned id = first + i * (unsigned)stride;
		char text[PP_ADDRESS_SIZE];
		if (id > UINT16_MAX)
			return -ENOMEM; /* out of the range of its bus */
		address.bus = (uint8_t)(id >> 8);
		address.slot = id >> 3 & 0x1f;
		address.function = id & 7;
		r = function_make(model, pf, pp_address_text(&address, text), i);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- and goes ---- */

static int tree_remove(struct pp_model *model, const char *path)
{
	char *outside = pp_model_outside(model, path);
	return outside ? pp_file_remove_tree(AT_FDCWD, outside) : -ENOMEM;
}

static int function_end(struct pp_model *model, const char *address)
{
	struct pp_model_function function;
	char path[PP_PATH_MAX], *group = NULL;
	int r = pp_model_function(model, address, &function);
	if (r < 0)
		return r;
	if (function.driver)
		r = pp_model_unbind(model, function.driver, &function);
	pp_path(path, sizeof(path), "%s/iommu_group", function.path);
	if (r >= 0 && pp_tree_real(model->tree, model->arena, path, &group) == 0)
		r = tree_remove(model, group);
	if (r >= 0)
		r = pp_model_unlink(model, DEVICES, function.address);
	return r < 0 ? r : tree_remove(model, function.path);
}

static int functions_end(struct pp_model *model, const struct pp_model_function *pf)
{
	for (unsigned i = 0;; i++) {
		char path[PP_PATH_MAX], name[32], *address = NULL;
		snprintf(name, sizeof(name), "virtfn%u", i);
		pp_path(path, sizeof(path), "%s/%s", pf->path, name);
		int r = pp_tree_link_name(model->tree, model->arena, path, &address);
		if (r == -ENOENT)
			return 0;
		if (r >= 0)
			r = function_end(model, address);
		if (r >= 0)
			r = pp_model_unlink(model, pf->path, name);
		if (r < 0)
			return r;
	}
}

/* ---- the files ---- */

static int driver_error(struct pp_model *model, const struct pp_model_function *pf)
{
	char *cursor = pf->driver ? pp_model_rules(model, pf->driver) : NULL;
	const char *rule;
	size_t length = strlen(pf->address);
	uint64_t number;
	if (!pf->driver || pp_driver_passes(pf->driver))
		return -ENOENT;
	while (cursor && (rule = pp_model_rule(&cursor, "vfs")))
		if (strncmp(rule, pf->address, length) == 0 && rule[length] == ' ' &&
			pp_parse_u64(rule + length + 1, 10, 4095, &number) == 0)
			return -(int)number;
	return 0;
}

/* sriov_numvfs_store() */
int pp_model_numvfs(struct pp_model *model, const struct pp_model_function *pf, const char *text)
{
	char line[16];
	uint64_t total, now = 0, wanted;
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
	if (number_read(model, pf->path, "sriov_totalvfs", 10, &total) < 0)
		return -ENOENT;
	if (pp_parse_u64(line, 10, UINT16_MAX, &wanted) < 0)
		return -EINVAL;
	if (wanted > total)
		return -ERANGE;
	number_read(model, pf->path, "sriov_numvfs", 10, &now);
	if (wanted == now)
		return 0;
	int r = driver_error(model, pf);
	if (r == -ENOENT)
		return r;
	if (wanted == 0)
		r = functions_end(model, pf);
	else if (now > 0)
		r = -EBUSY;
	else if (r >= 0)
		r = functions_make(model, pf, (unsigned)wanted);
	return r < 0 ? r : line_put(model, pf->path, "sriov_numvfs", line);
}

int pp_model_autoprobe(struct pp_model *model, const struct pp_model_function *pf, const char *text)
{
	uint64_t now;
	if (number_read(model, pf->path, "sriov_drivers_autoprobe", 10, &now) < 0)
		return -ENOENT;
	if (text[0] != '0' && text[0] != '1')
		return -EINVAL;
	return line_put(model, pf->path, "sriov_drivers_autoprobe", text[0] == '1' ? "1" : "0");
}
