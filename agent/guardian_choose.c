// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The half of guardian.h that decides which interfaces are guarded: at the start, when some come, go or get
 * another name, and under another config.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guardian_internal.h"
#include "util.h"

static struct guarded_if *find_index(const struct guardian *g, uint32_t ifindex)
{
	for (size_t i = 0; i < g->n; i++) {
		if (g->v[i].now.ifindex == ifindex)
			return &g->v[i];
	}
	return NULL;
}

/* That there is no interface of this name is known already. */
static struct guarded_if *find_missing(const struct guardian *g, const char *name)
{
	for (size_t i = 0; i < g->n; i++) {
		if (!g->v[i].now.ifindex && strcmp(g->v[i].name, name) == 0)
			return &g->v[i];
	}
	return NULL;
}

static const struct netif *find_in(const struct netif *all, size_t n, uint32_t ifindex)
{
	for (size_t i = 0; i < n; i++) {
		if (all[i].ifindex == ifindex)
			return &all[i];
	}
	return NULL;
}

static const struct netif *find_named(const struct netif *all, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	}
	return NULL;
}

static bool is_named(const struct guardian *g, const char *name)
{
	for (size_t i = 0; i < g->conf->n_interfaces; i++) {
		if (strcmp(g->conf->interfaces[i], name) == 0)
			return true;
	}
	return false;
}

bool guardian_misses(const struct guardian *g)
{
	for (size_t i = 0; i < g->n; i++) {
		if (!g->v[i].now.ifindex && is_named(g, g->v[i].name))
			return true;
	}
	return g->n == 0;
}

static struct guarded_if *append(struct guardian *g, const char *name)
{
	struct guarded_if *grown = reallocarray(g->v, g->n + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	g->v = grown;
	grown += g->n++;
	*grown = (struct guarded_if){0};
	snprintf(grown->name, sizeof(grown->name), "%s", name);
	return grown;
}

int guardian_add(struct guardian *g, const struct netif *netif)
{
	struct guarded_if *guarded;

	if (find_index(g, netif->ifindex))
		return 0;
	guarded = find_missing(g, netif->name);
	if (!guarded)
		guarded = append(g, netif->name);
	if (!guarded)
		return -ENOMEM;
	guarded->now = *netif;
	guarded->said[0] = '\0';
	return 0;
}

static void forget(struct guardian *g, struct guarded_if *guarded)
{
	size_t at = (size_t)(guarded - g->v);

	memmove(guarded, guarded + 1, (--g->n - at) * sizeof(*guarded));
}

/* ------------------------------------------------------------ those that are meant */

static void add_missing(struct guardian *g, const char *name)
{
	struct guarded_if *guarded = find_missing(g, name) ? NULL : append(g, name);

	if (!guarded)
		return;
	snprintf(guarded->why, sizeof(guarded->why), "there is no such interface; it is attached when it appears");
	memcpy(guarded->said, guarded->why, sizeof(guarded->said));
	guardian_say(g, LOG_LEVEL_ERR,
		     "%s: NOT PROTECTED: there is no such interface; it is attached when it appears, but if it never "
		     "will, correct `interfaces` (see `ip link`)",
		     name);
}

static int add_uplinks(struct guardian *g, const struct netif *all, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (uplink_is(&all[i], all, n))
			r = guardian_add(g, &all[i]);
	}
	return r;
}

static int add_named(struct guardian *g, const struct netif *all, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < g->conf->n_interfaces; i++) {
		const struct netif *netif = find_named(all, n, g->conf->interfaces[i]);

		if (netif)
			r = guardian_add(g, netif);
		else
			add_missing(g, g->conf->interfaces[i]);
	}
	return r;
}

static int add_meant(struct guardian *g, const struct netif *all, size_t n)
{
	return g->conf->interfaces_auto ? add_uplinks(g, all, n) : add_named(g, all, n);
}

int guardian_choose(struct guardian *g, struct failure *failure)
{
	_cleanup_free_ struct netif *all = NULL;
	size_t n = 0;
	int r = g->ops->list(g->ctx, g->conf->interfaces_auto, &all, &n);

	if (r == 0)
		r = add_meant(g, all, n);
	if (r < 0)
		return failure_set(failure, r, "cannot list the network interfaces: %s", strerror(-r));
	g->was_auto = g->conf->interfaces_auto;
	for (size_t i = 0; i < g->n; i++) {
		if (g->v[i].now.ifindex && !g->v[i].now.ethernet)
			return failure_set(failure, -EOPNOTSUPP,
					   "%s is not an Ethernet interface: its packets have no Ethernet header, and "
					   "only Ethernet is filtered; take it out of `interfaces`",
					   g->v[i].name);
	}
	if (!g->n)
		guardian_say(g, LOG_LEVEL_ERR,
			     "NOTHING IS FILTERED: interfaces = {\"auto\"} finds no uplink; one that appears is "
			     "attached, or name the interfaces in the config");
	return 0;
}

/* ------------------------------------------------------------ those that go, or get another name */

static void take_leave(struct guardian *g, struct guarded_if *guarded)
{
	int lro;

	g->ops->let_go(g->ctx, guarded->now.ifindex, &lro); /* pins: there is nothing more to take off */
	if (!is_named(g, guarded->name)) {
		guardian_say(g, LOG_LEVEL_NOTICE, "%s: the interface is gone", guarded->name);
		forget(g, guarded);
		return;
	}
	guardian_say(g, LOG_LEVEL_WARNING,
		     "%s: the interface is gone; another one of this name is attached when it appears", guarded->name);
	guarded->now = (struct netif){0};
	guarded->verified = guarded->attached = false;
	guarded->attached_at.ns = guarded->retry_at.ns = guarded->failures = 0;
	guarded->vf_ifindex = 0;
	guarded->vf_why[0] = '\0';
	snprintf(guarded->why, sizeof(guarded->why), "the interface is gone; it is attached when it appears again");
}

/* The pin has the name, too: setting right what is not as it has to be moves it. */
static void rename_one(struct guardian *g, struct guarded_if *guarded, const struct netif *now)
{
	struct attachment attached = {0};
	struct failure failure = {0};
	int r = g->off ? 0 : g->ops->attach(g->ctx, now, &attached, &failure);

	guardian_probe_soon(g);
	guardian_say(g, LOG_LEVEL_NOTICE, "%s is %s now, and goes on being guarded", guarded->name, now->name);
	if (r < 0)
		guardian_say(g, LOG_LEVEL_WARNING, "%s: %s", now->name, failure.text);
	memcpy(guarded->name, now->name, sizeof(guarded->name));
}

/* Forget that a name is missing: it is no longer in the config, or an interface has it by now. */
static void drop_missing(struct guardian *g)
{
	for (size_t i = g->n; i-- > 0;) {
		bool taken = !is_named(g, g->v[i].name);

		for (size_t j = 0; j < g->n; j++)
			taken |= j != i && strcmp(g->v[i].name, g->v[j].name) == 0;
		if (!g->v[i].now.ifindex && taken)
			forget(g, &g->v[i]);
	}
}

/* Backwards, since forgetting one moves those behind it. */
static void follow(struct guardian *g, const struct netif *all, size_t n)
{
	for (size_t i = g->n; i-- > 0;) {
		struct guarded_if *guarded = &g->v[i];
		const struct netif *now = find_in(all, n, guarded->now.ifindex);

		if (!guarded->now.ifindex)
			continue;
		if (!now) {
			take_leave(g, guarded);
			continue;
		}
		if (strcmp(guarded->name, now->name) != 0)
			rename_one(g, guarded, now);
		guarded->now = *now;
	}
	drop_missing(g);
}

/* A VF that was taken for an interface of its own, before its parent or its master showed. */
static void drop_vfs(struct guardian *g, const struct netif *all, size_t n)
{
	for (size_t i = g->n; g->conf->interfaces_auto && i-- > 0;) {
		struct guarded_if *guarded = &g->v[i];
		bool is_vf = false;

		for (size_t j = 0; j < n; j++)
			is_vf |= uplink_is_vf(&guarded->now, &all[j]);
		if (!is_vf)
			continue;
		if (guardian_let_go(g, guarded))
			guardian_say(g, LOG_LEVEL_NOTICE,
				     "%s: belongs to another interface, which has the filter for both", guarded->name);
		forget(g, guarded);
	}
}

/* With "auto" as before nothing is: a default route that is away just now is no wish to open ports. */
static void drop_unmeant(struct guardian *g, const struct netif *all, size_t n)
{
	if (g->conf->interfaces_auto && g->was_auto)
		return;
	for (size_t i = g->n; i-- > 0;) {
		struct guarded_if *guarded = &g->v[i];

		if (g->conf->interfaces_auto ? uplink_is(&guarded->now, all, n) : is_named(g, guarded->name))
			continue;
		if (guardian_let_go(g, guarded))
			guardian_say(g, LOG_LEVEL_WARNING,
				     "%s: is no longer in `interfaces` and was detached: its ports are open",
				     guarded->name);
		forget(g, guarded);
	}
}

static bool is_any_uplink(const struct netif *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (uplink_is(&all[i], all, n))
			return true;
	}
	return false;
}

/* ------------------------------------------------------------ looks */

static int list(struct guardian *g, bool with_routes, struct netif **ret, size_t *ret_n)
{
	int r = g->ops->list(g->ctx, with_routes, ret, ret_n);

	if (r < 0 && !g->list_said)
		guardian_say(g, LOG_LEVEL_ERR, "cannot list the network interfaces: %s; trying again", strerror(-r));
	g->list_said = r < 0;
	return r;
}

static void look_at(struct guardian *g, const struct netif *all, size_t n)
{
	follow(g, all, n);
	drop_vfs(g, all, n);
	guardian_probe_soon(g);
	if (add_meant(g, all, n) < 0)
		guardian_say(g, LOG_LEVEL_ERR, "out of memory: an interface that appeared is not guarded yet");
	guardian_retry_left(g, all, n);
	guardian_check(g);
	for (size_t i = 0; i < g->n; i++)
		guardian_check_vf(g, &g->v[i], all, n);
}

/* Nothing is let go as long as what is meant is not there in full. */
static void take_up_config(struct guardian *g, const struct netif *all, size_t n)
{
	int r;

	follow(g, all, n);
	r = add_meant(g, all, n);
	g->reload_due = r < 0;
	if (r == 0 && !guardian_misses(g) && (!g->conf->interfaces_auto || is_any_uplink(all, n)))
		drop_unmeant(g, all, n);
	g->was_auto = g->conf->interfaces_auto;
}

void guardian_look(struct guardian *g, bool with_routes)
{
	_cleanup_free_ struct netif *all = NULL;
	size_t n = 0;

	/* Without the routes, each uplink would be one that is not meant. */
	if (list(g, (with_routes || g->reload_due) && g->conf->interfaces_auto, &all, &n) == 0) {
		if (g->reload_due)
			take_up_config(g, all, n);
		look_at(g, all, n);
		return;
	}
	guardian_probe_soon(g);
	guardian_check(g);
}

void guardian_reload(struct guardian *g)
{
	g->reload_due = true;
	guardian_look(g, true);
}
