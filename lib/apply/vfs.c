/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/vfs.h"
#include "base/arena.h"
#include "base/parse.h"
#include "lib/apply/journal.h"
#include "lib/apply/kmsg.h"
#include "lib/plan/plan.h"
#include <stdio.h>
#include <string.h>

#define DEVICES "/sys/bus/pci/devices"
#define EACH_MS 500 /* more for each function: two cards of 127 took 14 s */

/* ---- reading ---- */

static int read_number(
	struct pp_context *context, const char *address, const char *file, uint64_t *ret_number)
{
	char path[PP_PATH_MAX];
	pp_path(path, sizeof(path), DEVICES "/%s", address);
	if (!pp_tree_exists(context->tree, path))
		return -ENODEV;
	pp_path(path, sizeof(path), DEVICES "/%s/%s", address, file);
	int r = pp_tree_u64(context->tree, path, 10, ret_number);
	return r == -ENOENT ? -EOPNOTSUPP : r;
}

int pp_vfs_read(struct pp_context *context, const char *address, unsigned *ret_count)
{
	uint64_t number;
	int r = read_number(context, address, "sriov_numvfs", &number);
	if (r >= 0)
		*ret_count = (unsigned)number;
	return r;
}

int pp_vfs_autoprobe_read(struct pp_context *context, const char *address, bool *ret_on)
{
	uint64_t number;
	int r = read_number(context, address, "sriov_drivers_autoprobe", &number);
	if (r >= 0)
		*ret_on = number != 0;
	return r;
}

/* ---- making and ending ---- */

/* What the kernel means by its answer; it says more in its log alone. */
static const struct {
	int code;
	const char *id, *why, *remedy;
} reasons[] = {
	{-ENOMEM, "vfs-no-room",
		"there is no room for them, in memory space or among the bus numbers",
		"fewer of them; SR-IOV (and ARI) on in the firmware's setup; or pci=realloc on the "
		"kernel's command line"},
	{-ENOENT, "vfs-no-driver",
		"its driver makes none when it is told so here (or it has none any more)",
		"see that driver's own parameters (max_vfs), or take another one"},
	{-EBUSY, "vfs-busy", "the device has some already, or is busy",
		"see the kernel's log; then try again"},
	{-EPERM, "vfs-assigned", "the kernel counts some of them as given to a guest",
		"shut that guest down first"},
	{-ERANGE, "vfs-too-many", "that is more than the device has (sriov_totalvfs)", NULL},
};

struct change {
	struct pp_effects *effects;
	const char *address;
	unsigned wanted, now;
	int kmsg;
	struct pp_error *error;
};

static int fail_hung(struct change *change)
{
	pp_error_set(change->error, PP_STATUS_FAILED, -ETIMEDOUT,
		"%s: its %u virtual functions were not there (or gone) after %d s; pid %d still "
		"hangs in the kernel",
		change->address, change->wanted, change->effects->deadline_ms / 1000,
		(int)change->effects->stuck);
	pp_error_id(change->error, "write-hangs");
	pp_error_remedy(change->error,
		"see the kernel's log for what it waits for, then `pcipass recover`");
	return -ETIMEDOUT;
}

static int fail_refused(struct change *change, int code)
{
	char words[512];
	const char *why = strerror(-code);
	pp_kmsg_find(change->kmsg, change->address, words, sizeof(words));
	for (size_t i = 0; i < PP_COUNT(reasons); i++)
		if (reasons[i].code == code)
			why = reasons[i].why;
	pp_error_set(change->error, PP_STATUS_FAILED, code,
		"%s: the kernel does not give it %u virtual functions: %s (%s)%s%s",
		change->address, change->wanted, why, strerror(-code),
		words[0] ? "\nthe kernel says: " : "", words);
	for (size_t i = 0; i < PP_COUNT(reasons); i++)
		if (reasons[i].code == code) {
			pp_error_id(change->error, reasons[i].id);
			if (reasons[i].remedy)
				pp_error_remedy(change->error, "%s", reasons[i].remedy);
		}
	return code;
}

static int fail_read(struct change *change, int code)
{
	if (code == -ENODEV) {
		pp_error_set(change->error, PP_STATUS_NOT_READY, code, "%s is no longer there",
			change->address);
		pp_error_id(change->error, "device-vanished");
		return code;
	}
	return pp_error_errno(change->error, code, "%s: reading its sriov_numvfs", change->address);
}

static int set_number(struct change *change, unsigned count)
{
	char path[PP_PATH_MAX], text[16], what[128];
	pp_path(path, sizeof(path), DEVICES "/%s/sriov_numvfs", change->address);
	snprintf(text, sizeof(text), "%u", count);
	snprintf(what, sizeof(what), "the virtual functions of %s to %s", change->address,
		count ? "appear" : "go");
	int r = pp_effects_write(change->effects, path, text, what);
	if (r == -ETIMEDOUT)
		return fail_hung(change);
	int read = pp_vfs_read(change->effects->context, change->address, &change->now);
	if (read < 0)
		return fail_read(change, read);
	if (change->now == count)
		return 0;
	if (r < 0)
		return fail_refused(change, r);
	pp_error_set(change->error, PP_STATUS_FAILED, -EIO,
		"%s: of the %u virtual functions that were asked for it has %u", change->address,
		count, change->now);
	pp_error_id(change->error, "vfs-fewer");
	return -EIO;
}

static int change_run(struct change *change)
{
	int r = pp_vfs_read(change->effects->context, change->address, &change->now);
	if (r < 0)
		return fail_read(change, r);
	if (change->now == change->wanted)
		return 0;
	if (change->now > 0) /* the kernel changes a number only by way of none */
		r = set_number(change, 0);
	if (r >= 0 && change->wanted > 0)
		r = set_number(change, change->wanted);
	return r;
}

int pp_vfs_move(
	struct pp_effects *effects, const char *address, unsigned count, struct pp_error *error)
{
	PP_CLOSE int kmsg = pp_kmsg_open(effects->context);
	struct change change = {.effects = effects,
		.address = address,
		.wanted = count,
		.kmsg = kmsg,
		.error = error};
	unsigned now = 0;
	int deadline = effects->deadline_ms;
	pp_vfs_read(effects->context, address, &now);
	effects->deadline_ms += EACH_MS * (int)(count > now ? count : now);
	int r = change_run(&change);
	effects->deadline_ms = deadline;
	return r;
}

int pp_vfs_autoprobe_move(
	struct pp_effects *effects, const char *address, bool on, struct pp_error *error)
{
	char path[PP_PATH_MAX];
	bool now;
	int r = pp_vfs_autoprobe_read(effects->context, address, &now);
	if (r >= 0 && now == on)
		return 0;
	pp_path(path, sizeof(path), DEVICES "/%s/sriov_drivers_autoprobe", address);
	if (r >= 0)
		r = pp_effects_write(
			effects, path, on ? "1" : "0", "sriov_drivers_autoprobe to be set");
	if (r < 0)
		return pp_error_errno(error, r, "%s: writing \"%d\" to %s", address, on, path);
	return 0;
}

/* ---- the plan ---- */

/* How many PF had before the oldest of our changes that is still remembered; -ENOENT: none is. */
static int origin(struct pp_context *context, const char *subject, unsigned *ret_count,
	struct pp_error *error)
{
	PP_CLEANUP(pp_journals_freep) struct pp_journals *journals = NULL;
	int r = pp_journals_load(context, &journals, error);
	for (size_t i = 0; r >= 0 && i < journals->n_items; i++) {
		const struct pp_journal *journal = &journals->items[i];
		if (!journal->plan || journal->stale || !pp_journal_finished(journal))
			continue;
		for (size_t j = 0; j < journal->plan->n_steps; j++) {
			const struct pp_step *step = &journal->plan->steps[j];
			uint64_t number;
			if (step->kind != PP_STEP_VFS || pp_step_idle(step) ||
				!pp_journal_counts(journal, j) ||
				!pp_text_is(step->subject, subject) ||
				pp_parse_u64(step->from.driver, 10, UINT16_MAX, &number) < 0)
				continue;
			*ret_count = (unsigned)number;
			return 0;
		}
	}
	return r < 0 ? r : -ENOENT;
}

int pp_plan_setvfs(struct pp_context *context, const struct pp_host *host,
	const struct pp_device *pf, unsigned count, struct pp_plan **ret_plan,
	struct pp_error *error)
{
	char subject[PP_ADDRESS_SIZE];
	unsigned before = 0;
	bool on = false;
	pp_address_text(&pf->address, subject);
	int r = origin(context, subject, &before, error);
	if (r < 0 && r != -ENOENT)
		return r;
	bool returns = r >= 0 && before == count;
	int probe = pp_vfs_autoprobe_read(context, subject, &on) < 0 ? -1 : on;
	return pp_plan_vfs(host, pf, count, probe, returns, ret_plan, error);
}
