// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See grant_list.h.
 */
#include "grant_list.h"

#include <stdlib.h>

#include "apply.h"

static int compare_grants(const void *a, const void *b)
{
	const struct grant *x = a, *y = b;
	int r = grant_compare(x, y);

	return r ? r : x->beyond - y->beyond;
}

static int compare_for_merge(const void *a, const void *b)
{
	const struct grant *x = a, *y = b;
	int r = compare_grants(a, b);

	/* The latest end first, so that it is the one that stays. */
	return r ? r : (x->until.ns < y->until.ns) - (x->until.ns > y->until.ns);
}

void grant_list_sort(struct grant_set *set, const struct guard *guard, struct wall_time now)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++)
		set->grants[i].beyond = guard_check(guard, &set->grants[i], now) != GUARD_OK;
	if (set->n > 1)
		qsort(set->grants, set->n, sizeof(set->grants[0]), compare_for_merge);
	for (size_t i = 0; i < set->n; i++) {
		if (!kept || compare_grants(&set->grants[kept - 1], &set->grants[i]) != 0)
			set->grants[kept++] = set->grants[i];
	}
	set->n = kept;
}

struct grant *grant_list_find(const struct grant_set *set, const struct grant *like)
{
	return set->n ? bsearch(like, set->grants, set->n, sizeof(*like), compare_grants) : NULL;
}

/* Its texts come along. */
static int copy_grant(const struct grant_set *from, const struct grant *grant, struct grant_set *to)
{
	return grant_set_add(to, grant, grant_set_text(from, grant->requestor),
			     grant_set_text(from, grant->justification), grant_set_text(from, grant->origin));
}

/* Grants that have ended are no longer in the feed's answer, yet their entries stay a little while. */
int grant_list_carry_ended(const struct grant_set *from, struct grant_set *to, const struct guard *guard,
			   struct wall_time now)
{
	size_t n = to->n;

	for (size_t i = 0; i < from->n; i++) {
		struct grant grant = from->grants[i];
		struct grant_set sorted = {.grants = to->grants, .n = n};
		int r;

		if (grant.until.ns > now.ns || grant_list_find(&sorted, &grant))
			continue;
		grant.mark = GRANT_OVER;
		r = copy_grant(from, &grant, to);
		if (r < 0)
			return r;
	}
	grant_list_sort(to, guard, now);
	return 0;
}

int grant_list_keep(const struct grant_set *from, struct grant_set *to, struct wall_time now)
{
	grant_set_free(to);
	for (size_t i = 0; i < from->n; i++) {
		int r = from->grants[i].until.ns > now.ns ? copy_grant(from, &from->grants[i], to) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

void grant_list_carry_marks(const struct grant_set *from, struct grant_set *to)
{
	for (size_t i = 0; i < to->n; i++) {
		const struct grant *old = grant_list_find(from, &to->grants[i]);

		if (to->grants[i].mark != GRANT_OVER)
			to->grants[i].mark = old && old->mark != GRANT_OVER ? old->mark : GRANT_NEW;
	}
}
