/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/domain/set.h"
#include "base/parse.h"
#include <errno.h>

bool pp_set_has(const struct pp_set *set, unsigned member)
{
	return member < PP_SET_MAX && (set->words[member / 64] >> member % 64 & 1);
}

void pp_set_add(struct pp_set *set, unsigned member)
{
	if (member < PP_SET_MAX)
		set->words[member / 64] |= (uint64_t)1 << member % 64;
}

static void take_out(struct pp_set *set, unsigned member)
{
	set->words[member / 64] &= ~((uint64_t)1 << member % 64);
}

unsigned pp_set_next(const struct pp_set *set, unsigned from)
{
	while (from < PP_SET_MAX && !pp_set_has(set, from))
		from++;
	return from;
}

bool pp_set_is_empty(const struct pp_set *set)
{
	return pp_set_next(set, 0) == PP_SET_MAX;
}

unsigned pp_set_count(const struct pp_set *set)
{
	unsigned count = 0;

	for (unsigned member = 0; member < PP_SET_MAX; member++)
		count += pp_set_has(set, member);
	return count;
}

/* "3" or "3-5" */
static int parse_range(const char **text, uint64_t *ret_first, uint64_t *ret_last)
{
	const char *end;
	int r = pp_parse_prefix(*text, 10, PP_SET_MAX - 1, ret_first, &end);

	*ret_last = *ret_first;
	if (r == 0 && *end == '-')
		r = pp_parse_prefix(end + 1, 10, PP_SET_MAX - 1, ret_last, &end);
	if (r < 0)
		return r == -ERANGE ? r : -EINVAL;
	*text = end;
	return *ret_first > *ret_last ? -EINVAL : 0;
}

int pp_set_parse(const char *text, struct pp_set *ret_set)
{
	struct pp_set set = {0};

	for (;;) {
		uint64_t first, last;
		bool out = *text == '^';

		text += out;
		int r = parse_range(&text, &first, &last);
		if (r < 0)
			return r;
		for (uint64_t member = first; member <= last; member++) {
			if (out)
				take_out(&set, (unsigned)member);
			else
				pp_set_add(&set, (unsigned)member);
		}
		if (!*text)
			break;
		if (*text++ != ',')
			return -EINVAL;
	}
	if (pp_set_is_empty(&set))
		return -EINVAL;
	*ret_set = set;
	return 0;
}

void pp_set_put(struct pp_buffer *buffer, const struct pp_set *set)
{
	bool first = true;

	for (unsigned member = pp_set_next(set, 0); member < PP_SET_MAX;) {
		unsigned last = member;

		while (pp_set_has(set, last + 1))
			last++;
		pp_buffer_printf(
			buffer, last > member ? "%s%u-%u" : "%s%u", first ? "" : ",", member, last);
		first = false;
		member = pp_set_next(set, last + 1);
	}
}
