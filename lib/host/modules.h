/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The modules of the running kernel, as /lib/modules/RELEASE lists them. */
#ifndef HOST_MODULES_H
#define HOST_MODULES_H

#include "lib/host/reader.h"

struct pp_modules {
	const char *builtin;  /* modules.builtin, as text; "" where it is missing */
	const char *loadable; /* modules.dep, the same; NULL: not read yet, for it is large */
	struct pp_module_alias *aliases; /* of modules.alias, those for VFIO */
	size_t n_aliases;
};
struct pp_module_alias {
	const char *pattern; /* "v000015B3d0000101Esv*sd*bc*sc*i*" */
	const char *module;  /* "mlx5_vfio_pci" */
};

/* Read once; they live in the reader's scratch arena. */
int pp_modules_read(struct pp_reader *reader, const struct pp_modules **ret_modules);
/* "vfio-pci" and "vfio_pci" are the same. */
bool pp_modules_builtin(const struct pp_modules *modules, const char *name);
int pp_modules_loadable(struct pp_reader *reader, const char *name, bool *ret_loadable);
/* Whether there are such lists. */
int pp_modules_known(struct pp_reader *reader, bool *ret_known);
/* The module that the aliases name for a device that goes to a guest, by the fewest wildcards:
 * "vfio_pci" or a variant; NULL where there is none. */
const char *pp_modules_vfio(const struct pp_modules *modules, const char *modalias);

#endif
