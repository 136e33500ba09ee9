/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is on its way into a guest that runs, or out of it: RUN/guests/NAME/plug.json, so that any
 * process can end what another began. Three files belong to it:
 *
 *   plug.json    as below; not there: nothing is on its way
 *   plug.lock    held by whoever changes plug.json and live.xml
 *   plug.verb    open for as long as a verb is at it: that it is closed tells the supervisor that
 *                the verb has ended, or was killed
 */
#ifndef LIB_GUEST_PLUGRECORD_H
#define LIB_GUEST_PLUGRECORD_H

#include "base/arena.h"
#include "lib/context.h"

#define PP_PLUG_VERB "plug.verb"
#define PP_PLUG_FILES "plug.json", PP_PLUG_VERB

struct pp_plug_coming {
	struct pp_address device; /* of the host */
	const char *alias;
};
struct pp_plug_leaving {
	struct pp_address device;
	bool config; /* out of the definition too */
};
struct pp_plug_failed {
	struct pp_address device;
	const char *text; /* why it is not back on the host */
};
struct pp_plug_record {
	struct pp_arena *arena;
	const struct pp_plug_coming *coming; /* began to go in; none: nothing did */
	size_t n_coming;
	const char *live;          /* the text of live.xml when they are all in */
	const char *const *config; /* texts of devices that come into the definition then,
				      NULL-terminated; NULL: it does not change */
	const struct pp_plug_leaving *leaving; /* the guest was asked to let go */
	size_t n_leaving;
	const struct pp_plug_failed *failed; /* the guest has let go */
	size_t n_failed;
};

/* What is not there, or not understood, is as good as nothing. -ENOMEM. */
int pp_plug_record_load(int folder_fd, struct pp_plug_record **ret_record, struct pp_error *error);
/* Where nothing is on its way, the file goes. */
int pp_plug_record_save(int folder_fd, const char *name, const struct pp_plug_record *record,
	struct pp_error *error);
void pp_plug_record_free(struct pp_plug_record *record);
PP_DEFINE_CLEANUP(struct pp_plug_record *, pp_plug_record_free)

/* -EBUSY: another has it for longer than WAIT_MS. */
int pp_plug_lock(int folder_fd, int wait_ms, int *ret_fd, struct pp_error *error);

#endif
