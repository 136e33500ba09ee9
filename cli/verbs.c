/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of verbs, in the order of help. */
#include "cli/verb.h"

#define VERB(name) extern const struct cli_verb cli_verb_##name;
#include "cli/verbs.h"
#undef VERB

#define VERB(name) &cli_verb_##name,
const struct cli_verb *const cli_verbs[] = {
#include "cli/verbs.h"
	NULL,
};
