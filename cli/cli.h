/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One run of the program: what every verb has at hand, and the only way in which anything is
 * printed. stdout is data, stderr is messages. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/json.h"
#include <pcipass.h>
#include <stdio.h>

struct cli_verb;
struct cli {
	const char *root; /* --root, NULL: this machine */
	bool json, dry_run, yes;
	unsigned try_seconds; /* --try: what is applied is undone unless it is kept; 0: no */
	const struct cli_verb *verb;
	struct pp_context *context;       /* after cli_open */
	struct pp_owned_list *owned;      /* cli_owner: read once, when it is first asked */
	struct pp_binding_list *bindings; /* cli_bindings */
	bool owned_read, bindings_read;
	struct pp_json *result; /* the object that --json prints at the end */
	bool lines;             /* --json printed objects a line each: no other, but for an error */
	bool line;              /* an unfinished line stands on the terminal */
};

/* Opens the machine once, and says what is unfinished. A verb that is going to write wants root on
 * the live one. cli_read and cli_guest do it themselves. Returns an exit status. */
int cli_open(struct cli *cli);
/* This run is to change the live machine, and is not root's. */
bool cli_lacks_root(const struct cli *cli);
/* Refuses, with a message, to change the live machine without root. Returns an exit status. */
int cli_need_root(struct cli *cli);
void cli_done(struct cli *cli);

/* ---- stdout ---- */

/* Nothing with --json: there the result object is the output. */
void cli_print(struct cli *cli, const char *format, ...) PP_PRINTF(2, 3);
/* The blank line with which virsh ends. */
void cli_end(struct cli *cli);
/* Flushes; PP_STATUS_FAILED and a message when something could not be written. */
int cli_flush(struct cli *cli, int status);

/* ---- stderr ---- */

void cli_say(struct cli *cli, const char *format, ...) PP_PRINTF(2, 3);
/* "error: TEXT" and the remedy; into the result too. Returns the exit status. */
int cli_fail(struct cli *cli, const struct pp_error *error);
/* An error of this program itself; a usage error also names the help. */
int cli_usage(struct cli *cli, const char *format, ...) PP_PRINTF(2, 3);
int cli_refuse(struct cli *cli, enum pp_status status, const char *format, ...) PP_PRINTF(3, 4);
int cli_oom(struct cli *cli);
/* "error: TEXT" before the cause, as virsh's first line of two. */
void cli_blame(struct cli *cli, const char *format, ...) PP_PRINTF(2, 3);
/* What is happening, for people who wait: a line that moves on a terminal; elsewhere a line for
 * what takes long; with --json an object a line. DATA is the struct cli. */
void cli_progress(enum pp_event_kind kind, const char *text, void *data);
void cli_progress_end(struct cli *cli);

/* Text with control characters made visible; the caller frees. NULL becomes "". */
char *cli_clean(const char *text);
/* How many columns it takes on a terminal. */
size_t cli_width(const char *text);
/* How many of its bytes fit into so many columns. */
size_t cli_fit(const char *text, size_t columns);
/* Columns of the terminal that FD is, or of $COLUMNS; 0: it is none, or not known. */
size_t cli_terminal_width(int fd);

/* ---- findings ---- */

/* FAIL [id] subject: sentence, with indented evidence and remedy; those at least as bad as LEAST.
 */
void cli_findings(
	struct cli *cli, FILE *to, const struct pp_findings *findings, enum pp_severity least);
/* The same as an array of objects. */
struct pp_json *cli_findings_json(const struct pp_findings *findings);
/* Exit status of the worst that fails. */
int cli_findings_status(const struct pp_findings *findings);

/* ---- the result object ---- */

void cli_set(struct cli *cli, const char *key, struct pp_json *value);
void cli_set_string(struct cli *cli, const char *key, const char *text);
void cli_set_int(struct cli *cli, const char *key, int64_t value);
void cli_set_bool(struct cli *cli, const char *key, bool value);

#endif
