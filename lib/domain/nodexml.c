/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A node device as XML: what virsh nodedev-dumpxml prints, to the byte. */
#include "base/buffer.h"
#include "base/parse.h"
#include "lib/host/node.h"
#include <string.h>

struct writer {
	struct pp_buffer text;
	int indent;
};

/* ---- lines ---- */

static void put_indent(struct writer *writer)
{
	pp_buffer_printf(&writer->text, "%*s", writer->indent, "");
}

static void PP_PRINTF(2, 3) put_line(struct writer *writer, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	put_indent(writer);
	pp_buffer_vprintf(&writer->text, format, args);
	pp_buffer_putc(&writer->text, '\n');
	va_end(args);
}

/* Opens an element, with its attributes; what follows is inside. */
static void PP_PRINTF(2, 3) put_open(struct writer *writer, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	put_indent(writer);
	pp_buffer_putc(&writer->text, '<');
	pp_buffer_vprintf(&writer->text, format, args);
	pp_buffer_puts(&writer->text, ">\n");
	va_end(args);
	writer->indent += 2;
}

static void put_close(struct writer *writer, const char *element)
{
	writer->indent -= 2;
	put_line(writer, "</%s>", element);
}

/* Control characters that XML has not are left out; other bytes stay as they are. */
static void put_escaped(struct writer *writer, const char *text)
{
	char piece[256];
	while (*text) {
		size_t length = 0;
		for (; *text && length < sizeof(piece) - 1; text++) {
			unsigned char c = (unsigned char)*text;
			if (c >= ' ' || c == '\t' || c == '\n' || c == '\r')
				piece[length++] = *text;
		}
		piece[length] = '\0';
		pp_buffer_put_xml(&writer->text, piece);
	}
}

/* <element attributes>text</element>; nothing without a text. */
static void put_element(
	struct writer *writer, const char *element, const char *attributes, const char *text)
{
	if (!text)
		return;
	put_indent(writer);
	pp_buffer_printf(&writer->text, "<%s%s>", element, attributes);
	put_escaped(writer, text);
	pp_buffer_printf(&writer->text, "</%s>\n", element);
}

static void put_text(struct writer *writer, const char *element, const char *text)
{
	put_element(writer, element, "", text);
}

static void put_number(struct writer *writer, const char *element, uint64_t value)
{
	put_line(writer, "<%s>%llu</%s>", element, (unsigned long long)value, element);
}

/* <vendor id='0x8086'>Name</vendor>; EMPTY is how the element ends without a name. */
static void put_id(struct writer *writer, const char *element, unsigned id, const char *name,
	const char *empty)
{
	put_indent(writer);
	pp_buffer_printf(&writer->text, "<%s id='0x%04x'", element, id);
	if (!name) {
		pp_buffer_printf(&writer->text, "%s\n", empty);
		return;
	}
	pp_buffer_putc(&writer->text, '>');
	put_escaped(writer, name);
	pp_buffer_printf(&writer->text, "</%s>\n", element);
}

static void put_address(struct writer *writer, const struct pp_address *address)
{
	put_line(writer, "<address domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%u'/>",
		address->domain, address->bus, address->slot, address->function);
}

/* ---- computer ---- */

static void put_system(struct writer *writer, const struct pp_node_system *system)
{
	const uint8_t *id = system->uuid;
	put_text(writer, "product", system->product);
	put_open(writer, "hardware");
	put_text(writer, "vendor", system->vendor);
	put_text(writer, "version", system->version);
	put_text(writer, "serial", system->serial);
	put_line(writer,
		"<uuid>%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x</uuid>",
		id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10],
		id[11], id[12], id[13], id[14], id[15]);
	put_close(writer, "hardware");
	put_open(writer, "firmware");
	put_text(writer, "vendor", system->bios_vendor);
	put_text(writer, "version", system->bios_version);
	put_text(writer, "release_date", system->bios_date);
	put_close(writer, "firmware");
}

/* ---- PCI ---- */

static void put_mdev_types(
	struct writer *writer, const struct pp_node_mdev_type *types, size_t count)
{
	if (count == 0)
		return;
	put_open(writer, "capability type='mdev_types'");
	for (size_t i = 0; i < count; i++) {
		put_indent(writer);
		pp_buffer_puts(&writer->text, "<type id='");
		put_escaped(writer, types[i].id);
		pp_buffer_puts(&writer->text, "'>\n");
		writer->indent += 2;
		put_text(writer, "name", types[i].name);
		put_text(writer, "deviceAPI", types[i].api);
		put_number(writer, "availableInstances", types[i].instances);
		put_close(writer, "type");
	}
	put_close(writer, "capability");
}

/* virsh does not escape these fields: neither are quotes here, but what would break the XML is. */
static void put_field(
	struct writer *writer, const char *element, const char *attributes, const char *text)
{
	if (!text)
		return;
	put_indent(writer);
	pp_buffer_printf(&writer->text, "<%s%s>", element, attributes);
	for (; *text; text++) {
		if (*text == '<')
			pp_buffer_puts(&writer->text, "&lt;");
		else if (*text == '&')
			pp_buffer_puts(&writer->text, "&amp;");
		else
			pp_buffer_putc(&writer->text, *text);
	}
	pp_buffer_printf(&writer->text, "</%s>\n", element);
}

static void put_custom(struct writer *writer, const char *element,
	const struct pp_vpd_custom *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char attributes[] = " index='?'";
		attributes[8] = fields[i].index;
		put_field(writer, element, attributes, fields[i].value);
	}
}

static void put_vpd(struct writer *writer, const struct pp_vpd *vpd)
{
	put_open(writer, "capability type='vpd'");
	put_text(writer, "name", vpd->name);
	if (vpd->readonly) {
		put_open(writer, "fields access='readonly'");
		put_field(writer, "change_level", "", vpd->change_level);
		put_field(writer, "manufacture_id", "", vpd->manufacture_id);
		put_field(writer, "part_number", "", vpd->part_number);
		put_field(writer, "serial_number", "", vpd->serial_number);
		put_custom(writer, "vendor_field", vpd->vendor, vpd->n_vendor);
		put_close(writer, "fields");
	}
	if (vpd->readwrite) {
		put_open(writer, "fields access='readwrite'");
		put_field(writer, "asset_tag", "", vpd->asset_tag);
		put_custom(writer, "vendor_field", vpd->vendor_rw, vpd->n_vendor_rw);
		put_custom(writer, "system_field", vpd->system_rw, vpd->n_system_rw);
		put_close(writer, "fields");
	}
	put_close(writer, "capability");
}

static void put_virtual_functions(struct writer *writer, const struct pp_node_pci *pci)
{
	if (pci->is_virtual_function) {
		put_open(writer, "capability type='phys_function'");
		put_address(writer, &pci->physical_function);
		put_close(writer, "capability");
	}
	if (pci->n_virtual_functions == 0 && pci->max_virtual_functions == 0)
		return;
	put_indent(writer);
	pp_buffer_puts(&writer->text, "<capability type='virt_functions'");
	if (pci->max_virtual_functions)
		pp_buffer_printf(&writer->text, " maxCount='%u'", pci->max_virtual_functions);
	if (pci->n_virtual_functions == 0) {
		pp_buffer_puts(&writer->text, "/>\n");
		return;
	}
	pp_buffer_puts(&writer->text, ">\n");
	writer->indent += 2;
	for (size_t i = 0; i < pci->n_virtual_functions; i++)
		put_address(writer, &pci->virtual_functions[i]);
	put_close(writer, "capability");
}

/* PORT: -1 for none. */
static void put_link(
	struct writer *writer, const char *validity, int port, unsigned speed, unsigned width)
{
	static const char *const speeds[] = {NULL, "2.5", "5", "8", "16", "32", "64"};
	put_indent(writer);
	pp_buffer_printf(&writer->text, "<link validity='%s'", validity);
	if (port >= 0)
		pp_buffer_printf(&writer->text, " port='%d'", port);
	if (speed > 0)
		pp_buffer_printf(&writer->text, " speed='%s'",
			speed < PP_COUNT(speeds) ? speeds[speed] : "(null)"); /* as virsh */
	pp_buffer_printf(&writer->text, " width='%u'/>\n", width);
}

static void put_express(struct writer *writer, const struct pp_node_pci *pci)
{
	if (!pci->express)
		return;
	if (!pci->link) {
		put_line(writer, "<pci-express/>");
		return;
	}
	put_open(writer, "pci-express");
	put_link(writer, "cap", (int)pci->link_port, pci->link_cap_speed, pci->link_cap_width);
	put_link(writer, "sta", -1, pci->link_speed, pci->link_width);
	put_close(writer, "pci-express");
}

static void put_pci(struct writer *writer, const struct pp_node_pci *pci)
{
	if (pci->class_code >= 0)
		put_line(writer, "<class>0x%.6x</class>", (unsigned)pci->class_code);
	put_number(writer, "domain", pci->address.domain);
	put_number(writer, "bus", pci->address.bus);
	put_number(writer, "slot", pci->address.slot);
	put_number(writer, "function", pci->address.function);
	put_id(writer, "product", pci->product, pci->product_name, "/>");
	put_id(writer, "vendor", pci->vendor, pci->vendor_name, "/>");
	put_virtual_functions(writer, pci);
	if (pci->header == PP_HEADER_BRIDGE)
		put_line(writer, "<capability type='pci-bridge'/>");
	else if (pci->header == PP_HEADER_CARDBUS)
		put_line(writer, "<capability type='cardbus-bridge'/>");
	put_mdev_types(writer, pci->mdev_types, pci->n_mdev_types);
	if (pci->vpd)
		put_vpd(writer, pci->vpd);
	if (pci->n_group_devices) {
		put_open(writer, "iommuGroup number='%d'", pci->group);
		for (size_t i = 0; i < pci->n_group_devices; i++)
			put_address(writer, &pci->group_devices[i]);
		put_close(writer, "iommuGroup");
	}
	if (pci->numa_node >= 0)
		put_line(writer, "<numa node='%d'/>", pci->numa_node);
	put_express(writer, pci);
}

/* ---- what sits on PCI ---- */

static void put_usb_device(struct writer *writer, const struct pp_node_usb_device *device)
{
	put_number(writer, "bus", device->bus);
	put_number(writer, "device", device->device);
	put_id(writer, "product", device->product, device->product_name, " />");
	put_id(writer, "vendor", device->vendor, device->vendor_name, " />");
}

static void put_usb(struct writer *writer, const struct pp_node_usb *usb)
{
	put_number(writer, "number", usb->number);
	put_number(writer, "class", usb->class_code);
	put_number(writer, "subclass", usb->subclass);
	put_number(writer, "protocol", usb->protocol);
}

static void put_net(struct writer *writer, const struct pp_node_net *net)
{
	put_text(writer, "interface", net->interface);
	put_text(writer, "address", net->address);
	if (net->speed)
		put_line(writer, "<link speed='%u' state='%s'/>", net->speed, net->state);
	else if (net->state)
		put_line(writer, "<link state='%s'/>", net->state);
	for (unsigned i = 0; i < PP_NODE_FEATURES; i++)
		if (net->features >> i & 1)
			put_line(writer, "<feature name='%s'/>", pp_node_feature_names[i]);
	put_line(writer, "<capability type='%s'/>", net->wireless ? "80211" : "80203");
}

static void put_scsi_host(struct writer *writer, const struct pp_node_record *record)
{
	const struct pp_node_scsi_host *host = &record->scsi_host;
	put_number(writer, "host", host->host);
	if (host->unique_id >= 0)
		put_line(writer, "<unique_id>%d</unique_id>", host->unique_id);
	if (record->caps & 1u << PP_NODE_FC_HOST) {
		put_open(writer, "capability type='fc_host'");
		put_text(writer, "wwnn", host->wwnn);
		put_text(writer, "wwpn", host->wwpn);
		put_text(writer, "fabric_wwn", host->fabric_wwn);
		put_close(writer, "capability");
	}
	if (record->caps & 1u << PP_NODE_VPORTS) {
		put_open(writer, "capability type='vport_ops'");
		put_line(writer, "<max_vports>%d</max_vports>", host->max_vports);
		put_line(writer, "<vports>%d</vports>", host->vports);
		put_close(writer, "capability");
	}
}

static void put_scsi_target(struct writer *writer, const struct pp_node_scsi_target *target)
{
	put_text(writer, "target", target->target);
	if (!target->rport)
		return;
	put_open(writer, "capability type='fc_remote_port'");
	put_text(writer, "rport", target->rport);
	put_text(writer, "wwpn", target->wwpn);
	put_close(writer, "capability");
}

static void put_scsi(struct writer *writer, const struct pp_node_scsi *scsi)
{
	put_number(writer, "host", scsi->host);
	put_number(writer, "bus", scsi->bus);
	put_number(writer, "target", scsi->target);
	put_number(writer, "lun", scsi->lun);
	put_text(writer, "type", scsi->type);
}

static void put_blocks(struct writer *writer, const struct pp_node_storage *storage)
{
	if (storage->block_size > 0)
		put_number(writer, "logical_block_size", storage->block_size);
	if (storage->blocks > 0)
		put_number(writer, "num_blocks", storage->blocks);
}

static void put_storage(struct writer *writer, const struct pp_node_record *record)
{
	const struct pp_node_storage *storage = &record->storage;
	put_text(writer, "block", record->devnode);
	put_text(writer, "bus", storage->bus);
	put_text(writer, "drive_type", storage->drive_type);
	put_text(writer, "model", storage->model);
	put_text(writer, "vendor", storage->vendor);
	put_text(writer, "serial", storage->serial);
	if (!storage->removable) {
		put_number(writer, "size", storage->size);
		put_blocks(writer, storage);
		return;
	}
	put_open(writer, "capability type='removable'");
	put_number(writer, "media_available", storage->media);
	put_number(writer, "media_size", storage->media_size);
	put_text(writer, "media_label", storage->media_label);
	put_blocks(writer, storage);
	put_close(writer, "capability");
}

static void put_mdev(struct writer *writer, const struct pp_node_mdev *mdev)
{
	put_indent(writer);
	pp_buffer_puts(&writer->text, "<type id='");
	put_escaped(writer, mdev->type);
	pp_buffer_puts(&writer->text, "'/>\n");
	put_text(writer, "uuid", mdev->uuid);
	put_text(writer, "parent_addr", mdev->parent);
	put_line(writer, "<iommuGroup number='%u'/>", mdev->group);
}

/* ---- a node ---- */

static void put_capability(struct writer *writer, const struct pp_node_record *record)
{
	put_open(writer, "capability type='%s'", record->node.type);
	switch (record->type) {
	case PP_NODE_SYSTEM:
		put_system(writer, &record->system);
		break;
	case PP_NODE_PCI:
		put_pci(writer, &record->pci);
		break;
	case PP_NODE_USB_DEVICE:
		put_usb_device(writer, &record->usb_device);
		break;
	case PP_NODE_USB:
		put_usb(writer, &record->usb);
		break;
	case PP_NODE_NET:
		put_net(writer, &record->net);
		break;
	case PP_NODE_SCSI_HOST:
		put_scsi_host(writer, record);
		break;
	case PP_NODE_SCSI_TARGET:
		put_scsi_target(writer, &record->scsi_target);
		break;
	case PP_NODE_SCSI:
		put_scsi(writer, &record->scsi);
		break;
	case PP_NODE_STORAGE:
		put_storage(writer, record);
		break;
	case PP_NODE_SCSI_GENERIC:
		put_text(writer, "char", record->devnode);
		break;
	case PP_NODE_DRM:
		put_text(writer, "type", record->drm_type);
		break;
	case PP_NODE_MDEV:
		put_mdev(writer, &record->mdev);
		break;
	case PP_NODE_VDPA:
		put_text(writer, "chardev", record->chardev);
		break;
	default:
		break;
	}
	put_close(writer, "capability");
}

static int refuse_name(const struct pp_nodes *nodes, const char *name, struct pp_error *error)
{
	pp_error_set(error, PP_STATUS_FAILED, ENODEV,
		"Could not find matching device '%s'\nNode device not found: no node device with "
		"matching name '%s'",
		name, name);
	const char **names = calloc(nodes->n_records + 1, sizeof(*names));
	for (size_t i = 0; names && i < nodes->n_records; i++)
		names[i] = nodes->records[i].node.name;
	const char *nearest = names ? pp_text_nearest(name, names) : NULL;
	if (nearest)
		pp_error_remedy(error, "did you mean %s?", nearest);
	else
		pp_error_remedy(error, "pcipass nodedev-list shows the names");
	free(names);
	return -ENODEV;
}

int pp_node_xml(
	const struct pp_nodes *nodes, const char *name, char **ret_xml, struct pp_error *error)
{
	const struct pp_node_record *record = pp_node_find(nodes, name);
	if (!record)
		return refuse_name(nodes, name, error);
	if (!record->detailed)
		return pp_error_set(error, PP_STATUS_FAILED, EINVAL,
			"node device %s was not read in detail", name);

	struct writer writer = {.text = PP_BUFFER_INIT};
	put_open(&writer, "device");
	put_text(&writer, "name", record->node.name);
	put_text(&writer, "path", record->node.path);
	put_element(&writer, "devnode", " type='dev'", record->devnode);
	for (size_t i = 0; i < record->n_links; i++)
		put_element(&writer, "devnode", " type='link'", record->links[i]);
	put_text(&writer, "parent", record->node.parent);
	if (record->driver) {
		put_open(&writer, "driver");
		put_text(&writer, "name", record->driver);
		put_close(&writer, "driver");
	}
	put_capability(&writer, record);
	put_close(&writer, "device");
	char *xml = pp_buffer_take(&writer.text);
	if (!xml)
		return pp_error_oom(error);
	*ret_xml = xml;
	return 0;
}
