/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every fact of a host as text, so that two can be compared. */
#ifndef TEST_HOST_PRINT_H
#define TEST_HOST_PRINT_H

#include "base/buffer.h"
#include <inttypes.h>
#include <pcipass.h>

#define TEXT(text) ((text) ? (text) : "(null)")

static inline void print_bar(struct pp_buffer *out, const struct pp_bar *bar)
{
	pp_buffer_printf(out, " %" PRIx64 "+%" PRIx64 "/%x", bar->start, bar->size, bar->flags);
}

static inline void print_capabilities(struct pp_buffer *out, const struct pp_capabilities *c)
{
	pp_buffer_printf(out, "  caps %d %x/%u %d %d pm %x/%d msi %x msix %x/%u acs %x/%x/%x",
		c->read, c->express, c->express_type, c->flr, c->af_flr, c->pm, c->pm_no_soft_reset,
		c->msi, c->msix, c->msix_vectors, c->acs, c->acs_cap, c->acs_control);
	pp_buffer_printf(out, " aer %x sriov %x ari %x rebar %x dsn %x %" PRIx64, c->aer, c->sriov,
		c->ari, c->rebar, c->dsn, c->serial);
	pp_buffer_printf(out, " link %d %u/%u/%u %u/%u pin %u bus %u-%u\n", c->link,
		c->link_cap_speed, c->link_cap_width, c->link_port, c->link_speed, c->link_width,
		c->interrupt_pin, c->secondary, c->subordinate);
}

static inline void print_health(struct pp_buffer *out, const struct pp_health *h)
{
	pp_buffer_printf(out, "  health irq %u aer %" PRIu64 " %" PRIu64 " %s %s cold %d shadow %d",
		h->irq, h->aer_fatal, h->aer_nonfatal, TEXT(h->aer), TEXT(h->runtime_status),
		h->d3cold_allowed, h->rom_shadow);
	pp_buffer_printf(out, " vgpu %d fb %s %s net %s %d", h->vgpu, TEXT(h->framebuffer),
		TEXT(h->framebuffer_line), TEXT(h->net), h->carrier);
	for (size_t i = 0; i < 6; i++) {
		print_bar(out, &h->vf_bars[i]);
		pp_buffer_printf(out, " %" PRIx64 "/%u", h->rebars[i].sizes, h->rebars[i].current);
	}
	pp_buffer_putc(out, '\n');
}

static inline void print_device(struct pp_buffer *out, const struct pp_device *d)
{
	pp_buffer_printf(out, "%s %s %04x:%04x %04x:%04x %06x %02x h%d m%d f%x", d->name, d->path,
		d->vendor, d->product, d->subvendor, d->subproduct, d->class_code, d->revision,
		d->header, d->multifunction, d->flags);
	pp_buffer_printf(out, " %s %s %s g%d n%d p %s", TEXT(d->driver), TEXT(d->driver_override),
		TEXT(d->modalias), d->group, d->numa_node, d->parent ? d->parent->name : "-");
	pp_buffer_printf(out, " | %s | %s | %s | %s | %s | %s | %s", TEXT(d->vendor_name),
		TEXT(d->product_name), TEXT(d->subsystem_name), TEXT(d->class_name),
		TEXT(d->reset_methods), TEXT(d->power_state), TEXT(d->vfio_module));
	for (size_t i = 0; i < 6; i++)
		print_bar(out, &d->bars[i]);
	print_bar(out, &d->rom);
	pp_buffer_printf(out, " vf %u/%u %s", d->sriov_count, d->sriov_total,
		d->physical_function ? d->physical_function->name : "-");
	for (size_t i = 0; i < d->n_virtual_functions; i++)
		pp_buffer_printf(out, " %s", d->virtual_functions[i]->name);
	pp_buffer_putc(out, '\n');
	print_capabilities(out, &d->capabilities);
	if (d->health)
		print_health(out, d->health);
}

static inline void print_groups(struct pp_buffer *out, const struct pp_host *host)
{
	for (size_t i = 0; i < host->n_groups; i++) {
		const struct pp_group *group = &host->groups[i];
		pp_buffer_printf(out, "group %d %s", group->number, TEXT(group->type));
		for (size_t k = 0; k < group->n_devices; k++)
			pp_buffer_printf(out, " %s", group->devices[k]->name);
		for (size_t k = 0; k < group->n_regions; k++)
			pp_buffer_printf(out, " %" PRIx64 "-%" PRIx64 " %s",
				group->regions[k].start, group->regions[k].end,
				group->regions[k].type);
		pp_buffer_putc(out, '\n');
	}
}

static inline void print_iommu(struct pp_buffer *out, const struct pp_iommu *iommu)
{
	pp_buffer_printf(out, "iommu %d %d %d %s %d %s %d %u aw %u ir %d\n", iommu->cpu,
		iommu->in_guest, iommu->virtualization, TEXT(iommu->table), iommu->table_error,
		TEXT(iommu->table_fault), iommu->table_intremap, iommu->table_width,
		iommu->address_width, iommu->interrupt_remapping);
	for (size_t i = 0; i < iommu->n_units; i++)
		pp_buffer_printf(out, " unit %s %d %" PRIx64 " %" PRIx64 "\n", iommu->units[i].name,
			iommu->units[i].registers, iommu->units[i].cap, iommu->units[i].ecap);
	for (size_t i = 0; i < iommu->n_regions; i++) {
		pp_buffer_printf(out, " region %" PRIx64 "-%" PRIx64, iommu->regions[i].start,
			iommu->regions[i].end);
		for (size_t k = 0; k < iommu->regions[i].n_devices; k++)
			pp_buffer_printf(out, " %s", iommu->regions[i].devices[k]->name);
		pp_buffer_putc(out, '\n');
	}
}

static inline void print_platform(struct pp_buffer *out, const struct pp_host *host)
{
	const struct pp_kernel *k = host->kernel;
	const struct pp_memory *m = host->memory;
	const struct pp_caller *c = host->caller;
	print_iommu(out, host->iommu);
	pp_buffer_printf(out, "kernel %s | %s | %s | %s | %d %d %d %d %d %d %" PRId64 " %d %d %s\n",
		TEXT(k->release), TEXT(k->command_line), TEXT(k->config), TEXT(k->lockdown),
		k->vfio_pci_available, k->vfio_pci_loaded, k->vfio_node, k->iommufd_node,
		k->kvm_node, k->unsafe_interrupts, k->dma_entry_limit, k->denylist_disabled,
		k->vfio_pci_builtin, TEXT(k->security));
	pp_buffer_printf(out,
		"memory %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
		m->total, m->available, m->hugepage_size, m->hugepages_total, m->hugepages_free,
		m->zfs_cache);
	for (size_t i = 0; i < m->n_nodes; i++)
		pp_buffer_printf(out, " node%d %" PRIu64 " %" PRIu64, m->nodes[i].node,
			m->nodes[i].total, m->nodes[i].free);
	pp_buffer_printf(out, "\ncaller %u %d %d %" PRIu64 " %" PRIu64 " %s\n", c->uid,
		c->may_write, c->may_raise, c->memlock, c->memory_limit,
		TEXT(c->memory_limit_file));
}

static inline void print_host(struct pp_buffer *out, const struct pp_host *host)
{
	for (size_t i = 0; i < host->n_devices; i++)
		print_device(out, &host->devices[i]);
	print_groups(out, host);
	if (host->iommu)
		print_platform(out, host);
	for (size_t i = 0; i < host->n_uses; i++) {
		const struct pp_use *use = &host->uses[i];
		pp_buffer_printf(out, "use %d %s %s | %s | %s | %d\n", use->kind, use->device->name,
			use->name, use->text, use->evidence, use->blocking);
	}
	for (size_t i = 0; i < host->n_settings; i++) {
		const struct pp_setting *s = &host->settings[i];
		pp_buffer_printf(out, "setting %d %s:%u %s = %s (%s) %d %d\n", s->kind, s->file,
			s->line, TEXT(s->name), TEXT(s->value), TEXT(s->tool), s->known,
			s->autostart);
	}
	for (size_t i = 0; i < host->n_log; i++)
		pp_buffer_printf(out, "log %s\n", host->log[i]);
	pp_buffer_printf(out, "known bad %s\n", TEXT(host->known_bad));
}

#undef TEXT
#endif
