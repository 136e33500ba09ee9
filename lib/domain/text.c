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

	return (!strcmp(element->name, "hostdev") || !strcmp(element->name, "interface")) &&
	       address && !pp_text_is(pp_element_attribute(element, "type"), "usb") &&
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

/* ---- as it runs ---- */

/* A text that is copied in pieces. */
struct copying {
	const char *text;
	size_t at;
	struct pp_buffer *buffer;
};

static void copy_to(struct copying *copying, size_t end)
{
	if (end > copying->at)
		pp_buffer_append(copying->buffer, copying->text + copying->at, end - copying->at);
	copying->at = end;
}

static void put_place(struct pp_buffer *buffer, const struct pp_place *place)
{
	switch (place->type) {
	case PP_PLACE_PCI:
		pp_buffer_printf(buffer,
			"<address type='pci' domain='0x0000' bus='0x%02x' slot='0x%02x' "
			"function='0x%x'%s/>",
			place->bus, place->slot, place->function,
			place->multifunction == PP_ON ? " multifunction='on'" : "");
		break;
	case PP_PLACE_DRIVE:
		pp_buffer_printf(buffer,
			"<address type='drive' controller='%u' bus='%u' target='%u' unit='%u'/>",
			place->controller, place->bus, place->target, place->unit);
		break;
	case PP_PLACE_USB:
		pp_buffer_printf(buffer, "<address type='usb' bus='%u' port='%s'/>", place->bus,
			place->port);
		break;
	case PP_PLACE_VIRTIO_SERIAL:
		pp_buffer_printf(buffer,
			"<address type='virtio-serial' controller='%u' bus='%u' port='%s'/>",
			place->controller, place->bus, place->port);
		break;
	default:
		break;
	}
}

static bool is_placed(const struct pp_place *place)
{
	return place->type == PP_PLACE_PCI || place->type == PP_PLACE_DRIVE ||
	       place->type == PP_PLACE_USB || place->type == PP_PLACE_VIRTIO_SERIAL;
}

/* A <console> that is the <serial> once more says nothing of its own. */
static bool has_alias(const struct pp_domain_device *device)
{
	bool again = device->kind == PP_DEV_CONSOLE && device->chardev.duplicate;

	return device->alias && !again && device->kind != PP_DEV_GRAPHICS &&
	       device->kind != PP_DEV_AUDIO;
}

static void put_line(struct pp_buffer *buffer, const char *indent)
{
	if (*indent)
		pp_buffer_puts(buffer, indent);
}

/* What was settled of a device: each on a line that begins with INDENT. */
static void put_settled(struct pp_buffer *buffer, const struct pp_domain_device *device,
	bool has_mac, const char *indent)
{
	const uint8_t *mac = device->interface.mac;

	if (device->kind == PP_DEV_INTERFACE && !has_mac) {
		put_line(buffer, indent);
		pp_buffer_printf(buffer, "<mac address='%02x:%02x:%02x:%02x:%02x:%02x'/>", mac[0],
			mac[1], mac[2], mac[3], mac[4], mac[5]);
	}
	if (has_alias(device)) {
		put_line(buffer, indent);
		pp_buffer_printf(buffer, "<alias name='%s'/>", device->alias);
	}
	if (is_placed(&device->place)) {
		put_line(buffer, indent);
		put_place(buffer, &device->place);
	}
}

/* The line break and the blanks in front of what ends, or begins, at AT; "" where it is not alone
 * on its line. */
static const char *indent_of(struct pp_arena *arena, const char *text, size_t at, const char *more)
{
	size_t start = line_start(text, at);

	if (start == 0 || text[start - 1] != '\n')
		return "";
	return pp_arena_printf(arena, "\n%.*s%s", (int)(at - start), text + start, more);
}

static void skip_child(struct copying *copying, const struct pp_element *child)
{
	size_t start = tag_start(copying->text, child->start);
	size_t blanks = line_start(copying->text, start);

	if (blanks > 0 && copying->text[blanks - 1] == '\n')
		start = blanks - 1;
	copy_to(copying, start);
	copying->at = child->end;
}

static int settle_element(struct pp_arena *arena, struct copying *copying,
	const struct pp_element *element, const struct pp_domain_device *device)
{
	bool has_mac = pp_element_child(element, "mac");
	const char *indent;

	for (const struct pp_element *child = element->first; child; child = child->next)
		if ((has_alias(device) && !strcmp(child->name, "alias")) ||
			(is_placed(&device->place) && !strcmp(child->name, "address")))
			skip_child(copying, child);
	if (copying->text[element->start] == '/') {
		copy_to(copying, element->start);
		pp_buffer_putc(copying->buffer, '>');
		indent = indent_of(
			arena, copying->text, tag_start(copying->text, element->start), "");
		if (!indent)
			return -ENOMEM;
		put_settled(copying->buffer, device, has_mac,
			*indent ? pp_arena_printf(arena, "%s  ", indent) : "");
		pp_buffer_printf(copying->buffer, "%s</%s>", indent, element->name);
		copying->at = element->end;
		return 0;
	}
	size_t tag = tag_start(copying->text, element->end - 1);
	indent = indent_of(arena, copying->text, tag, "  ");
	if (!indent)
		return -ENOMEM;
	copy_to(copying, *indent ? line_start(copying->text, tag) - 1 : tag);
	put_settled(copying->buffer, device, has_mac, indent);
	copy_to(copying, element->end);
	return 0;
}

static void put_controller(struct pp_buffer *buffer, const struct pp_controller *controller)
{
	static const char *const types[] = {
		"pci", "usb", "sata", "ide", "scsi", "virtio-serial", "fdc", "ccid", "nvme"};

	pp_buffer_printf(buffer, "<controller type='%s' index='%d'", types[controller->type],
		controller->index);
	if (controller->model)
		pp_buffer_printf(buffer, " model='%s'", controller->model);
	pp_buffer_putc(buffer, '>');
	if (controller->model_name)
		pp_buffer_printf(buffer, "<model name='%s'/>", controller->model_name);
	if (controller->chassis >= 0)
		pp_buffer_printf(buffer, "<target chassis='%d' port='0x%x'/>", controller->chassis,
			controller->port);
	else if (controller->chassis_nr >= 0)
		pp_buffer_printf(buffer, "<target chassisNr='%d'/>", controller->chassis_nr);
	else if (controller->bus_nr >= 0 && controller->node < 0)
		pp_buffer_printf(buffer, "<target busNr='%d'/>", controller->bus_nr);
	else if (controller->bus_nr >= 0)
		pp_buffer_printf(buffer, "<target busNr='%d'><node>%d</node></target>",
			controller->bus_nr, controller->node);
}

/* What pp_domain_assign adds by itself and has a place on the guest's PCI or USB; the rest follows
 * from the definition again. */
static void put_implied(struct pp_buffer *buffer, const struct pp_domain_device *device)
{
	const char *element = pp_domain_device_element(device->kind);

	switch (device->kind) {
	case PP_DEV_CONTROLLER:
		put_controller(buffer, &device->controller);
		break;
	case PP_DEV_MEMBALLOON:
		pp_buffer_printf(buffer, "<memballoon model='%s'>", device->memballoon.model);
		break;
	case PP_DEV_VIDEO:
		pp_buffer_printf(
			buffer, "<video><model type='%s' primary='yes'/>", device->video.model);
		break;
	case PP_DEV_HUB:
		pp_buffer_puts(buffer, "<hub type='usb'>");
		break;
	case PP_DEV_AUDIO:
		pp_buffer_printf(
			buffer, "<audio id='%d' type='%s'>", device->audio.id, device->audio.type);
		break;
	default:
		return;
	}
	put_settled(buffer, device, true, "");
	pp_buffer_printf(buffer, "</%s>", element);
}

static const char *name_of(const struct pp_domain_device *device)
{
	bool interface = device->kind == PP_DEV_HOSTDEV && device->hostdev.interface;

	return interface ? "interface" : pp_domain_device_element(device->kind);
}

static int settle_elements(struct pp_arena *arena, struct copying *copying,
	const struct pp_element *devices, const struct pp_domain *assigned, size_t *ret_count)
{
	size_t count = 0;
	int r = 0;

	for (const struct pp_element *e = devices ? devices->first : NULL; r >= 0 && e;
		e = e->next) {
		/* Each element but this one is a device, in the order of the text. */
		if (!strcmp(e->name, "emulator"))
			continue;
		if (count == assigned->n_devices ||
			strcmp(e->name, name_of(&assigned->devices[count])) != 0)
			return -ESTALE;
		r = settle_element(arena, copying, e, &assigned->devices[count++]);
	}
	*ret_count = count;
	return r;
}

int pp_domain_text_live(const char *text, size_t length, const struct pp_domain *assigned,
	char **ret_text, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	PP_BUFFER struct pp_buffer implied = PP_BUFFER_INIT;
	struct copying copying = {.text = text, .buffer = &buffer};
	const struct pp_element *root;
	size_t count = 0;

	int r = read_root(arena, text, length, &root, error);
	if (r < 0)
		return r;
	r = settle_elements(arena, &copying, pp_element_child(root, "devices"), assigned, &count);
	if (r < 0)
		return pp_error_errno(error, r, "cannot write down how the guest is started");
	copy_to(&copying, length);
	for (size_t i = count; i < assigned->n_devices; i++) {
		size_t before = implied.length;

		put_implied(&implied, &assigned->devices[i]);
		if (implied.length > before && i + 1 < assigned->n_devices)
			pp_buffer_puts(&implied, "\n    ");
	}
	if (buffer.failed || implied.failed)
		return pp_error_oom(error);
	if (implied.length == 0)
		return take(&buffer, ret_text, error);
	return pp_domain_text_add(buffer.data, buffer.length, implied.data, ret_text, error);
}

/* ---- a virtual function in the place of a network of them ---- */

/* What an interface of a host's device has not: of QEMU's own card, and of its tap. */
static bool is_emulated(const struct pp_element *element)
{
	static const char *const names[] = {"model", "driver", "target", "link"};

	for (unsigned i = 0; i < PP_COUNT(names); i++)
		if (!strcmp(element->name, names[i]))
			return true;
	return false;
}

static void put_function(struct copying *copying, const struct pp_element *interface,
	const struct pp_address *source, bool managed)
{
	copy_to(copying, tag_start(copying->text, interface->start));
	pp_buffer_printf(
		copying->buffer, "<interface type='hostdev' managed='%s'", managed ? "yes" : "no");
	copying->at = interface->start;
	for (const struct pp_element *child = interface->first; child; child = child->next) {
		if (is_emulated(child))
			skip_child(copying, child);
		if (strcmp(child->name, "source") != 0)
			continue;
		copy_to(copying, tag_start(copying->text, child->start));
		pp_buffer_printf(copying->buffer,
			"<source><address type='pci' domain='0x%04x' bus='0x%02x' slot='0x%02x' "
			"function='0x%x'/></source>",
			source->domain, source->bus, source->slot, source->function);
		copying->at = child->end;
	}
}

int pp_domain_text_function(const char *text, size_t length, size_t number,
	const struct pp_address *source, bool managed, char **ret_text, struct pp_error *error)
{
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	struct copying copying = {.text = text, .buffer = &buffer};
	const struct pp_element *root, *devices, *found;

	int r = read_root(arena, text, length, &root, error);
	if (r < 0)
		return r;
	devices = pp_element_child(root, "devices");
	found = devices ? pp_element_child(devices, "interface") : NULL;
	while (found && number-- > 0)
		found = pp_element_again(found);
	if (!found)
		return pp_error_errno(error, -ESTALE, "cannot write down how the guest is started");
	put_function(&copying, found, source, managed);
	copy_to(&copying, length);
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
