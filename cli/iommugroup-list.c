/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/buffer.h"
#include "base/parse.h"
#include "cli/devices.h"
#include "cli/table.h"
#include "cli/verb.h"
#include <string.h>

static bool tree;
static const struct pp_option options[] = {
	{"tree", 0, NULL, "with the members below each group", &tree},
};

enum { GROUP, TYPE, VIABLE, DEVICES, HELD_BY, DRIVER, NAME };
static const struct cli_column columns[] = {
	{"GROUP", "", CLI_TEXT, false, 0, GROUP},
	{"TYPE", "", CLI_TEXT, false, 0, TYPE},
	{"VIABLE", "", CLI_YES_NO, false, 0, VIABLE},
	{"DEVICES", "", CLI_LIST, true, 0, DEVICES},
	{"HELD-BY", "", CLI_LIST, true, 0, HELD_BY},
	{"DRIVER", "", CLI_TEXT, false, 0, DRIVER},
	{"NAME", "", CLI_TEXT, true, PP_READ_NAMES, NAME},
};

static void put_members(struct pp_buffer *buffer, const struct pp_group *group, bool holding)
{
	for (size_t i = 0; i < group->n_devices; i++) {
		const struct pp_device *member = group->devices[i];
		if (!holding || pp_device_holds_group(member))
			pp_buffer_printf(buffer, "%s%s", buffer->length ? "," : "", member->name);
	}
}

/* The cells of a group's row; with --tree the members have rows of their own. */
static const char *group_cell(int id, const struct pp_group *group, struct pp_buffer *buffer)
{
	pp_buffer_reset(buffer);
	switch (id) {
	case GROUP:
		pp_buffer_printf(buffer, "%d", group->number);
		break;
	case TYPE:
		return group->type;
	case VIABLE:
		put_members(buffer, group, true);
		return buffer->length ? "no" : "yes";
	case DEVICES:
		put_members(buffer, group, false);
		break;
	case HELD_BY:
		put_members(buffer, group, true);
		break;
	default:
		break;
	}
	return pp_buffer_text(buffer);
}

static const char *member_cell(int id, const struct pp_device *member, struct pp_buffer *buffer)
{
	pp_buffer_reset(buffer);
	switch (id) {
	case GROUP:
		return member->name;
	case VIABLE:
		return pp_device_holds_group(member) ? "no" : NULL;
	case DRIVER:
		return member->driver;
	case NAME: {
		PP_FREE char *title = cli_device_title(member);
		pp_buffer_puts(buffer, title ? title : "");
		return pp_buffer_text(buffer);
	}
	default:
		return NULL;
	}
}

static int add_group(struct cli_table *table, const struct pp_group *group, bool members)
{
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	int row = cli_table_row(table, -1);
	for (size_t c = 0; c < cli_table_columns(table); c++)
		if (cli_table_set(table, row, c,
			    group_cell(cli_table_column(table, c)->id, group, &buffer)) < 0)
			return -ENOMEM;
	for (size_t i = 0; members && i < group->n_devices; i++) {
		int below = cli_table_row(table, row);
		for (size_t c = 0; c < cli_table_columns(table); c++)
			if (cli_table_set(table, below, c,
				    member_cell(cli_table_column(table, c)->id, group->devices[i],
					    &buffer)) < 0)
				return -ENOMEM;
	}
	return 0;
}

static struct pp_json *group_json(const struct pp_group *group)
{
	struct pp_json *object = pp_json_object(), *devices = pp_json_array(),
		       *held = pp_json_array();
	pp_json_set_int(object, "group", group->number);
	pp_json_set_string(object, "type", group->type);
	for (size_t i = 0; i < group->n_devices; i++) {
		const struct pp_device *member = group->devices[i];
		struct pp_json *entry = pp_json_object();
		PP_FREE char *title = cli_device_title(member);
		pp_json_set_string(entry, "address", member->name);
		pp_json_set_string(entry, "driver", member->driver);
		pp_json_set_string(entry, "name", title);
		pp_json_add(devices, entry);
		if (pp_device_holds_group(member))
			pp_json_add_string(held, member->name);
	}
	pp_json_set_bool(object, "viable", pp_json_length(held) == 0);
	pp_json_set(object, "devices", devices);
	pp_json_set(object, "held_by", held);
	return object;
}

static int print_json(struct cli *cli, const struct pp_host *host)
{
	struct pp_json *groups = pp_json_array();
	for (size_t i = 0; i < host->n_groups; i++)
		pp_json_add(groups, group_json(&host->groups[i]));
	cli_set(cli, "groups", groups);
	return PP_STATUS_OK;
}

static int run(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	int status = cli_read(cli, PP_READ_GROUPS | (tree || cli->json ? PP_READ_NAMES : 0), &host);
	if (status)
		return status;
	if (host->n_groups == 0)
		cli_say(cli, "there are no IOMMU groups here: pcipass host-validate says why");
	if (cli->json)
		return print_json(cli, host);
	struct pp_error error = {0};
	PP_CLEANUP(cli_table_freep) struct cli_table *table = NULL;
	if (cli_table_new(columns, PP_COUNT(columns),
		    tree ? "GROUP,TYPE,VIABLE,DRIVER,NAME" : "GROUP,TYPE,VIABLE,DEVICES,HELD-BY",
		    NULL, &table, &error) < 0)
		return cli_fail(cli, &error);
	for (size_t i = 0; i < host->n_groups; i++)
		if (add_group(table, &host->groups[i], tree) < 0)
			return cli_oom(cli);
	return cli_table_print(table, stdout, true, tree ? 0 : -1) < 0 ? cli_oom(cli)
								       : PP_STATUS_OK;
}

const struct cli_verb cli_verb_iommugroup_list = {
	.name = "iommugroup-list",
	.group = CLI_LOOK,
	.summary = "IOMMU groups, their members, and what holds them",
	.example = "  $ pcipass iommugroup-list --tree\n",
	.usage = "[--tree]",
	.details = "A group goes to a guest as a whole. VIABLE says whether it could now: no "
		   "driver of the\n"
		   "host has one of its functions (bridges do not count).\n",
	.options = options,
	.n_options = PP_COUNT(options),
	.run = run,
};
