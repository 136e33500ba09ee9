/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/setup/judge.h"
#include "base/parse.h"
#include "lib/setup/maker.h"
#include <errno.h>
#include <string.h>

static const char *line_of(const struct pp_host *host)
{
	return host->kernel && host->kernel->command_line ? host->kernel->command_line : "";
}

/* Why the kernel was not booted with it. */
static void judge_reason(struct pp_maker *maker, const struct pp_setup_past *past, const char *text)
{
	enum pp_loader_kind kind;
	const char *evidence = pp_maker_printf(maker, "/proc/cmdline: %s", line_of(maker->host));
	if (!past->rebooted) {
		pp_maker_find(maker, PP_FAIL, "setup-not-booted",
			pp_maker_printf(maker, "%s: this host was not rebooted since", text),
			evidence, "reboot");
		return;
	}
	if (past->trial) {
		pp_maker_find(maker, PP_FAIL, "setup-once-missed",
			pp_maker_printf(maker,
				"%s: the entry for one boot was not taken, or the host did not "
				"come up with it and fell back",
				text),
			evidence,
			"pcipass host-setup --undo; then look at the screen during "
			"pcipass host-setup --permanent and a reboot, or leave it off");
		return;
	}
	bool known = pp_loader_find(maker, &kind, NULL) >= 0;
	bool other = known && past->loader && !pp_text_is(maker->setup.loader, past->loader);
	pp_maker_find(maker, PP_FAIL, "setup-other-loader",
		other ? pp_maker_printf(maker, "%s: %s was set, but %s starts this machine (%s)",
				text, past->loader, maker->setup.loader, maker->setup.evidence)
		      : pp_maker_printf(maker,
				"%s: another entry, or another loader than %s, was booted", text,
				past->loader ? past->loader : "the one that was set"),
		evidence,
		other ? "pcipass host-setup --undo, then pcipass host-setup again"
		      : "pcipass host-setup --undo, then again with --loader NAME");
}

static void judge_words(struct pp_maker *maker, const struct pp_setup_past *past)
{
	for (const char *const *word = past->change.add; word && *word; word++) {
		if (pp_maker_running(maker, *word))
			pp_maker_find(maker, PP_PASS, "setup-in-effect",
				pp_maker_printf(maker, "the kernel was booted with %s", *word),
				"/proc/cmdline", NULL);
		else
			judge_reason(maker, past,
				pp_maker_printf(maker, "the kernel was booted without %s", *word));
	}
	for (const char *const *word = past->change.remove; word && *word; word++)
		if (pp_maker_running(maker, *word))
			judge_reason(maker, past,
				pp_maker_printf(
					maker, "the kernel was booted with %s still", *word));
}

static void judge_iommu(struct pp_maker *maker, const struct pp_setup_past *past)
{
	const struct pp_iommu *iommu = maker->host->iommu;
	if (maker->host->n_groups > 0 || (iommu && iommu->n_units > 0)) {
		pp_maker_find(maker, PP_PASS, "no-iommu", "the kernel uses an IOMMU",
			pp_maker_printf(maker, "/sys/class/iommu: %s",
				iommu && iommu->n_units ? iommu->units[0].name : "groups"),
			NULL);
		if (past->trial)
			pp_maker_find(maker, PP_NOTE, "boot-once",
				"this boot came up well; its parameters are for this boot alone",
				NULL, "pcipass host-setup --confirm makes them permanent");
		return;
	}
	pp_maker_find(maker, PP_FAIL, "no-iommu", "the kernel uses no IOMMU",
		"/sys/class/iommu: empty", "pcipass host-setup says what is missing");
}

int pp_setup_judge(const struct pp_host *host, const struct pp_boot *boot,
	const struct pp_setup_past *past, struct pp_findings **ret_findings, struct pp_error *error)
{
	static const struct pp_setup_options none;
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_maker maker = {.host = host, .boot = boot, .options = &none, .arena = arena};
	struct pp_findings *findings = arena ? pp_arena_alloc(arena, sizeof(*findings)) : NULL;
	if (!findings)
		return pp_error_oom(error);
	if (!past->any)
		pp_maker_find(&maker, PP_NOTE, "setup-in-effect",
			"host-setup has changed nothing on this host", NULL, NULL);
	judge_words(&maker, past);
	judge_iommu(&maker, past);
	pp_maker_own(&maker);
	if (maker.failed)
		return pp_error_oom(error);
	*findings = (struct pp_findings){
		.items = maker.findings, .n_items = maker.n_findings, .arena = PP_TAKE(arena)};
	*ret_findings = findings;
	return 0;
}

int pp_setup_may_confirm(
	const struct pp_host *host, const struct pp_setup_past *past, struct pp_error *error)
{
	const char *line = line_of(host);
	size_t length = strlen(line);
	if (!past->trial) {
		pp_error_set(error, PP_STATUS_FAILED, -ENOENT,
			"there is no boot once that could be made permanent");
		pp_error_remedy(error, "pcipass host-setup --check says what is in effect");
		return -ENOENT;
	}
	if (pp_words_has_all(line, length, past->change.add) &&
		!pp_words_has_any(line, length, past->change.remove))
		return 0;
	pp_error_set(error, PP_STATUS_NOT_READY, -EAGAIN,
		"this is not the boot with the new parameters: nothing has shown yet that the host "
		"comes up with them");
	pp_error_remedy(error, "reboot, then confirm; pcipass host-setup --check says more");
	return -EAGAIN;
}
