/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan: changes of state in order, as words and as data. Pure. */
#ifndef LIB_PLAN_PLAN_H
#define LIB_PLAN_PLAN_H

#include "base/cleanup.h"
#include "base/json.h"
#include <pcipass.h>

PP_DEFINE_CLEANUP(struct pp_plan *, pp_plan_free)

/* What a journal remembers of a device: the state that it had before it was detached. */
struct pp_origin {
	bool known;
	struct pp_driver_state state;
};

/* An empty plan. OWNER: "host" or "guest:NAME". */
int pp_plan_new(
	const char *verb, const char *owner, struct pp_plan **ret_plan, struct pp_error *error);
int pp_plan_name(struct pp_plan *plan, const char *verb, const char *owner, struct pp_error *error);
int pp_plan_add(struct pp_plan *plan, const struct pp_step *step, struct pp_error *error);
/* A step that changes nothing for a device that has none yet: the journal then says whose it is. */
int pp_plan_claim(struct pp_plan *plan, const struct pp_device *device, struct pp_error *error);
/* Back to ORIGINS (one a device); where one is not known, to the kernel's own choice. */
int pp_plan_restore(const struct pp_host *host, const struct pp_device *const *devices,
	size_t n_devices, const struct pp_origin *origins, struct pp_plan **ret_plan,
	struct pp_error *error);

/* As pp_plan_setvfs. AUTOPROBE: its sriov_drivers_autoprobe now: 1, 0, or -1 where there is none.
 * RETURNS: it is the number that PF had before all that the journals remember. */
int pp_plan_vfs(const struct pp_host *host, const struct pp_device *pf, unsigned count,
	int autoprobe, bool returns, struct pp_plan **ret_plan, struct pp_error *error);
/* An error for a device that cannot have COUNT virtual functions, whatever its driver is now, or
 * whose number another tool sets. */
int pp_functions_check(const struct pp_host *host, const struct pp_device *pf, unsigned count,
	struct pp_error *error);
/* A state that is one number. */
struct pp_driver_state pp_state_number(unsigned number);
/* What a network card gives one of its virtual functions; and as the one word of a step. */
struct pp_function_state {
	uint8_t mac[6];
	unsigned vlan, qos; /* vlan 0: none */
	int spoof, trust;   /* 1: sent packets are checked; it may change more than its own */
};
void pp_function_text(const struct pp_function_state *state, char text[PP_DRIVER_SIZE]);
bool pp_function_parse(const char *text, struct pp_function_state *ret_state);
/* Is the step about a device (and its subject an address)? */
bool pp_step_of_device(const struct pp_step *step);

/* The guest's name in "guest:NAME" (ours) and "libvirt:NAME"; NULL: the owner is the host. */
const char *pp_owner_guest(const char *owner);
bool pp_owner_is_libvirt(const char *owner);

/* Can it be a driver's or a module's name: in a path, in a line, in the room that there is. */
bool pp_driver_valid(const char *name);
/* vfio-pci, its variants, pci-stub: drivers that hold a device for a guest. */
bool pp_driver_passes(const char *name);
bool pp_driver_same(const struct pp_driver_state *a, const struct pp_driver_state *b);
/* The driver that a detach gives it: DRIVER, or with NULL vfio-pci or the variant of it for this
 * device. */
const char *pp_driver_target(const struct pp_device *device, const char *driver);
/* An error for what can go to no other driver: bridges, and what went away. */
int pp_device_movable(const struct pp_device *device, struct pp_error *error);
struct pp_driver_state pp_driver_of(const struct pp_device *device);
/* Nothing is written for it: its two states are the same. */
bool pp_step_idle(const struct pp_step *step);
/* "0000:00:1a.7: ehci-pci -> vfio-pci"; BACK: the other way. The caller frees; NULL: no memory. */
char *pp_step_text(const struct pp_step *step, bool back);

/* As data, and back from it (a journal's line): everything in it is looked at. */
struct pp_json *pp_plan_object(const struct pp_plan *plan);
int pp_plan_parse(const struct pp_json *object, struct pp_plan **ret_plan, struct pp_error *error);

#endif
