/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interfaces: the default route, addresses, and being part of a bridge, bond or VLAN. */
#include "base/parse.h"
#include "lib/host/use.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define NETS "/sys/class/net"
#define ROUTES "/proc/net/route"
#define ROUTES6 "/proc/net/ipv6_route"
#define FLAG_UP 1
#define FLAG_REJECT 0x200

/* "LINE" as people read it: blanks joined. */
static char *squeeze(struct pp_arena *arena, const char *line, size_t length)
{
	char *text = pp_arena_strndup(arena, line, length);
	size_t n = 0;
	for (char *at = text; at && *at; at++)
		if (!strchr(" \t", *at) || (n > 0 && text[n - 1] != ' '))
			text[n++] = *at == '\t' ? ' ' : *at;
	while (text && n > 0 && text[n - 1] == ' ')
		n--;
	if (text)
		text[n] = '\0';
	return text;
}

static int owners_of(struct pp_reader *reader, const char *interface, struct pp_owners *ret_owners)
{
	char path[PP_PATH_MAX];
	*ret_owners = (struct pp_owners){0};
	if (!*interface || strchr(interface, '/') ||
		pp_path(path, sizeof(path), NETS "/%s", interface) < 0)
		return 0;
	return pp_owners_find(reader, path, ret_owners);
}

static bool is_up(struct pp_reader *reader, const char *interface)
{
	char path[PP_PATH_MAX];
	uint64_t flags;
	return pp_path(path, sizeof(path), NETS "/%s/flags", interface) == 0 &&
	       pp_tree_u64(reader->tree, path, 16, &flags) == 0 && flags & FLAG_UP;
}

/* ---- routes ---- */

static int add_route(struct pp_reader *reader, const char *interface, const char *what,
	const char *file, const char *line, size_t length)
{
	struct pp_owners owners;
	int r = owners_of(reader, interface, &owners);
	if (r < 0 || owners.count == 0)
		return r;
	char *evidence = squeeze(reader->scratch, line, length);
	char *name = pp_arena_strdup(reader->arena, interface);
	if (!evidence || !name)
		return -ENOMEM;
	return pp_use_add_all(reader, &owners,
		(struct pp_use){.kind = PP_USE_ROUTE,
			.name = name,
			.blocking = true,
			.text = pp_arena_printf(
				reader->arena, "%s carries the default route%s", name, what),
			.evidence = pp_arena_printf(reader->arena, "%s: %s", file, evidence)});
}

/* One line of /proc/net/route. */
struct route {
	char *interface;
	uint32_t destination, gateway, flags, mask; /* addresses in network order */
};

static bool parse_route(
	struct pp_arena *arena, const char *line, size_t length, struct route *ret_route)
{
	char *text = pp_arena_strndup(arena, line, length);
	const char *at = text, *words[8], *end;
	size_t size;
	uint64_t values[8] = {0};
	for (size_t i = 0; i < PP_COUNT(words); i++) {
		if (!text || !pp_text_word(&at, " \t", &words[i], &size))
			return false;
		bool number = i == 1 || i == 2 || i == 3 || i == 7;
		if (number && (pp_parse_prefix(words[i], 16, UINT32_MAX, &values[i], &end) < 0 ||
				      end != words[i] + size))
			return false;
		if (i == 0)
			ret_route->interface = pp_arena_strndup(arena, words[0], size);
	}
	ret_route->destination = (uint32_t)values[1];
	ret_route->gateway = (uint32_t)values[2];
	ret_route->flags = (uint32_t)values[3];
	ret_route->mask = (uint32_t)values[7];
	return ret_route->interface;
}

/* The kernel prints addresses as the numbers that they are in memory, in network order on each
 * machine. */
static int read_routes(struct pp_reader *reader, struct route **ret_routes, size_t *ret_count)
{
	char *text;
	size_t length, room = 1, count = 0;
	*ret_count = 0;
	int r = pp_tree_read(reader->tree, reader->scratch, ROUTES, &text, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		room++;
	struct route *routes = pp_arena_array(reader->scratch, room, sizeof(*routes));
	if (!routes)
		return -ENOMEM;
	const char *line;
	size_t size;
	for (const char *at = text; pp_text_word(&at, "\n", &line, &size);) {
		struct route *route = &routes[count];
		if (!parse_route(reader->scratch, line, size, route))
			continue;
		count++;
		if (route->destination || route->mask || !(route->flags & FLAG_UP) ||
			route->flags & FLAG_REJECT)
			continue;
		r = add_route(reader, route->interface, "", ROUTES, line, size);
		if (r < 0)
			return r;
	}
	*ret_routes = routes;
	*ret_count = count;
	return 0;
}

/* "00..00 00 00..00 00 <gateway> metric ref use flags    eth0": destination, length, ..., interface
 */
static int read_routes6(struct pp_reader *reader)
{
	static const char any[] = "00000000000000000000000000000000 00 ";
	char *text;
	size_t length, size;
	const char *line;
	int r = pp_tree_read(reader->tree, reader->scratch, ROUTES6, &text, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (const char *at = text; pp_text_word(&at, "\n", &line, &size);) {
		const char *words[10], *cursor = line, *end;
		size_t lengths[10], n = 0;
		uint64_t flags;
		if (!pp_text_starts(line, any))
			continue;
		while (n < PP_COUNT(words) && pp_text_word(&cursor, " \n", &words[n], &lengths[n]))
			n++;
		if (n < PP_COUNT(words) || words[9] > line + size ||
			pp_parse_prefix(words[8], 16, UINT32_MAX, &flags, &end) < 0 ||
			!(flags & FLAG_UP) || flags & FLAG_REJECT)
			continue;
		char *interface = pp_arena_strndup(reader->scratch, words[9], lengths[9]);
		r = interface ? add_route(reader, interface, " of IPv6", ROUTES6, line, size)
			      : -ENOMEM;
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- addresses ---- */

struct addresses {
	struct pp_net_address *items;
	size_t count;
};

static int add_address(
	struct pp_reader *reader, struct addresses *list, struct pp_net_address address)
{
	size_t size = list->count * sizeof(address);
	struct pp_net_address *items =
		pp_arena_grow(reader->scratch, list->items, size, size + sizeof(address));
	if (!items || !address.interface || !address.text || !address.evidence)
		return -ENOMEM;
	items[list->count++] = address;
	list->items = items;
	return 0;
}

/* The interface whose own network ADDRESS is in: the kernel makes that route with the address. */
static const char *interface_of(const struct route *routes, size_t count, uint32_t address)
{
	const struct route *best = NULL;
	for (size_t i = 0; i < count; i++) {
		const struct route *route = &routes[i];
		if (route->gateway || !route->mask || (address & route->mask) != route->destination)
			continue;
		if (!best || ntohl(route->mask) > ntohl(best->mask))
			best = route;
	}
	return best ? best->interface : NULL;
}

/* A line "|-- 192.0.2.2" and, below it, "/32 host LOCAL". Each address stands there twice. */
static int read_addresses4(struct pp_reader *reader, const struct route *routes, size_t n_routes,
	struct addresses *list)
{
	static const char file[] = "/proc/net/fib_trie";
	char *text, *address = NULL;
	size_t length, size;
	const char *line;
	int r = pp_tree_read(reader->tree, reader->scratch, file, &text, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	const char *local = strstr(text, "Local:\n");
	for (const char *at = local ? local : text; pp_text_word(&at, "\n", &line, &size);) {
		const char *leaf = memmem(line, size, "|-- ", 4);
		struct in_addr number;
		if (leaf)
			address = pp_arena_strndup(
				reader->arena, leaf + 4, (size_t)(line + size - leaf - 4));
		if (leaf || !address || !memmem(line, size, "/32 host LOCAL", 14) ||
			inet_pton(AF_INET, address, &number) != 1)
			continue;
		const char *interface = interface_of(routes, n_routes, number.s_addr);
		if (!interface)
			continue;
		struct pp_net_address found = {.interface = interface,
			.text = address,
			.evidence = pp_arena_printf(
				reader->arena, "%s: %s /32 host LOCAL", file, address)};
		memset(found.bytes + 10, 0xff, 2);
		memcpy(found.bytes + 12, &number, 4);
		r = add_address(reader, list, found);
		if (r < 0)
			return r;
	}
	return 0;
}

/* "fe80000000000000505400fffe123456 02 40 20 80     eth0": address, index, length, scope, flags,
 * name */
static int read_addresses6(struct pp_reader *reader, struct addresses *list)
{
	static const char file[] = "/proc/net/if_inet6";
	char *text;
	size_t length, size;
	const char *line;
	int r = pp_tree_read(reader->tree, reader->scratch, file, &text, &length);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (const char *at = text; pp_text_word(&at, "\n", &line, &size);) {
		char digits[33], shown[INET6_ADDRSTRLEN];
		const char *words[6], *cursor = line;
		size_t lengths[6], n = 0, bytes;
		while (n < PP_COUNT(words) && pp_text_word(&cursor, " \n", &words[n], &lengths[n]))
			n++;
		if (n < PP_COUNT(words) || lengths[0] != 32 || words[5] > line + size)
			continue;
		struct pp_net_address found = {.link_local = pp_text_starts(words[3], "20")};
		memcpy(digits, words[0], 32);
		digits[32] = '\0';
		if (pp_text_starts(words[3], "10") || /* the machine itself */
			pp_parse_hex_bytes(digits, found.bytes, 16, &bytes) < 0 || bytes != 16 ||
			!inet_ntop(AF_INET6, found.bytes, shown, sizeof(shown)))
			continue;
		char *evidence = squeeze(reader->scratch, line, size);
		found.interface = pp_arena_strndup(reader->arena, words[5], lengths[5]);
		found.text = pp_arena_strdup(reader->arena, shown);
		found.evidence =
			evidence ? pp_arena_printf(reader->arena, "%s: %s", file, evidence) : NULL;
		r = add_address(reader, list, found);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_addresses(
	struct pp_reader *reader, const struct pp_net_address *addresses, size_t count)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct pp_net_address *address = &addresses[i];
		struct pp_owners owners;
		if (address->link_local) /* each interface that is up has one */
			continue;
		r = owners_of(reader, address->interface, &owners);
		if (r < 0 || owners.count == 0)
			continue;
		bool up = is_up(reader, address->interface);
		r = pp_use_add_all(reader, &owners,
			(struct pp_use){.kind = PP_USE_ADDRESS,
				.name = pp_arena_strdup(reader->arena, address->interface),
				.blocking = up,
				.text = pp_arena_printf(reader->arena, "%s %s the address %s",
					address->interface, up ? "is up with" : "is down, but has",
					address->text),
				.evidence = address->evidence});
	}
	return r;
}

/* ---- bridges, bonds, VLANs ---- */

static const char *upper_words(struct pp_reader *reader, const char *upper)
{
	static const struct {
		const char *folder, *words;
	} kinds[] = {
		{"bridge", "a port of the bridge"},
		{"bonding", "a port of the bond"},
	};
	for (size_t i = 0; i < PP_COUNT(kinds); i++) {
		char path[PP_PATH_MAX];
		if (pp_path(path, sizeof(path), NETS "/%s/%s", upper, kinds[i].folder) == 0 &&
			pp_tree_exists(reader->tree, path))
			return kinds[i].words;
	}
	return NULL;
}

static int add_upper(struct pp_reader *reader, const struct pp_owners *owners,
	const char *interface, const char *upper, bool master)
{
	const char *words = upper_words(reader, upper);
	/* what lies on it (a VLAN, macvtap) uses it when it is up, what it is a port of always */
	bool blocking = master || words || is_up(reader, upper);
	struct pp_use use = {.kind = PP_USE_BRIDGE_PORT,
		.name = pp_arena_strdup(reader->arena, interface),
		.blocking = blocking,
		.evidence = pp_arena_printf(reader->arena, NETS "/%s/%s%s", interface,
			master ? "master -> " : "upper_", upper)};
	use.text = words    ? pp_arena_printf(reader->arena, "%s is %s %s", interface, words, upper)
		   : master ? pp_arena_printf(reader->arena, "%s belongs to %s", interface, upper)
			    : pp_arena_printf(reader->arena, "%s lies on %s", upper, interface);
	return pp_use_add_all(reader, owners, use);
}

static int read_uppers(struct pp_reader *reader, const char *interface)
{
	char path[PP_PATH_MAX];
	char **names, *master = NULL;
	size_t count;
	struct pp_owners owners;
	int r = owners_of(reader, interface, &owners);
	if (r < 0 || owners.count == 0)
		return r;
	pp_path(path, sizeof(path), NETS "/%s/master", interface);
	r = pp_tree_link_name(reader->tree, reader->scratch, path, &master);
	if (r == 0)
		r = add_upper(reader, &owners, interface, master, true);
	if (r == -ENOMEM)
		return r;
	pp_path(path, sizeof(path), NETS "/%s", interface);
	r = pp_tree_list(reader->tree, reader->scratch, path, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		const char *upper = names[i] + strlen("upper_");
		if (pp_text_starts(names[i], "upper_") && !pp_text_is(upper, master))
			r = add_upper(reader, &owners, interface, upper, false);
	}
	return r;
}

int pp_uses_read_nets(struct pp_reader *reader)
{
	char **names;
	size_t count, n_routes;
	struct route *routes = NULL;
	struct addresses addresses = {0};
	int r = read_routes(reader, &routes, &n_routes);
	if (r == 0)
		r = read_routes6(reader);
	if (r == 0)
		r = read_addresses4(reader, routes, n_routes, &addresses);
	if (r == 0)
		r = read_addresses6(reader, &addresses);
	if (r == 0)
		r = add_addresses(reader, addresses.items, addresses.count);
	if (r == 0)
		r = pp_uses_read_sessions(reader, addresses.items, addresses.count);
	if (r < 0)
		return r;
	r = pp_tree_list(reader->tree, reader->scratch, NETS, &names, &count);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = read_uppers(reader, names[i]);
	return r;
}
