/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/library.h"
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

static int fail(const struct pp_library *library, struct pp_error *error)
{
	const char *why = dlerror();

	return pp_error_set(error, PP_STATUS_FAILED, -ELIBACC,
		"cannot load %s: %s; it is in Debian's package %s", library->soname,
		why ? why : "no reason is given", library->package);
}

int pp_library_load(struct pp_library *library, struct pp_error *error)
{
	if (__atomic_load_n(&library->loaded, __ATOMIC_ACQUIRE))
		return 0;
	void *handle = dlopen(library->soname, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
	if (!handle)
		return fail(library, error);
	for (size_t i = 0; i < library->n_functions; i++) {
		void *function = dlsym(handle, library->functions[i].name);
		if (!function)
			return fail(library, error);
		memcpy(library->functions[i].ret_function, &function, sizeof(function));
	}
	__atomic_store_n(&library->loaded, true, __ATOMIC_RELEASE);
	return 0;
}
