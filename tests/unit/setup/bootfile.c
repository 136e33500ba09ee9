/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parameters put into, and taken out of, the files of boot loaders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/parse.h"
#include "lib/setup/bootfile.h"
#include "lib/setup/shell.h"
#include <string.h>

static const char *const on[] = {"intel_iommu=on", NULL};
static const char *const offs[] = {"intel_iommu=off", "iommu=off", "amd_iommu=off", NULL};
static const struct pp_words_change change = {.add = on, .remove = offs};

/* ---- words ---- */

static char *edit_words(const char *text, enum pp_words_quoting quoting)
{
	PP_BUFFER struct pp_buffer out = PP_BUFFER_INIT;
	int r = pp_words_edit(text, strlen(text), quoting, &change, &out);
	return r < 0 ? strdup(r == -EINVAL ? "EINVAL" : "?") : pp_buffer_take(&out);
}

static void test_words(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{"", "intel_iommu=on"},
		{"quiet", "quiet intel_iommu=on"},
		{"quiet ", "quiet intel_iommu=on"},
		{"  ro\tquiet", "  ro\tquiet intel_iommu=on"},
		{"intel_iommu=on", "intel_iommu=on"},
		{"a intel_iommu=on,sm_on b", "a intel_iommu=on,sm_on b"},
		{"intel_iommu=on intel_iommu=on", "intel_iommu=on intel_iommu=on"},
		{"intel_iommu=off", "intel_iommu=on"},
		{"intel_iommu=off quiet", "quiet intel_iommu=on"},
		{"a intel_iommu=off  b", "a  b intel_iommu=on"},
		{"a iommu=off intel_iommu=off iommu=off", "a intel_iommu=on"},
		{"intel_iommu=on intel_iommu=off", "intel_iommu=on"},
		{"iommu=pt,off a", "iommu=pt a intel_iommu=on"},
		{"iommu=off,pt", "iommu=pt intel_iommu=on"},
		{"iommu=a,off,pt", "iommu=a,pt intel_iommu=on"},
		{"iommu=pt", "iommu=pt intel_iommu=on"},
		{"xintel_iommu=off intel_iommu=offset", "xintel_iommu=off intel_iommu=offset "
							"intel_iommu=on"},
		{"dyndbg=\"file iommu=off +p\"", "dyndbg=\"file iommu=off +p\" intel_iommu=on"},
		{"\"iommu=off", "EINVAL"},
	};
	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		PP_FREE char *once = edit_words(cases[i].text, PP_WORDS_PLAIN);
		assert_string_equal(once, cases[i].wanted);
		PP_FREE char *twice = edit_words(once, PP_WORDS_PLAIN);
		if (strcmp(once, "EINVAL") != 0)
			assert_string_equal(twice, once);
	}
	PP_FREE char *escaped = edit_words("a=\\\"b iommu=off c\\\" d", PP_WORDS_ESCAPED);
	assert_string_equal(escaped, "a=\\\"b iommu=off c\\\" d intel_iommu=on");
	assert_true(pp_words_has("quiet splash", 12, "splash"));
	assert_false(pp_words_has("quiet splash=1", 14, "splash"));
	assert_false(pp_words_has("intel_iommu=one", 15, "intel_iommu=on"));
}

/* ---- files ---- */

static int edit(enum pp_bootfile_format format, const char *text, size_t length, char **ret_text,
	struct pp_error *error)
{
	PP_BUFFER struct pp_buffer out = PP_BUFFER_INIT;
	int r = pp_bootfile_edit(format, "/etc/file", text, length, &change, &out, error);
	*ret_text = pp_buffer_take(&out);
	return r;
}

struct file_case {
	enum pp_bootfile_format format;
	const char *text, *wanted;
};

static const struct file_case grub_cases[] = {
	{PP_BOOTFILE_GRUB, "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\nGRUB_CMDLINE_LINUX=\"\"\n",
		"GRUB_CMDLINE_LINUX_DEFAULT=\"quiet intel_iommu=on\"\nGRUB_CMDLINE_LINUX=\"\"\n"},
	{PP_BOOTFILE_GRUB, "# GRUB_CMDLINE_LINUX=\"iommu=off\"\nGRUB_CMDLINE_LINUX='a \"b c\"'\n",
		"# GRUB_CMDLINE_LINUX=\"iommu=off\"\n"
		"GRUB_CMDLINE_LINUX='a \"b c\" intel_iommu=on'\n"},
	{PP_BOOTFILE_GRUB, "GRUB_CMDLINE_LINUX=quiet # why\n",
		"GRUB_CMDLINE_LINUX=\"quiet intel_iommu=on\" # why\n"},
	{PP_BOOTFILE_GRUB, "GRUB_CMDLINE_LINUX=\n", "GRUB_CMDLINE_LINUX=intel_iommu=on\n"},
	{PP_BOOTFILE_GRUB, "GRUB_TIMEOUT=5",
		"GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX_DEFAULT=\"intel_iommu=on\"\n"},
	{PP_BOOTFILE_GRUB,
		"GRUB_CMDLINE_LINUX_DEFAULT=\"a\"\nGRUB_CMDLINE_LINUX_DEFAULT+=\" b iommu=off\"\n",
		"GRUB_CMDLINE_LINUX_DEFAULT=\"a\"\n"
		"GRUB_CMDLINE_LINUX_DEFAULT+=\" b intel_iommu=on\"\n"},
	{PP_BOOTFILE_GRUB,
		"GRUB_CMDLINE_LINUX=\"iommu=off x\"\n"
		"GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`\n"
		"GRUB_CMDLINE_LINUX_DEFAULT=\"a=\\\"b c\\\" $MORE\"\n",
		"GRUB_CMDLINE_LINUX=\"x\"\n"
		"GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`\n"
		"GRUB_CMDLINE_LINUX_DEFAULT=\"a=\\\"b c\\\" $MORE intel_iommu=on\"\n"},
	{PP_BOOTFILE_GRUB, "export GRUB_CMDLINE_LINUX=\"one\ntwo\"\nA='\nGRUB_CMDLINE_LINUX=x\n'\n",
		"export GRUB_CMDLINE_LINUX=\"one\ntwo intel_iommu=on\"\n"
		"A='\nGRUB_CMDLINE_LINUX=x\n'\n"},
	{PP_BOOTFILE_GRUB, "if true; then\n\tA=1\nfi\nif x; then y; fi\nGRUB_CMDLINE_LINUX=\"\"\n",
		"if true; then\n\tA=1\nfi\nif x; then y; "
		"fi\nGRUB_CMDLINE_LINUX=\"intel_iommu=on\"\n"},
	{PP_BOOTFILE_LIMINE_DEFAULT, "KERNEL_CMDLINE[default]+=\"quiet\"\n",
		"KERNEL_CMDLINE[default]+=\"quiet intel_iommu=on\"\n"},
};

static const struct file_case other_cases[] = {
	{PP_BOOTFILE_CMDLINE, "root=ZFS=rpool/ROOT/pve-1 boot=zfs",
		"root=ZFS=rpool/ROOT/pve-1 boot=zfs intel_iommu=on"},
	{PP_BOOTFILE_CMDLINE, "# own\n\nroot=/dev/sda1 iommu=off \nquiet iommu=off\n",
		"# own\n\nroot=/dev/sda1 intel_iommu=on \nquiet\n"},
	{PP_BOOTFILE_ENTRY, "title x\nlinux   /vmlinuz\noptions root=/dev/sda1 rw\n",
		"title x\nlinux   /vmlinuz\noptions root=/dev/sda1 rw intel_iommu=on\n"},
	{PP_BOOTFILE_ENTRY, "linux /v\noptions a iommu=off\noptions\tb\n",
		"linux /v\noptions a\noptions\tb intel_iommu=on\n"},
	{PP_BOOTFILE_ENTRY, "linux /v\ninitrd /i", "linux /v\ninitrd /i\noptions intel_iommu=on\n"},
	{PP_BOOTFILE_ENTRY, "linux /v\noptions\n", "linux /v\noptions intel_iommu=on\n"},
	{PP_BOOTFILE_ENTRY, "title memtest\nefi /memtest.efi\noptions iommu=off\n",
		"title memtest\nefi /memtest.efi\noptions iommu=off\n"},
	{PP_BOOTFILE_LEGACY,
		"# kernel /vmlinuz iommu=off\ndefault=0\ntitle A\n\troot (hd0,0)\n"
		"\tkernel /vmlinuz-2.6.18-190.el5 ro rhgb quiet  \n\tinitrd /i\n"
		"title Xen\n\tkernel /xen.gz dom0=1\n\tmodule /vmlinuz ro\n"
		"title B\nkernel --no-mem-option (hd0,0)/boot/vmlinuz-2\n"
		"title Other\n\trootnoverify (hd0,1)\n\tchainloader +1\n"
		"title memtest\n\tkernel /memtest86+\n",
		"# kernel /vmlinuz iommu=off\ndefault=0\ntitle A\n\troot (hd0,0)\n"
		"\tkernel /vmlinuz-2.6.18-190.el5 ro rhgb quiet intel_iommu=on  \n\tinitrd /i\n"
		"title Xen\n\tkernel /xen.gz dom0=1\n\tmodule /vmlinuz ro\n"
		"title B\nkernel --no-mem-option (hd0,0)/boot/vmlinuz-2 intel_iommu=on\n"
		"title Other\n\trootnoverify (hd0,1)\n\tchainloader +1\n"
		"title memtest\n\tkernel /memtest86+\n"},
	{PP_BOOTFILE_LIMINE,
		"timeout: 3\n/Arch\n    protocol: linux\n    path: boot():/v\n    cmdline: a "
		"iommu=off\n"
		"/+More\n//Two\n    protocol: linux\n    kernel_path: boot():/w\n"
		"/Windows\n    protocol: efi_chainload\n    cmdline: iommu=off\n",
		"timeout: 3\n/Arch\n    protocol: linux\n    path: boot():/v\n    cmdline: a "
		"intel_iommu=on\n"
		"/+More\n//Two\n    protocol: linux\n    kernel_path: boot():/w\n"
		"    cmdline: intel_iommu=on\n"
		"/Windows\n    protocol: efi_chainload\n    cmdline: iommu=off\n"},
	{PP_BOOTFILE_LIMINE,
		":Arch\nPROTOCOL=linux\nKERNEL_CMDLINE=root=x\nKERNEL_PATH=boot:///v\n",
		":Arch\nPROTOCOL=linux\nKERNEL_CMDLINE=root=x intel_iommu=on\n"
		"KERNEL_PATH=boot:///v\n"},
};

static void run_case(const struct file_case *test)
{
	struct pp_error error = {0};
	char *first, *second;
	int r = edit(test->format, test->text, strlen(test->text), &first, &error);
	PP_FREE char *once = first;
	if (r < 0)
		fail_msg("%s\n%s", error.text, test->text);
	assert_string_equal(once, test->wanted);
	assert_int_equal(edit(test->format, once, strlen(once), &second, &error), 0);
	PP_FREE char *twice = second;
	assert_string_equal(twice, once);
}

static void test_files(void **state)
{
	for (size_t i = 0; i < PP_COUNT(grub_cases); i++)
		run_case(&grub_cases[i]);
	for (size_t i = 0; i < PP_COUNT(other_cases); i++)
		run_case(&other_cases[i]);
}

/* Each is refused with its line. */
static void test_refused(void **state)
{
	static const struct {
		enum pp_bootfile_format format;
		const char *text;
		size_t length; /* 0: of the text */
		const char *said;
	} cases[] = {
		{PP_BOOTFILE_GRUB, "", 0, "/etc/file:1: it is empty"},
		{PP_BOOTFILE_GRUB, "A=1\r\nB=2\r\n", 0, "/etc/file:1: it has Windows line ends"},
		{PP_BOOTFILE_GRUB, "A=1\nB=\xff\n", 0, "/etc/file:2: it is not UTF-8"},
		{PP_BOOTFILE_GRUB, "A=1\nB=\0\n", 8, "/etc/file:2: it has a NUL byte"},
		{PP_BOOTFILE_GRUB, "A=1\nGRUB_CMDLINE_LINUX=\"quiet\nB=2\n", 0,
			"/etc/file:2: a quote is not closed"},
		{PP_BOOTFILE_GRUB, "[ -f x ] && GRUB_CMDLINE_LINUX=\"y\"\n", 0,
			"/etc/file:1: it is set within a command"},
		{PP_BOOTFILE_GRUB, "if a\nthen\n  GRUB_CMDLINE_LINUX=\"y\"\nfi\n", 0,
			"/etc/file:3: it is set under a condition"},
		{PP_BOOTFILE_GRUB, "GRUB_CMDLINE_LINUX=\"a\"'b'\n", 0,
			"/etc/file:1: its value is not understood"},
		{PP_BOOTFILE_GRUB, "A=$(echo\n", 0, "/etc/file:1: $( is not closed"},
		{PP_BOOTFILE_GRUB, "cat <<E\nGRUB_CMDLINE_LINUX=1\nE\n", 0,
			"/etc/file:1: a here-document"},
		{PP_BOOTFILE_GRUB, "A=1; GRUB_CMDLINE_LINUX=2\n", 0,
			"/etc/file:1: it is set within"},
		{PP_BOOTFILE_CMDLINE, "# nothing\n", 0, "/etc/file:1: it has no parameters"},
		{PP_BOOTFILE_CMDLINE, "\na \"b\n", 0, "/etc/file:2: a quote is not closed"},
		{PP_BOOTFILE_ENTRY, "linux /v\noptions \"a\n", 0, "/etc/file:2: a quote is not"},
		{PP_BOOTFILE_LEGACY, "default=0\n", 0, "no entry (title) of it has a kernel line"},
		{PP_BOOTFILE_LEGACY, "title A\nkernel /vmlinuz \\\n quiet\n", 0,
			"/etc/file:2: the line goes on"},
		{PP_BOOTFILE_LIMINE, "timeout: 3\n/Windows\n protocol: efi\n", 0,
			"no entry of it has the protocol linux"},
	};
	for (size_t i = 0; i < PP_COUNT(cases); i++) {
		struct pp_error error = {0};
		char *text;
		size_t length = cases[i].length ? cases[i].length : strlen(cases[i].text);
		int r = edit(cases[i].format, cases[i].text, length, &text, &error);
		free(text);
		assert_int_equal(r, -EINVAL);
		if (!strstr(error.text, cases[i].said))
			fail_msg("%s: %s", cases[i].said, error.text);
		assert_true(error.remedy[0]);
	}
}

/* ---- values of the shell ---- */

static void test_values(void **state)
{
	static const char text[] =
		"GRUB_CMDLINE_LINUX=\"a \\\"b\\\" $X\"\nGRUB_CMDLINE_LINUX+=' c'\n"
		"GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX d\"\n"
		"GRUB_CMDLINE_LINUX=\"${GRUB_CMDLINE_LINUX} e "
		"$GRUB_CMDLINE_LINUXES\"\n";
	PP_CLEANUP(pp_arena_freep) struct pp_arena *arena = pp_arena_new();
	struct pp_shell shell;
	assert_int_equal(pp_shell_parse(arena, text, strlen(text), pp_grub_names, &shell), 0);
	assert_int_equal(shell.fault_line, 0);
	assert_string_equal(pp_shell_value(arena, text, &shell, "GRUB_CMDLINE_LINUX", "z"),
		"a \"b\" $X c d e $GRUB_CMDLINE_LINUXES");
	assert_null(pp_shell_value(arena, text, &shell, "GRUB_CMDLINE_LINUX_DEFAULT", NULL));
}

/* No text makes it read behind its end, or wait. */
static void test_odd(void **state)
{
	static const char bits[] =
		"GRUB_CMDLINE_LINUX+=\"'`$(){}\\ \n;#<>&|if fi=title kernel linux";
	uint32_t seed = 1;
	for (int i = 0; i < 20000; i++) {
		char text[64];
		size_t length = 1 + i % 60;
		for (size_t j = 0; j < length; j++) {
			seed = seed * 1103515245 + 12345;
			text[j] = bits[(seed >> 16) % strlen(bits)];
		}
		for (unsigned format = 0; format < PP_BOOTFILE_FORMATS; format++) {
			struct pp_error error = {0};
			char *exact = malloc(length + 1), *out = NULL;
			memcpy(exact, text, length);
			exact[length] = '\0';
			edit(format, exact, length, &out, &error);
			free(out);
			free(exact);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_odd),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
