/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The checks, by the file that they live in; table.c names them all. */
#ifndef LIB_CHECK_SUBJECTS_H
#define LIB_CHECK_SUBJECTS_H

#include "lib/check/check.h"

typedef void pp_check_function(struct pp_check_run *run);

/* iommu.c */
pp_check_function pp_check_no_iommu, pp_check_vfio_missing, pp_check_no_interrupt_remapping;
/* platform.c */
pp_check_function pp_check_iommu_table, pp_check_iommu_fault, pp_check_iommu_width,
	pp_check_vfio_backend, pp_check_no_kvm, pp_check_lockdown, pp_check_dma_entry_limit,
	pp_check_suspend;
/* settings.c */
pp_check_function pp_check_iommu_parameter, pp_check_parameter_not_used, pp_check_parameter_unknown,
	pp_check_module_missing, pp_check_hook_calls_libvirt, pp_check_port_gone;
/* device.c */
pp_check_function pp_check_group_unread, pp_check_device_vanished, pp_check_config_dead,
	pp_check_not_endpoint, pp_check_permission;
/* power.c */
pp_check_function pp_check_power_off, pp_check_device_errors, pp_check_link_slow,
	pp_check_interrupt_shared;
/* kind.c */
pp_check_function pp_check_vmd, pp_check_igd, pp_check_removable, pp_check_vgpu,
	pp_check_pf_on_vfio, pp_check_vfs_on, pp_check_vf_room, pp_check_vf_link;
/* knownbad.c */
pp_check_function pp_check_known_bad;
/* binding.c */
pp_check_function pp_check_bind_failed, pp_check_override_left, pp_check_ids_match_several,
	pp_check_boot_binding_lost, pp_check_claimed;
/* group.c */
pp_check_function pp_check_group_none, pp_check_group_not_viable, pp_check_takes_along,
	pp_check_no_acs, pp_check_behind_bridge, pp_check_reserved_direct;
/* inuse.c */
pp_check_function pp_check_in_use;
/* reset.c */
pp_check_function pp_check_no_reset, pp_check_reset_shared_bus;
/* bar.c */
pp_check_function pp_check_bar_unassigned, pp_check_framebuffer, pp_check_rebar;
/* guestdevice.c */
pp_check_function pp_check_device_missing, pp_check_identity_changed, pp_check_group_changed,
	pp_check_not_detached, pp_check_libvirt_policy, pp_check_slot_split,
	pp_check_express_as_conventional, pp_check_viommu_group, pp_check_viommu_options,
	pp_check_file_unreadable, pp_check_unplug_needs_guest, pp_check_no_free_port;
/* guestmemory.c */
pp_check_function pp_check_memory_short, pp_check_numa_far, pp_check_memlock, pp_check_memory_slow,
	pp_check_guest_address_width, pp_check_guest_memory_hole, pp_check_mmio_window,
	pp_check_guest_mappings;
/* guestkind.c */
pp_check_function pp_check_guest_igd, pp_check_nvidia_windows, pp_check_rom_used, pp_check_rom_runs,
	pp_check_rom_invalid, pp_check_peer_to_peer;

#endif
