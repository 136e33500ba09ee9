/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A definition of libvirt's as one of ours: what pcipass does not understand is taken out, and each
 * thing that was is told. The strict reader says what it is, one at a time. */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/domain/domain.h"
#include "lib/host/libvirt.h"
#include "lib/host/tag.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOST_MAX 500

struct takeover {
	char *text;
	size_t length;
	struct pp_buffer lost; /* a line each */
};

static void takeover_done(struct takeover *takeover)
{
	free(takeover->text);
	pp_buffer_done(&takeover->lost);
}

/* "FILE:12: element <tpm> in <devices> is ...": the line, and what is wrong on it. */
struct complaint {
	unsigned line;
	char attribute[128]; /* "" : the element itself */
	char element[128];
	const char *text; /* behind FILE:LINE: */
};

static bool copy_until(const char *from, const char *stops, char *to, size_t size)
{
	size_t length = strcspn(from, stops);
	if (length == 0 || length >= size)
		return false;
	memcpy(to, from, length);
	to[length] = '\0';
	return true;
}

static bool read_complaint(const char *text, const char *file, struct complaint *ret_complaint)
{
	struct complaint complaint = {0};
	uint64_t line;
	const char *at = text + strlen(file), *of;
	if (!pp_text_starts(text, file) || *at != ':' ||
		pp_parse_prefix(at + 1, 10, 1000000, &line, &at) < 0 || *at != ':')
		return false;
	complaint.line = (unsigned)line;
	complaint.text = at + 2;
	*ret_complaint = complaint;
	if (pp_text_starts(complaint.text, "element <"))
		return copy_until(complaint.text + strlen("element <"), ">", ret_complaint->element,
			sizeof(complaint.element));
	/* What it cannot be without was taken out: a device of a kind that is not known. */
	if (pp_text_starts(complaint.text, "<") && strstr(complaint.text, "> needs an ") &&
		!pp_text_starts(complaint.text, "<domain>") &&
		!pp_text_starts(complaint.text, "<os>"))
		return copy_until(
			complaint.text + 1, ">", ret_complaint->element, sizeof(complaint.element));
	if (!pp_text_starts(complaint.text, "attribute "))
		return false;
	of = strstr(complaint.text, "' of <");
	return of &&
	       copy_until(complaint.text + strlen("attribute "), "=", ret_complaint->attribute,
		       sizeof(complaint.attribute)) &&
	       copy_until(of + strlen("' of <"), ">", ret_complaint->element,
		       sizeof(complaint.element));
}

static void cut(struct takeover *takeover, size_t start, size_t end)
{
	memmove(takeover->text + start, takeover->text + end, takeover->length - end + 1);
	takeover->length -= end - start;
}

static unsigned lines_until(const char *text, const char *end)
{
	unsigned lines = 1;
	for (; text < end; text++)
		lines += *text == '\n';
	return lines;
}

/* The element's end tag. */
static bool element_end(struct pp_tags tags, size_t *ret_end, const char *text)
{
	struct pp_tag tag;
	for (unsigned depth = 1; depth > 0;) {
		enum pp_tag_kind kind = pp_tag_next(&tags, &tag);
		if (kind == PP_TAG_BROKEN || kind == PP_TAG_END)
			return false;
		depth += kind == PP_TAG_OPEN;
		depth -= kind == PP_TAG_CLOSE;
	}
	*ret_end = (size_t)(tags.at - text);
	return true;
}

/* name='value' with the blank before it. */
static bool cut_attribute(
	struct takeover *takeover, const struct pp_tag *tag, const char *attribute)
{
	const char *at = tag->attributes, *end = at + tag->attributes_length;
	size_t length = strlen(attribute);
	while ((at = memmem(at, (size_t)(end - at), attribute, length))) {
		const char *value = at + length;
		if (strchr(" \t\n", at[-1]) && value + 1 < end && *value == '=' &&
			(value[1] == '\'' || value[1] == '"')) {
			const char *close = memchr(value + 2, value[1], (size_t)(end - value - 2));
			if (!close)
				return false;
			cut(takeover, (size_t)(at - 1 - takeover->text),
				(size_t)(close + 1 - takeover->text));
			return true;
		}
		at = value;
	}
	return false;
}

static bool take_out(struct takeover *takeover, const struct complaint *complaint)
{
	struct pp_tags tags = {.at = takeover->text, .end = takeover->text + takeover->length};
	struct pp_tag tag;
	for (;;) {
		enum pp_tag_kind kind = pp_tag_next(&tags, &tag);
		if (kind == PP_TAG_BROKEN || kind == PP_TAG_END)
			return false;
		if (kind == PP_TAG_CLOSE || !pp_tag_is(&tag, complaint->element) ||
			lines_until(takeover->text, tags.at) != complaint->line)
			continue;
		size_t start = (size_t)(tag.name - 1 - takeover->text);
		size_t end = (size_t)(tags.at - takeover->text);
		if (*complaint->attribute)
			return cut_attribute(takeover, &tag, complaint->attribute);
		if (kind == PP_TAG_OPEN && !element_end(tags, &end, takeover->text))
			return false;
		cut(takeover, start, end);
		return true;
	}
}

/* Until the strict reader is content. */
static int settle(struct takeover *takeover, const char *file, struct pp_error *error)
{
	for (unsigned i = 0; i < LOST_MAX; i++) {
		PP_CLEANUP(pp_domain_freep) struct pp_domain *domain = NULL;
		struct complaint complaint;
		struct pp_error own = {0};
		int r = pp_domain_parse(takeover->text, takeover->length, file, &domain, &own);
		if (r >= 0)
			return takeover->lost.failed ? pp_error_oom(error) : 0;
		if (!read_complaint(own.text, file, &complaint) ||
			!take_out(takeover, &complaint)) {
			if (error)
				*error = own;
			return r;
		}
		const char *end = strstr(complaint.text, " is not understood");
		pp_buffer_printf(&takeover->lost, "%.*s\n",
			end ? (int)(end - complaint.text) : (int)strlen(complaint.text),
			complaint.text);
	}
	return pp_error_set(error, PP_STATUS_FAILED, -E2BIG,
		"%s has more than %d things that pcipass does not understand", file, LOST_MAX);
}

int pp_libvirt_takeover(struct pp_context *context, const char *name, char **ret_xml,
	char **ret_lost, struct pp_error *error)
{
	PP_CLEANUP(takeover_done) struct takeover takeover = {0};
	struct pp_libvirt_list *list = NULL;
	int r = pp_libvirt_list(context, &list, error);
	if (r < 0)
		return r;
	const struct pp_libvirt_guest *guest = pp_libvirt_find(list, name);
	if (!guest) {
		pp_error_set(error, PP_STATUS_FAILED, -ENOENT,
			"libvirt has no guest '%s' on this host", name);
		pp_error_remedy(error,
			"its definitions are in /etc/libvirt/qemu, which only root may read");
		pp_libvirt_list_free(list);
		return -ENOENT;
	}
	r = pp_libvirt_xml(context, guest, false, &takeover.text, &takeover.length, error);
	PP_FREE char *file = strdup(guest->file ? guest->file : guest->status);
	pp_libvirt_list_free(list);
	if (!file)
		return pp_error_oom(error);
	if (r >= 0)
		r = settle(&takeover, file, error);
	if (r < 0)
		return error ? pp_error_wrap(error, "guest %s cannot be taken over", name) : r;
	*ret_lost = pp_buffer_take(&takeover.lost);
	if (!*ret_lost)
		return pp_error_oom(error);
	*ret_xml = PP_TAKE(takeover.text);
	return 0;
}
