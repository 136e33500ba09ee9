/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/node_udev.h"
#include "base/parse.h"
#include <string.h>

static int add_property(struct pp_udev *udev, const char *key, const char *value)
{
	for (size_t i = 0; i < udev->n_properties; i++)
		if (strcmp(udev->properties[i].key, key) == 0) {
			udev->properties[i].value = value;
			return 0;
		}
	if (udev->n_properties == udev->size_properties) {
		size_t size = udev->size_properties ? 2 * udev->size_properties : 16;
		struct pp_property *larger = pp_arena_grow(udev->arena, udev->properties,
			udev->n_properties * sizeof(*larger), size * sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		udev->properties = larger;
		udev->size_properties = size;
	}
	udev->properties[udev->n_properties++] = (struct pp_property){key, value};
	return 0;
}

static int add_link(struct pp_udev *udev, const char *name)
{
	const char *link = pp_arena_printf(udev->arena, "/dev/%s", name);
	if (!link)
		return -ENOMEM;
	if (udev->n_links == udev->size_links) {
		size_t size = udev->size_links ? 2 * udev->size_links : 8;
		const char **larger = pp_arena_grow(udev->arena, udev->links,
			udev->n_links * sizeof(*larger), size * sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		udev->links = larger;
		udev->size_links = size;
	}
	size_t at = udev->n_links;
	while (at > 0 && strcmp(udev->links[at - 1], link) > 0)
		at--;
	if (at > 0 && strcmp(udev->links[at - 1], link) == 0)
		return 0;
	memmove(udev->links + at + 1, udev->links + at,
		(udev->n_links - at) * sizeof(*udev->links));
	udev->links[at] = link;
	udev->n_links++;
	return 0;
}

/* "KEY=VALUE"; a line without a value says nothing. */
static int add_line(struct pp_udev *udev, char *line)
{
	char *value = strchr(line, '=');
	if (!value || value == line || !value[1])
		return 0;
	*value++ = '\0';
	return add_property(udev, line, value);
}

static int add_database_line(struct pp_udev *udev, char *line)
{
	if (!line[0] || line[1] != ':')
		return 0;
	if (line[0] == 'E')
		return add_line(udev, line + 2);
	return line[0] == 'S' && line[2] ? add_link(udev, line + 2) : 0;
}

static int each_line(
	struct pp_udev *udev, char *text, int (*each)(struct pp_udev *udev, char *line))
{
	for (char *line = text; line && *line;) {
		char *newline = strchr(line, '\n');
		if (newline)
			*newline++ = '\0';
		int r = each(udev, line);
		if (r < 0)
			return r;
		line = newline;
	}
	return 0;
}

/* b8:0, c226:0, n2, +pci:0000:00:1a.7 */
static const char *database_name(const struct pp_udev *udev)
{
	const char *major = pp_udev_property(udev, "MAJOR");
	const char *minor = pp_udev_property(udev, "MINOR");
	const char *index = pp_udev_property(udev, "IFINDEX");
	if (major && minor)
		return pp_arena_printf(udev->arena, "%c%s:%s",
			strcmp(udev->subsystem, "block") == 0 ? 'b' : 'c', major, minor);
	if (index)
		return pp_arena_printf(udev->arena, "n%s", index);
	return pp_arena_printf(udev->arena, "+%s:%s", udev->subsystem, udev->name);
}

static int read_database(struct pp_udev *udev)
{
	char path[PP_PATH_MAX], *text;
	const char *name = database_name(udev);
	if (!name)
		return -ENOMEM;
	/* a uevent file does not lead anywhere else */
	if (strchr(name, '/') || pp_path(path, sizeof(path), "/run/udev/data/%s", name) < 0)
		return 0;
	int r = pp_tree_read(udev->tree, udev->arena, path, &text, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return each_line(udev, text, add_database_line);
}

int pp_udev_read(struct pp_tree *tree, struct pp_arena *arena, const char *path,
	const char *subsystem, struct pp_udev *ret_udev)
{
	char file[PP_PATH_MAX], *text;
	const char *slash = strrchr(path, '/');
	if (!slash || !slash[1] || pp_path(file, sizeof(file), "%s/uevent", path) < 0)
		return -ENODEV;
	struct pp_udev udev = {.tree = tree,
		.arena = arena,
		.path = path,
		.name = slash + 1,
		.subsystem = subsystem};
	/* One that may not be read is a device all the same. */
	int r = pp_tree_read(tree, arena, file, &text, NULL);
	if (r == -ENOMEM)
		return r;
	if (r < 0 && !pp_tree_exists(tree, file))
		return -ENODEV;
	if (r >= 0)
		r = each_line(&udev, text, add_line);
	if (r >= 0)
		r = read_database(&udev);
	if (r == -ENOMEM)
		return r;
	*ret_udev = udev;
	return 0;
}

const char *pp_udev_property(const struct pp_udev *udev, const char *key)
{
	for (size_t i = 0; i < udev->n_properties; i++)
		if (strcmp(udev->properties[i].key, key) == 0)
			return udev->properties[i].value;
	return NULL;
}

int pp_udev_property_number(
	const struct pp_udev *udev, const char *key, int base, unsigned *ret_value)
{
	uint64_t value;
	const char *text = pp_udev_property(udev, key);
	if (!text || pp_parse_u64(text, base, UINT32_MAX, &value) < 0)
		return -EINVAL;
	*ret_value = (unsigned)value;
	return 0;
}

int pp_udev_attribute(const struct pp_udev *udev, const char *name, const char **ret_value)
{
	char path[PP_PATH_MAX], *text;
	*ret_value = NULL;
	if (pp_path(path, sizeof(path), "%s/%s", udev->path, name) < 0)
		return 0;
	int r = pp_tree_read(udev->tree, udev->arena, path, &text, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	size_t length = strlen(text);
	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		text[--length] = '\0';
	*ret_value = text;
	return 0;
}

int pp_udev_text(const struct pp_udev *udev, const char *name, const char **ret_value)
{
	int r = pp_udev_attribute(udev, name, ret_value);
	if (r < 0 || !*ret_value)
		return r;
	char *text = pp_arena_strdup(udev->arena, *ret_value), *to = text;
	if (!text)
		return -ENOMEM;
	for (const char *from = text; *from; from++)
		if ((unsigned char)*from >= ' ' && *from != 0x7f)
			*to++ = *from;
	*to = '\0';
	*ret_value = *text ? text : NULL;
	return 0;
}

int pp_udev_number(
	const struct pp_udev *udev, const char *name, int base, uint64_t max, uint64_t *value)
{
	const char *text;
	int r = pp_udev_attribute(udev, name, &text);
	if (r < 0 || !text)
		return r;
	return pp_parse_u64(text, base, max, value) < 0 ? -EINVAL : 0;
}

bool pp_udev_has(const struct pp_udev *udev, const char *name)
{
	char path[PP_PATH_MAX];
	return pp_path(path, sizeof(path), "%s/%s", udev->path, name) >= 0 &&
	       pp_tree_exists(udev->tree, path);
}
