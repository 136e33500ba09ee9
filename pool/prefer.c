/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool/prefer.h"
#include "base/parse.h"
#include <errno.h>

static bool near(const struct pp_candidate *a, const struct pp_candidate *b, bool root)
{
	return a->numa_node == b->numa_node && (!root || pp_text_is(a->root, b->root));
}

/* How many that are not chosen yet are near this one. */
static size_t company(const struct pp_candidate *items, size_t n, size_t of, bool root)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += !items[i].chosen && near(&items[i], &items[of], root);
	return count;
}

static size_t chosen_near(const struct pp_candidate *items, size_t n, size_t of, bool root)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += items[i].chosen && near(&items[i], &items[of], root);
	return count;
}

/* A place is the better the more of what is chosen already is there; then one that has room for all
 * that is still wanted, the tightest first, so that large places stay whole for those who come
 * later; where none has room, the largest. */
static bool better_place(const struct pp_candidate *items, size_t n, size_t a, size_t b, bool root,
	size_t wanted, bool *ret_same)
{
	size_t there_a = chosen_near(items, n, a, root), there_b = chosen_near(items, n, b, root);
	size_t free_a = company(items, n, a, root), free_b = company(items, n, b, root);
	*ret_same = false;
	if (there_a != there_b)
		return there_a > there_b;
	if ((free_a >= wanted) != (free_b >= wanted))
		return free_a >= wanted;
	if (free_a != free_b)
		return free_a >= wanted ? free_a < free_b : free_a > free_b;
	*ret_same = true;
	return false;
}

static bool better(const struct pp_candidate *items, size_t n, size_t a, size_t b, size_t wanted)
{
	bool same;
	bool is = better_place(items, n, a, b, false, wanted, &same);
	return same ? better_place(items, n, a, b, true, wanted, &same) : is;
}

int pp_candidates_choose(struct pp_candidate *candidates, size_t n_candidates, size_t count)
{
	size_t chosen = 0;
	for (size_t i = 0; i < n_candidates; i++) {
		candidates[i].chosen = candidates[i].must;
		chosen += candidates[i].must;
	}
	if (count > n_candidates || chosen > count)
		return -EINVAL;
	for (; chosen < count; chosen++) {
		size_t best = n_candidates;
		for (size_t i = 0; i < n_candidates; i++)
			if (!candidates[i].chosen &&
				(best == n_candidates ||
					better(candidates, n_candidates, i, best, count - chosen)))
				best = i;
		candidates[best].chosen = true;
	}
	return 0;
}
