/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists the PCI devices of a machine, and detaches one of them for a guest:
 *   cc detach.c $(pkg-config --cflags --libs pcipass) && ./a.out ROOT [DEVICE] */
#include <pcipass.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct pp_error error = {0};
	struct pp_context *context = NULL;
	struct pp_host *host = NULL;
	const struct pp_device *device = NULL;
	struct pp_findings *findings = NULL;
	struct pp_check_options checks = {.driver = "vfio-pci", .act = true};
	struct pp_plan *plan = NULL;
	bool changed = false;

	int r = pp_context_open(argc > 1 ? argv[1] : NULL, &context, &error);
	r = r < 0 ? r : pp_host_read(context, PP_READ_ALL, &host, &error);
	for (size_t i = 0; r == 0 && i < host->n_devices; i++)
		printf("%s %s\n", host->devices[i].name,
			host->devices[i].driver ? host->devices[i].driver : "-");
	if (r == 0 && argc > 2 &&
		(pp_device_find(context, host, argv[2], &device, &error) < 0 ||
			pp_check_devices(host, &device, 1, &checks, &findings, &error) < 0 ||
			pp_findings_refuse(findings, &error) < 0 ||
			pp_plan_detach(host, &device, 1, "vfio-pci", &plan, &error) < 0 ||
			pp_apply(context, plan, NULL, &changed, &error) < 0))
		r = -1;
	if (r < 0)
		fprintf(stderr, "error: %s\n%s\n", error.text, error.remedy);
	else
		printf("%s\n", changed ? "detached" : "nothing changed");
	pp_plan_free(plan);
	pp_findings_free(findings);
	pp_host_free(host);
	pp_context_close(context);
	return r < 0 ? (int)error.status : 0;
}
