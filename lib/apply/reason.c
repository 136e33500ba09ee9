/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/apply/reason.h"
#include "base/cleanup.h"
#include "base/error.h"
#include <stdio.h>
#include <string.h>

PP_DEFINE_CLEANUP(struct pp_host *, pp_host_free)
PP_DEFINE_CLEANUP(struct pp_explanations *, pp_explanations_free)

/* What this host says to it now; NULL: nothing. The worst, and of those the first. */
static const struct pp_finding *evidence_of(const struct pp_explanations *explanations)
{
	const struct pp_findings *findings = explanations->findings;
	const struct pp_finding *worst = NULL;

	for (size_t i = 0; findings && i < findings->n_items; i++) {
		const struct pp_finding *finding = &findings->items[i];

		if (finding->severity >= PP_WARN && (!worst || finding->severity > worst->severity))
			worst = finding;
	}
	return worst;
}

static void append(struct pp_error *error, const char *cause, const struct pp_finding *finding)
{
	char text[sizeof(error->text)];

	memcpy(text, error->text, sizeof(text));
	size_t length = strlen(text);
	while (length && text[length - 1] == '\n')
		text[--length] = '\0';
	if (finding)
		pp_error_set(error, error->status, error->code,
			"%s\nThat means: %s.\nThis host: [%s] %s: %s", text, cause, finding->id,
			finding->subject, finding->text);
	else
		pp_error_set(error, error->status, error->code, "%s\nThat means: %s.", text, cause);
}

void pp_reason_add(struct pp_context *context, struct pp_error *error)
{
	PP_CLEANUP(pp_host_freep) struct pp_host *host = NULL;
	PP_CLEANUP(pp_explanations_freep) struct pp_explanations *explanations = NULL;
	char remedy[sizeof(error->remedy)];

	if (!error || *error->id || !*error->text)
		return;
	/* Without the host the words still have their meaning. */
	if (pp_explain(error->text, strlen(error->text), NULL, &explanations, NULL) < 0 ||
		explanations->n_items == 0)
		return;
	if (pp_host_read(context, PP_READ_ALL, &host, NULL) >= 0) {
		struct pp_explanations *more = NULL;

		if (pp_explain(error->text, strlen(error->text), host, &more, NULL) >= 0) {
			pp_explanations_free(explanations);
			explanations = more;
		}
	}
	const struct pp_explanation *first = &explanations->items[0];
	const struct pp_finding *finding = evidence_of(explanations);
	char id[sizeof(error->id)] = "";
	size_t length = strcspn(first->ids, " ");
	if (finding)
		snprintf(id, sizeof(id), "%s", finding->id);
	else if (length < sizeof(id))
		memcpy(id, first->ids, length);
	memcpy(remedy, error->remedy, sizeof(remedy));
	append(error, first->cause, finding);
	pp_error_id(error, id);
	pp_error_remedy(error, "%s%s%s", remedy, *remedy ? "\n" : "",
		finding && finding->remedy ? finding->remedy : first->remedy);
}
