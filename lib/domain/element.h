/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An element of an XML document: a plain tree with lines, read from a buffer that is not trusted.
 * The one place that knows libxml2. No DTD, no entities but the five of XML, no network, nothing
 * endless: depth, sizes and counts have limits. */
#ifndef DOMAIN_ELEMENT_H
#define DOMAIN_ELEMENT_H

#include "base/arena.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

#define PP_ELEMENT_MAX_SIZE (16 << 20) /* of a document */
#define PP_ELEMENT_MAX_DEPTH 64
#define PP_ELEMENT_MAX_COUNT 100000     /* elements and attributes */
#define PP_ELEMENT_MAX_NAME 256         /* bytes of a name */
#define PP_ELEMENT_MAX_VALUE (64 << 10) /* bytes of an attribute's value */
#define PP_ELEMENT_MAX_TEXT (1 << 20)   /* bytes of an element's text */

struct pp_attribute {
	const char *name; /* "type", "xml:lang" */
	const char *value;
	struct pp_attribute *next;
};
struct pp_element {
	const char *name; /* with its prefix: "qemu:commandline" */
	const char *text; /* its own text, children left out; "" where there is none */
	int line;         /* where its start tag ends */
	size_t start,
		end; /* bytes of the document: the > or /> of its start tag; behind its end tag */
	struct pp_attribute *attributes;
	struct pp_element *parent, *first, *next;
};

/* -EBADMSG: not well-formed XML; -EFBIG: over a limit; -EINVAL: a DTD or an encoding that is not
 * read. */
int pp_element_read(struct pp_arena *arena, const char *text, size_t length, const char *file,
	const struct pp_element **ret_root, struct pp_error *error);

/* The first child of this name, NULL: none; and the next one of the same name. */
const struct pp_element *pp_element_child(const struct pp_element *element, const char *name);
const struct pp_element *pp_element_again(const struct pp_element *element);
const char *pp_element_attribute(const struct pp_element *element, const char *name); /* or NULL */
/* The attribute of a child, or NULL. */
const char *pp_element_child_attribute(
	const struct pp_element *element, const char *child, const char *name);
/* The text without blanks around it, in the arena. */
const char *pp_element_trimmed(struct pp_arena *arena, const struct pp_element *element);
bool pp_element_is_blank(const char *text);

#endif
