/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who runs pcipass, and within which limits. */
#include "base/parse.h"
#include "lib/host/reader.h"
#include <errno.h>
#include <string.h>

#define CAP_SYS_RESOURCE 24
#define CGROUPS "/sys/fs/cgroup"

/* The rest of the line that begins with NAME; NULL where there is none. */
static const char *field(const char *text, const char *name)
{
	const char *line;
	size_t length, n = strlen(name);
	for (const char *at = text; pp_text_word(&at, "\n", &line, &length);)
		if (length > n && strncmp(line, name, n) == 0)
			return line + n + strspn(line + n, " \t");
	return NULL;
}

static int read_text(struct pp_reader *reader, const char *path, char **ret_text)
{
	size_t length;
	int r = pp_tree_read(reader->tree, reader->scratch, path, ret_text, &length);
	if (r < 0)
		*ret_text = NULL;
	return r == -ENOMEM ? r : 0;
}

/* "Uid:	real	effective ...", "CapEff:	000001ffffffffff" */
static int read_status(struct pp_reader *reader, struct pp_caller *caller)
{
	char *text;
	int r = read_text(reader, "/proc/self/status", &text);
	if (r < 0 || !text)
		return r;
	uint64_t value;
	const char *at = field(text, "Uid:"), *end;
	if (at && pp_parse_prefix(at, 10, UINT32_MAX, &value, &end) == 0 &&
		pp_parse_prefix(end + strspn(end, " \t"), 10, UINT32_MAX, &value, &end) == 0)
		caller->uid = (uid_t)value;
	at = field(text, "CapEff:");
	if (at && pp_parse_prefix(at, 16, UINT64_MAX, &value, &end) == 0)
		caller->may_raise = value >> CAP_SYS_RESOURCE & 1;
	else
		caller->may_raise = caller->uid == 0;
	return 0;
}

/* "Max locked memory         8388608              8388608              bytes" */
static int read_limits(struct pp_reader *reader, struct pp_caller *caller)
{
	char *text;
	int r = read_text(reader, "/proc/self/limits", &text);
	const char *at = text ? field(text, "Max locked memory") : NULL, *end;
	uint64_t value;
	caller->memlock = UINT64_MAX;
	if (at && pp_parse_prefix(at, 10, UINT64_MAX, &value, &end) == 0)
		caller->memlock = value;
	return r;
}

/* How much is left below the limit of one control group. */
static int read_group(struct pp_reader *reader, const char *group, struct pp_caller *caller)
{
	char *path = pp_arena_printf(reader->arena, "%s/memory.max", group);
	char current[PP_PATH_MAX];
	uint64_t limit, used;
	if (!path)
		return -ENOMEM;
	if (pp_path(current, sizeof(current), "%s/memory.current", group) < 0 ||
		pp_tree_u64(reader->tree, path, 10, &limit) < 0 ||
		pp_tree_u64(reader->tree, current, 10, &used) < 0)
		return 0;
	uint64_t left = limit > used ? limit - used : 0;
	if (left < caller->memory_limit) {
		caller->memory_limit = left;
		caller->memory_limit_file = path;
	}
	return 0;
}

/* Its control group and those above ("0::/user.slice/session-1.scope"). */
static int read_groups(struct pp_reader *reader, struct pp_caller *caller)
{
	char *text;
	caller->memory_limit = UINT64_MAX;
	int r = read_text(reader, "/proc/self/cgroup", &text);
	const char *own = text ? field(text, "0::") : NULL;
	if (r < 0 || !own)
		return r;
	char *group =
		pp_arena_printf(reader->scratch, CGROUPS "%.*s", (int)strcspn(own, "\n"), own);
	if (!group)
		return -ENOMEM;
	for (char *slash = group; r == 0 && strlen(group) > strlen(CGROUPS "/"); *slash = '\0') {
		r = read_group(reader, group, caller);
		slash = strrchr(group, '/');
	}
	return r;
}

/* In another machine's files a model plays the kernel: whoever may write them may move devices. */
static void set_may_write(struct pp_reader *reader, struct pp_caller *caller)
{
	struct pp_tree_stat stat;
	caller->may_write = caller->uid == 0;
	if (caller->may_write ||
		pp_tree_stat(reader->tree, "/sys/bus/pci/drivers_probe", &stat) < 0)
		return;
	caller->may_write = (stat.uid == caller->uid && stat.mode & 0200) || stat.mode & 0002;
}

int pp_caller_read(struct pp_reader *reader)
{
	struct pp_caller *caller = pp_arena_alloc(reader->arena, sizeof(*caller));
	if (!caller)
		return -ENOMEM;
	reader->caller = caller;
	int r = read_status(reader, caller);
	if (r == 0)
		r = read_limits(reader, caller);
	if (r == 0)
		r = read_groups(reader, caller);
	if (r == 0)
		set_may_write(reader, caller);
	return r;
}
