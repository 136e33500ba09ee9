/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/room.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/tree.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Where a system keeps its programs, libraries and settings. Links are made anew, folders are shown
 * as they are; what is not there is left out. */
static const char *const system_folders[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64",
	"/libx32", "/etc", "/opt", "/nix", "/gnu"};

/* ---- what is needed ---- */

static int add_node(struct pp_arena *arena, const char *name, struct pp_room_node *nodes,
	size_t *count, struct pp_error *error)
{
	char path[PP_PATH_MAX];
	struct stat found;

	int r = pp_path(path, sizeof(path), "/dev/%s", name);
	if (r >= 0 && stat(path, &found) < 0)
		r = -errno;
	/* QEMU says best what it misses. */
	if (r == -ENOENT)
		return 0;
	if (r >= 0 && !S_ISCHR(found.st_mode))
		r = -ENOTTY;
	if (r < 0)
		return pp_error_errno(error, r, "cannot look at the device node /dev/%s", name);
	for (size_t i = 0; i < *count; i++)
		if (nodes[i].number == found.st_rdev)
			return 0;
	nodes[*count] = (struct pp_room_node){pp_arena_strdup(arena, name), found.st_rdev};
	if (!nodes[*count].name)
		return pp_error_oom(error);
	++*count;
	return 0;
}

/* "vfio/12": the node of the device's IOMMU group. */
static int add_group(struct pp_arena *arena, const char *device, struct pp_room_node *nodes,
	size_t *count, struct pp_error *error)
{
	char path[PP_PATH_MAX];
	PP_FREE char *link = NULL;

	int r = pp_path(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", device);
	if (r >= 0)
		r = pp_file_link(AT_FDCWD, path, &link);
	if (r < 0)
		return pp_error_errno(error, r, "cannot tell the IOMMU group of %s", device);
	const char *slash = strrchr(link, '/');
	const char *name = pp_arena_printf(arena, "vfio/%s", slash ? slash + 1 : link);
	return name ? add_node(arena, name, nodes, count, error) : pp_error_oom(error);
}

static int list_nodes(const struct pp_record_launch *launch, struct pp_arena *arena,
	struct pp_room *room, struct pp_error *error)
{
	size_t n_devices = 0, count = 0;
	while (launch->devices && launch->devices[n_devices])
		n_devices++;
	struct pp_room_node *nodes =
		pp_arena_array(arena, n_devices + launch->n_files + 2, sizeof(*nodes));
	if (!nodes)
		return pp_error_oom(error);
	int r = launch->kvm ? add_node(arena, "kvm", nodes, &count, error) : 0;
	if (r >= 0 && n_devices > 0)
		r = add_node(arena, "vfio/vfio", nodes, &count, error);
	for (size_t i = 0; r >= 0 && i < n_devices; i++)
		r = add_group(arena, launch->devices[i], nodes, &count, error);
	for (size_t i = 0; r >= 0 && i < launch->n_files; i++)
		if (launch->files[i].use == PP_FILE_NODE)
			r = add_node(arena, launch->files[i].path + strlen("/dev/"), nodes, &count,
				error);
	if (r < 0)
		return r;
	room->nodes = nodes;
	room->n_nodes = count;
	return 0;
}

static bool is_system(const char *path)
{
	for (size_t i = 0; i < PP_COUNT(system_folders); i++) {
		size_t length = strlen(system_folders[i]);
		if (strncmp(path, system_folders[i], length) == 0 && path[length] == '/')
			return true;
	}
	return false;
}

/* The folder of a file, by its name and by what that really is, unless it is the system's. */
static int add_folders(struct pp_arena *arena, const char *path, const char **folders,
	size_t *count, struct pp_error *error)
{
	PP_FREE char *real = realpath(path, NULL);
	const char *names[] = {path, real};

	for (size_t i = 0; i < PP_COUNT(names); i++) {
		const char *slash = names[i] ? strrchr(names[i], '/') : NULL;
		if (!slash || slash == names[i] || is_system(names[i]))
			continue;
		char *folder = pp_arena_strndup(arena, names[i], (size_t)(slash - names[i]));
		if (!folder)
			return pp_error_oom(error);
		folders[(*count)++] = folder;
	}
	return 0;
}

int pp_room_plan(const struct pp_record_launch *launch, struct pp_arena *arena,
	struct pp_room *ret_room, struct pp_error *error)
{
	struct pp_room room = {.uid = launch->uid, .gid = launch->gid, .own = launch->own};
	const char **folders = pp_arena_array(arena, 5, sizeof(*folders));
	size_t n_folders = 0;

	if (!folders)
		return pp_error_oom(error);
	int r = list_nodes(launch, arena, &room, error);
	/* QEMU, where it is not the system's; and the host's name servers, for the guest's. */
	if (r >= 0)
		r = add_folders(arena, launch->argv[0], folders, &n_folders, error);
	if (r >= 0)
		r = add_folders(arena, "/etc/resolv.conf", folders, &n_folders, error);
	if (r < 0)
		return r;
	room.folders = folders;
	*ret_room = room;
	return 0;
}

/* ---- building it: in the child ---- */

static int fail(const char *what, const char *path)
{
	int code = errno;
	dprintf(2, "cannot %s %s: %s\n", what, path, strerror(code));
	return -code;
}

/* A file system of its own, not attached to anything yet. */
static int make_mount(
	const char *type, const char *key, const char *value, unsigned attributes, int *ret_fd)
{
	PP_CLOSE int context = fsopen(type, FSOPEN_CLOEXEC);
	if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, key, value, 0) < 0 ||
		fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail("make a file system:", type);
	int fd = fsmount(context, FSMOUNT_CLOEXEC, attributes);
	if (fd < 0)
		return fail("make a file system:", type);
	*ret_fd = fd;
	return 0;
}

/* Each folder of PATH below ROOT. */
static int make_folders(int root, const char *path)
{
	char part[PP_PATH_MAX];

	for (const char *end = path; end && *end;) {
		end = strchr(end + 1, '/');
		int length = end ? (int)(end - path) : (int)strlen(path);
		if (pp_path(part, sizeof(part), "%.*s", length - 1, path + 1) < 0) {
			errno = ENAMETOOLONG;
			return fail("make", path);
		}
		if (mkdirat(root, part, 0755) < 0 && errno != EEXIST)
			return fail("make", path);
	}
	return 0;
}

static int attach(int root, int mount, const char *path)
{
	return move_mount(mount, "", root, path + 1, MOVE_MOUNT_F_EMPTY_PATH) < 0
		       ? fail("attach", path)
		       : 0;
}

/* Shows a folder of the host under its own name. */
static int show(int root, const char *path, unsigned recursive, uint64_t attributes)
{
	struct mount_attr attr = {.attr_set = attributes | MOUNT_ATTR_NOSUID};

	PP_CLOSE int tree =
		open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH | recursive, &attr, sizeof(attr)) < 0)
		return fail("show", path);
	int r = make_folders(root, path);
	return r < 0 ? r : attach(root, tree, path);
}

static int show_system(int root)
{
	for (size_t i = 0; i < PP_COUNT(system_folders); i++) {
		const char *path = system_folders[i];
		char target[PP_PATH_MAX];
		struct stat found;
		int r = 0;
		if (lstat(path, &found) < 0)
			continue;
		ssize_t n = S_ISLNK(found.st_mode) ? readlink(path, target, sizeof(target) - 1) : 0;
		if (n > 0) {
			target[n] = '\0';
			r = symlinkat(target, root, path + 1) < 0 ? fail("make", path) : 0;
		} else if (S_ISDIR(found.st_mode)) {
			r = show(root, path, AT_RECURSIVE, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int make_node(
	int dev, const char *name, dev_t number, mode_t mode, const struct pp_room *room)
{
	const uid_t uid = mode == 0600 ? room->uid : 0;
	const gid_t gid = mode == 0600 ? room->gid : 0;

	if (mknodat(dev, name, S_IFCHR | mode, number) < 0 || fchownat(dev, name, uid, gid, 0) < 0)
		return fail("make the node", name);
	return 0;
}

/* "input/by-id" of "input/by-id/mouse". */
static int make_parents(int dev, const char *name)
{
	char part[PP_PATH_MAX];

	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/'))
		if (pp_path(part, sizeof(part), "%.*s", (int)(slash - name), name) < 0 ||
			(mkdirat(dev, part, 0755) < 0 && errno != EEXIST))
			return fail("make", name);
	return 0;
}

static int make_nodes(int dev, const struct pp_room *room)
{
	static const struct {
		const char *name;
		unsigned major, minor;
	} plain[] = {{"null", 1, 3}, {"zero", 1, 5}, {"urandom", 1, 9}, {"ptmx", 5, 2}};
	int r = 0;

	if (mkdirat(dev, "pts", 0755) < 0 || mkdirat(dev, "vfio", 0755) < 0)
		return fail("make", "/dev");
	for (size_t i = 0; r >= 0 && i < PP_COUNT(plain); i++)
		r = make_node(
			dev, plain[i].name, makedev(plain[i].major, plain[i].minor), 0666, room);
	for (size_t i = 0; r >= 0 && i < room->n_nodes; i++) {
		r = make_parents(dev, room->nodes[i].name);
		if (r >= 0)
			r = make_node(dev, room->nodes[i].name, room->nodes[i].number, 0600, room);
	}
	return r;
}

/* The host's own terminals: a guest's console is reached from outside under the name that QEMU
 * says, and a terminal belongs to who opened it. */
static int make_dev(int root, const struct pp_room *room)
{
	PP_CLOSE int dev = -1;

	int r = make_mount("tmpfs", "mode", "0755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &dev);
	if (r >= 0)
		r = make_nodes(dev, room);
	if (r >= 0)
		r = make_folders(root, "/dev");
	if (r >= 0)
		r = attach(root, dev, "/dev");
	return r < 0 ? r : show(root, "/dev/pts", 0, MOUNT_ATTR_NOEXEC);
}

static int make_proc(int root)
{
	PP_CLOSE int proc = -1;

	int r = make_mount("proc", "hidepid", "2",
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV, &proc);
	if (r >= 0)
		r = make_folders(root, "/proc");
	return r < 0 ? r : attach(root, proc, "/proc");
}

static int show_share(int root, int fd)
{
	int r = make_folders(root, PP_ROOM_SHARE);
	if (r >= 0)
		r = attach(root, fd, PP_ROOM_SHARE);
	close(fd);
	return r;
}

static int furnish(int root, const struct pp_room *room)
{
	const uint64_t plain = MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV;

	int r = show_system(root);
	for (size_t i = 0; r >= 0 && room->folders[i]; i++)
		r = show(root, room->folders[i], 0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);
	if (r >= 0)
		r = show(root, "/sys", 0, plain | MOUNT_ATTR_RDONLY);
	if (r >= 0)
		r = make_proc(root);
	if (r >= 0)
		r = make_dev(root, room);
	if (r >= 0 && room->own)
		return show(root, room->own, 0, plain);
	return r < 0 ? r : show_share(root, room->share_fd);
}

/* The new root lies over the old one: that works wherever the host's own root is (the first one,
 * which an initramfs leaves, cannot be moved away). Slave mounts: what the host unmounts goes here
 * too, so that nothing is kept busy. */
int pp_room_enter(void *data)
{
	const struct pp_room *room = data;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	PP_CLOSE int root = -1;

	umask(0);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return fail("have a view of its own of", "/");
	int r = make_mount("tmpfs", "mode", "0755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, &root);
	if (r < 0)
		return r;
	/* Attached first: nothing can be attached to what is not. */
	if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail("attach", "/");
	r = furnish(root, room);
	if (r < 0)
		return r;
	if (mount_setattr(root, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 || fchdir(root) < 0 ||
		chroot(".") < 0)
		return fail("enter", "/");
	umask(077);
	return 0;
}
