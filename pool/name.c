/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of resources: what Kubernetes takes, and what KubeVirt makes of them. */
#include "base/parse.h"
#include "pool/pool.h"
#include <ctype.h>
#include <string.h>

#define PREFIX_MAX 253
#define NAME_MAX_LENGTH 63

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

/* Labels of lower case letters, digits and inner dashes, with dots between. */
static bool is_subdomain(const char *text, size_t length)
{
	size_t start = 0;
	for (size_t i = 0; i <= length; i++) {
		if (i < length && text[i] != '.') {
			if (!is_lower(text[i]) && text[i] != '-')
				return false;
			continue;
		}
		if (i == start || text[start] == '-' || text[i - 1] == '-' || i - start > 63)
			return false;
		start = i + 1;
	}
	return true;
}

static const char *name_fault(const char *name)
{
	size_t length = strlen(name);
	if (length == 0)
		return "there is no name behind the slash";
	if (length > NAME_MAX_LENGTH)
		return "the name behind the slash is longer than 63 characters";
	if (!is_word(name[0]) || !is_word(name[length - 1]))
		return "the name behind the slash begins and ends with a letter or a digit";
	for (size_t i = 0; i < length; i++)
		if (!is_word(name[i]) && name[i] != '-' && name[i] != '_' && name[i] != '.')
			return "the name behind the slash may have letters, digits, - _ and . only";
	return NULL;
}

const char *pp_resource_fault(const char *resource)
{
	const char *slash = strchr(resource, '/');
	if (!slash)
		return "it has no domain: example.com/NAME";
	size_t length = (size_t)(slash - resource);
	/* "requests." is put before it where quotas are written, and must still fit. */
	if (length == 0 || length + strlen("requests.") > PREFIX_MAX ||
		!is_subdomain(resource, length))
		return "its domain is not one: lower case letters, digits, dashes, dots between";
	if (pp_text_starts(resource, "requests."))
		return "a domain that begins with requests. is kept for quotas";
	if (pp_text_starts(resource, "kubernetes.io/") ||
		(length > 14 && memcmp(slash - 14, ".kubernetes.io", 14) == 0))
		return "kubernetes.io is kept for Kubernetes itself";
	return name_fault(slash + 1);
}

char *pp_resource_variable(struct pp_arena *arena, const char *resource)
{
	char *text = pp_arena_printf(arena, "PCI_RESOURCE_%s", resource);
	for (char *c = text; c && *c; c++)
		*c = *c == '/' || *c == '.' ? '_' : (char)toupper((unsigned char)*c);
	return text;
}
