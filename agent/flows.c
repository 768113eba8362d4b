// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See flows.h.
 */
#include "flows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "grant.h"
#include "session.h"

struct cidr flow_source(const struct flow_key *key)
{
	struct cidr source = {.family = key->family, .prefix_len = key->family == JITGATE_IPV4 ? 32 : 128};

	memcpy(source.addr, key->saddr, sizeof(source.addr));
	return source;
}

uint64_t flow_drain_ns(const struct gate_ops *gate, void *gate_ctx, const struct flow_key *key)
{
	uint16_t port = ntohs(key->dport_be);
	uint8_t bit = proto_to_bit(key->proto), class;
	struct gate_session session;

	if (!(gate->get_protected(gate_ctx, port) & bit))
		return SESSION_CUT;
	class = gate->get_class(gate_ctx, port);
	if (!class)
		return SESSION_CUT;
	gate->get_session(gate_ctx, class, &session);
	return session.drain_ns[__builtin_ctz(bit)];
}

uint64_t flow_until_boot_ns(const struct gate_flow *flow, uint64_t drain_ns)
{
	return flow->end_boot_ns > JITGATE_NO_DEADLINE - drain_ns ? JITGATE_NO_DEADLINE : flow->end_boot_ns + drain_ns;
}

static uint64_t idle_ns(const struct flow_key *key, const struct gate_flow *flow)
{
	if (key->proto != IPPROTO_TCP)
		return JITGATE_FLOW_UDP_IDLE_NS;
	return flow->state & FLOW_ANSWERED ? JITGATE_FLOW_TCP_IDLE_NS : JITGATE_FLOW_OPENING_NS;
}

bool flow_goes_on(const struct flow_key *key, const struct gate_flow *flow, uint64_t drain_ns, uint64_t now_boot_ns)
{
	return drain_ns != SESSION_CUT && now_boot_ns < flow_until_boot_ns(flow, drain_ns) &&
	       now_boot_ns < flow->last_seen_boot_ns + idle_ns(key, flow);
}

bool flow_counts(const struct flow_key *key, const struct gate_flow *flow, uint64_t drain_ns, uint64_t now_boot_ns)
{
	bool closed = flow->state & FLOW_CLOSING && now_boot_ns >= flow->last_seen_boot_ns + JITGATE_FLOW_CLOSED_NS;

	return !closed && flow_goes_on(key, flow, drain_ns, now_boot_ns);
}

struct flow_key flow_of_socket(const struct cidr *peer, uint16_t peer_port, const struct cidr *local, uint16_t port,
			       uint8_t proto_bit)
{
	struct flow_key key = {.sport_be = htons(peer_port),
			       .dport_be = htons(port),
			       .proto = proto_number(proto_bit),
			       .family = peer->family};

	memcpy(key.saddr, peer->addr, sizeof(key.saddr));
	memcpy(key.daddr, local->addr, sizeof(key.daddr));
	return key;
}

int flow_look(const struct gate_ops *gate, void *gate_ctx, const struct flow_key *key, uint64_t drain_ns,
	      uint64_t now_boot_ns, uint64_t *ret_until_boot_ns)
{
	struct gate_flow flow;
	int r = gate->lookup_flow(gate_ctx, key, &flow);

	if (r < 0)
		return r;
	*ret_until_boot_ns = flow_goes_on(key, &flow, drain_ns, now_boot_ns) ? flow_until_boot_ns(&flow, drain_ns) : 0;
	return 0;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct review {
	const struct gate_ops *gate;
	void *gate_ctx;
	uint64_t now_boot_ns;
	size_t failed; /* entries that could not be read */
};

static enum flow_step review_flow(void *ctx, const struct flow_key *key, struct gate_flow *flow)
{
	struct review *review = ctx;
	uint64_t drain_ns = flow_drain_ns(review->gate, review->gate_ctx, key), was = flow->end_boot_ns;
	struct cidr source = flow_source(key);
	struct gate_key entry_of = entry_key(&source, ntohs(key->dport_be), key->proto);
	struct gate_grant entry;
	int r;

	if (drain_ns == SESSION_CUT)
		return FLOW_DELETE;
	r = review->gate->lookup(review->gate_ctx, &entry_of, &entry);
	if (r < 0 && r != -ENOENT) {
		review->failed++;
		return FLOW_LEAVE;
	}
	if (r < 0)
		flow->end_boot_ns = lower(was, review->now_boot_ns);
	else if (entry.expires_boot_ns > review->now_boot_ns)
		flow->end_boot_ns = entry.expires_boot_ns;
	else
		flow->end_boot_ns = lower(was, entry.expires_boot_ns);
	if (!flow_goes_on(key, flow, drain_ns, review->now_boot_ns))
		return FLOW_DELETE;
	return flow->end_boot_ns == was ? FLOW_LEAVE : FLOW_PUT;
}

size_t flows_review(const struct gate_ops *gate, void *gate_ctx, uint64_t now_boot_ns)
{
	struct review review = {.gate = gate, .gate_ctx = gate_ctx, .now_boot_ns = now_boot_ns};
	int r = gate->each_flow(gate_ctx, review_flow, &review);

	return review.failed + (r < 0);
}
