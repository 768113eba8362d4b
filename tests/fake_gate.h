/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A data path in memory for unit and simulation tests: a trie as a plain list, searched by brute force, so that it
 * shares no idea with the code under test. Can be told to fail, and calls back after each change, so that a test can
 * look between two steps of a plan.
 */
#ifndef FAKE_GATE_H
#define FAKE_GATE_H

#include <string.h>

#include "gate.h"
#include "grant.h"

#define FAKE_ENTRIES_MAX 4096
#define FAKE_FLOWS_MAX 256

struct fake_gate {
	struct gate_entry entries[FAKE_ENTRIES_MAX];
	size_t n;
	uint8_t protected[65536];
	uint8_t class[65536];
	struct gate_session sessions[JITGATE_SESSION_CLASSES];
	struct {
		struct flow_key key;
		struct gate_flow flow;
	} flows[FAKE_FLOWS_MAX];
	size_t n_flows;
	unsigned int settled, walks, fail_walks, fail_flows;
	struct sources sources;
	struct gate_state state;
	uint32_t resets[FAKE_ENTRIES_MAX]; /* how often each slot's usage was reset */
	size_t capacity;
	unsigned int puts, deletes, fail_puts, fail_deletes; /* fail_*: so many of the next ones fail */
	void (*changed)(void *ctx);
	void *ctx;
};

static int fake_find(const struct fake_gate *g, const struct gate_key *key)
{
	for (size_t i = 0; i < g->n; i++) {
		if (memcmp(&g->entries[i].key, key, sizeof(*key)) == 0)
			return (int)i;
	}
	return -1;
}

static int fake_bit(const uint8_t *addr, uint32_t i)
{
	return addr[i / 8] >> (7 - i % 8) & 1;
}

static int fake_matches(const struct gate_key *entry, const struct gate_key *packet)
{
	if (entry->family != packet->family || entry->port_be != packet->port_be || entry->proto != packet->proto ||
	    entry->prefixlen > packet->prefixlen)
		return 0;
	for (uint32_t i = 0; i < entry->prefixlen - GATE_KEY_EXACT_BITS; i++) {
		if (fake_bit(entry->addr, i) != fake_bit(packet->addr, i))
			return 0;
	}
	return 1;
}

static int fake_list(void *ctx, struct entry_set *ret)
{
	const struct fake_gate *g = ctx;

	for (size_t i = 0; i < g->n; i++) {
		if (entry_set_add(ret, &g->entries[i]) < 0)
			return -12;
	}
	return 0;
}

/* Bit i of the two bytes that the program looks at, from what jitgate_abi.h says of them. */
static int fake_is_searched(const struct fake_gate *g, const struct gate_key *key)
{
	const uint8_t *a = key->addr;
	int is_v6 = key->family == JITGATE_IPV6;
	uint8_t first = is_v6 ? a[0] ^ a[2] : a[0], second = is_v6 ? a[1] ^ a[3] : a[1];

	return g->sources.bits[is_v6][first * 32 + second / 8] >> second % 8 & 1;
}

static int fake_lookup(void *ctx, const struct gate_key *key, struct gate_grant *ret)
{
	const struct fake_gate *g = ctx;
	const struct gate_entry *best = NULL;

	if (!fake_is_searched(g, key))
		return -2;
	for (size_t i = 0; i < g->n; i++) {
		if (fake_matches(&g->entries[i].key, key) &&
		    (!best || g->entries[i].key.prefixlen > best->key.prefixlen))
			best = &g->entries[i];
	}
	if (!best)
		return -2;
	*ret = best->grant;
	return 0;
}

static void fake_tell(struct fake_gate *g)
{
	if (g->changed)
		g->changed(g->ctx);
}

static int fake_put(void *ctx, const struct gate_entry *entry)
{
	struct fake_gate *g = ctx;
	int at = fake_find(g, &entry->key);

	if (g->fail_puts) {
		g->fail_puts--;
		return -12;
	}
	if (at < 0 && g->n == g->capacity)
		return -28;
	g->entries[at < 0 ? (int)g->n++ : at] = *entry;
	g->puts++;
	fake_tell(g);
	return 0;
}

static int fake_delete(void *ctx, const struct gate_key *key)
{
	struct fake_gate *g = ctx;
	int at = fake_find(g, key);

	if (g->fail_deletes) {
		g->fail_deletes--;
		return -5;
	}
	if (at >= 0)
		g->entries[at] = g->entries[--g->n];
	g->deletes++;
	fake_tell(g);
	return 0;
}

/* For tests that put entries by themselves. */
static inline void fake_search_everywhere(struct fake_gate *g)
{
	memset(&g->sources, 0xff, sizeof(g->sources));
}

static void fake_set_sources(void *ctx, const struct sources *sources)
{
	struct fake_gate *g = ctx;

	g->sources = *sources;
	fake_tell(g);
}

static int fake_reset_usage(void *ctx, uint32_t slot)
{
	struct fake_gate *g = ctx;

	g->resets[slot % FAKE_ENTRIES_MAX]++;
	return 0;
}

static uint8_t fake_get_protected(void *ctx, uint16_t port)
{
	return ((struct fake_gate *)ctx)->protected[port];
}

static int fake_set_protected(void *ctx, uint16_t port, uint8_t protos)
{
	struct fake_gate *g = ctx;

	g->protected[port] = protos;
	if (!protos)
		g->class[port] = 0;
	fake_tell(g);
	return 0;
}

static uint8_t fake_get_class(void *ctx, uint16_t port)
{
	return ((struct fake_gate *)ctx)->class[port];
}

static void fake_set_class(void *ctx, uint16_t port, uint8_t class)
{
	struct fake_gate *g = ctx;

	if (g->protected[port] & PROTO_BITS_ALL)
		g->class[port] = class;
	fake_tell(g);
}

static void fake_get_session(void *ctx, uint8_t class, struct gate_session *ret)
{
	*ret = ((struct fake_gate *)ctx)->sessions[class];
}

static void fake_set_session(void *ctx, uint8_t class, const struct gate_session *session)
{
	((struct fake_gate *)ctx)->sessions[class] = *session;
}

static int fake_lookup_flow(void *ctx, const struct flow_key *key, struct gate_flow *ret)
{
	struct fake_gate *g = ctx;

	if (g->fail_flows) {
		g->fail_flows--;
		return -12;
	}
	for (size_t i = 0; i < g->n_flows; i++) {
		if (memcmp(&g->flows[i].key, key, sizeof(*key)) == 0) {
			*ret = g->flows[i].flow;
			return 0;
		}
	}
	return -2;
}

static int fake_each_flow(void *ctx, flow_visitor visit, void *visit_ctx)
{
	struct fake_gate *g = ctx;

	if (g->fail_walks) {
		g->fail_walks--;
		return -12;
	}
	g->walks++;
	for (size_t i = 0; i < g->n_flows;) {
		struct gate_flow flow = g->flows[i].flow;
		enum flow_step step = visit(visit_ctx, &g->flows[i].key, &flow);

		if (step == FLOW_DELETE) {
			g->flows[i] = g->flows[--g->n_flows];
			continue;
		}
		if (step == FLOW_PUT)
			g->flows[i].flow = flow;
		i++;
	}
	return 0;
}

static void fake_settle(void *ctx)
{
	struct fake_gate *g = ctx;

	g->settled++;
	fake_tell(g);
}

static void fake_get_state(void *ctx, struct gate_state *ret)
{
	*ret = ((struct fake_gate *)ctx)->state;
}

static void fake_set_state(void *ctx, const struct gate_state *state)
{
	((struct fake_gate *)ctx)->state = *state;
}

static size_t fake_capacity(void *ctx)
{
	return ((struct fake_gate *)ctx)->capacity;
}

static const struct gate_ops fake_gate_ops = {
	.list = fake_list,
	.lookup = fake_lookup,
	.put = fake_put,
	.delete = fake_delete,
	.set_sources = fake_set_sources,
	.reset_usage = fake_reset_usage,
	.get_protected = fake_get_protected,
	.set_protected = fake_set_protected,
	.get_class = fake_get_class,
	.set_class = fake_set_class,
	.get_session = fake_get_session,
	.set_session = fake_set_session,
	.lookup_flow = fake_lookup_flow,
	.each_flow = fake_each_flow,
	.settle = fake_settle,
	.get_state = fake_get_state,
	.set_state = fake_set_state,
	.capacity = fake_capacity,
};

/* What the program would do with a packet of (source, port, protocol number) at a boot time. */
static inline int fake_passes(struct fake_gate *g, const struct cidr *source, uint16_t port, uint8_t proto,
			      uint64_t boot_ns)
{
	struct gate_key key = entry_key(source, port, proto);
	struct gate_grant found;

	if (!(g->protected[port] & proto_to_bit(proto)))
		return 1;
	return fake_lookup(g, &key, &found) == 0 && boot_ns < found.expires_boot_ns;
}

#endif
