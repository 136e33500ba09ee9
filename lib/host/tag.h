/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tags: the start and end tags of XML that others wrote, one after the other. Why not the XML
 * library: facts are read below the folder that knows it, few are wanted (a name, some addresses)
 * of files that may hold anything that another version of another tool puts there, and a file that
 * was cut short must cost nothing but its own facts. Comments, CDATA, declarations and text are
 * skipped. */
#ifndef HOST_TAG_H
#define HOST_TAG_H

#include <stdbool.h>
#include <stddef.h>

struct pp_tags {
	const char *at, *end;
};
enum pp_tag_kind { PP_TAG_OPEN, PP_TAG_CLOSE, PP_TAG_EMPTY, PP_TAG_END, PP_TAG_BROKEN };
struct pp_tag {
	enum pp_tag_kind kind;
	const char *name; /* with its prefix: "qemu:commandline" */
	size_t name_length;
	const char *attributes; /* what stands behind the name */
	size_t attributes_length;
	const char *text; /* what follows the tag, up to the next < */
	size_t text_length;
};

/* The next tag; BROKEN where the text ends within one, or what begins like one is none. */
enum pp_tag_kind pp_tag_next(struct pp_tags *tags, struct pp_tag *ret_tag);
bool pp_tag_is(const struct pp_tag *tag, const char *name);
/* The value of an attribute, its entities replaced; false where it is not there, or longer than
 * SIZE. */
bool pp_tag_attribute(const struct pp_tag *tag, const char *name, char *value, size_t size);
bool pp_tag_says(const struct pp_tag *tag, const char *attribute, const char *value);
/* The five entities of XML and numbers; TO has room for LENGTH + 1. Returns the length. */
size_t pp_tag_unescape(const char *text, size_t length, char *to);

#endif
