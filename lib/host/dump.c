/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/host/dump.h"
#include "base/parse.h"
#include "lib/context.h"
#include "lib/host/node_reader.h"
#include <stdlib.h>
#include <string.h>

#define LINKS_MOST 40

/* ---- what was asked for ---- */

struct question {
	enum pp_tree_access access;
	char *path;
};
struct questions {
	struct pp_arena *arena;
	struct question *items;
	size_t count, size;
	bool oom;
};

static void note(enum pp_tree_access access, const char *path, void *data)
{
	struct questions *questions = data;
	if (questions->count == questions->size) {
		size_t size = questions->size ? questions->size * 2 : 1024;
		struct question *items = reallocarray(questions->items, size, sizeof(*items));
		questions->oom = questions->oom || !items;
		if (!items)
			return;
		questions->items = items;
		questions->size = size;
	}
	char *copy = pp_arena_strdup(questions->arena, path);
	questions->oom = questions->oom || !copy;
	if (copy)
		questions->items[questions->count++] = (struct question){access, copy};
}

static int compare_questions(const void *a, const void *b)
{
	const struct question *first = a, *second = b;
	int order = strcmp(first->path, second->path);
	return order ? order : (int)first->access - (int)second->access;
}

/* ---- entries ---- */

static struct pp_dump_entry *add_entry(
	struct pp_dump *dump, const char *path, enum pp_dump_kind kind)
{
	if (dump->n_entries == dump->size_entries) {
		size_t size = dump->size_entries ? dump->size_entries * 2 : 1024;
		struct pp_dump_entry *entries = pp_arena_grow(dump->arena, dump->entries,
			dump->n_entries * sizeof(*entries), size * sizeof(*entries));
		if (!entries)
			return NULL;
		dump->entries = entries;
		dump->size_entries = size;
	}
	struct pp_dump_entry *entry = &dump->entries[dump->n_entries];
	*entry = (struct pp_dump_entry){.path = pp_arena_strdup(dump->arena, path), .kind = kind};
	if (!entry->path)
		return NULL;
	dump->n_entries++;
	return entry;
}

static int add_link(struct pp_dump *dump, const char *path, char *target)
{
	struct pp_dump_entry *entry = add_entry(dump, path, PP_DUMP_LINK);
	if (!entry)
		return -ENOMEM;
	entry->data = target;
	entry->length = strlen(target);
	return 0;
}

/* Takes the last part off. */
static void go_up(char *path)
{
	char *slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
}

/* Where PATH leads, link by link; each link on the way becomes an entry. In /proc nothing is
 * followed: there `self` and `net` are links that differ for everyone who asks. NULL: out of
 * memory, or a path too long; then *ret_error tells. */
static char *follow(struct pp_dump *dump, const char *path, bool last_too, int *ret_error)
{
	char *at = pp_arena_alloc(dump->arena, PP_PATH_MAX);
	const char *rest = path, *word;
	size_t length, links = 0;
	*ret_error = at ? 0 : -ENOMEM;
	if (!at || pp_text_starts(path, "/proc/"))
		return at ? pp_arena_strdup(dump->arena, path) : NULL;
	while (pp_text_word(&rest, "/", &word, &length)) {
		bool last = !rest[strspn(rest, "/")];
		if (length == 2 && strncmp(word, "..", 2) == 0) {
			go_up(at);
			continue;
		}
		size_t before = strlen(at);
		if ((length == 1 && *word == '.') || before + length + 2 > PP_PATH_MAX)
			continue;
		at[before] = '/';
		memcpy(at + before + 1, word, length);
		at[before + 1 + length] = '\0';
		char *target;
		int r = last && !last_too ? -EINVAL
					  : pp_tree_link(dump->tree, dump->arena, at, &target);
		if (r == 0)
			r = add_link(dump, at, target);
		if (r == -ENOMEM || (r == 0 && ++links > LINKS_MOST)) {
			*ret_error = r == -ENOMEM ? r : -ELOOP;
			return NULL;
		}
		if (r < 0)
			continue;
		if (*target == '/')
			*at = '\0';
		else
			go_up(at);
		rest = pp_arena_printf(dump->arena, "%s/%s", target, rest);
		if (!rest) {
			*ret_error = -ENOMEM;
			return NULL;
		}
	}
	return at;
}

static int add_file(struct pp_dump *dump, const char *path)
{
	char *data;
	size_t length;
	bool config = pp_text_starts(path, "/sys/devices/") && pp_text_ends(path, "/config");
	int r = config ? pp_dump_read_config(dump, path, &data, &length)
		       : pp_tree_read(dump->tree, dump->arena, path, &data, &length);
	if (r == -ENOMEM || r == -ENOENT || r == -ENOTDIR)
		return r == -ENOMEM ? r : 0;
	enum pp_dump_kind kind = r == 0         ? PP_DUMP_FILE
				 : r == -EISDIR ? PP_DUMP_FOLDER
						: PP_DUMP_ERROR;
	struct pp_dump_entry *entry = add_entry(dump, path, kind);
	if (!entry)
		return -ENOMEM;
	if (kind == PP_DUMP_ERROR)
		entry->error = -r;
	if (kind != PP_DUMP_FILE)
		return 0;
	entry->data = data;
	entry->length = length;
	return pp_dump_select(dump, entry);
}

static int add_thing(struct pp_dump *dump, const char *path)
{
	struct pp_tree_stat stat;
	if (pp_tree_stat(dump->tree, path, &stat) < 0)
		return 0;
	enum pp_dump_kind kind = stat.type == 'd'   ? PP_DUMP_FOLDER
				 : stat.type == 'f' ? PP_DUMP_EXISTS
						    : PP_DUMP_NODE;
	struct pp_dump_entry *entry = stat.type == 'l' ? NULL : add_entry(dump, path, kind);
	if (entry)
		entry->stat = stat;
	return entry || stat.type == 'l' ? 0 : -ENOMEM;
}

/* A folder whose names were asked for. What nobody looked into matters by its name: links and
 * folders of sysfs (upper_br0, 0000:00:1a.7). */
static int add_folder(struct pp_dump *dump, const char *path)
{
	char **names;
	size_t count;
	int r = add_thing(dump, path);
	if (r == 0)
		r = pp_tree_list(dump->tree, dump->arena, path, &names, &count);
	if (r < 0 || !pp_text_starts(path, "/sys/"))
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < count; i++) {
		char *target, *child = pp_arena_printf(dump->arena, "%s/%s", path, names[i]);
		struct pp_tree_stat stat;
		if (!child)
			return -ENOMEM;
		r = pp_tree_link(dump->tree, dump->arena, child, &target);
		if (r == 0)
			r = add_link(dump, child, target);
		else if (r != -ENOMEM && pp_tree_stat(dump->tree, child, &stat) == 0 &&
			 stat.type == 'd')
			r = add_entry(dump, child, PP_DUMP_FOLDER) ? 0 : -ENOMEM;
		if (r == -ENOMEM)
			return r;
	}
	return 0;
}

/* Does a node lie on PCI, or is it a group of VFIO? NVIDIA's nodes are in no class. */
static bool is_hardware(struct pp_dump *dump, const struct pp_tree_stat *stat)
{
	char path[PP_PATH_MAX];
	char *real;
	pp_path(path, sizeof(path), "/sys/dev/%s/%u:%u", stat->type == 'b' ? "block" : "char",
		stat->major, stat->minor);
	if (pp_tree_real(dump->tree, dump->arena, path, &real) < 0)
		return stat->type == 'c' && stat->major == 195;
	return pp_text_starts(real, "/sys/devices/pci") ||
	       pp_text_starts(real, "/sys/devices/virtual/vfio/") || strstr(real, "/0000:");
}

/* "socket:[123]" of a connection that is there now. */
static bool is_connection(struct pp_dump *dump, const char *target)
{
	static const char *const files[] = {"/proc/net/tcp", "/proc/net/tcp6"};
	const char *inode = target + strlen("socket:[");
	for (size_t i = 0; i < PP_COUNT(files); i++) {
		char *tcp, *word = pp_arena_printf(
				   dump->arena, " %.*s ", (int)strcspn(inode, "]"), inode);
		size_t length;
		if (word && pp_tree_read(dump->tree, dump->arena, files[i], &tcp, &length) == 0 &&
			strstr(tcp, word))
			return true;
	}
	return false;
}

/* /proc/1432/fd/12 -> /dev/dri/card0, of those that were looked at more closely; and sockets. */
static int add_descriptor(struct pp_dump *dump, const struct question *question)
{
	char *target;
	struct pp_tree_stat stat;
	int r = pp_tree_link(dump->tree, dump->arena, question->path, &target);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (!dump->anonymize && pp_text_starts(target, "socket:[") && is_connection(dump, target))
		return add_link(dump, question->path, target);
	if (question->access != PP_TREE_STAT || !pp_text_starts(target, "/dev/") ||
		pp_tree_stat(dump->tree, question->path, &stat) < 0 || !is_hardware(dump, &stat))
		return 0;
	struct pp_dump_entry *entry = add_entry(dump, target, PP_DUMP_NODE);
	if (!entry)
		return -ENOMEM;
	entry->stat = stat;
	return add_link(dump, question->path, target);
}

static int answer(struct pp_dump *dump, const struct question *question)
{
	const char *path = question->path;
	int r;
	if (*path != '/' || pp_dump_omits(dump, path))
		return 0;
	if (pp_text_starts(path, "/proc/") && strstr(path, "/fd/"))
		return add_descriptor(dump, question);
	if (pp_text_starts(path, "/proc/") && pp_text_ends(path, "/fd"))
		return 0; /* those of most processes say nothing */
	char *end = follow(dump, path, question->access != PP_TREE_LINK, &r);
	if (!end)
		return r == -ENOMEM ? r : 0;
	switch (question->access) {
	case PP_TREE_READ:
		return add_file(dump, end);
	case PP_TREE_LIST:
		return add_folder(dump, end);
	case PP_TREE_LINK: {
		char *target;
		r = pp_tree_link(dump->tree, dump->arena, end, &target);
		if (r == 0)
			return add_link(dump, end, target);
		return r == -ENOMEM ? r : add_thing(dump, end);
	}
	default:
		return add_thing(dump, end);
	}
}

static int compare_entries(const void *a, const void *b)
{
	const struct pp_dump_entry *first = a, *second = b;
	int order = strcmp(first->path, second->path);
	return order ? order : (int)second->kind - (int)first->kind;
}

/* Each path once, with what tells most. */
static void sort_entries(struct pp_dump *dump)
{
	size_t kept = 0;
	if (dump->n_entries)
		qsort(dump->entries, dump->n_entries, sizeof(*dump->entries), compare_entries);
	for (size_t i = 0; i < dump->n_entries; i++)
		if (!kept || strcmp(dump->entries[kept - 1].path, dump->entries[i].path) != 0)
			dump->entries[kept++] = dump->entries[i];
	dump->n_entries = kept;
}

/* ---- text ---- */

static void put_escaped(struct pp_buffer *text, const char *data, size_t length, const char *also)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)data[i];
		if (c == '\n')
			pp_buffer_puts(text, "\\n");
		else if (c == '\t')
			pp_buffer_puts(text, "\\t");
		else if (c == '\\')
			pp_buffer_puts(text, "\\\\");
		else if (c < ' ' || c >= 0x7f || strchr(also, c))
			pp_buffer_printf(text, "\\x%02x", c);
		else
			pp_buffer_putc(text, (char)c);
	}
}

static bool is_text(const struct pp_dump_entry *entry)
{
	size_t odd = 0;
	if (entry->length == 0 || entry->data[entry->length - 1] != '\n')
		return false;
	for (size_t i = 0; i < entry->length; i++) {
		unsigned char c = (unsigned char)entry->data[i];
		odd += (c < ' ' && !strchr("\n\t", c)) || c >= 0x7f;
	}
	return odd * 4 <= entry->length;
}

static void put_contents(struct pp_buffer *text, const struct pp_dump_entry *entry)
{
	if (is_text(entry)) {
		pp_buffer_puts(text, " = ");
		put_escaped(text, entry->data, entry->length - 1, "");
		return;
	}
	pp_buffer_puts(text, entry->length ? " : " : " :");
	for (size_t i = 0; i < entry->length; i++)
		pp_buffer_printf(text, "%02x", (unsigned char)entry->data[i]);
}

static void put_entry(struct pp_buffer *text, const struct pp_dump_entry *entry)
{
	const struct pp_tree_stat *stat = &entry->stat;
	put_escaped(text, entry->path, strlen(entry->path), " ");
	switch (entry->kind) {
	case PP_DUMP_EXISTS:
		pp_buffer_puts(text, " :");
		break;
	case PP_DUMP_FOLDER:
		pp_buffer_puts(text, "/");
		break;
	case PP_DUMP_ERROR:
		pp_buffer_printf(text, " ! %s", strerrorname_np(entry->error));
		break;
	case PP_DUMP_NODE:
		pp_buffer_printf(text, " %% %c %u %u %04o %u %u", stat->type, stat->major,
			stat->minor, stat->mode, stat->uid, stat->gid);
		break;
	case PP_DUMP_LINK:
		pp_buffer_puts(text, " -> ");
		put_escaped(text, entry->data, entry->length, "");
		break;
	case PP_DUMP_FILE:
		put_contents(text, entry);
		break;
	}
	pp_buffer_putc(text, '\n');
}

/* A folder that is there through what is in it needs no line of its own. */
static bool is_implied(const struct pp_dump *dump, size_t i)
{
	const struct pp_dump_entry *entry = &dump->entries[i];
	size_t length = strlen(entry->path);
	if (entry->kind != PP_DUMP_FOLDER)
		return false;
	for (size_t k = i + 1; k < dump->n_entries; k++) {
		const char *path = dump->entries[k].path;
		if (strncmp(path, entry->path, length) != 0)
			return false;
		if (path[length] == '/')
			return true;
	}
	return false;
}

static int write_text(const struct pp_dump *dump, char **ret_text)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	const struct pp_kernel *kernel = dump->host->kernel;
	pp_buffer_printf(&text, "# pcipass host-dump, kernel %s, %zu PCI devices%s\n",
		kernel && kernel->release ? kernel->release : "?", dump->host->n_devices,
		dump->anonymize
			? "; without serial numbers, MACs, the host's name, who is logged in"
			: "");
	for (size_t i = 0; i < dump->n_entries; i++)
		if (!is_implied(dump, i))
			put_entry(&text, &dump->entries[i]);
	*ret_text = pp_buffer_take(&text);
	return *ret_text ? 0 : -ENOMEM;
}

/* ---- the whole ---- */

/* What the live kernel is asked for by a call of its own, not by a file. */
static int add_log(struct pp_dump *dump)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	if (!pp_tree_is_live(dump->tree) || dump->host->n_log == 0)
		return 0;
	for (size_t i = 0; i < dump->host->n_log; i++)
		pp_buffer_printf(&text, "[] %s\n", dump->host->log[i]);
	struct pp_dump_entry *entry = add_entry(dump, "/dev/kmsg", PP_DUMP_FILE);
	if (!entry || text.failed)
		return -ENOMEM;
	entry->data = pp_arena_strndup(dump->arena, text.data, text.length);
	entry->length = text.length;
	return entry->data ? 0 : -ENOMEM;
}

/* Nor are names read through the tree, which are the same on each machine. */
static int add_names(struct pp_dump *dump)
{
	static const char *const places[] = {
		"/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"};
	int r = -ENOENT;
	if (!pp_tree_is_live(dump->tree))
		return 0;
	for (size_t i = 0; r == -ENOENT && i < PP_COUNT(places); i++) {
		char *data;
		size_t length;
		r = pp_tree_read(dump->tree, dump->arena, places[i], &data, &length);
		if (r < 0)
			continue;
		struct pp_dump_entry *entry = add_entry(dump, places[0], PP_DUMP_FILE);
		if (!entry)
			return -ENOMEM;
		entry->data = data;
		entry->length = length;
		r = pp_dump_select(dump, entry);
	}
	return r == -ENOMEM ? r : 0;
}

/* Nor are the features of interfaces files. */
static int add_features(struct pp_dump *dump)
{
	const struct pp_node_reader reader = {
		.tree = dump->tree, .arena = dump->arena, .live = true};
	char **names, path[PP_PATH_MAX], *text;
	size_t count;
	if (!pp_tree_is_live(dump->tree))
		return 0;
	int r = pp_tree_list(dump->tree, dump->arena, "/sys/class/net", &names, &count);
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (pp_path(path, sizeof(path), "/ethtool/%s", names[i]) < 0 ||
			(r = pp_node_net_features_text(&reader, names[i], &text)) < 0) {
			r = r == -ENOMEM ? r : 0;
			continue;
		}
		struct pp_dump_entry *entry = add_entry(dump, path, PP_DUMP_FILE);
		if (!entry)
			return -ENOMEM;
		entry->data = text;
		entry->length = strlen(text);
	}
	return r == -ENOMEM ? r : 0;
}

static int answer_all(struct pp_dump *dump, struct questions *questions)
{
	int r = questions->oom ? -ENOMEM : 0;
	if (questions->count)
		qsort(questions->items, questions->count, sizeof(*questions->items),
			compare_questions);
	for (size_t i = 0; r == 0 && i < questions->count; i++)
		if (i == 0 ||
			compare_questions(&questions->items[i - 1], &questions->items[i]) != 0)
			r = answer(dump, &questions->items[i]);
	if (r == 0)
		r = add_log(dump);
	if (r == 0)
		r = add_names(dump);
	if (r == 0)
		r = add_features(dump);
	if (r < 0)
		return r;
	sort_entries(dump);
	return dump->anonymize ? pp_dump_anonymize(dump) : 0;
}

/* Reads all there is to read, and listens to what is asked for. */
static int read_all(struct pp_context *context, struct questions *questions,
	struct pp_host **ret_host, struct pp_error *error)
{
	struct pp_nodes *nodes = NULL;
	pp_tree_watch(context->tree, note, questions);
	int r = pp_host_read(context, PP_READ_ALL, ret_host, error);
	if (r == 0)
		r = pp_nodes_read(context, "", &nodes, error);
	pp_tree_watch(context->tree, NULL, NULL);
	if (r < 0 && *ret_host) {
		pp_host_free(*ret_host);
		*ret_host = NULL;
	}
	pp_nodes_free(nodes);
	return r;
}

int pp_host_dump(
	struct pp_context *context, bool anonymize, char **ret_text, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	if (!arena)
		return pp_error_oom(error);
	struct questions questions = {.arena = arena};
	struct pp_host *host = NULL;
	int r = read_all(context, &questions, &host, error);
	if (r < 0) {
		free(questions.items);
		return r;
	}
	struct pp_dump dump = {
		.tree = context->tree, .arena = arena, .host = host, .anonymize = anonymize};
	char *text = NULL;
	r = answer_all(&dump, &questions);
	if (r == 0)
		r = write_text(&dump, &text);
	free(questions.items);
	pp_host_free(host);
	if (r < 0)
		return pp_error_oom(error);
	*ret_text = text;
	return 0;
}
