/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The grammar: which elements, attributes and words of libvirt's domain XML pcipass understands, as
 * one table. What is not in it is an error with its line. */
#ifndef DOMAIN_GRAMMAR_H
#define DOMAIN_GRAMMAR_H

#include "lib/domain/element.h"

struct pp_rule {
	/* "disk"; "address.pci" is the rule of <address type='pci'> where the child says
	 * "address?type". */
	const char *name;
	/* Words: "name" takes any value, "name=a|b" only these, "name!" and "name!=a|b" must be
	 * there. */
	const char *attributes;
	/* Words: "name" may come once, "name*" often, "name+" exactly once; "name:rule" where the
	 * rule has another name, "name?attribute" where the rule depends on an attribute. "#text":
	 * it has text;
	 * "#any": whatever is in it is the author's own. */
	const char *children;
};

/* The whole tree below ROOT against the rule of its name. */
int pp_grammar_check(const struct pp_element *root, const char *file, struct pp_error *error);
extern const struct pp_rule pp_grammar_rules[];
extern const size_t pp_grammar_n_rules;

#endif
