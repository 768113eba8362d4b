/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Grant sets as the enforcer keeps them: sorted by grant_compare, one grant a key inside the guard rails and
 * one beyond: what is refused takes nothing from what is granted. What becomes of the old set when a new one takes its
 * place.
 */
#ifndef GRANT_LIST_H
#define GRANT_LIST_H

#include "grant.h"
#include "guard.h"

/* Sort, and keep of each key the grant with the latest end that the guard rails allow, and the latest one beyond. */
void grant_list_sort(struct grant_set *set, const struct guard *guard, struct wall_time now);

/* In a sorted set: the grant with the key of `like`, on the same side of the guard rails; or NULL. */
struct grant *grant_list_find(const struct grant_set *set, const struct grant *like);

/*
 * Ended grants are no longer in a feed's answer, yet their entries stay a little while: copy those of `from` that `to`
 * has no grant for, marked GRANT_OVER. Both sorted, before and after. 0 or -ENOMEM.
 */
int grant_list_carry_ended(const struct grant_set *from, struct grant_set *to, const struct guard *guard,
			   struct wall_time now);

/*
 * `to` becomes those of `from` that have not ended, whatever it was before: for a feed that can tell of no grant
 * whether it is one. `from` is sorted, and so is `to` then. 0 or -ENOMEM.
 */
int grant_list_keep(const struct grant_set *from, struct grant_set *to, struct wall_time now);

/* Each grant of `to` that is not GRANT_OVER gets the mark that its key has in `from`; new ones, and those that come
 * back after they were over, GRANT_NEW. Both sorted. */
void grant_list_carry_marks(const struct grant_set *from, struct grant_set *to);

#endif
