/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The definitions of tests/domains: NAME.xml, what the host knows of its devices (NAME.facts, a
 * line "ADDRESS express|conventional [vf|nodeN]"), the arguments that come out (NAME.args), and the
 * QEMU that they are for (qemu.json). */
#ifndef TESTS_DEFINITIONS_H
#define TESTS_DEFINITIONS_H

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"
#include "lib/domain/address.h"
#include "lib/qemu/argv.h"
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static inline char *definitions_path(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/tests/domains/%s", getenv("PCIPASS_SOURCE"), name) > 0);
	return path;
}

static inline char *definitions_read(const char *name, const char *ending, size_t *ret_length)
{
	PP_BUFFER struct pp_buffer file = PP_BUFFER_INIT;
	PP_FREE char *path = NULL;
	char *text = NULL;
	size_t length = 0;

	pp_buffer_printf(&file, "%s%s", name, ending);
	path = definitions_path(file.data);
	if (pp_file_read(AT_FDCWD, path, PP_DOMAIN_MAX_SIZE + 1, &text, &length) < 0)
		return NULL;
	if (ret_length)
		*ret_length = length;
	return text;
}

static int definitions_is_xml(const struct dirent *entry)
{
	return pp_text_ends(entry->d_name, ".xml");
}

/* The names of FOLDER's definitions (without .xml), sorted. */
static inline size_t definitions_list(const char *folder, struct dirent ***ret_list)
{
	PP_FREE char *path = definitions_path(folder);
	int count = scandir(path, ret_list, definitions_is_xml, alphasort);

	assert_true(count > 0);
	for (int i = 0; i < count; i++)
		(*ret_list)[i]->d_name[strlen((*ret_list)[i]->d_name) - strlen(".xml")] = '\0';
	return (size_t)count;
}

static inline void definitions_list_free(struct dirent **list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i]);
	free(list);
}

static inline struct pp_qemu_capabilities *definitions_qemu(void)
{
	struct pp_qemu_capabilities *capabilities;
	struct pp_json *json;
	struct pp_error error = {0};
	size_t length = 0;
	char *text = definitions_read("qemu", ".json", &length);

	assert_non_null(text);
	assert_int_equal(pp_json_parse(text, length, &json, &error), 0);
	assert_int_equal(pp_qemu_capabilities_from_json(json, &capabilities, &error), 0);
	pp_json_free(json);
	free(text);
	return capabilities;
}

/* firmware.host; for as long as the program runs. */
static inline const struct pp_firmwares *definitions_firmwares(void)
{
	static struct pp_firmwares firmwares;
	static struct pp_arena *arena;
	struct pp_tree *tree;
	struct pp_error error = {0};

	if (arena)
		return &firmwares;
	PP_FREE char *path = definitions_path("firmware.host");
	arena = pp_arena_new();
	assert_non_null(arena);
	if (pp_tree_open(path, &tree, &error) < 0 ||
		pp_firmwares_read(tree, arena, &firmwares, &error) < 0)
		fail_msg("%s", error.text);
	pp_tree_free(tree);
	return &firmwares;
}

static const struct pp_network_bridge definitions_bridges[] = {{"default", "virbr0"}, {NULL, NULL}};

#define DEFINITIONS_MAX_FACTS 64
static inline size_t definitions_facts(const char *name, struct pp_hostdev_fact *facts)
{
	PP_FREE char *text = definitions_read(name, ".facts", NULL);
	size_t count = 0;
	char *line, *rest = text;

	while (rest && (line = strsep(&rest, "\n")))
		if (*line && *line != '#') {
			char *address = strsep(&line, " "), *kind = strsep(&line, " ");

			assert_true(count < DEFINITIONS_MAX_FACTS);
			assert_int_equal(pp_address_parse(address, &facts[count].address), 0);
			facts[count].express = !strcmp(kind, "express");
			facts[count].virtual_function = line && !strcmp(line, "vf");
			facts[count].has_node = line && pp_text_starts(line, "node");
			facts[count].node = facts[count].has_node ? (unsigned)(line[4] - '0') : 0;
			count++;
		}
	return count;
}

struct definition {
	struct pp_domain *domain, *assigned;
	struct pp_launch *launch;
};

static inline void definition_done(struct definition *definition)
{
	pp_launch_free(definition->launch);
	pp_domain_free(definition->assigned);
	pp_domain_free(definition->domain);
}

/* All of it; a definition of tests/domains is a good one. */
static inline void definition_build(struct definition *definition, const char *name,
	const char *text, size_t length, const struct pp_qemu_capabilities *capabilities,
	const struct pp_launch_options *options)
{
	struct pp_hostdev_fact facts[DEFINITIONS_MAX_FACTS];
	size_t n_facts = definitions_facts(name, facts);
	struct pp_error error = {0};

	memset(definition, 0, sizeof(*definition));
	if (pp_domain_parse(text, length, name, &definition->domain, &error) < 0 ||
		pp_domain_assign(definition->domain, facts, n_facts, name, &definition->assigned,
			&error) < 0 ||
		pp_argv_build(definition->assigned, capabilities, options, name,
			&definition->launch, &error) < 0)
		fail_msg("%s", error.text);
}

#endif
