/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/json.h"
#include "base/parse.h"
#include "cli/export.h"
#include <ctype.h>
#include <string.h>

#define HEAD                                                                                       \
	"# written by pcipass export %s; pcipass export %s --check says whether it still holds\n"

/* The pools that are meant, one after the other. */
#define FOR_EACH_POOL(pool, export)                                                                \
	for (const struct pp_pool *                                                                \
			pool = (export)->only ? (export)->only : (export)->pools->items,           \
		       *end_ = (export)->only ? (export)->only + 1                                 \
					      : (export)->pools->items + (export)->pools->n_items; \
		pool < end_; pool++)

static const struct pp_pool_device *leader(const struct pp_pool_unit *unit)
{
	return &unit->devices[0];
}

/* What the format does not take in a name becomes OTHER. */
static void put_name(struct pp_buffer *out, const char *text, const char *also, char other)
{
	for (; *text; text++)
		pp_buffer_putc(
			out, isalnum((unsigned char)*text) || strchr(also, *text) ? *text : other);
}

/* Another unit before this one has a leader of the same kind. */
static bool known_kind(const struct pp_pool *pool, size_t index)
{
	const struct pp_pool_device *device = leader(&pool->units[index]);
	for (size_t i = 0; i < index; i++)
		if (leader(&pool->units[i])->identity.vendor == device->identity.vendor &&
			leader(&pool->units[i])->identity.product == device->identity.product)
			return true;
	return false;
}

/* ---- CDI ---- */

static int add_node(struct pp_json *nodes, const char *path)
{
	struct pp_json *node = pp_json_object();
	if (!node)
		return -ENOMEM;
	int r = pp_json_set_string(node, "path", path);
	r = r < 0 ? r : pp_json_set_string(node, "permissions", "mrw");
	int added = pp_json_add(nodes, node);
	return r < 0 ? r : added;
}

static int add_cdi_device(
	struct pp_json *devices, const struct pp_pool_unit *unit, const struct pp_host *host)
{
	PP_FREE int *groups = NULL;
	size_t n_groups = 0;
	PP_BUFFER struct pp_buffer text = PP_BUFFER_INIT;
	struct pp_json *device = pp_json_object(), *edits = pp_json_object(),
		       *nodes = pp_json_array();
	int r = pp_unit_groups(unit, host, &groups, &n_groups);
	r = r < 0 || !device || !edits || !nodes ? -ENOMEM : add_node(nodes, "/dev/vfio/vfio");
	for (size_t i = 0; r == 0 && i < n_groups; i++) {
		pp_buffer_reset(&text);
		pp_buffer_printf(&text, "/dev/vfio/%d", groups[i]);
		r = add_node(nodes, pp_buffer_text(&text));
	}
	if (r < 0) {
		pp_json_free(device);
		pp_json_free(edits);
		pp_json_free(nodes);
		return r;
	}
	pp_buffer_reset(&text);
	put_name(&text, leader(unit)->name, ".", '_');
	r = pp_json_set_string(device, "name", pp_buffer_text(&text));
	int set = pp_json_set(edits, "deviceNodes", nodes);
	int put = pp_json_set(device, "containerEdits", edits);
	int added = pp_json_add(devices, device);
	return r < 0 || set < 0 || put < 0 || added < 0 ? -ENOMEM : 0;
}

/* 0.5.0 is the lowest version in which a name may begin with a digit. */
static int write_cdi(const struct cli_export *export, struct pp_buffer *out, struct pp_error *error)
{
	if (!export->only && export->pools->n_items > 1)
		return pp_error_set(error, PP_STATUS_USAGE, -EINVAL,
			"a file of CDI has one kind: choose one with --resource");
	const struct pp_pool *pool = export->only ? export->only : export->pools->items;
	PP_CLEANUP(pp_json_freep) struct pp_json *value = pp_json_object();
	struct pp_json *devices = pp_json_array();
	int r = value && devices ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < pool->n_units; i++)
		r = add_cdi_device(devices, &pool->units[i], export->host);
	if (r == 0)
		r = pp_json_set_string(value, "cdiVersion", "0.5.0");
	if (r == 0)
		r = pp_json_set_string(value, "kind", pool->resource);
	if (r < 0) {
		pp_json_free(devices);
		return pp_error_oom(error);
	}
	r = pp_json_set(value, "devices", devices);
	PP_FREE char *text = r < 0 ? NULL : pp_json_print(value, true);
	if (!text)
		return pp_error_oom(error);
	pp_buffer_puts(out, text);
	if (!pp_text_ends(text, "\n"))
		pp_buffer_putc(out, '\n');
	return 0;
}

/* ---- Node Feature Discovery ---- */

static int write_nfd(const struct cli_export *export, struct pp_buffer *out, struct pp_error *error)
{
	pp_buffer_printf(out, HEAD, "nfd", "nfd");
	pp_buffer_printf(out, "pcipass.dev/iommu=%s\n", export->host->n_groups > 0 ? "on" : "off");
	FOR_EACH_POOL(pool, export)
	{
		const char *name = strchr(pool->resource, '/') + 1;
		if (strlen(name) + strlen(".units") > 63)
			return pp_error_set(error, PP_STATUS_USAGE, -EINVAL,
				"%s: %s.units is longer than the 63 characters of a label",
				pool->resource, name);
		pp_buffer_printf(out, "%s.units=%zu\n", pool->resource, pool->n_units);
	}
	return 0;
}

/* ---- OpenStack Nova ---- */

static const char *nova_type(const struct cli_export *export, const struct pp_pool_device *listed)
{
	const struct pp_device *device = pp_host_device(export->host, &listed->address);
	if (device && device->physical_function)
		return "type-VF";
	return device && device->sriov_total > 0 ? "type-PF" : "type-PCI";
}

static int write_nova(
	const struct cli_export *export, struct pp_buffer *out, struct pp_error *error)
{
	pp_buffer_printf(out, HEAD "[pci]\n", "nova", "nova");
	FOR_EACH_POOL(pool, export)
	{
		PP_BUFFER struct pp_buffer class = PP_BUFFER_INIT;
		put_name(&class, pool->variable + strlen("PCI_RESOURCE_"), "_", '_');
		for (size_t i = 0; i < pool->n_units; i++) {
			const struct pp_pool_device *device = leader(&pool->units[i]);
			if (device->address.domain > 0xffff)
				return pp_error_set(error, PP_STATUS_USAGE, -EINVAL,
					"%s: Nova passes over domains above ffff", device->name);
			pp_buffer_printf(out,
				"device_spec = {\"address\": \"%s\", \"vendor_id\": \"%04x\", "
				"\"product_id\": \"%04x\", \"resource_class\": \"CUSTOM_%s\"}\n",
				device->name, device->identity.vendor, device->identity.product,
				pp_buffer_text(&class));
		}
		for (size_t i = 0; i < pool->n_units; i++) {
			const struct pp_pool_device *device = leader(&pool->units[i]);
			if (known_kind(pool, i))
				continue;
			pp_buffer_printf(out,
				"alias = {\"vendor_id\": \"%04x\", \"product_id\": \"%04x\", "
				"\"device_type\": \"%s\", \"name\": \"",
				device->identity.vendor, device->identity.product,
				nova_type(export, device));
			put_name(out, pool->resource, "-._", '_');
			pp_buffer_puts(out, "\"}\n");
		}
	}
	return 0;
}

/* ---- Proxmox VE ---- */

static int put_mapping(const struct cli_export *export, const struct pp_pool_unit *unit,
	struct pp_buffer *out, struct pp_error *error)
{
	const struct pp_device *device = pp_host_device(export->host, &leader(unit)->address);
	if (!device)
		return pp_error_set(
			error, PP_STATUS_NOT_READY, -ENODEV, "%s is not there", leader(unit)->name);
	pp_buffer_printf(out, "\tmap id=%04x:%04x,iommugroup=%d,node=%s,path=", device->vendor,
		device->product, device->group, export->node);
	for (size_t i = 0; i < unit->n_devices; i++)
		pp_buffer_printf(out, "%s%s", i ? ";" : "", unit->devices[i].name);
	if (device->subvendor || device->subproduct)
		pp_buffer_printf(
			out, ",subsystem-id=%04x:%04x", device->subvendor, device->subproduct);
	pp_buffer_putc(out, '\n');
	return 0;
}

static int write_proxmox(
	const struct cli_export *export, struct pp_buffer *out, struct pp_error *error)
{
	FOR_EACH_POOL(pool, export)
	{
		if (pool != export->only && pool != export->pools->items)
			pp_buffer_putc(out, '\n');
		/* An id there begins with a letter. */
		pp_buffer_puts(out, isalpha((unsigned char)*pool->resource) ? "" : "p");
		put_name(out, pool->resource, "-_", '-');
		pp_buffer_putc(out, '\n');
		for (size_t i = 0; i < pool->n_units; i++) {
			int r = put_mapping(export, &pool->units[i], out, error);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* ---- Slurm ---- */

static void put_type(struct pp_buffer *out, const struct pp_pool *pool)
{
	put_name(out, strchr(pool->resource, '/') + 1, "_", '_');
}

static int check_types(const struct cli_export *export, struct pp_error *error)
{
	FOR_EACH_POOL(pool, export)
	{
		PP_BUFFER struct pp_buffer type = PP_BUFFER_INIT;
		put_type(&type, pool);
		for (const struct pp_pool *other = export->pools->items;
			!export->only && other < pool; other++) {
			PP_BUFFER struct pp_buffer same = PP_BUFFER_INIT;
			put_type(&same, other);
			if (pp_text_is(pp_buffer_text(&type), pp_buffer_text(&same)))
				return pp_error_set(error, PP_STATUS_USAGE, -EINVAL,
					"Slurm could not tell %s from %s: both become vfio:%s",
					pool->resource, other->resource, pp_buffer_text(&same));
		}
	}
	return 0;
}

/* A group's number is another one after a boot: made anew before slurmd starts. */
static int write_slurm(
	const struct cli_export *export, struct pp_buffer *out, struct pp_error *error)
{
	int r = check_types(export, error);
	if (r < 0)
		return r;
	pp_buffer_printf(out, HEAD, "slurm", "slurm");
	pp_buffer_printf(
		out, "# slurm.conf: GresTypes=vfio\n# slurm.conf: NodeName=%s Gres=", export->node);
	const char *comma = "";
	FOR_EACH_POOL(pool, export)
	{
		pp_buffer_printf(out, "%svfio:", comma);
		put_type(out, pool);
		pp_buffer_printf(out, ":%zu", pool->n_units);
		comma = ",";
	}
	pp_buffer_putc(out, '\n');
	FOR_EACH_POOL(pool, export)
	{
		for (size_t i = 0; i < pool->n_units; i++) {
			PP_FREE int *groups = NULL;
			size_t count = 0;
			if (pp_unit_groups(&pool->units[i], export->host, &groups, &count) < 0)
				return pp_error_oom(error);
			pp_buffer_puts(out, "Name=vfio Type=");
			put_type(out, pool);
			pp_buffer_puts(out, count > 1 ? " MultipleFiles=" : " File=");
			for (size_t j = 0; j < count; j++)
				pp_buffer_printf(out, "%s/dev/vfio/%d", j ? "," : "", groups[j]);
			pp_buffer_putc(out, '\n');
		}
	}
	return 0;
}

/* ---- KubeVirt ---- */

static int write_kubevirt(
	const struct cli_export *export, struct pp_buffer *out, struct pp_error *error)
{
	pp_buffer_printf(out, HEAD, "kubevirt", "kubevirt");
	pp_buffer_puts(out, "apiVersion: kubevirt.io/v1\nkind: KubeVirt\nmetadata:\n"
			    "  name: kubevirt\n  namespace: kubevirt\nspec:\n"
			    "  configuration:\n    permittedHostDevices:\n      pciHostDevices:\n");
	FOR_EACH_POOL(pool, export)
	{
		for (size_t i = 0; i < pool->n_units; i++) {
			const struct pp_pool_device *device = leader(&pool->units[i]);
			if (!known_kind(pool, i))
				pp_buffer_printf(out,
					"      - pciVendorSelector: \"%04X:%04X\"\n"
					"        resourceName: \"%s\"\n"
					"        externalResourceProvider: true\n",
					device->identity.vendor, device->identity.product,
					pool->resource);
		}
	}
	return 0;
}

const struct cli_export_format cli_export_formats[] = {
	{"cdi", "the Container Device Interface: /etc/cdi/NAME.json", write_cdi},
	{"kubevirt", "KubeVirt's list of permitted host devices", write_kubevirt},
	{"nfd", "Node Feature Discovery: a file in features.d", write_nfd},
	{"nova", "OpenStack Nova: [pci] of nova.conf", write_nova},
	{"proxmox", "Proxmox VE: sections of /etc/pve/mapping/pci.cfg", write_proxmox},
	{"slurm", "Slurm: gres.conf, with the lines of slurm.conf as comments", write_slurm},
};
const size_t cli_n_export_formats = PP_COUNT(cli_export_formats);
