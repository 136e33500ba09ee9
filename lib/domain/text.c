/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/domain/text.h"
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/domain/element.h"
#include <errno.h>
#include <string.h>

static int read_root(struct pp_arena *arena, const char *text, size_t length,
	const struct pp_element **ret_root, struct pp_error *error)
{
	return arena ? pp_element_read(arena, text, length, "definition", ret_root, error)
		     : pp_error_oom(error);
}

/* Where the < of a tag is that ends at END: there is no other < in a tag. */
static size_t tag_start(const char *text, size_t end)
{
	while (end > 0 && text[end] != '<')
		end--;
	return end;
}

static size_t line_start(const char *text, size_t at)
{
	while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t'))
		at--;
	return at;
}

static int take(struct pp_buffer *buffer, char **ret_text, struct pp_error *error)
{
	char *made = pp_buffer_take(buffer);

	if (!made)
		return pp_error_oom(error);
	*ret_text = made;
	return 0;
}

/* Each on lines of their own, a step further in than the tag that ends what they are put into. */
static void put_device(struct pp_buffer *buffer, const char *device, const char *text, size_t tag)
{
	size_t start = line_start(text, tag);
	bool own_line = start > 0 && text[start - 1] == '\n';

	if (!own_line) {
		pp_buffer_append(buffer, text, tag);
		pp_buffer_puts(buffer, device);
		return;
	}
	pp_buffer_append(buffer, text, start);
	pp_buffer_append(buffer, text + start, tag - start);
	pp_buffer_puts(buffer, "  ");
	pp_buffer_puts(buffer, device);
	pp_buffer_putc(buffer, '\n');
	pp_buffer_append(buffer, text + start, tag - start);
}

static char *trimmed(struct pp_arena *arena, const char *text)
{
	size_t length;

	text += strspn(text, " \t\r\n");
	length = strlen(text);
	while (length > 0 && strchr(" \t\r\n", text[length - 1]))
		length--;
	return pp_arena_strndup(arena, text, length);
}

int pp_domain_text_add(const char *text, size_t length, const char *device, char **ret_text,
	struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	const struct pp_element *root, *devices;

	int r = read_root(arena, text, length, &root, error);
	if (r < 0)
		return r;
	device = trimmed(arena, device);
	if (!device)
		return pp_error_oom(error);
	devices = pp_element_child(root, "devices");
	if (devices && text[devices->start] == '/') {
		pp_buffer_append(&buffer, text, devices->start);
		pp_buffer_printf(&buffer, ">%s</devices>", device);
		pp_buffer_append(&buffer, text + devices->end, length - devices->end);
		return take(&buffer, ret_text, error);
	}
	/* Behind the document there may be comments. */
	size_t tag = tag_start(text, (devices ? devices : root)->end - 1);
	if (devices) {
		put_device(&buffer, device, text, tag);
	} else {
		pp_buffer_append(&buffer, text, tag);
		pp_buffer_printf(&buffer, "<devices>%s</devices>", device);
	}
	pp_buffer_append(&buffer, text + tag, length - tag);
	return take(&buffer, ret_text, error);
}

/* ---- out again ---- */

static uint64_t number_of(const struct pp_element *element, const char *name)
{
	const char *text = pp_element_attribute(element, name);
	uint64_t value = 0;

	if (text)
		pp_parse_u64(text, pp_text_starts(text, "0x") ? 16 : 10, UINT32_MAX, &value);
	return value;
}

static bool is_hostdev(const struct pp_element *element, const struct pp_address *source)
{
	const struct pp_element *address =
		pp_element_child(pp_element_child(element, "source"), "address");

	return !strcmp(element->name, "hostdev") && address &&
	       number_of(address, "domain") == source->domain &&
	       number_of(address, "bus") == source->bus &&
	       number_of(address, "slot") == source->slot &&
	       number_of(address, "function") == source->function;
}

int pp_domain_text_remove(const char *text, size_t length, const struct pp_address *source,
	char **ret_text, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	const struct pp_element *root, *devices, *found;

	int r = read_root(arena, text, length, &root, error);
	if (r < 0)
		return r;
	devices = pp_element_child(root, "devices");
	found = devices ? devices->first : NULL;
	while (found && !is_hostdev(found, source))
		found = found->next;
	if (!found)
		return -ENOENT;
	size_t start = tag_start(text, found->start), end = found->end;
	size_t blanks = line_start(text, start);
	/* With its line, where it is alone on it. */
	if (end < length && text[end] == '\n' && blanks > 0 && text[blanks - 1] == '\n') {
		start = blanks;
		end++;
	}
	pp_buffer_append(&buffer, text, start);
	pp_buffer_append(&buffer, text + end, length - end);
	return take(&buffer, ret_text, error);
}

/* ---- one device alone ---- */

int pp_domain_text_device(const char *device, size_t length, const char *file,
	const struct pp_domain *domain, struct pp_domain **ret_alone, struct pp_error *error)
{
	PP_CLEANUP(pp_domain_freep) struct pp_domain *alone = NULL;
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	const char *start = memchr(device, '<', length);

	/* An XML declaration can only be at the beginning. */
	if (start && length - (start - device) > 5 && !strncmp(start, "<?xml", 5))
		return pp_error_set(error, PP_STATUS_FAILED, -EINVAL,
			"%s: one device alone, without <?xml ?>, is what is attached", file);
	/* All in front of it is one line, so that lines are those of the file. */
	pp_buffer_printf(&buffer,
		"<domain type='qemu'><name>x</name><memory>65536</memory><os><type "
		"machine='%s'>hvm</type></os><devices>",
		domain->os.q35 ? "q35" : "pc");
	pp_buffer_append(&buffer, device, length);
	pp_buffer_puts(&buffer, "</devices></domain>");
	if (buffer.failed)
		return pp_error_oom(error);
	int r = pp_domain_parse(buffer.data, buffer.length, file, &alone, error);
	if (r < 0)
		return r;
	if (alone->n_devices != 1)
		return pp_error_set(error, PP_STATUS_FAILED, -EINVAL,
			"%s: one device is attached at a time, and there are %zu", file,
			alone->n_devices);
	*ret_alone = PP_TAKE(alone);
	return 0;
}
