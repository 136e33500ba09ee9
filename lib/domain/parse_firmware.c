/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The firmware in <os>: <firmware>, <loader>, <nvram>. */
#include "base/parse.h"
#include "lib/domain/parse.h"

static const char *text_or_null(struct pp_parsing *parsing, const struct pp_element *element)
{
	return pp_element_is_blank(element->text) ? NULL : pp_parsing_path(parsing, element, NULL);
}

static void parse_features(struct pp_parsing *parsing, const struct pp_element *element)
{
	struct pp_domain_os *os = &parsing->domain->os;

	if (element && (!os->efi || os->loader))
		pp_parsing_fail(parsing, element->line,
			"<firmware> says what to look for among the host's firmware: it needs <os "
			"firmware='efi'> without a path in <loader>");
	for (const struct pp_element *feature = pp_element_child(element, "feature"); feature;
		feature = pp_element_again(feature)) {
		enum pp_tristate *place = pp_parsing_is(feature, "name", "secure-boot")
						  ? &os->secure_boot
						  : &os->enrolled_keys;

		if (*place != PP_UNSET)
			pp_parsing_fail(parsing, feature->line, "the feature '%s' is there twice",
				pp_element_attribute(feature, "name"));
		*place = pp_parsing_switch(feature, "enabled");
	}
}

/* Without a type it is a ROM, unless the host's UEFI is asked for. */
static bool is_flash(const struct pp_parsing *parsing, const struct pp_element *loader)
{
	return pp_parsing_is(loader, "type", "pflash") ||
	       (!pp_element_attribute(loader, "type") && parsing->domain->os.efi);
}

static void parse_rom(struct pp_parsing *parsing, const struct pp_element *loader)
{
	static const char *const of_flash[] = {"secure", "stateless", "format", NULL};
	const struct pp_domain_os *os = &parsing->domain->os;

	if (os->efi)
		pp_parsing_fail(parsing, loader->line,
			"<loader type='rom'> is no UEFI, which <os firmware='efi'> asks for");
	if (!os->loader)
		pp_parsing_fail(parsing, loader->line, "<loader> needs a path");
	for (unsigned i = 0; of_flash[i]; i++)
		if (pp_element_attribute(loader, of_flash[i]))
			pp_parsing_fail(parsing, loader->line, "%s of <loader> needs type='pflash'",
				of_flash[i]);
	if (pp_parsing_is(loader, "readonly", "no"))
		pp_parsing_fail(parsing, loader->line, "a ROM is readonly='yes'");
}

static void parse_flash(struct pp_parsing *parsing, const struct pp_element *loader)
{
	struct pp_domain_os *os = &parsing->domain->os;

	if (!os->loader && !os->efi)
		pp_parsing_fail(parsing, loader->line,
			"<loader> needs a path, or <os firmware='efi'>, which chooses one");
	/* Its variables would be kept in a file that every guest has. */
	if (os->loader ? !pp_parsing_is(loader, "readonly", "yes")
		       : pp_parsing_is(loader, "readonly", "no"))
		pp_parsing_fail(parsing, loader->line,
			"firmware that the guest writes is not understood by pcipass: <loader "
			"readonly='yes' type='pflash'>, and its variables in <nvram>");
	os->efi = true;
	os->loader_secure = pp_parsing_switch(loader, "secure");
	os->loader_stateless = pp_parsing_switch(loader, "stateless");
	os->loader_format = pp_parsing_attribute(parsing, loader, "format");
}

static void parse_nvram(struct pp_parsing *parsing, const struct pp_element *nvram)
{
	struct pp_domain_os *os = &parsing->domain->os;
	const struct pp_element *source = pp_element_child(nvram, "source");

	if (!os->efi || os->loader_stateless == PP_ON)
		pp_parsing_fail(parsing, nvram->line, "<nvram> needs %s",
			os->efi ? "firmware that keeps variables, not stateless='yes'"
				: "<os firmware='efi'> or <loader type='pflash'>");
	os->nvram = text_or_null(parsing, nvram);
	if (os->nvram && source)
		pp_parsing_fail(parsing, nvram->line, "<nvram> has a path and a <source>");
	if (source)
		os->nvram = pp_parsing_path(parsing, source, "file");
	os->nvram_template = pp_parsing_path(parsing, nvram, "template");
	os->nvram_format = pp_parsing_attribute(parsing, nvram, "format");
	const char *from = pp_element_attribute(nvram, "templateFormat");
	if (from && os->nvram_format && !pp_text_is(os->nvram_format, from))
		pp_parsing_fail(parsing, nvram->line,
			"format and templateFormat of <nvram> differ: pcipass does not convert");
	if (!os->nvram_format)
		os->nvram_format = pp_parsing_copy(parsing, from);
}

void pp_parsing_firmware(struct pp_parsing *parsing, const struct pp_element *element)
{
	struct pp_domain_os *os = &parsing->domain->os;
	const struct pp_element *loader = pp_element_child(element, "loader");
	const struct pp_element *nvram = pp_element_child(element, "nvram");

	os->efi = pp_parsing_is(element, "firmware", "efi");
	if (loader) {
		os->loader_line = loader->line;
		os->loader = text_or_null(parsing, loader);
		if (is_flash(parsing, loader))
			parse_flash(parsing, loader);
		else
			parse_rom(parsing, loader);
	}
	parse_features(parsing, pp_element_child(element, "firmware"));
	if (nvram)
		parse_nvram(parsing, nvram);
}
