/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse.h"
#include "lib/domain/grammar.h"
#include "lib/domain/parse.h"
#include <ctype.h>
#include <string.h>

static void parse_name(struct pp_parsing *parsing, const struct pp_element *root)
{
	const struct pp_element *element = pp_element_child(root, "name");
	const char *name = pp_parsing_text(parsing, element);

	if (!name)
		return;
	parsing->domain->name = name;
	parsing->domain->uuid_offset = element->end;
	if (!*name)
		pp_parsing_fail(parsing, element->line, "the guest's <name> is empty");
	else if (strlen(name) > 200)
		pp_parsing_fail(
			parsing, element->line, "the guest's <name> has more than 200 bytes");
	else if (name[0] == '.' || name[0] == '-' || strchr(name, '/'))
		pp_parsing_fail(parsing, element->line,
			"the guest's <name> '%s' may not have a / nor begin with . or -", name);
	for (const char *c = name; *c; c++)
		if (iscntrl((unsigned char)*c))
			pp_parsing_fail(parsing, element->line,
				"the guest's <name> has a control character (byte 0x%02x)", *c);
}

static void parse_uuid(struct pp_parsing *parsing, const struct pp_element *element)
{
	const char *text = pp_parsing_text(parsing, element);
	char *uuid = text ? pp_arena_alloc(parsing->arena, 37) : NULL;
	unsigned digits = 0, length = 0;
	bool zero = true;

	if (!text)
		return;
	if (!uuid) {
		pp_parsing_oom(parsing);
		return;
	}
	for (const char *c = text; *c && digits <= 32; c++) {
		if (*c == '-')
			continue;
		if (!isxdigit((unsigned char)*c) || digits == 32) {
			digits = 33;
			break;
		}
		if (digits == 8 || digits == 12 || digits == 16 || digits == 20)
			uuid[length++] = '-';
		uuid[length++] = tolower((unsigned char)*c);
		zero = zero && *c == '0';
		digits++;
	}
	if (digits != 32 || zero)
		pp_parsing_fail(parsing, element->line, "'%.60s' is not a UUID", text);
	parsing->domain->uuid = uuid;
}

static void parse_memory(struct pp_parsing *parsing, const struct pp_element *root)
{
	struct pp_domain *domain = parsing->domain;
	const struct pp_element *memory = pp_element_child(root, "memory");
	const struct pp_element *current = pp_element_child(root, "currentMemory");
	const struct pp_element *limit =
		pp_element_child(pp_element_child(root, "memtune"), "hard_limit");
	const uint64_t mib = 1 << 20;

	domain->memory = pp_parsing_bytes(parsing, memory, NULL, "KiB");
	domain->memory_line = memory->line;
	domain->memory = (domain->memory + mib - 1) / mib * mib;
	domain->current_memory = current ? pp_parsing_bytes(parsing, current, NULL, "KiB") : 0;
	if (domain->current_memory == 0 || domain->current_memory > domain->memory)
		domain->current_memory = domain->memory;
	domain->dump_core = pp_parsing_switch(memory, "dumpCore");
	domain->hard_limit = pp_parsing_bytes(parsing, limit, NULL, "KiB");
	if (!parsing->failed && domain->memory == 0)
		pp_parsing_fail(parsing, memory->line, "the guest's <memory> is 0");
}

static unsigned parse_count(
	struct pp_parsing *parsing, const struct pp_element *element, const char *text)
{
	uint64_t count;

	if (text && pp_parse_u64(text, 10, 4096, &count) == 0 && count > 0)
		return count;
	pp_parsing_fail(parsing, element->line,
		"'%.40s' of <vcpu> is not a number of CPUs (1 to 4096)", text ? text : "");
	return 1;
}

static void parse_vcpu(struct pp_parsing *parsing, const struct pp_element *element)
{
	struct pp_domain *domain = parsing->domain;
	const char *current = pp_element_attribute(element, "current");

	domain->vcpus = domain->max_vcpus = 1;
	if (!element)
		return;
	domain->vcpu_line = element->line;
	domain->max_vcpus = parse_count(parsing, element, pp_parsing_text(parsing, element));
	domain->vcpus = current ? parse_count(parsing, element, current) : domain->max_vcpus;
	if (domain->vcpus > domain->max_vcpus)
		pp_parsing_fail(parsing, element->line,
			"<vcpu> has current='%u', but at most %u CPUs", domain->vcpus,
			domain->max_vcpus);
}

static void parse_iothreads(struct pp_parsing *parsing, const struct pp_element *element)
{
	const char *text = pp_parsing_text(parsing, element);
	uint64_t count = 0;

	if (text && pp_parse_u64(text, 10, 1024, &count) < 0)
		pp_parsing_fail(parsing, element->line,
			"'%.40s' of <iothreads> is not a number of threads (0 to 1024)", text);
	parsing->domain->iothreads = (unsigned)count;
}

static enum pp_lifecycle parse_lifecycle(struct pp_parsing *parsing, const struct pp_element *root,
	const char *name, const char *const *allowed, enum pp_lifecycle fallback)
{
	static const char *const words[] = {"destroy", "restart", "preserve", NULL};
	const struct pp_element *element = pp_element_child(root, name);
	const char *text = pp_parsing_text(parsing, element);

	if (!text)
		return fallback;
	for (unsigned i = 0; words[i]; i++)
		if (pp_text_is(words[i], text) && allowed[i])
			return i;
	pp_parsing_fail(parsing, element->line,
		"<%s>%.40s</%s> is not understood by pcipass; it knows %s%s%s", name, text, name,
		words[0], allowed[1] ? ", restart" : "", allowed[2] ? ", preserve" : "");
	return fallback;
}

static void parse_events(struct pp_parsing *parsing, const struct pp_element *root)
{
	static const char *const off[] = {"y", NULL, NULL};
	static const char *const reboot[] = {"y", "y", NULL};
	static const char *const crash[] = {"y", "y", "y"};
	const struct pp_element *pm = pp_element_child(root, "pm");

	parse_lifecycle(parsing, root, "on_poweroff", off, PP_LIFECYCLE_DESTROY);
	parsing->domain->on_reboot =
		parse_lifecycle(parsing, root, "on_reboot", reboot, PP_LIFECYCLE_RESTART);
	parsing->domain->on_crash =
		parse_lifecycle(parsing, root, "on_crash", crash, PP_LIFECYCLE_DESTROY);
	parsing->domain->suspend_to_mem =
		pp_parsing_switch(pp_element_child(pm, "suspend-to-mem"), "enabled");
	parsing->domain->suspend_to_disk =
		pp_parsing_switch(pp_element_child(pm, "suspend-to-disk"), "enabled");
}

static void parse_domain(struct pp_parsing *parsing, const struct pp_element *root)
{
	struct pp_domain *domain = parsing->domain;

	domain->type = pp_parsing_is(root, "type", "qemu") ? PP_DOMAIN_QEMU : PP_DOMAIN_KVM;
	parse_name(parsing, root);
	parse_uuid(parsing, pp_element_child(root, "uuid"));
	domain->title = pp_parsing_text(parsing, pp_element_child(root, "title"));
	domain->description = pp_parsing_text(parsing, pp_element_child(root, "description"));
	parse_memory(parsing, root);
	parse_vcpu(parsing, pp_element_child(root, "vcpu"));
	parse_iothreads(parsing, pp_element_child(root, "iothreads"));
	pp_parsing_numa(parsing, root);
	pp_parsing_backing(parsing, pp_element_child(root, "memoryBacking"));
	pp_parsing_pins(parsing, root);
	pp_parsing_os(parsing, pp_element_child(root, "os"));
	pp_parsing_features(parsing, pp_element_child(root, "features"));
	pp_parsing_cpu(parsing, pp_element_child(root, "cpu"));
	pp_parsing_clock(parsing, pp_element_child(root, "clock"));
	parse_events(parsing, root);
	pp_parsing_devices(parsing, pp_element_child(root, "devices"));
}

static int parse_into(struct pp_parsing *parsing, const char *text, size_t length)
{
	const struct pp_element *root;
	int r = pp_element_read(parsing->arena, text, length, parsing->file, &root, parsing->error);

	if (r < 0)
		return r;
	if (strcmp(root->name, "domain"))
		return pp_error_set(parsing->error, PP_STATUS_FAILED, -EINVAL,
			"%s:%d: this is not a guest's definition: its root is <%s>, not <domain>",
			parsing->file, root->line, root->name);
	r = pp_grammar_check(root, parsing->file, parsing->error);
	if (r < 0)
		return r;
	parse_domain(parsing, root);
	if (parsing->failed)
		return parsing->failed;
	return pp_domain_validate(parsing->domain, parsing->file, parsing->error);
}

static int parse(const char *text, size_t length, const char *file, bool live,
	struct pp_domain **ret_domain, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_parsing parsing = {.arena = arena, .file = file, .error = error, .live = live};
	int r;

	parsing.domain = arena ? pp_arena_alloc(arena, sizeof(*parsing.domain)) : NULL;
	if (!parsing.domain)
		return pp_error_oom(error);
	r = parse_into(&parsing, text, length);
	if (r < 0)
		return r;
	parsing.domain->arena = PP_TAKE(arena);
	*ret_domain = parsing.domain;
	return 0;
}

int pp_domain_parse(const char *text, size_t length, const char *file,
	struct pp_domain **ret_domain, struct pp_error *error)
{
	return parse(text, length, file, false, ret_domain, error);
}

int pp_domain_parse_live(const char *text, size_t length, const char *file,
	struct pp_domain **ret_domain, struct pp_error *error)
{
	return parse(text, length, file, true, ret_domain, error);
}
