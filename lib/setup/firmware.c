/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the makers of boards have put the switch of the IOMMU. Names differ between models and
 * versions: they say what to look for. */
#include "base/parse.h"
#include "lib/setup/maker.h"
#include <string.h>
#include <strings.h>

static const struct {
	const char *vendor; /* what the board's vendor begins with */
	const char *intel, *amd;
} boards[] = {
	{"ASUS", "Advanced > System Agent (SA) Configuration > VT-d",
		"Advanced > AMD CBS > NBIO Common Options > IOMMU"},
	{"ASRock", "Advanced > Chipset Configuration > VT-d",
		"Advanced > AMD CBS > NBIO Common Options > IOMMU"},
	{"Gigabyte", "Settings > Miscellaneous (or Chipset) > VT-d",
		"Settings > Miscellaneous > IOMMU"},
	{"Micro-Star", "OC > CPU Features > Intel VT-D Tech",
		"OC > Advanced CPU Configuration > AMD CBS > IOMMU"},
	{"MSI", "OC > CPU Features > Intel VT-D Tech",
		"OC > Advanced CPU Configuration > AMD CBS > IOMMU"},
	{"Supermicro",
		"Advanced > Chipset Configuration > North Bridge > IIO Configuration > "
		"Intel VT for Directed I/O (VT-d)",
		"Advanced > NB Configuration > IOMMU"},
	{"Dell",
		"Virtualization Support > VT for Direct I/O (servers: System BIOS > Processor "
		"Settings > Virtualization Technology)",
		"System BIOS > Processor Settings > IOMMU Support"},
	{"HPE",
		"System Configuration > BIOS/Platform Configuration (RBSU) > Virtualization "
		"Options > Intel VT-d",
		"System Configuration > BIOS/Platform Configuration (RBSU) > Virtualization "
		"Options > AMD I/O Virtualization Technology"},
	{"HP", "Security > System Security > Virtualization Technology for Directed I/O (VTd)",
		"Security > System Security > AMD I/O Virtualization (or DMA protection)"},
	{"Hewlett", "Security > System Security > Virtualization Technology for Directed I/O (VTd)",
		"Security > System Security > AMD I/O Virtualization (or DMA protection)"},
	{"LENOVO", "Security > Virtualization > Intel VT-d Feature",
		"Security > Virtualization > AMD IOMMU (or AMD-V)"},
	{"Intel", "Security > Security Features > Intel VT for Directed I/O (VT-d)", NULL},
	{"FUJITSU", "Advanced > CPU Configuration > VT-d", "Advanced > CPU Configuration > IOMMU"},
	{"Acer", "Advanced > Chipset > VT-d", "Advanced > IOMMU"},
};

static char *value(struct pp_maker *maker, const char *path)
{
	const char *text = pp_boot_text(maker->boot, path);
	return text ? pp_arena_strndup(maker->arena, text, strcspn(text, "\n")) : NULL;
}

const char *pp_firmware_setting(struct pp_maker *maker)
{
	bool amd = maker->host->iommu->cpu == PP_VENDOR_AMD;
	const char *plain = amd ? "\"IOMMU\" or \"AMD-Vi\" (\"SVM\" is another one)"
				: "\"Intel VT for Directed I/O (VT-d)\"";
	char *vendor = value(maker, "/sys/class/dmi/id/board_vendor");
	char *board = value(maker, "/sys/class/dmi/id/board_name");
	char *version = value(maker, "/sys/class/dmi/id/bios_version");
	if (!vendor || !*vendor)
		vendor = value(maker, "/sys/class/dmi/id/sys_vendor");
	for (size_t i = 0; vendor && i < PP_COUNT(boards); i++) {
		const char *where = amd ? boards[i].amd : boards[i].intel;
		if (strncasecmp(vendor, boards[i].vendor, strlen(boards[i].vendor)) != 0 || !where)
			continue;
		return pp_maker_printf(maker,
			"in the firmware's setup of this %s%s%s%s%s%s look for %s, and switch it "
			"on; a newer BIOS may be needed",
			vendor, board ? " " : "", board ? board : "", version ? " (BIOS " : "",
			version ? version : "", version ? ")" : "", where);
	}
	return pp_maker_printf(maker,
		"switch on %s in the firmware's setup%s%s; a newer BIOS may be needed", plain,
		vendor ? " of this " : "", vendor ? vendor : "");
}
