// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See apply.h. The order of the steps is what keeps doors from flickering: entries are put before their port
 * closes, and deleted after their port has opened. Between the two the flows learn when their grant has ended.
 */
#include "apply.h"

#include <errno.h>
#include <stdlib.h>

#include "flows.h"
#include "opened.h"
#include "util.h"

/* ------------------------------------------------------------ ports */

/* By port, host order: PROTO_BIT_* and PROTECTED_LEARNED, and its class. 128 KiB, for the time of one apply. */
struct port_map {
	uint8_t protos[65536];
	uint8_t classes[65536];
	struct session_classes sessions;
	bool has_flows;  /* some port has a class that lets flows go on, before or after */
	size_t unfilled; /* ports that get no class, for want of one: they cut */
};

static void add_protect(struct port_map *map, const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_protect; i++)
		map->protos[conf->protect[i].port] |= conf->protect[i].protos;
}

static void add_learned(struct port_map *map, const struct learned *learned)
{
	for (size_t i = 0; i < learned->n; i++)
		map->protos[learned->ports[i].port] |= learned->ports[i].proto_bit | PROTECTED_LEARNED;
}

static size_t count_pairs(const struct port_map *map)
{
	size_t n = 0;

	for (size_t port = 0; port < ARRAY_SIZE(map->protos); port++)
		n += protos_count(map->protos[port]);
	return n;
}

/* The classes that ports have now stay what they are: what is new gets another one. */
static void read_classes(const struct apply_input *in, struct port_map *map)
{
	for (uint8_t class = 1; class < JITGATE_SESSION_CLASSES; class ++)
		in->gate->get_session(in->gate_ctx, class, &map->sessions.classes[class]);
	for (uint32_t port = 1; port < ARRAY_SIZE(map->protos); port++) {
		uint8_t class = in->gate->get_class(in->gate_ctx, (uint16_t)port);

		map->sessions.in_use[class] = true;
		map->has_flows |= class != 0;
	}
}

static void find_classes(const struct apply_input *in, struct port_map *map)
{
	read_classes(in, map);
	for (uint32_t port = 1; port < ARRAY_SIZE(map->protos); port++) {
		struct gate_session session;
		int class;

		if (!map->protos[port])
			continue;
		session = session_of_port(&in->conf->session, (uint16_t)port);
		class = session_class(&map->sessions, &session);
		map->unfilled += class < 0;
		map->classes[port] = class < 0 ? 0 : (uint8_t) class;
		map->has_flows |= class > 0;
	}
}

/* ------------------------------------------------------------ what is wanted */

static int want_source(struct entry_set *wanted, const struct cidr *source, uint16_t port, uint8_t protos,
		       uint64_t expires_boot_ns)
{
	FOR_EACH_PROTO_BIT (bit) {
		struct gate_entry entry = {.grant.expires_boot_ns = expires_boot_ns};
		int r;

		if (!(protos & bit))
			continue;
		entry.key = entry_key(source, port, proto_number(bit));
		r = entry_set_add(wanted, &entry);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Always-allowed sources: grants without end, one per protected port, so there is still one look-up. */
static int want_allowed(struct entry_set *wanted, const struct conf *conf, const struct port_map *ports)
{
	for (uint32_t port = 1; port < ARRAY_SIZE(ports->protos); port++) {
		for (size_t i = 0; ports->protos[port] && i < conf->n_allow; i++) {
			int r = want_source(wanted, &conf->allow[i], (uint16_t)port, ports->protos[port],
					    JITGATE_NO_DEADLINE);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

bool apply_is_forgotten(const struct grant *grant, struct wall_time now)
{
	return now.ns - grant->until.ns >= APPLY_KEEP_ENDED_NS;
}

enum grant_mark apply_judge(const struct grant *grant, const struct conf *conf, struct wall_time now,
			    enum guard_verdict *ret_verdict)
{
	*ret_verdict = GUARD_OK;
	if (grant->until.ns <= now.ns)
		return GRANT_ENDED;
	if (grant->mark == GRANT_OVER)
		return GRANT_OVER;
	*ret_verdict = guard_check(&conf->guard, grant, now);
	return *ret_verdict == GUARD_OK ? GRANT_LIVE : GRANT_REFUSED;
}

/* An ended entry is kept for a while, so that what it drops reads "expired"; when there is no room, it is the first to
 * go. */
static bool is_wanted(const struct grant *grant, const struct apply_input *in, bool keep_ended)
{
	enum guard_verdict verdict;
	enum grant_mark mark = apply_judge(grant, in->conf, in->now.wall, &verdict);

	return mark == GRANT_LIVE || (mark == GRANT_ENDED && keep_ended && !apply_is_forgotten(grant, in->now.wall));
}

static int want_grants(struct entry_set *wanted, const struct apply_input *in, const struct port_map *ports,
		       bool keep_ended)
{
	const struct grant_set *set = &in->snapshot->grants;

	for (size_t i = 0; i < set->n; i++) {
		const struct grant *grant = &set->grants[i];
		int r;

		if (!is_wanted(grant, in, keep_ended))
			continue;
		r = want_source(wanted, &grant->source, grant->port, grant->protos & ports->protos[grant->port],
				clock_to_boot(in->now, grant->until).ns);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What an operator opened counts as it is: guard rails were asked when it was opened, or put aside by name. */
static int want_opened(struct entry_set *wanted, const struct apply_input *in, const struct port_map *ports,
		       bool keep_ended)
{
	int r = 0;

	for (size_t i = 0; in->opened && i < in->opened->n && r == 0; i++) {
		const struct grant *grant = &in->opened->grants[i];
		bool ended = grant->until.ns <= in->now.wall.ns;

		if (ended ? keep_ended && !apply_is_forgotten(grant, in->now.wall)
			  : opened_is_live(grant, in->now.wall))
			r = want_source(wanted, &grant->source, grant->port, grant->protos & ports->protos[grant->port],
					clock_to_boot(in->now, grant->until).ns);
	}
	return r;
}

/* ------------------------------------------------------------ apply */

/* A write that fails is counted; the others go on. */
static size_t run_puts(const struct apply_input *in, const struct plan *plan)
{
	size_t failed = 0;

	for (size_t i = 0; i < plan->n_puts; i++) {
		const struct plan_put *put = &plan->puts[i];
		int r = put->fresh ? in->gate->reset_usage(in->gate_ctx, put->entry.grant.slot) : 0;

		if (r == 0)
			r = in->gate->put(in->gate_ctx, &put->entry);
		failed += r < 0;
	}
	return failed;
}

static size_t run_deletes(const struct apply_input *in, const struct plan *plan)
{
	size_t failed = 0;

	for (size_t i = 0; i < plan->n_deletes; i++)
		failed += in->gate->delete (in->gate_ctx, &plan->deletes[i]) < 0;
	return failed;
}

/* What a class is comes before the first port that has it. *ret_changed: something was written. */
static size_t set_ports(const struct apply_input *in, const struct port_map *ports, bool *ret_changed)
{
	size_t failed = ports->unfilled;

	for (uint8_t class = 1; class < JITGATE_SESSION_CLASSES; class ++)
		in->gate->set_session(in->gate_ctx, class, &ports->sessions.classes[class]);
	*ret_changed = false;
	for (uint32_t at = 1; at < ARRAY_SIZE(ports->protos); at++) {
		uint16_t port = (uint16_t)at;

		if (in->gate->get_protected(in->gate_ctx, port) != ports->protos[port]) {
			failed += in->gate->set_protected(in->gate_ctx, port, ports->protos[port]) < 0;
			*ret_changed = true;
		}
		if (ports->protos[port] && in->gate->get_class(in->gate_ctx, port) != ports->classes[port]) {
			in->gate->set_class(in->gate_ctx, port, ports->classes[port]);
			*ret_changed = true;
		}
	}
	return failed;
}

/* ------------------------------------------------------------ flows */

/* When the entry's sources are shut out once it is gone: when what covers it ends, or now, or they are already. */
static uint64_t end_without(const struct apply_input *in, const struct gate_entry *entry)
{
	uint64_t now = in->now.boot.ns, own = entry->grant.expires_boot_ns;
	struct gate_key wider = entry->key;
	struct gate_grant cover;

	wider.prefixlen--;
	if (entry->key.prefixlen > GATE_KEY_EXACT_BITS && in->gate->lookup(in->gate_ctx, &wider, &cover) == 0 &&
	    cover.expires_boot_ns > now)
		return cover.expires_boot_ns;
	return own < now ? own : now;
}

/*
 * A grant that is taken away ends in the trie before it is deleted there: whoever looks at the flows next, be it after
 * a crash, sees when they lost it. The deletes go from the shortest prefix to the longest, so that what covers has its
 * own end by then. What cannot be written is deleted all the same.
 */
static void end_early(const struct apply_input *in, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_deletes; i++) {
		struct gate_entry entry = {.key = plan->deletes[i]};
		uint64_t end;

		if (in->gate->lookup(in->gate_ctx, &entry.key, &entry.grant) < 0)
			continue;
		end = end_without(in, &entry);
		if (entry.grant.expires_boot_ns == end)
			continue;
		entry.grant.expires_boot_ns = end;
		in->gate->put(in->gate_ctx, &entry);
	}
}

/* No flow outlives what its port's policy gives it after the end of its grant, and one of a port that cuts is gone. */
static size_t review_flows(const struct apply_input *in, const struct plan *plan, const struct port_map *ports)
{
	if (ports->has_flows) {
		end_early(in, plan);
		in->gate->settle(in->gate_ctx);
	}
	return flows_review(in->gate, in->gate_ctx, in->now.boot.ns);
}

static void write_state(const struct apply_input *in, size_t entries, size_t pairs)
{
	struct wall_time taken = in->snapshot->taken;
	struct gate_state state;

	in->gate->get_state(in->gate_ctx, &state);
	state.mode = in->mode;
	state.confirm_until_boot_ns = in->confirm_until.ns;
	state.abi_version = JITGATE_ABI_VERSION;
	state.generation++;
	state.last_sync_wall_s = (uint64_t)(taken.ns / NS_PER_S);
	state.last_sync_boot_ns = taken.ns ? clock_to_boot(in->now, taken).ns : 0;
	state.grants = (uint32_t)entries;
	state.protected_ports = (uint32_t)pairs;
	state.clock_offset_s = in->snapshot->clock_offset_s;
	state.clock_known = in->snapshot->clock_known;
	in->gate->set_state(in->gate_ctx, &state);
}

/* What the program searches the trie for: while the plan runs also for all that was installed. */
struct reach {
	struct sources during, after;
};

static void find_reach(const struct entry_set *installed, const struct entry_set *wanted, struct reach *ret)
{
	*ret = (struct reach){0};
	sources_add(&ret->after, wanted);
	ret->during = ret->after;
	sources_add(&ret->during, installed);
}

/* *ret_entries: how many the trie will have. Both sets are gone on return: the rest takes the plan alone. */
static int make_plan(const struct apply_input *in, const struct port_map *ports, bool keep_ended, size_t *ret_entries,
		     struct reach *ret_reach, struct plan *ret_plan)
{
	_cleanup_entries_ struct entry_set installed = {0};
	_cleanup_entries_ struct entry_set wanted = {0};
	size_t capacity = in->gate->capacity(in->gate_ctx);
	size_t max = in->conf->max_grants < capacity / 2 ? in->conf->max_grants : capacity / 2;
	int r = want_grants(&wanted, in, ports, keep_ended);

	if (r == 0)
		r = want_opened(&wanted, in, ports, keep_ended);
	if (r == 0)
		r = want_allowed(&wanted, in->conf, ports);
	if (r == 0)
		r = in->gate->list(in->gate_ctx, &installed);
	if (r == 0)
		r = reconcile_plan(&wanted, &installed, max, capacity, ret_plan);
	if (r == 0) {
		find_reach(&installed, &wanted, ret_reach);
		*ret_entries = wanted.n;
	}
	return r;
}

int apply_wanted(const struct apply_input *in, size_t *ret_failed)
{
	_cleanup_free_ struct port_map *ports = calloc(1, sizeof(*ports));
	_cleanup_free_ struct reach *reach = calloc(1, sizeof(*reach));
	_cleanup_plan_ struct plan plan = {0};
	size_t pairs, failed, unseen = 0, entries = 0;
	bool changed;
	int r;

	if (!ports || !reach)
		return -ENOMEM;
	add_protect(ports, in->conf);
	add_learned(ports, in->learned);
	pairs = count_pairs(ports);
	r = pairs > JITGATE_PORT_RULES_MAX ? -ENOSPC : make_plan(in, ports, true, &entries, reach, &plan);
	if (r == -ENOSPC && pairs <= JITGATE_PORT_RULES_MAX)
		r = make_plan(in, ports, false, &entries, reach, &plan);
	if (r < 0)
		return r;
	find_classes(in, ports);
	in->gate->set_sources(in->gate_ctx, &reach->during);
	failed = run_puts(in, &plan);
	if (in->commit)
		in->commit(in->commit_ctx);
	failed += set_ports(in, ports, &changed);
	if (changed || in->again || plan.n_puts || plan.n_deletes)
		unseen = review_flows(in, &plan, ports);
	/* The entries say when a flow lost its grant: they stay until each flow knows. */
	failed += unseen ? unseen : run_deletes(in, &plan);
	in->gate->set_sources(in->gate_ctx, &reach->after);
	write_state(in, entries, pairs);
	*ret_failed = failed;
	return 0;
}
