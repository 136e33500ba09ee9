/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A check: one entry of the table, and what it is given when it runs. A check reads facts and adds
 * findings under its own id; one that adds nothing does not apply. */
#ifndef LIB_CHECK_CHECK_H
#define LIB_CHECK_CHECK_H

#include "base/arena.h"
#include "base/error.h"
#include "lib/check/guest.h"
#include <pcipass.h>

struct pp_check_run;

/* Checks of the host that are also made for each device that is to go. */
enum pp_gate { PP_GATE_NONE, PP_GATE_VFIO, PP_GATE_ALWAYS };

struct pp_check {
	void (*run)(struct pp_check_run *run);
	int argument;          /* tells checks apart that share a function */
	enum pp_status status; /* of its FAILs; 0: not ready */
	enum pp_gate gate;
};

/* One run of the table. Its findings lie in the arena; when memory runs out that is remembered. */
struct pp_check_run {
	const struct pp_host *host;
	const struct pp_device *const *devices; /* those that go together */
	size_t n_devices, n_asked;              /* the first of them were asked for by name */
	const struct pp_check_options *options; /* never NULL */
	const struct pp_guest_facts *guest;     /* NULL unless a guest is checked */
	const struct pp_device *device;         /* of checks of scope "device" */
	const struct pp_check_info *info;       /* the check that runs */
	struct pp_arena *arena;
	struct pp_finding *items;
	size_t n_items, room;
	bool failed;
};

int pp_check_run_init(struct pp_check_run *run, const struct pp_host *host,
	const struct pp_check_options *options);
void pp_check_run_done(struct pp_check_run *run);
#define PP_CHECK_RUN PP_CLEANUP(pp_check_run_done)
/* Gives the findings away. */
int pp_check_run_take(struct pp_check_run *run, struct pp_findings **ret_findings);

/* run.c: the checks of IDS ("no-iommu group-none") over the host, and each of DEVICES by itself. Of
 * devices that were not NAMED only WARN and FAIL are kept. */
int pp_check_ids(const struct pp_host *host, const char *ids,
	const struct pp_device *const *devices, size_t n_devices, bool named,
	struct pp_findings **ret_findings, struct pp_error *error);

/* finding.c: adds one; the others complete the one that was added last. Evidence is
 * "<file>: <what it said>". */
void pp_finding_add(struct pp_check_run *run, enum pp_severity severity, const char *format, ...)
	PP_PRINTF(3, 4);
void pp_finding_evidence(struct pp_check_run *run, const char *format, ...) PP_PRINTF(2, 3);
void pp_finding_remedy(struct pp_check_run *run, const char *format, ...) PP_PRINTF(2, 3);
void pp_finding_can_do(struct pp_check_run *run); /* the remedy is a verb of ours */
/* What --force-for takes; where it was given the FAIL becomes a WARN. */
void pp_finding_force(struct pp_check_run *run, const char *name);
/* More words on the text of a finding that is being made: a list with commas. */
const char *pp_check_join(struct pp_check_run *run, const char *list, const char *format, ...)
	PP_PRINTF(3, 4);

/* What several checks ask (facts.c). */
bool pp_check_to_vfio(const struct pp_check_run *run); /* the devices are to go to a VFIO driver */
bool pp_check_goes(const struct pp_check_run *run, const struct pp_device *device);
bool pp_check_asked(const struct pp_check_run *run, const struct pp_device *device);
bool pp_check_has_iommu(const struct pp_host *host);
/* A word of the kernel's command line: "intel_iommu=off"; NULL where it is not there. The text is
 * the word as it stands there. PREFIX may end in "=". */
const char *pp_check_parameter(struct pp_check_run *run, const char *prefix);
bool pp_device_same_slot(
	const struct pp_device *a, const struct pp_device *b); /* two functions of one */
bool pp_device_is_igd(const struct pp_device *device);         /* Intel's graphics at 00:02.0 */
const char *pp_check_size(struct pp_check_run *run, uint64_t bytes); /* "1.5 GiB" */
unsigned pp_check_kernel(const struct pp_host *host); /* 6012 for 6.12, 0: not known */
bool pp_check_word(
	const char *list, const char *word); /* a list with blanks or commas; may be NULL */
bool pp_device_is_display(const struct pp_device *device);
const char *pp_device_words(
	struct pp_check_run *run, const struct pp_device *device); /* address and driver */

#endif
