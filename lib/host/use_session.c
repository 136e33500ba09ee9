/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The interfaces that people are logged in through: the connections of the caller's own ancestors
 * (sudo drops SSH_CONNECTION, which is only one more hint), and of logind's remote sessions. */
#include "base/parse.h"
#include "lib/host/use.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS "/run/systemd/sessions"
#define ANCESTORS_MOST 64
#define TCP_ESTABLISHED 1

struct session {
	struct pp_reader *reader;
	const struct pp_net_address *addresses;
	size_t n_addresses;
	const char *process; /* "1432", a folder of /proc */
	bool own;
};

static int add_session(const struct session *session, const uint8_t address[16], const char *remote,
	const char *evidence)
{
	struct pp_reader *reader = session->reader;
	for (size_t i = 0; i < session->n_addresses; i++) {
		const struct pp_net_address *at = &session->addresses[i];
		char path[PP_PATH_MAX];
		struct pp_owners owners;
		if (memcmp(at->bytes, address, 16) != 0 ||
			pp_path(path, sizeof(path), "/sys/class/net/%s", at->interface) < 0)
			continue;
		int r = pp_owners_find(reader, path, &owners);
		if (r < 0)
			return r;
		struct pp_use use = {.kind = PP_USE_SESSION,
			.name = pp_arena_strdup(reader->arena, at->interface),
			.blocking = true,
			.evidence = evidence};
		use.text = pp_arena_printf(reader->arena, "%s carries %s from %s", at->interface,
			session->own ? "your own session" : "a session", remote);
		return pp_use_add_all(reader, &owners, use);
	}
	return 0;
}

/* ---- sockets ---- */

/* "0100007F:0016", or four such numbers: as the machine keeps them. IPv4 becomes ::ffff:a.b.c.d. */
static bool parse_end(const char *text, size_t length, uint8_t bytes[16])
{
	const char *colon = memchr(text, ':', length);
	size_t digits = colon ? (size_t)(colon - text) : 0;
	if (digits != 8 && digits != 32)
		return false;
	memset(bytes, 0, 10);
	memset(bytes + 10, 0xff, 2);
	for (size_t i = 0; i < digits / 8; i++) {
		char part[9];
		uint32_t number;
		memcpy(part, text + 8 * i, 8);
		part[8] = '\0';
		if (pp_parse_u32(part, 16, &number) < 0)
			return false;
		memcpy(bytes + (digits == 8 ? 12 : 4 * i), &number, 4);
	}
	return true;
}

static void show_address(const uint8_t bytes[16], char text[INET6_ADDRSTRLEN])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (memcmp(bytes, mapped, 12) == 0)
		inet_ntop(AF_INET, bytes + 12, text, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, bytes, text, INET6_ADDRSTRLEN);
}

/* "  0: 0100007F:0016 0200007F:C350 01 ... inode ..." */
static int match_socket(const struct session *session, const char *file, const char *line,
	const char *const *inodes, size_t n_inodes)
{
	const char *words[10];
	size_t lengths[10], n = 0;
	uint64_t state;
	const char *end;
	while (n < PP_COUNT(words) && pp_text_word(&line, " \n", &words[n], &lengths[n]))
		n++;
	if (n < PP_COUNT(words) || pp_parse_prefix(words[3], 16, 255, &state, &end) < 0 ||
		state != TCP_ESTABLISHED)
		return 0;
	for (size_t i = 0; i < n_inodes; i++) {
		uint8_t local[16], remote[16];
		char from[INET6_ADDRSTRLEN];
		if (strlen(inodes[i]) != lengths[9] ||
			strncmp(inodes[i], words[9], lengths[9]) != 0 ||
			!parse_end(words[1], lengths[1], local) ||
			!parse_end(words[2], lengths[2], remote))
			continue;
		show_address(remote, from);
		return add_session(session, local, from,
			pp_arena_printf(session->reader->arena, "%s: socket %s of process %s", file,
				inodes[i], session->process));
	}
	return 0;
}

static int match_file(
	const struct session *session, const char *file, const char *const *inodes, size_t n_inodes)
{
	char *text;
	size_t length;
	const char *line;
	int r = pp_tree_read(session->reader->tree, session->reader->scratch, file, &text, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (const char *at = text; r == 0 && pp_text_word(&at, "\n", &line, &length);)
		r = match_socket(session, file, line, inodes, n_inodes);
	return r;
}

/* The sockets that a process has open, matched with the established connections. */
static int read_sockets(const struct session *session)
{
	struct pp_reader *reader = session->reader;
	char folder[PP_PATH_MAX], path[PP_PATH_MAX];
	char **names, *target;
	size_t count, n = 0;
	int r = pp_path(folder, sizeof(folder), "/proc/%s/fd", session->process);
	if (r == 0)
		r = pp_tree_list(reader->tree, reader->scratch, folder, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	const char **inodes = pp_arena_array(reader->scratch, count + 1, sizeof(*inodes));
	if (!inodes)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (pp_path(path, sizeof(path), "%s/%s", folder, names[i]) < 0)
			continue;
		r = pp_tree_link(reader->tree, reader->scratch, path, &target);
		if (r == -ENOMEM)
			return r;
		if (r < 0 || !pp_text_starts(target, "socket:[") || !pp_text_ends(target, "]"))
			continue;
		target += strlen("socket:[");
		target[strlen(target) - 1] = '\0';
		inodes[n++] = target;
	}
	r = n ? match_file(session, "/proc/net/tcp", inodes, n) : 0;
	return r == 0 && n ? match_file(session, "/proc/net/tcp6", inodes, n) : r;
}

/* ---- whose ---- */

/* "1432 (bash) S 1431 ...": a name may have blanks and brackets in it. */
static char *parent_of(struct pp_reader *reader, const char *process)
{
	char path[PP_PATH_MAX];
	char *line;
	if (pp_path(path, sizeof(path), "/proc/%s/stat", process) < 0 ||
		pp_tree_line(reader->tree, reader->scratch, path, &line) < 0)
		return NULL;
	const char *at = strrchr(line, ')'), *word;
	size_t length;
	if (!at || !pp_text_word(&at, " )", &word, &length) ||
		!pp_text_word(&at, " ", &word, &length) || length == 0 || length > 10)
		return NULL;
	return pp_arena_strndup(reader->scratch, word, length);
}

static int read_own(struct session *session)
{
	session->own = true;
	session->process = "self";
	int r = 0;
	for (size_t i = 0; r == 0 && i < ANCESTORS_MOST; i++) {
		r = read_sockets(session);
		const char *parent = parent_of(session->reader, session->process);
		uint32_t number;
		if (!parent || pp_parse_u32(parent, 10, &number) < 0 || number <= 1)
			return r;
		session->process = parent;
	}
	return r;
}

/* "203.0.113.5 50000 192.0.2.2 22" */
static int read_hint(struct session *session)
{
	const char *hint = pp_tree_is_live(session->reader->tree) ? getenv("SSH_CONNECTION") : NULL;
	char words[4][INET6_ADDRSTRLEN];
	const char *word;
	size_t length, n = 0;
	while (hint && n < 4 && pp_text_word(&hint, " ", &word, &length)) {
		if (length >= sizeof(words[0]))
			return 0;
		memcpy(words[n], word, length);
		words[n++][length] = '\0';
	}
	uint8_t local[16] = {[10] = 0xff, [11] = 0xff};
	if (n < 3 || (inet_pton(AF_INET, words[2], local + 12) != 1 &&
			     inet_pton(AF_INET6, words[2], local) != 1))
		return 0;
	return add_session(session, local, words[0], "SSH_CONNECTION in the environment");
}

/* The value of "KEY=value" in a file of logind's. */
static char *value_of(struct pp_arena *arena, const char *text, const char *key)
{
	const char *line;
	size_t length, n = strlen(key);
	while (pp_text_word(&text, "\n", &line, &length))
		if (length > n && strncmp(line, key, n) == 0)
			return pp_arena_strndup(arena, line + n, length - n);
	return NULL;
}

static int read_logind(struct session *session)
{
	struct pp_reader *reader = session->reader;
	char **names, *text;
	size_t count, length;
	session->own = false;
	int r = pp_tree_list(reader->tree, reader->scratch, SESSIONS, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r >= 0 && i < count; i++) {
		char path[PP_PATH_MAX];
		if (strchr(names[i], '.') ||
			pp_path(path, sizeof(path), SESSIONS "/%s", names[i]) < 0 ||
			pp_tree_read(reader->tree, reader->scratch, path, &text, &length) < 0)
			continue;
		const char *remote = value_of(reader->scratch, text, "REMOTE=");
		const char *leader = value_of(reader->scratch, text, "LEADER=");
		uint32_t number;
		if (!pp_text_is(remote, "1") || !leader || pp_parse_u32(leader, 10, &number) < 0)
			continue;
		session->process = leader;
		r = read_sockets(session);
	}
	return r;
}

/* One interface and one place from which people came is said once. */
static void drop_repeated(struct pp_reader *reader, size_t first)
{
	size_t kept = first;
	for (size_t i = first; i < reader->n_uses; i++) {
		const struct pp_use *use = &reader->uses[i];
		const char *from = strrchr(use->text, ' ');
		bool known = false;
		for (size_t k = first; k < kept && !known; k++)
			known = reader->uses[k].device == use->device &&
				pp_text_is(reader->uses[k].name, use->name) &&
				pp_text_is(strrchr(reader->uses[k].text, ' '), from);
		if (!known)
			reader->uses[kept++] = *use;
	}
	reader->n_uses = kept;
}

int pp_uses_read_sessions(
	struct pp_reader *reader, const struct pp_net_address *addresses, size_t n_addresses)
{
	struct session session = {
		.reader = reader, .addresses = addresses, .n_addresses = n_addresses};
	size_t first = reader->n_uses;
	int r = n_addresses ? read_own(&session) : 0;
	if (r == 0)
		r = read_hint(&session);
	if (r == 0 && n_addresses)
		r = read_logind(&session);
	if (r == 0)
		drop_repeated(reader, first);
	return r;
}
