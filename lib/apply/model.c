/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/model.h"
#include "lib/apply/modelkit.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/parse.h"
#include "lib/plan/plan.h"
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PCI "/sys/bus/pci"
#define LEARNED "learned\n"

/* What the kernel does by locks of its own. */
static pthread_mutex_t writers = PTHREAD_MUTEX_INITIALIZER;

/* ---- reading ---- */

int pp_model_function(
	struct pp_model *model, const char *address, struct pp_model_function *ret_function)
{
	char path[PP_PATH_MAX];
	char *real = NULL, *text = NULL;
	struct pp_address parsed;
	char name[PP_ADDRESS_SIZE];
	if (pp_address_parse(address, &parsed) < 0)
		return -ENODEV;
	pp_address_text(&parsed, name);
	if (pp_path(path, sizeof(path), PCI "/devices/%s", name) < 0 ||
		pp_tree_real(model->tree, model->arena, path, &real) < 0 ||
		!pp_text_starts(real, "/sys/"))
		return -ENODEV;

	struct pp_model_function function = {.path = real};
	function.address = pp_arena_strdup(model->arena, name);
	if (!function.address)
		return -ENOMEM;
	if (pp_path(path, sizeof(path), "%s/driver", real) == 0 &&
		pp_tree_link_name(model->tree, model->arena, path, &text) == 0)
		function.driver = text;
	if (pp_path(path, sizeof(path), "%s/modalias", real) == 0 &&
		pp_tree_line(model->tree, model->arena, path, &text) == 0)
		function.modalias = text;
	if (pp_path(path, sizeof(path), "%s/driver_override", real) == 0 &&
		pp_tree_line(model->tree, model->arena, path, &text) == 0 && text[0] &&
		!pp_text_is(text, "(null)"))
		function.override = text;
	*ret_function = function;
	return 0;
}

const char *pp_model_rule(char **cursor, const char *word)
{
	size_t length = strlen(word);
	char *line;
	while ((line = strsep(cursor, "\n")))
		if (strncmp(line, word, length) == 0 && line[length] == ' ')
			return line + length + 1;
	return NULL;
}

char *pp_model_rules(struct pp_model *model, const char *driver)
{
	char path[PP_PATH_MAX];
	char *text = NULL;
	if (pp_path(path, sizeof(path), "/model/drivers/%s", driver) < 0 ||
		pp_tree_read(model->tree, model->arena, path, &text, NULL) < 0)
		return NULL;
	return text;
}

static bool driver_lists(struct pp_model *model, const char *driver, const char *modalias)
{
	char *cursor = pp_model_rules(model, driver);
	const char *pattern;
	while (cursor && modalias && (pattern = pp_model_rule(&cursor, "match")))
		if (fnmatch(pattern, modalias, 0) == 0)
			return true;
	return false;
}

/* pci_match_device(): an override restricts matching to the driver that it names, and that one
 * always matches; otherwise the driver's table decides. */
static bool driver_matches(
	struct pp_model *model, const char *driver, const struct pp_model_function *function)
{
	if (function->override)
		return pp_text_is(function->override, driver);
	return driver_lists(model, driver, function->modalias);
}

/* ---- changing the tree ---- */

char *pp_model_outside(struct pp_model *model, const char *path)
{
	return pp_arena_printf(model->arena, "%s%s", model->context->root, path);
}

static char *driver_folder(struct pp_model *model, const char *driver)
{
	char path[PP_PATH_MAX];
	char *real = NULL;
	if (!pp_driver_valid(driver) ||
		pp_path(path, sizeof(path), PCI "/drivers/%s", driver) < 0 ||
		pp_tree_real(model->tree, model->arena, path, &real) < 0 ||
		!pp_text_starts(real, "/sys/"))
		return NULL;
	return real;
}

/* "../../../bus/pci/drivers/NAME" from a device's folder, and the way back from a driver's. */
static char *link_target(struct pp_model *model, const char *from, const char *to)
{
	PP_BUFFER struct pp_buffer target = PP_BUFFER_INIT;
	for (const char *c = from + strlen("/sys"); *c; c++)
		if (*c == '/')
			pp_buffer_puts(&target, "../");
	pp_buffer_puts(&target, to + strlen("/sys/"));
	return pp_arena_strdup(model->arena, pp_buffer_text(&target));
}

int pp_model_link(struct pp_model *model, const char *folder, const char *name, const char *to)
{
	char *path = pp_arena_printf(model->arena, "%s%s/%s", model->context->root, folder, name);
	char *target = link_target(model, folder, to);
	if (!path || !target)
		return -ENOMEM;
	return symlink(target, path) < 0 ? -errno : 0;
}

int pp_model_unlink(struct pp_model *model, const char *folder, const char *name)
{
	char *path = pp_arena_printf(model->arena, "%s%s/%s", model->context->root, folder, name);
	if (!path)
		return -ENOMEM;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* ---- what the kernel does ---- */

static int probe_error(
	struct pp_model *model, const char *driver, const struct pp_model_function *function)
{
	char path[PP_PATH_MAX];
	char *cursor = pp_model_rules(model, driver);
	const char *rule;
	uint64_t number;
	size_t length = strlen(function->address);
	while (cursor && (rule = pp_model_rule(&cursor, "fail")))
		if (strncmp(rule, function->address, length) == 0 && rule[length] == ' ' &&
			pp_parse_u64(rule + length + 1, 10, 4095, &number) == 0)
			return -(int)number;
	if (!strstr(driver, "vfio"))
		return 0;
	if (pp_path(path, sizeof(path), "%s/iommu_group", function->path) < 0 ||
		!pp_tree_exists(model->tree, path))
		return -EINVAL;
	/* "Cannot bind to PF with SR-IOV enabled" */
	if (pp_path(path, sizeof(path), "%s/sriov_numvfs", function->path) == 0 &&
		pp_tree_u64(model->tree, path, 10, &number) == 0 && number > 0)
		return -EBUSY;
	return 0;
}

static int driver_probe(
	struct pp_model *model, const char *driver, struct pp_model_function *function)
{
	char *folder = driver_folder(model, driver);
	if (!folder || !pp_model_can_probe(model, function))
		return -ENODEV;
	int r = probe_error(model, driver, function);
	if (r < 0)
		return r;
	r = pp_model_link(model, function->path, "driver", folder);
	if (r >= 0)
		r = pp_model_link(model, folder, function->address, function->path);
	if (r >= 0)
		function->driver = pp_arena_strdup(model->arena, driver);
	return r;
}

static int store_bind(
	struct pp_model *model, const char *driver, struct pp_model_function *function)
{
	if (!driver_matches(model, driver, function))
		return -ENODEV;
	return function->driver ? -EBUSY : driver_probe(model, driver, function);
}

int pp_model_unbind(struct pp_model *model, const char *driver, struct pp_model_function *function)
{
	if (!pp_text_is(function->driver, driver))
		return -ENODEV;
	char *folder = driver_folder(model, driver);
	int r = pp_model_unlink(model, function->path, "driver");
	if (r >= 0 && folder)
		r = pp_model_unlink(model, folder, function->address);
	return r;
}

/* Says success when every probe failed, and does nothing for a device that has a driver. */
int pp_model_probe(struct pp_model *model, struct pp_model_function *function)
{
	char **names = NULL;
	size_t count = 0;
	if (function->driver)
		return 0;
	int r = pp_tree_list(model->tree, model->arena, PCI "/drivers", &names, &count);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		if (driver_matches(model, names[i], function) &&
			driver_probe(model, names[i], function) == 0)
			break;
	return 0;
}

static int driver_learn(struct pp_model *model, const struct pp_model_function *function)
{
	if (!function->driver || function->override || !function->modalias ||
		pp_driver_passes(function->driver) ||
		driver_lists(model, function->driver, function->modalias))
		return 0;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	const char *known = pp_model_rules(model, function->driver);
	if (known && !pp_text_starts(known, LEARNED))
		return 0;
	pp_buffer_printf(&text, "%smatch %s\n", known ? known : LEARNED, function->modalias);
	char *folder = pp_model_outside(model, "/model/drivers");
	if (text.failed || !folder)
		return -ENOMEM;
	int r = pp_file_mkdirs(AT_FDCWD, folder, 0755);
	PP_CLOSE int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r < 0 || fd < 0)
		return r < 0 ? r : -errno;
	return pp_file_replace(fd, function->driver, text.data, text.length, 0644);
}

static int store_override(
	struct pp_model *model, const struct pp_model_function *function, const char *text)
{
	int r = driver_learn(model, function);
	if (r < 0)
		return r;
	size_t length = strcspn(text, "\n");
	char *path = pp_arena_printf(
		model->arena, "%s%s/driver_override", model->context->root, function->path);
	char *line = pp_arena_printf(
		model->arena, "%.*s\n", length ? (int)length : 6, length ? text : "(null)");
	if (!path || !line)
		return -ENOMEM;
	PP_CLOSE int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : pp_file_write_all(fd, line, strlen(line));
}

/* Where the folder has the file, it says afterwards that it was written to. */
static int store_reset(
	struct pp_model *model, const struct pp_model_function *function, const char *text)
{
	char path[PP_PATH_MAX];
	char *methods = NULL;
	int r = pp_path(path, sizeof(path), "%s/reset_method", function->path);
	if (r >= 0)
		r = pp_tree_line(model->tree, model->arena, path, &methods);
	if (r < 0 || !methods[0])
		return r < 0 ? r : -ENOTTY;
	char *file =
		pp_arena_printf(model->arena, "%s%s/reset", model->context->root, function->path);
	if (!file)
		return -ENOMEM;
	PP_CLOSE int fd = open(file, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return pp_file_write_all(fd, text, strlen(text));
}

/* ---- the files that are written to ---- */

static int write_device(struct pp_model *model, const char *rest, const char *text)
{
	const char *slash = strchr(rest, '/');
	if (!slash)
		return -EISDIR;
	struct pp_model_function function;
	char *address = pp_arena_strndup(model->arena, rest, (size_t)(slash - rest));
	int r = address ? pp_model_function(model, address, &function) : -ENOMEM;
	if (r < 0)
		return r == -ENODEV ? -ENOENT : r;
	if (pp_text_is(slash, "/driver_override"))
		return store_override(model, &function, text);
	if (pp_text_is(slash, "/reset"))
		return store_reset(model, &function, text);
	if (pp_text_is(slash, "/sriov_numvfs"))
		return pp_model_numvfs(model, &function, text);
	if (pp_text_is(slash, "/sriov_drivers_autoprobe"))
		return pp_model_autoprobe(model, &function, text);
	return -EACCES;
}

static int write_driver(struct pp_model *model, const char *rest, const char *address)
{
	const char *slash = strchr(rest, '/');
	if (!slash)
		return -EISDIR;
	struct pp_model_function function;
	char *driver = pp_arena_strndup(model->arena, rest, (size_t)(slash - rest));
	if (!driver)
		return -ENOMEM;
	if (!driver_folder(model, driver))
		return -ENOENT;
	int r = pp_model_function(model, address, &function);
	if (r < 0)
		return r;
	if (pp_text_is(slash, "/bind"))
		return store_bind(model, driver, &function);
	if (pp_text_is(slash, "/unbind"))
		return pp_model_unbind(model, driver, &function);
	return -EACCES;
}

static void drag(struct pp_model *model, const char *driver, const char *word, const char *address)
{
	const char *rule;
	uint64_t ms;
	size_t length = strlen(address);
	for (char *cursor = pp_model_rules(model, driver); (rule = pp_model_rule(&cursor, word));)
		if (strncmp(rule, address, length) == 0 && rule[length] == ' ' &&
			pp_parse_u64(rule + length + 1, 10, 60000, &ms) == 0)
			poll(NULL, 0, (int)ms);
}

/* A driver that is slow to let go, a device that is reset: others are not kept from theirs. */
static void drag_write(struct pp_model *model, const char *path, const char *text)
{
	bool unbind = pp_text_starts(path, PCI "/drivers/");
	if (!unbind && !pp_text_starts(path, PCI "/devices/"))
		return;
	const char *name = path + strlen(unbind ? PCI "/drivers/" : PCI "/devices/");
	const char *slash = strchr(path, '\0') - strlen(unbind ? "/unbind" : "/reset");
	if (slash <= name || !pp_text_is(slash, unbind ? "/unbind" : "/reset"))
		return;
	char *first = pp_arena_strndup(model->arena, name, (size_t)(slash - name));
	char *second = pp_arena_strndup(model->arena, text, strcspn(text, "\n"));
	struct pp_model_function function;
	if (!first || !second)
		return;
	if (unbind)
		drag(model, first, "slow", second);
	else if (pp_model_function(model, first, &function) >= 0 && function.driver)
		drag(model, function.driver, "reset", first);
}

static int write_locked(struct pp_model *model, const char *path, const char *text)
{
	if (pp_text_starts(path, PCI "/devices/"))
		return write_device(model, path + strlen(PCI "/devices/"), text);
	char *address = pp_arena_strndup(model->arena, text, strcspn(text, "\n"));
	if (!address)
		return -ENOMEM;
	if (pp_text_starts(path, PCI "/drivers/"))
		return write_driver(model, path + strlen(PCI "/drivers/"), address);
	if (!pp_text_is(path, PCI "/drivers_probe"))
		return -ENOENT;
	struct pp_model_function function;
	int r = pp_model_function(model, address, &function);
	return r < 0 ? r : pp_model_probe(model, &function);
}

int pp_model_write(struct pp_context *context, const char *path, const char *text)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	if (!arena)
		return -ENOMEM;
	struct pp_model model = {.context = context, .tree = context->tree, .arena = arena};
	drag_write(&model, path, text);
	pthread_mutex_lock(&writers);
	int r = write_locked(&model, path, text);
	pthread_mutex_unlock(&writers);
	return r;
}

/* ---- modules ---- */

int pp_model_folder(struct pp_model *model, const char *parent, const char *name)
{
	char *real = NULL;
	int r = pp_tree_real(model->tree, model->arena, parent, &real);
	char *path =
		r < 0 ? NULL
		      : pp_arena_printf(model->arena, "%s%s/%s", model->context->root, real, name);
	if (!path)
		return r < 0 ? r : -ENOMEM;
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* A driver that registers takes what is free and matches. */
static int driver_register(struct pp_model *model, const char *driver)
{
	char **names = NULL;
	size_t count = 0;
	char *module = pp_arena_strdup(model->arena, driver);
	if (!module)
		return -ENOMEM;
	for (char *c = module; *c; c++)
		*c = *c == '-' ? '_' : *c;
	/* A tree need not have sys/module. */
	pp_model_folder(model, "/sys/module", module);
	int r = pp_model_folder(model, PCI "/drivers", driver);
	if (r >= 0)
		r = pp_tree_list(model->tree, model->arena, PCI "/devices", &names, &count);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		struct pp_model_function function;
		if (pp_model_function(model, names[i], &function) == 0 && !function.driver &&
			driver_matches(model, driver, &function))
			driver_probe(model, driver, &function);
	}
	return r;
}

static int load_locked(struct pp_context *context, const char *module)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	if (!arena)
		return -ENOMEM;
	struct pp_model model = {.context = context, .tree = context->tree, .arena = arena};
	if (pp_driver_valid(module) && !strchr(module, ':')) {
		bool known = pp_text_is(module, "vfio-pci") || pp_text_is(module, "pci-stub") ||
			     driver_folder(&model, module) || pp_model_rules(&model, module);
		return known ? driver_register(&model, module) : -ENOENT;
	}
	char **names = NULL;
	size_t count = 0;
	int found = -ENOENT;
	pp_tree_list(context->tree, arena, "/model/drivers", &names, &count);
	for (size_t i = 0; i < count; i++)
		if (driver_lists(&model, names[i], module))
			found = driver_register(&model, names[i]);
	return found;
}

int pp_model_load(struct pp_context *context, const char *module)
{
	pthread_mutex_lock(&writers);
	int r = load_locked(context, module);
	pthread_mutex_unlock(&writers);
	return r;
}
