/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/domain/element.h"
#include "base/buffer.h"
#include "base/library.h"
#include "base/parse.h"
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <string.h>

/* ---- libxml2, where there is XML to read ---- */

static struct {
	__typeof__(xmlByteConsumed) *byte_consumed;
	__typeof__(xmlCreateMemoryParserCtxt) *create_parser;
	__typeof__(xmlCtxtUseOptions) *use_options;
	__typeof__(xmlFreeDoc) *free_document;
	__typeof__(xmlFreeParserCtxt) *free_parser;
	__typeof__(xmlParseDocument) *parse_document;
	__typeof__(xmlStopParser) *stop_parser;
} libxml2;

static const struct pp_library_function libxml2_functions[] = {
	{"xmlByteConsumed", &libxml2.byte_consumed},
	{"xmlCreateMemoryParserCtxt", &libxml2.create_parser},
	{"xmlCtxtUseOptions", &libxml2.use_options},
	{"xmlFreeDoc", &libxml2.free_document},
	{"xmlFreeParserCtxt", &libxml2.free_parser},
	{"xmlParseDocument", &libxml2.parse_document},
	{"xmlStopParser", &libxml2.stop_parser},
};

static struct pp_library libxml2_library = {
	.soname = LIBXML_VERSION < 21400 ? "libxml2.so.2" : "libxml2.so.16",
	.package = LIBXML_VERSION < 21400 ? "libxml2" : "libxml2-16",
	.functions = libxml2_functions,
	.n_functions = PP_COUNT(libxml2_functions),
};

struct frame {
	struct pp_element *element;
	struct pp_element *last; /* child */
	struct pp_buffer text;
};

struct reading {
	xmlParserCtxtPtr parser;
	struct pp_arena *arena;
	const char *file;
	struct pp_error *error;
	int failed;
	struct pp_element *root;
	struct frame frames[PP_ELEMENT_MAX_DEPTH];
	unsigned depth;
	unsigned count;
};

static int line_of(const struct reading *reading)
{
	const xmlParserInput *input = reading->parser->input;

	return input && input->line > 0 ? input->line : 1;
}

/* The first fault counts; what libxml2 says after that is noise. */
static void fail(struct reading *reading, int code, const char *format, ...) PP_PRINTF(3, 4);
static void fail(struct reading *reading, int code, const char *format, ...)
{
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	va_list args;

	if (reading->failed)
		return;
	va_start(args, format);
	pp_buffer_vprintf(&text, format, args);
	va_end(args);
	reading->failed = pp_error_set(reading->error, PP_STATUS_FAILED, code, "%s:%d: %s",
		reading->file, line_of(reading), pp_buffer_text(&text));
	libxml2.stop_parser(reading->parser);
}

static void fail_memory(struct reading *reading)
{
	if (reading->failed)
		return;
	reading->failed = pp_error_oom(reading->error);
	libxml2.stop_parser(reading->parser);
}

static const char *full_name(struct reading *reading, const xmlChar *prefix, const xmlChar *name)
{
	size_t length =
		strlen((const char *)name) + (prefix ? strlen((const char *)prefix) + 1 : 0);
	const char *full;

	if (length > PP_ELEMENT_MAX_NAME) {
		fail(reading, -EFBIG, "a name of %zu bytes is too long (the limit is %d): %.40s...",
			length, PP_ELEMENT_MAX_NAME, name);
		return NULL;
	}
	full = prefix ? pp_arena_printf(reading->arena, "%s:%s", prefix, name)
		      : pp_arena_strdup(reading->arena, (const char *)name);
	if (!full)
		fail_memory(reading);
	return full;
}

static bool counted(struct reading *reading)
{
	if (++reading->count <= PP_ELEMENT_MAX_COUNT)
		return true;
	fail(reading, -EFBIG, "more than %d elements and attributes: this is no guest's definition",
		PP_ELEMENT_MAX_COUNT);
	return false;
}

/* libxml2 gives five pointers for each: name, prefix, URI, start and end of the value. */
static void read_attributes(
	struct reading *reading, struct pp_element *element, int count, const xmlChar **attributes)
{
	struct pp_attribute **tail = &element->attributes;

	for (int i = 0; i < count && !reading->failed; i++, attributes += 5) {
		size_t length = attributes[4] - attributes[3];
		struct pp_attribute *attribute;

		if (!counted(reading))
			return;
		if (length > PP_ELEMENT_MAX_VALUE) {
			fail(reading, -EFBIG,
				"attribute %.40s of <%s> has %zu bytes (the limit is %d)",
				attributes[0], element->name, length, PP_ELEMENT_MAX_VALUE);
			return;
		}
		attribute = pp_arena_alloc(reading->arena, sizeof(*attribute));
		if (!attribute) {
			fail_memory(reading);
			return;
		}
		attribute->name = full_name(reading, attributes[1], attributes[0]);
		if (!attribute->name)
			return; /* a stopped parser has freed what these point into */
		attribute->value =
			pp_arena_strndup(reading->arena, (const char *)attributes[3], length);
		if (!attribute->value)
			fail_memory(reading);
		*tail = attribute;
		tail = &attribute->next;
	}
}

static void start_element(void *context, const xmlChar *name, const xmlChar *prefix,
	const xmlChar *uri, int n_namespaces, const xmlChar **namespaces, int n_attributes,
	int n_defaulted, const xmlChar **attributes)
{
	struct reading *reading = ((xmlParserCtxtPtr)context)->_private;
	struct pp_element *element;
	struct frame *frame;

	if (reading->failed || !counted(reading))
		return;
	if (reading->depth == PP_ELEMENT_MAX_DEPTH) {
		fail(reading, -EFBIG, "elements are nested more than %d deep",
			PP_ELEMENT_MAX_DEPTH);
		return;
	}
	element = pp_arena_alloc(reading->arena, sizeof(*element));
	if (!element) {
		fail_memory(reading);
		return;
	}
	element->text = "";
	element->line = line_of(reading);
	element->start = libxml2.byte_consumed(reading->parser);
	element->name = full_name(reading, prefix, name);
	if (!reading->failed)
		read_attributes(reading, element, n_attributes, attributes);
	if (reading->failed)
		return;
	if (reading->depth == 0) {
		reading->root = element;
	} else {
		frame = &reading->frames[reading->depth - 1];
		element->parent = frame->element;
		*(frame->last ? &frame->last->next : &frame->element->first) = element;
		frame->last = element;
	}
	reading->frames[reading->depth++] = (struct frame){.element = element};
}

static void end_element(
	void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	struct reading *reading = ((xmlParserCtxtPtr)context)->_private;
	struct frame *frame;

	if (reading->failed || reading->depth == 0)
		return;
	frame = &reading->frames[--reading->depth];
	frame->element->end = libxml2.byte_consumed(reading->parser);
	if (frame->text.length) {
		frame->element->text =
			pp_arena_strdup(reading->arena, pp_buffer_text(&frame->text));
		if (!frame->element->text || frame->text.failed)
			fail_memory(reading);
	}
	pp_buffer_done(&frame->text);
}

static void characters(void *context, const xmlChar *text, int length)
{
	struct reading *reading = ((xmlParserCtxtPtr)context)->_private;
	struct frame *frame;

	if (reading->failed || reading->depth == 0 || length <= 0)
		return;
	frame = &reading->frames[reading->depth - 1];
	if (frame->text.length + length > PP_ELEMENT_MAX_TEXT) {
		fail(reading, -EFBIG, "the text of <%s> is longer than %d bytes",
			frame->element->name, PP_ELEMENT_MAX_TEXT);
		return;
	}
	if (pp_buffer_append(&frame->text, text, length) < 0)
		fail_memory(reading);
}

static void internal_subset(
	void *context, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
	struct reading *reading = ((xmlParserCtxtPtr)context)->_private;

	fail(reading, -EINVAL,
		"a document type (<!DOCTYPE>) is not accepted: definitions have none, and entities "
		"in it are a "
		"way to attack the reader; remove it");
}

static void start_document(void *context)
{
	struct reading *reading = ((xmlParserCtxtPtr)context)->_private;
	const xmlParserInput *input = reading->parser->input;
	const char *encoding = (const char *)reading->parser->encoding;

	if (!encoding && input)
		encoding = (const char *)input->encoding;
	if (encoding && strcasecmp(encoding, "UTF-8") && strcasecmp(encoding, "UTF8") &&
		strcasecmp(encoding, "US-ASCII") && strcasecmp(encoding, "ASCII"))
		fail(reading, -EINVAL, "encoding %.40s is not read; save the file as UTF-8",
			encoding);
}

static void structured_error(void *context, xmlErrorPtr fault)
{
	struct reading *reading = ((xmlParserCtxtPtr)context)->_private;
	const char *message = fault->message ? fault->message : "not well-formed";
	size_t length = strcspn(message, "\n");

	if (reading->failed || fault->level < XML_ERR_ERROR)
		return;
	if (fault->code == XML_ERR_NO_MEMORY) {
		fail_memory(reading);
		return;
	}
	reading->failed = pp_error_set(reading->error, PP_STATUS_FAILED, -EBADMSG,
		"%s:%d: this is not well-formed XML: %.*s", reading->file,
		fault->line > 0 ? fault->line : line_of(reading), (int)length, message);
	libxml2.stop_parser(reading->parser);
}

static void set_handlers(xmlSAXHandler *sax)
{
	memset(sax, 0, sizeof(*sax));
	sax->initialized = XML_SAX2_MAGIC;
	sax->startDocument = start_document;
	sax->startElementNs = start_element;
	sax->endElementNs = end_element;
	sax->characters = characters;
	sax->cdataBlock = characters;
	sax->ignorableWhitespace = characters;
	sax->internalSubset = internal_subset;
	sax->serror = structured_error;
}

static int check_bytes(const char *text, size_t length, const char *file, struct pp_error *error)
{
	const char *nul = memchr(text, 0, length);
	int line = 1;

	if (length > PP_ELEMENT_MAX_SIZE)
		return pp_error_set(error, PP_STATUS_FAILED, -EFBIG,
			"%s: %zu bytes are too large for a definition (the limit is %d MiB)", file,
			length, PP_ELEMENT_MAX_SIZE >> 20);
	if (!nul)
		return 0;
	for (const char *c = text; c < nul; c++)
		line += *c == '\n';
	return pp_error_set(error, PP_STATUS_FAILED, -EBADMSG,
		"%s:%d: byte %zu is zero: this is not UTF-8 text (UTF-16, or a binary file?)", file,
		line, (size_t)(nul - text) + 1);
}

static int check_result(struct reading *reading)
{
	if (reading->failed)
		return reading->failed;
	if (reading->root && reading->depth == 0 && reading->parser->wellFormed)
		return 0;
	return pp_error_set(reading->error, PP_STATUS_FAILED, -EBADMSG,
		"%s:%d: this is not well-formed XML: it ends too early", reading->file,
		line_of(reading));
}

int pp_element_read(struct pp_arena *arena, const char *text, size_t length, const char *file,
	const struct pp_element **ret_root, struct pp_error *error)
{
	PP_FREE struct reading *reading = NULL;
	int r = check_bytes(text, length, file, error);

	if (r < 0)
		return r;
	if (length == 0)
		return pp_error_set(
			error, PP_STATUS_FAILED, -EBADMSG, "%s: the file is empty", file);
	r = pp_library_load(&libxml2_library, error);
	if (r < 0)
		return r;
	reading = calloc(1, sizeof(*reading));
	if (!reading)
		return pp_error_oom(error);
	reading->parser = libxml2.create_parser(text, (int)length);
	if (!reading->parser)
		return pp_error_oom(error);
	reading->arena = arena;
	reading->file = file;
	reading->error = error;
	reading->parser->_private = reading;
	set_handlers(reading->parser->sax);
	libxml2.use_options(reading->parser, XML_PARSE_NONET | XML_PARSE_NOCDATA);
	reading->parser->sax->serror = structured_error;
	reading->parser->sax->cdataBlock = characters;
	libxml2.parse_document(reading->parser);
	r = check_result(reading);
	while (reading->depth > 0)
		pp_buffer_done(&reading->frames[--reading->depth].text);
	libxml2.free_document(reading->parser->myDoc);
	libxml2.free_parser(reading->parser);
	if (r == 0)
		*ret_root = reading->root;
	return r;
}

const struct pp_element *pp_element_child(const struct pp_element *element, const char *name)
{
	const struct pp_element *child = element ? element->first : NULL;

	while (child && strcmp(child->name, name))
		child = child->next;
	return child;
}

const struct pp_element *pp_element_again(const struct pp_element *element)
{
	const struct pp_element *other = element->next;

	while (other && strcmp(other->name, element->name))
		other = other->next;
	return other;
}

const char *pp_element_attribute(const struct pp_element *element, const char *name)
{
	const struct pp_attribute *attribute = element ? element->attributes : NULL;

	while (attribute && strcmp(attribute->name, name))
		attribute = attribute->next;
	return attribute ? attribute->value : NULL;
}

const char *pp_element_child_attribute(
	const struct pp_element *element, const char *child, const char *name)
{
	return pp_element_attribute(pp_element_child(element, child), name);
}

const char *pp_element_trimmed(struct pp_arena *arena, const struct pp_element *element)
{
	const char *text = element ? element->text : "";
	size_t length;

	text += strspn(text, " \t\r\n");
	length = strlen(text);
	while (length && strchr(" \t\r\n", text[length - 1]))
		length--;
	return pp_arena_strndup(arena, text, length);
}

bool pp_element_is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}
