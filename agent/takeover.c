// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See takeover.h.
 */
#include "takeover.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "apply.h"
#include "grant_list.h"
#include "opened.h"
#include "util.h"

#define ADOPTED_ORIGIN "found in the running filter"

/* Ends are stamped anew at each start; a millisecond is far more than that moves them. */
#define STAMP_SLACK_NS NS_PER_MS

/* ------------------------------------------------------------ ports */

static void add_rules(uint8_t *protos, const struct port_rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++)
		protos[rules[i].port] |= rules[i].protos;
}

static void add_learned_bytes(uint8_t *protos, const struct gate_ops *gate, void *gate_ctx)
{
	for (uint32_t port = 1; port < 65536; port++) {
		uint8_t byte = gate->get_protected(gate_ctx, (uint16_t)port);

		if (byte & PROTECTED_LEARNED)
			protos[port] |= byte & PROTO_BITS_ALL;
	}
}

static int learn_ports(const struct gate_ops *gate, void *gate_ctx, struct boot_time now, const struct snapshot *saved,
		       struct learned *ret)
{
	_cleanup_free_ uint8_t *protos = calloc(65536, 1);
	_cleanup_free_ struct port_rule *rules = calloc(65536, sizeof(*rules));
	size_t n = 0;

	if (!protos || !rules)
		return -ENOMEM;
	if (saved)
		add_rules(protos, saved->ports, saved->n_ports);
	add_learned_bytes(protos, gate, gate_ctx);
	for (uint32_t port = 1; port < 65536; port++) {
		if (protos[port])
			rules[n++] = (struct port_rule){.port = (uint16_t)port, .protos = protos[port]};
	}
	return learned_update(ret, rules, n, (struct learned_when){.now = now}, JITGATE_PORT_RULES_MAX);
}

/* ------------------------------------------------------------ grants */

/* Adopted entries: an entry of the trie that a saved grant explains is not adopted a second time. */
struct adoption {
	const struct gate_ops *gate;
	void *gate_ctx;
	struct clock_pair now;
	bool anew;                  /* the maps were empty: every saved grant counts */
	bool at_start;              /* what an operator opened counts where the maps hold it, later in any case */
	bool waits;                 /* the clock is wrong: it says of nothing that was opened whether it has ended */
	struct entry_set installed; /* sorted */
	uint8_t *explained;         /* by index in `installed` */
};

/*
 * Whether the maps hold every entry that this grant stands for, to its end at least. Protocols of which the port is
 * not protected have no entry. An entry may end later than the grant: a wider one covers it.
 */
static bool is_held(struct adoption *a, const struct grant *grant)
{
	uint8_t protos = grant->protos & a->gate->get_protected(a->gate_ctx, grant->port);
	/* With a wrong clock: that it has not ended is all that can be asked. */
	uint64_t end = grant->mark == GRANT_WAITS ? a->now.boot.ns + STAMP_SLACK_NS + 1
						  : clock_to_boot(a->now, grant->until).ns;

	FOR_EACH_PROTO_BIT (bit) {
		struct gate_key key = entry_key(&grant->source, grant->port, proto_number(bit));
		const struct gate_entry *entry = protos & bit ? entry_set_find(&a->installed, &key) : NULL;

		if (protos & bit && (!entry || entry->grant.expires_boot_ns + STAMP_SLACK_NS < end))
			return false;
	}
	return true;
}

static void mark_explained(struct adoption *a, const struct grant *grant)
{
	FOR_EACH_PROTO_BIT (bit) {
		struct gate_key key = entry_key(&grant->source, grant->port, proto_number(bit));
		const struct gate_entry *entry = grant->protos & bit ? entry_set_find(&a->installed, &key) : NULL;

		if (entry)
			a->explained[entry - a->installed.entries] = 1;
	}
}

static void keep_held(struct adoption *a, struct grant_set *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++) {
		if (!a->anew && !is_held(a, &set->grants[i]))
			continue;
		mark_explained(a, &set->grants[i]);
		set->grants[kept++] = set->grants[i];
	}
	set->n = kept;
}

/* A clock that is wrong is behind: what has ended by it has ended. */
static bool is_believed(struct adoption *a, const struct grant *grant)
{
	if (grant->until.ns <= a->now.wall.ns)
		return false;
	if (!a->anew && (a->waits || opened_is_live(grant, a->now.wall)))
		return is_held(a, grant);
	return true;
}

/* What waits for the clock explains no entry. */
static void keep_opened(struct adoption *a, struct grant_set *opened)
{
	size_t kept = 0;

	for (size_t i = 0; i < opened->n; i++) {
		struct grant *grant = &opened->grants[i];

		if (a->at_start)
			grant->mark = a->waits ? GRANT_WAITS : GRANT_NEW;
		if (a->at_start && !is_believed(a, grant))
			continue;
		if (opened_is_live(grant, a->now.wall))
			mark_explained(a, grant);
		opened->grants[kept++] = *grant;
	}
	opened->n = kept;
}

/* The other entries become grants of nobody knows whom, each to its own end. */
static int adopt_rest(const struct adoption *a, struct grant_set *set)
{
	for (size_t i = 0; i < a->installed.n; i++) {
		const struct gate_entry *entry = &a->installed.entries[i];
		struct boot_time end = {.ns = entry->grant.expires_boot_ns};
		struct grant grant = {.port = ntohs(entry->key.port_be), .protos = proto_to_bit(entry->key.proto)};
		int r;

		if (a->explained[i] || end.ns == JITGATE_NO_DEADLINE || !entry_source(&entry->key, &grant.source))
			continue;
		grant.until = clock_to_wall(a->now, end);
		r = grant_set_add(set, &grant, NULL, NULL, ADOPTED_ORIGIN);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_grants(struct adoption *a, struct grant_set *set, struct grant_set *opened)
{
	int r = a->gate->list(a->gate_ctx, &a->installed);

	if (r < 0)
		return r;
	entry_set_sort(&a->installed);
	a->explained = calloc(a->installed.n + 1, 1);
	if (!a->explained)
		return -ENOMEM;
	keep_held(a, set);
	keep_opened(a, opened);
	return adopt_rest(a, set);
}

static void end_adoption(struct adoption *a)
{
	entry_set_free(&a->installed);
	free(a->explained);
}

/* ------------------------------------------------------------ the clock */

struct wall_time takeover_clock_floor(struct wall_time now, struct wall_time taken)
{
	struct wall_time floor = {.ns = TAKEOVER_CLOCK_FLOOR_NS};

	if (taken.ns - TAKEOVER_CLOCK_SLACK_NS > floor.ns)
		floor.ns = taken.ns - TAKEOVER_CLOCK_SLACK_NS;
	return now.ns < floor.ns ? floor : (struct wall_time){0};
}

/* ------------------------------------------------------------ both */

static bool is_empty(const struct gate_ops *gate, void *gate_ctx)
{
	for (uint32_t port = 1; port < 65536; port++) {
		if (gate->get_protected(gate_ctx, (uint16_t)port))
			return false;
	}
	return true;
}

static int judge(struct adoption *a, const struct guard *guard, struct snapshot *saved, struct grant_set *opened,
		 struct snapshot *ret)
{
	_cleanup_snapshot_ struct snapshot current = {0};
	int r;

	if (saved && !takeover_clock_floor(a->now.wall, saved->taken).ns) {
		current.taken = saved->taken;
		current.grants = saved->grants;
		saved->grants = (struct grant_set){0};
	}
	r = take_grants(a, &current.grants, opened);
	if (r < 0)
		return r;
	grant_list_sort(&current.grants, guard, a->now.wall);
	*ret = current;
	current = (struct snapshot){0};
	return 0;
}

int takeover_judge(const struct gate_ops *gate, void *gate_ctx, const struct guard *guard, struct clock_pair now,
		   struct snapshot *saved, struct grant_set *opened, bool anew, struct snapshot *ret)
{
	CLEANUP(end_adoption) struct adoption a = {.gate = gate, .gate_ctx = gate_ctx, .now = now, .anew = anew};

	return judge(&a, guard, saved, opened, ret);
}

int takeover_build(const struct gate_ops *gate, void *gate_ctx, const struct guard *guard, struct clock_pair now,
		   struct snapshot *saved, struct grant_set *opened, struct takeover *ret)
{
	CLEANUP(end_adoption)
	struct adoption a = {.gate = gate, .gate_ctx = gate_ctx, .now = now, .at_start = true};
	int r = learn_ports(gate, gate_ctx, now.boot, saved, &ret->learned);

	if (r < 0)
		return r;
	a.anew = ret->anew = is_empty(gate, gate_ctx);
	ret->clock_floor = takeover_clock_floor(now.wall, saved ? saved->taken : (struct wall_time){0});
	a.waits = ret->clock_floor.ns != 0;
	return judge(&a, guard, saved, opened, &ret->current);
}
