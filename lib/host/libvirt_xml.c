/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a definition or a status file of libvirt's says of its guest. */
#include "base/cleanup.h"
#include "base/parse.h"
#include "lib/host/libvirt.h"
#include "lib/host/tag.h"
#include <errno.h>
#include <string.h>

#define DEEP 64
#define NAME_MAX_BYTES 1024

/* What an element is, by where it stands. */
enum place {
	AT_OTHER,
	AT_STATUS, /* the root of a status file */
	AT_DOMAIN,
	AT_NAME,
	AT_UUID,
	AT_DEVICES,
	AT_INTERFACE, /* its <actual> may be a host's device */
	AT_DISK,
	AT_OWNER,  /* of a source that names a device of the host */
	AT_SOURCE, /* such a source */
};

struct element {
	enum place place;
	bool managed;
	const char *name;
	size_t name_length;
};

struct reading {
	struct pp_arena *arena;
	struct pp_libvirt_guest guest;
	struct pp_libvirt_device *devices;
	size_t room;
	struct element stack[DEEP];
	size_t depth;            /* may be more than there is room for: those are AT_OTHER */
	bool domain;             /* it was there, and has ended */
	const char *start, *end; /* of its text */
};

static enum place place_of_device(const struct pp_tag *tag)
{
	if (pp_tag_is(tag, "hostdev"))
		return pp_tag_says(tag, "type", "pci") ? AT_OWNER : AT_OTHER;
	if (pp_tag_is(tag, "interface"))
		return pp_tag_says(tag, "type", "hostdev") ? AT_OWNER : AT_INTERFACE;
	if (pp_tag_is(tag, "disk"))
		return pp_tag_says(tag, "type", "nvme") ? AT_DISK : AT_OTHER;
	return AT_OTHER;
}

static enum place place_of(
	const struct reading *reading, enum place above, const struct pp_tag *tag)
{
	switch (above) {
	case AT_STATUS:
		return pp_tag_is(tag, "domain") && !reading->domain ? AT_DOMAIN : AT_OTHER;
	case AT_DOMAIN:
		if (pp_tag_is(tag, "name"))
			return AT_NAME;
		if (pp_tag_is(tag, "uuid"))
			return AT_UUID;
		return pp_tag_is(tag, "devices") ? AT_DEVICES : AT_OTHER;
	case AT_DEVICES:
		return place_of_device(tag);
	case AT_INTERFACE:
		return pp_tag_is(tag, "actual") && pp_tag_says(tag, "type", "hostdev") ? AT_OWNER
										       : AT_OTHER;
	case AT_OWNER:
	case AT_DISK:
		return pp_tag_is(tag, "source") ? AT_SOURCE : AT_OTHER;
	default:
		return AT_OTHER;
	}
}

/* domain='0x0000' bus='0x01' slot='0x00' function='0x0'; numbers may be decimal. */
static bool number(const struct pp_tag *tag, const char *name, uint64_t max, uint64_t *ret_value)
{
	char text[32];
	const char *rest, *at = text;
	if (!pp_tag_attribute(tag, name, text, sizeof(text)))
		return false;
	int base = pp_text_starts(at, "0x") ? 16 : 10;
	at += base == 16 ? 2 : 0;
	return pp_parse_prefix(at, base, max, ret_value, &rest) == 0 && !*rest;
}

static int add_device(struct reading *reading, const struct pp_tag *tag, bool managed)
{
	uint64_t domain = 0, bus, slot, function = 0;
	if (!number(tag, "bus", 0xff, &bus) || !number(tag, "slot", 0x1f, &slot))
		return 0;
	number(tag, "domain", UINT32_MAX, &domain);
	number(tag, "function", 7, &function);
	if (reading->guest.n_devices == reading->room) {
		size_t room = reading->room ? reading->room * 2 : 4;
		struct pp_libvirt_device *devices = pp_arena_grow(reading->arena, reading->devices,
			reading->room * sizeof(*devices), room * sizeof(*devices));
		if (!devices)
			return -ENOMEM;
		reading->devices = devices;
		reading->room = room;
	}
	reading->devices[reading->guest.n_devices++] =
		(struct pp_libvirt_device){.address = {.domain = (uint32_t)domain,
						   .bus = (uint8_t)bus,
						   .slot = (uint8_t)slot,
						   .function = (uint8_t)function},
			.managed = managed};
	return 0;
}

static int read_text(struct reading *reading, const struct pp_tag *tag, const char **ret_text)
{
	if (*ret_text || tag->text_length > NAME_MAX_BYTES)
		return 0;
	char *text = pp_arena_alloc(reading->arena, tag->text_length + 1);
	if (!text)
		return -ENOMEM;
	pp_tag_unescape(tag->text, tag->text_length, text);
	*ret_text = text;
	return 0;
}

static int read_status(struct reading *reading, const struct pp_tag *tag)
{
	char state[64], pid[16];
	int number_of;
	if (pp_tag_attribute(tag, "pid", pid, sizeof(pid)) && pp_parse_int(pid, &number_of) == 0)
		reading->guest.qemu = number_of > 0 ? number_of : 0;
	if (!pp_tag_attribute(tag, "state", state, sizeof(state)))
		return 0;
	reading->guest.state = pp_arena_strdup(
		reading->arena, pp_text_is(state, "shutdown") ? "in shutdown" : state);
	return reading->guest.state ? 0 : -ENOMEM;
}

static int enter(struct reading *reading, const struct pp_tag *tag)
{
	enum place place = AT_OTHER;
	const struct element *above = NULL;
	int r = 0;
	if (reading->depth == 0 && pp_tag_is(tag, "domain"))
		place = AT_DOMAIN;
	else if (reading->depth == 0 && pp_tag_is(tag, "domstatus"))
		place = AT_STATUS;
	else if (reading->depth > 0 && reading->depth <= DEEP) {
		above = &reading->stack[reading->depth - 1];
		place = place_of(reading, above->place, tag);
	}
	bool managed = place == AT_SOURCE && above->managed;
	managed |= pp_tag_says(tag, "managed", "yes");
	if (place == AT_STATUS)
		r = read_status(reading, tag);
	if (place == AT_DOMAIN)
		reading->start = tag->name - 1;
	if (place == AT_NAME)
		r = read_text(reading, tag, &reading->guest.name);
	if (place == AT_UUID)
		r = read_text(reading, tag, &reading->guest.uuid);
	if (above && above->place == AT_SOURCE && pp_tag_is(tag, "address"))
		r = add_device(reading, tag, above->managed);
	if (reading->depth < DEEP)
		reading->stack[reading->depth] = (struct element){.place = place,
			.managed = managed,
			.name = tag->name,
			.name_length = tag->name_length};
	reading->depth++;
	return r;
}

static int leave(struct reading *reading, const struct pp_tag *tag, const char *behind)
{
	if (reading->depth == 0)
		return -EBADMSG;
	reading->depth--;
	if (reading->depth >= DEEP)
		return 0;
	const struct element *element = &reading->stack[reading->depth];
	if (element->name_length != tag->name_length ||
		memcmp(element->name, tag->name, tag->name_length) != 0)
		return -EBADMSG;
	if (element->place == AT_DOMAIN) {
		reading->domain = true;
		reading->end = behind;
	}
	return 0;
}

static int read_all(struct reading *reading, const char *text, size_t length)
{
	struct pp_tags tags = {.at = text, .end = text + length};
	struct pp_tag tag;
	bool root = false;
	int r = 0;
	while (r == 0) {
		enum pp_tag_kind kind = pp_tag_next(&tags, &tag);
		if (kind == PP_TAG_BROKEN)
			return -EBADMSG;
		if (kind == PP_TAG_END)
			break;
		if (reading->depth == 0 && root)
			return -EBADMSG;
		root = true;
		if (kind != PP_TAG_CLOSE)
			r = enter(reading, &tag);
		if (r == 0 && kind != PP_TAG_OPEN)
			r = leave(reading, &tag, tags.at);
	}
	if (r == 0 && (reading->depth > 0 || !reading->domain))
		r = -EBADMSG;
	return r;
}

int pp_libvirt_parse(
	struct pp_arena *arena, const char *text, size_t length, struct pp_libvirt_guest *ret_guest)
{
	PP_FREE struct reading *reading = calloc(1, sizeof(*reading));
	if (!reading)
		return -ENOMEM;
	reading->arena = arena;
	int r = read_all(reading, text, length);
	if (r < 0)
		return r;
	if (!reading->guest.name || !*reading->guest.name)
		return -EBADMSG;
	*ret_guest = reading->guest;
	ret_guest->devices = reading->devices;
	return 0;
}

int pp_libvirt_domain_text(const char *text, size_t length, size_t *ret_start, size_t *ret_length)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_FREE struct reading *reading = calloc(1, sizeof(*reading));
	if (!arena || !reading)
		return -ENOMEM;
	reading->arena = arena;
	int r = read_all(reading, text, length);
	if (r < 0)
		return r;
	*ret_start = (size_t)(reading->start - text);
	*ret_length = (size_t)(reading->end - reading->start);
	return 0;
}
