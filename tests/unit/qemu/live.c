/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text of a guest that runs: read again, it is the very guest that was started, with nothing
 * left to be chosen. */
#include "definitions.h"
#include "lib/domain/text.h"

static struct pp_launch_options options = {.folder = "/run/pcipass/guest",
	.now = 1700000000,
	.nvram = "/nvram/g_VARS.fd",
	.bridges = definitions_bridges};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Options with their values, in an order of their own: who is added last is last on QEMU's command
 * line. */
static char *arguments_of(const struct pp_launch *launch)
{
	PP_FREE char **lines = calloc(launch->n_arguments + 1, sizeof(*lines));
	PP_BUFFER struct pp_buffer buffer = PP_BUFFER_INIT;
	size_t count = 0;

	for (size_t i = 1; i < launch->n_arguments; i++) {
		bool value = i + 1 < launch->n_arguments && launch->argv[i + 1][0] != '-';
		assert_true(asprintf(&lines[count++], "%s %s", launch->argv[i],
				    value ? launch->argv[i + 1] : "") > 0);
		i += value;
	}
	qsort(lines, count, sizeof(*lines), by_text);
	for (size_t i = 0; i < count; i++) {
		pp_buffer_printf(&buffer, "%s\n", lines[i]);
		free(lines[i]);
	}
	return pp_buffer_take(&buffer);
}

static char *live_of(const char *text, size_t length, const struct pp_domain *assigned)
{
	struct pp_error error = {0};
	char *made = NULL;

	if (pp_domain_text_live(text, length, assigned, &made, &error) < 0)
		fail_msg("%s", error.text);
	return made;
}

static void check_one(const char *name, const struct pp_qemu_capabilities *capabilities)
{
	struct definition first;
	struct pp_domain *again = NULL, *assigned = NULL;
	struct pp_launch *launch = NULL;
	struct pp_error error = {0};
	size_t length = 0;
	PP_FREE char *xml = definitions_read(name, ".xml", &length);

	definition_build(&first, name, xml, length, capabilities, &options);
	PP_FREE char *live = live_of(xml, length, first.assigned);
	/* Without any facts of the host: nothing is left to them. */
	if (pp_domain_parse_live(live, strlen(live), name, &again, &error) < 0 ||
		pp_domain_assign(again, NULL, 0, name, &assigned, &error) < 0 ||
		pp_argv_build(assigned, capabilities, &options, name, &launch, &error) < 0)
		fail_msg("%s: %s in:\n%s", name, error.text, live);
	PP_FREE char *is = arguments_of(launch);
	PP_FREE char *should = arguments_of(first.launch);
	if (strcmp(is, should))
		print_error("%s:\n%s\n", name, live);
	assert_string_equal(is, should);
	PP_FREE char *once_more = live_of(live, strlen(live), assigned);
	assert_string_equal(once_more, live);
	pp_launch_free(launch);
	pp_domain_free(assigned);
	pp_domain_free(again);
	definition_done(&first);
}

static void what_runs_is_written_down_whole(void **state)
{
	struct pp_qemu_capabilities *capabilities = definitions_qemu();
	struct dirent **list;
	size_t count = definitions_list(".", &list);

	for (size_t i = 0; i < count; i++)
		check_one(list[i]->d_name, capabilities);
	definitions_list_free(list, count);
	pp_qemu_capabilities_free(capabilities);
}

static void what_the_author_wrote_stays(void **state)
{
	static const char text[] =
		"<domain type='kvm'>\n  <name>x</name><memory>65536</memory>\n"
		"  <os><type machine='q35'>hvm</type></os>\n  <devices>\n"
		"    <!-- mine -->\n    <memballoon model='none'/><rng model='virtio'>\n"
		"      <backend model='builtin'/>\n      <alias name='rng7'/>\n    </rng>\n"
		"  </devices>\n</domain>\n<!-- end -->\n";
	PP_CLEANUP(pp_domain_freep) struct pp_domain *domain = NULL;
	PP_CLEANUP(pp_domain_freep) struct pp_domain *assigned = NULL;
	struct pp_error error = {0};

	assert_int_equal(pp_domain_parse(text, strlen(text), "x", &domain, &error), 0);
	assert_int_equal(pp_domain_assign(domain, NULL, 0, "x", &assigned, &error), 0);
	PP_FREE char *live = live_of(text, strlen(text), assigned);
	assert_non_null(strstr(live, "    <!-- mine -->\n"));
	assert_non_null(strstr(live, "\n<!-- end -->\n"));
	assert_null(strstr(live, "rng7"));
	assert_non_null(strstr(live, "      <backend model='builtin'/>\n"
				     "      <alias name='rng0'/>\n"
				     "      <address type='pci' domain='0x0000' bus='0x"));
	assert_non_null(strstr(live, "model='pcie-root-port'><model name='pcie-root-port'/>"));
}

int main(void)
{
	options.firmwares = definitions_firmwares();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_runs_is_written_down_whole),
		cmocka_unit_test(what_the_author_wrote_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
