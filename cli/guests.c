/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/guests.h"
#include "base/file.h"
#include "base/parse.h"
#include "cli/verb.h"
#include <fcntl.h>

#define XML_MAX ((size_t)16 << 20)

/* A guest of libvirt's is libvirt's to start and end; its verbs are named as ours. */
static void name_libvirt(struct cli *cli, const char *name, struct pp_error *error)
{
	struct pp_libvirt_list *list = NULL;
	const struct pp_libvirt_guest *guest = NULL;
	if (pp_libvirt_guest_find(cli->context, name, &list, &guest, NULL) < 0)
		return;
	const char *verb = cli->verb->name;
	if (guest->session)
		pp_error_set(error, PP_STATUS_FAILED, -ENOENT,
			"%s is libvirt's: virsh -c qemu:///session %s %s, as the user of %s", name,
			verb, name, guest->session);
	else
		pp_error_set(error, PP_STATUS_FAILED, -ENOENT, "%s is libvirt's: virsh %s %s", name,
			verb, name);
	pp_error_id(error, "guest-of-libvirt");
	pp_error_remedy(error,
		"pcipass domcheck %s checks it; pcipass define --from-libvirt %s takes its "
		"definition "
		"over",
		name, name);
	pp_libvirt_list_free(list);
}

int cli_guest(struct cli *cli, const char *name, struct pp_guest_list **ret_list)
{
	struct pp_error error = {0};
	int status = cli_open(cli);
	if (status)
		return status;
	int r = pp_guest_info(cli->context, name, ret_list, &error);
	if (r == -ENOENT)
		name_libvirt(cli, name, &error);
	return r < 0 ? cli_fail(cli, &error) : PP_STATUS_OK;
}

bool cli_guest_runs(const struct pp_guest_info *guest)
{
	switch (guest->state) {
	case PP_GUEST_STARTING:
	case PP_GUEST_RUNNING:
	case PP_GUEST_PAUSED:
	case PP_GUEST_IN_SHUTDOWN:
		return true;
	case PP_GUEST_SHUT_OFF:
		return false;
	case PP_GUEST_CRASHED: /* QEMU may still be there, holding the guest as it crashed */
		return guest->qemu > 0;
	}
	return false;
}

bool cli_is_file(const char *word)
{
	return *word == '/' || pp_text_starts(word, "./") || pp_text_starts(word, "../") ||
	       pp_text_ends(word, ".xml") || pp_text_is(word, "-");
}

int cli_read_xml(struct cli *cli, const char *file, char **ret_xml, size_t *ret_length)
{
	struct pp_error error = {0};
	int r = pp_text_is(file, "-") ? pp_file_read_fd(STDIN_FILENO, XML_MAX, ret_xml, ret_length)
				      : pp_file_read(AT_FDCWD, file, XML_MAX, ret_xml, ret_length);
	if (r >= 0)
		return PP_STATUS_OK;
	if (r == -EFBIG)
		pp_error_set(&error, PP_STATUS_FAILED, EFBIG,
			"%s is larger than 16 MiB, which no definition is", file);
	else
		pp_error_errno(&error, r, "Failed to open file '%s'", file);
	return cli_fail(cli, &error);
}

void cli_guest_json(struct pp_json *object, const struct pp_guest_info *guest)
{
	struct pp_json *devices = pp_json_array();
	for (const char *const *device = guest->devices; device && *device; device++)
		pp_json_add_string(devices, *device);
	pp_json_set_string(object, "name", guest->name);
	pp_json_set_string(object, "uuid", guest->uuid);
	pp_json_set(object, "id", guest->id >= 0 ? pp_json_int(guest->id) : NULL);
	pp_json_set_string(object, "state", pp_guest_state_text(guest->state));
	pp_json_set_string(object, "reason", guest->reason);
	pp_json_set(object, "qemu", guest->qemu > 0 ? pp_json_int(guest->qemu) : NULL);
	pp_json_set(object, "supervisor",
		guest->supervisor > 0 ? pp_json_int(guest->supervisor) : NULL);
	pp_json_set_bool(object, "persistent", guest->persistent);
	pp_json_set_bool(object, "autostart", guest->autostart);
	pp_json_set_string(object, "type", guest->type);
	pp_json_set_string(object, "arch", guest->arch);
	pp_json_set_string(object, "machine", guest->machine);
	pp_json_set_string(object, "emulator", guest->emulator);
	pp_json_set_int(object, "vcpus", guest->vcpus);
	pp_json_set_int(object, "memory", (int64_t)guest->memory);
	pp_json_set_string(object, "console", guest->console);
	pp_json_set(object, "devices", devices);
}

int cli_virsh_table(struct cli *cli, const char *const *texts, size_t n_columns, size_t n_rows)
{
	PP_FREE size_t *widths = calloc(n_columns, sizeof(*widths));
	PP_CLEANUP(pp_strv_freep) char **clean = calloc(n_columns * n_rows + 1, sizeof(*clean));
	size_t rule = 0;
	if (!widths || !clean)
		return cli_oom(cli);
	for (size_t i = 0; i < n_columns * n_rows; i++) {
		clean[i] = cli_clean(texts[i] && *texts[i] ? texts[i] : "-");
		if (!clean[i])
			return cli_oom(cli);
		size_t width = cli_width(clean[i]);
		if (width > widths[i % n_columns])
			widths[i % n_columns] = width;
	}
	for (size_t c = 0; c < n_columns; c++)
		rule += widths[c] + 3;
	for (size_t r = 0; r < n_rows; r++) {
		for (size_t c = 0; c < n_columns; c++) {
			const char *text = clean[r * n_columns + c];
			int pad = c + 1 < n_columns ? (int)(widths[c] - cli_width(text)) + 2 : 0;
			cli_print(cli, " %s%*s", text, pad, "");
		}
		cli_print(cli, "\n");
		for (size_t i = 0; r == 0 && i < rule; i++)
			cli_print(cli, "-");
		if (r == 0)
			cli_print(cli, "\n");
	}
	return PP_STATUS_OK;
}
