// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The part of guardian.h about interfaces that are let go: what could not be taken off or given back is said,
 * with what to do, and tried again. jitgated has given up the rights that some of it takes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guardian_internal.h"
#include "util.h"

static struct guardian_left *find_left(const struct guardian *g, uint32_t ifindex)
{
	for (size_t i = 0; i < g->n_left; i++) {
		if (g->left[i].ifindex == ifindex)
			return &g->left[i];
	}
	return NULL;
}

static void forget(struct guardian *g, struct guardian_left *left)
{
	memmove(left, left + 1, (size_t)(g->left + --g->n_left - left) * sizeof(*left));
}

/* Without memory for it, it was said at least. */
static void remember(struct guardian *g, const struct guardian_left *left)
{
	struct guardian_left *known = find_left(g, left->ifindex), *grown;

	if (known) {
		*known = *left;
		return;
	}
	grown = reallocarray(g->left, g->n_left + 1, sizeof(*grown));
	if (!grown)
		return;
	g->left = grown;
	g->left[g->n_left++] = *left;
}

static void say_left(struct guardian *g, const struct guardian_left *left)
{
	if (left->enforced)
		guardian_say(
			g, LOG_LEVEL_ERR,
			"%s: is no longer guarded, but STILL ENFORCED, because it cannot be taken off: %s; restart "
			"jitgated, which takes it off",
			left->name, strerror(-left->enforced));
	if (left->lro)
		guardian_say(g, LOG_LEVEL_WARNING,
			     "%s: its large receive offload, which was switched off for native mode, stays off: %s; "
			     "ethtool -K %s lro on, or restart jitgated",
			     left->name, strerror(-left->lro), left->name);
}

bool guardian_let_go(struct guardian *g, const struct guarded_if *guarded)
{
	struct guardian_left left = {.ifindex = guarded->now.ifindex};

	memcpy(left.name, guarded->name, sizeof(left.name));
	left.enforced = g->ops->let_go(g->ctx, left.ifindex, &left.lro);
	say_left(g, &left);
	if (left.enforced || left.lro)
		remember(g, &left);
	return !left.enforced;
}

static bool is_there(const struct netif *all, size_t n, uint32_t ifindex)
{
	for (size_t i = 0; i < n; i++) {
		if (all[i].ifindex == ifindex)
			return true;
	}
	return false;
}

static bool is_guarded(const struct guardian *g, uint32_t ifindex)
{
	for (size_t i = 0; i < g->n; i++) {
		if (g->v[i].now.ifindex == ifindex)
			return true;
	}
	return false;
}

static void retry(struct guardian *g, struct guardian_left *left)
{
	bool enforced = left->enforced;

	left->enforced = g->ops->let_go(g->ctx, left->ifindex, &left->lro);
	if (enforced && !left->enforced)
		guardian_say(g, LOG_LEVEL_WARNING, "%s: was detached now: its ports are open", left->name);
	if (!left->enforced && !left->lro)
		forget(g, left);
}

/* Backwards, since forgetting one moves those behind it. */
void guardian_retry_left(struct guardian *g, const struct netif *all, size_t n)
{
	for (size_t i = g->n_left; i-- > 0;) {
		struct guardian_left *left = &g->left[i];

		if (!is_there(all, n, left->ifindex) || is_guarded(g, left->ifindex))
			forget(g, left);
		else
			retry(g, left);
	}
}
