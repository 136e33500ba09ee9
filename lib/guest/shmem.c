/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/guest/shmem.h"
#include "base/file.h"
#include "lib/guest/claim.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define ACL "system.posix_acl_access"
#define ACL_MAX 64 /* entries that are kept of those that are there */
#define READ_WRITE (ACL_READ | ACL_WRITE)

/* As the kernel has it: entries by tag, then by id. */
struct list {
	struct posix_acl_xattr_header header;
	struct posix_acl_xattr_entry entries[ACL_MAX + 5];
};

/* ---- who is let in ---- */

static bool is_guests(uint32_t id)
{
	return id >= PP_CLAIM_FIRST_USER && id < PP_CLAIM_FIRST_USER + PP_CLAIM_USERS;
}

/* A user that has a process; where that cannot be told, it has. */
static bool is_alive(uint32_t uid)
{
	DIR *folder = opendir("/proc");
	const struct dirent *entry;
	struct stat found;
	bool alive = !folder;

	while (folder && !alive && (entry = readdir(folder)))
		alive = entry->d_name[0] >= '0' && entry->d_name[0] <= '9' &&
			fstatat(dirfd(folder), entry->d_name, &found, 0) == 0 &&
			found.st_uid == uid;
	if (folder)
		closedir(folder);
	return alive;
}

static int read_list(int fd, struct list *list, size_t *ret_count)
{
	ssize_t n =
		fgetxattr(fd, ACL, list, sizeof(list->header) + ACL_MAX * sizeof(*list->entries));

	if (n < 0)
		return errno == ENODATA ? 0 : -errno;
	if ((size_t)n < sizeof(list->header))
		return -EINVAL;
	*ret_count = ((size_t)n - sizeof(list->header)) / sizeof(*list->entries);
	return 0;
}

static void add(struct list *list, size_t *count, unsigned tag, unsigned perm, uint32_t id)
{
	list->entries[(*count)++] = (struct posix_acl_xattr_entry){
		.e_tag = (uint16_t)tag, .e_perm = (uint16_t)perm, .e_id = id};
}

static unsigned perm_of(const struct list *list, size_t count, unsigned tag, unsigned otherwise)
{
	for (size_t i = 0; i < count; i++)
		if (list->entries[i].e_tag == tag)
			return list->entries[i].e_perm;
	return otherwise;
}

/* Those that the host's own list names stay; of guests, those that run. */
static void keep_users(
	const struct list *old, size_t n_old, uint32_t uid, struct list *fresh, size_t *count)
{
	bool done = false;

	for (size_t i = 0; i < n_old; i++) {
		const struct posix_acl_xattr_entry *entry = &old->entries[i];

		if (entry->e_tag != ACL_USER || entry->e_id == uid ||
			(is_guests(entry->e_id) && !is_alive(entry->e_id)))
			continue;
		if (!done && entry->e_id > uid) {
			add(fresh, count, ACL_USER, READ_WRITE, uid);
			done = true;
		}
		fresh->entries[(*count)++] = *entry;
	}
	if (!done)
		add(fresh, count, ACL_USER, READ_WRITE, uid);
}

static int let_in(int fd, const struct stat *found, uint32_t uid)
{
	struct list old = {0}, fresh = {.header.a_version = POSIX_ACL_XATTR_VERSION};
	size_t n_old = 0, n = 0;
	unsigned group = found->st_mode >> 3 & 7;

	int r = read_list(fd, &old, &n_old);
	if (r < 0)
		return r;
	add(&fresh, &n, ACL_USER_OBJ, READ_WRITE, ACL_UNDEFINED_ID);
	keep_users(&old, n_old, uid, &fresh, &n);
	add(&fresh, &n, ACL_GROUP_OBJ, perm_of(&old, n_old, ACL_GROUP_OBJ, group),
		ACL_UNDEFINED_ID);
	for (size_t i = 0; i < n_old; i++)
		if (old.entries[i].e_tag == ACL_GROUP)
			fresh.entries[n++] = old.entries[i];
	add(&fresh, &n, ACL_MASK, READ_WRITE, ACL_UNDEFINED_ID);
	add(&fresh, &n, ACL_OTHER, found->st_mode & 7, ACL_UNDEFINED_ID);
	return fsetxattr(fd, ACL, &fresh, sizeof(fresh.header) + n * sizeof(*fresh.entries), 0) < 0
		       ? -errno
		       : 0;
}

/* ---- the file ---- */

static int refuse(const char *path, const char *what, struct pp_error *error)
{
	return pp_error_set(error, PP_STATUS_FAILED, -EPERM, "%s is %s", path, what);
}

/* Everybody may put files into /dev/shm: one that is not root's may have been put there for us. */
static int check(
	const struct pp_launch_file *file, const struct stat *found, struct pp_error *error)
{
	if (!S_ISREG(found->st_mode))
		return refuse(file->path, "no file", error);
	if (found->st_uid != geteuid() || found->st_nlink != 1)
		return refuse(file->path,
			"another user's: who has it could change what the guest reads. Make it "
			"root's, and let that user in by its group or setfacl",
			error);
	if (found->st_mode & S_IWOTH)
		return refuse(file->path, "open to every user of the host: chmod o= it", error);
	if (found->st_size == 0 || (uint64_t)found->st_size == file->size)
		return 0;
	pp_error_set(error, PP_STATUS_FAILED, -EINVAL,
		"%s has %lld bytes, and the <size> of the <shmem> is %" PRIu64
		": give all guests the same, or remove the file when none has it",
		file->path, (long long)found->st_size, file->size);
	return -EINVAL;
}

int pp_shmem_open(const struct pp_record_launch *launch, const struct pp_launch_file *file,
	int *ret_fd, struct pp_error *error)
{
	struct stat found;
	PP_CLOSE int fd = open(file->path,
		O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);

	if (fd < 0 && errno == ELOOP)
		return refuse(file->path, "a symbolic link, which is not followed", error);
	/* A sticky folder, and a file of another's: the kernel's own answer to O_CREAT. */
	if (fd < 0 && errno == EACCES)
		return refuse(file->path, "another user's: make it root's", error);
	if (fd < 0 || fstat(fd, &found) < 0)
		return pp_error_errno(error, -errno, "cannot open %s", file->path);
	int r = check(file, &found, error);
	if (r < 0)
		return r;
	if (found.st_size == 0 && ftruncate(fd, (off_t)file->size) < 0)
		return pp_error_errno(
			error, -errno, "cannot make %s as large as the <shmem>", file->path);
	r = launch->set_ids ? let_in(fd, &found, launch->uid) : 0;
	if (r < 0)
		return pp_error_errno(error, r, "cannot let the guest's user into %s", file->path);
	*ret_fd = PP_TAKE_FD(fd);
	return 0;
}
