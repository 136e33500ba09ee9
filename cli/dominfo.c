/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest is: dominfo, domstate, dumpxml. */
#include "cli/guests.h"
#include "cli/verb.h"

static bool reason, inactive, security_info;
static const struct pp_option state_options[] = {
	{"reason", 0, NULL, "and why", &reason},
};
static const struct pp_option xml_options[] = {
	{"inactive", 0, NULL, "as it is for the next start", &inactive},
	{"security-info", 0, NULL, "with what is secret (nothing is left out anyway)",
		&security_info},
};

static void field(struct cli *cli, const char *name, const char *value)
{
	cli_print(cli, "%-15s %s\n", name, value ? value : "");
}

static void info_text(struct cli *cli, const struct pp_guest_info *guest)
{
	char text[64];
	if (guest->id >= 0)
		snprintf(text, sizeof(text), "%d", guest->id);
	else
		snprintf(text, sizeof(text), "-");
	field(cli, "Id:", text);
	field(cli, "Name:", guest->name);
	field(cli, "UUID:", guest->uuid);
	field(cli, "OS Type:", "hvm");
	field(cli, "State:", pp_guest_state_text(guest->state));
	snprintf(text, sizeof(text), "%u", guest->vcpus);
	field(cli, "CPU(s):", text);
	snprintf(text, sizeof(text), "%llu KiB", (unsigned long long)(guest->memory >> 10));
	field(cli, "Max memory:", text);
	field(cli, "Used memory:", text);
	field(cli, "Persistent:", guest->persistent ? "yes" : "no");
	field(cli, "Autostart:", guest->autostart ? "enable" : "disable");
	field(cli, "Managed save:", "no");
	field(cli, "Security model:", "none");
	field(cli, "Security DOI:", "0");
	if (guest->emulator)
		field(cli, "Emulator:", guest->emulator);
	if (guest->machine)
		field(cli, "Machine:", guest->machine);
	if (guest->qemu > 0) {
		snprintf(text, sizeof(text), "%ld", (long)guest->qemu);
		field(cli, "QEMU:", text);
	}
	if (guest->supervisor > 0) {
		snprintf(text, sizeof(text), "%ld", (long)guest->supervisor);
		field(cli, "Supervisor:", text);
	}
	if (guest->console)
		field(cli, "Console:", guest->console);
	for (const char *const *device = guest->devices; device && *device; device++)
		field(cli, "Device:", *device);
}

static int run_info(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	int status = cli_guest(cli, words[0], &list);
	if (status)
		return status;
	if (!cli->result)
		cli->result = pp_json_object();
	cli_guest_json(cli->result, &list->items[0]);
	info_text(cli, &list->items[0]);
	cli_end(cli);
	return PP_STATUS_OK;
}

static int run_state(struct cli *cli, const char *const *words, size_t n_words)
{
	PP_CLEANUP(pp_guest_list_freep) struct pp_guest_list *list = NULL;
	int status = cli_guest(cli, words[0], &list);
	if (status)
		return status;
	const struct pp_guest_info *guest = &list->items[0];
	cli_set_string(cli, "state", pp_guest_state_text(guest->state));
	cli_set_string(cli, "reason", guest->reason);
	if (reason)
		cli_print(cli, "%s (%s)\n", pp_guest_state_text(guest->state),
			guest->reason ? guest->reason : "unknown");
	else
		cli_print(cli, "%s\n", pp_guest_state_text(guest->state));
	cli_end(cli);
	return PP_STATUS_OK;
}

static int run_xml(struct cli *cli, const char *const *words, size_t n_words)
{
	int status = cli_open(cli);
	if (status)
		return status;
	struct pp_error error = {0};
	PP_FREE char *xml = NULL;
	if (pp_guest_xml(cli->context, words[0], inactive, &xml, &error) < 0)
		return cli_fail(cli, &error);
	cli_set_string(cli, "xml", xml);
	cli_print(cli, "%s", xml);
	cli_end(cli);
	return PP_STATUS_OK;
}

const struct cli_verb cli_verb_dominfo = {
	.name = "dominfo",
	.group = CLI_GUESTS,
	.summary = "what a guest is, and its processes and devices",
	.example = "  $ pcipass dominfo win11\n",
	.usage = "DOMAIN",
	CLI_ONE_GUEST,
	.run = run_info,
};

const struct cli_verb cli_verb_domstate = {
	.name = "domstate",
	.group = CLI_GUESTS,
	.summary = "whether a guest runs, and why not",
	.example = "  $ pcipass domstate win11 --reason\n"
		   "  shut off (destroyed)\n",
	.usage = "DOMAIN [--reason]",
	.options = state_options,
	.n_options = PP_COUNT(state_options),
	CLI_ONE_GUEST,
	.run = run_state,
};

const struct cli_verb cli_verb_dumpxml = {
	.name = "dumpxml",
	.group = CLI_GUESTS,
	.summary = "a guest's definition",
	.example = "  $ pcipass dumpxml win11 > win11.xml\n",
	.usage = "DOMAIN [--inactive]",
	.options = xml_options,
	.n_options = PP_COUNT(xml_options),
	CLI_ONE_GUEST,
	.run = run_xml,
};
