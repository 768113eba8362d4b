// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The enforcer's answer to "what would happen to this source?": asked of the same maps, in the same order, as the
 * packet program asks them. Changes nothing.
 */
#include "enforcer.h"

#include <arpa/inet.h>

#include "enforcer_internal.h"
#include "flows.h"
#include "session.h"

/* The one that ends last; in the verdict as far as there is one already. */
static void find_cover(const struct grant_set *set, const struct cidr *source, uint16_t port, uint8_t proto_bit,
		       struct enforcer_verdict *verdict)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct grant *grant = &set->grants[i];

		if (grant->mark == GRANT_REFUSED || grant->mark == GRANT_WAITS || grant->port != port ||
		    !(grant->protos & proto_bit) || !cidr_covers(&grant->source, source))
			continue;
		if (verdict->grant && grant->until.ns <= verdict->grant->until.ns)
			continue;
		verdict->grant = grant;
		verdict->set = set;
	}
}

struct search {
	const struct cidr *source;
	uint16_t port;
	uint8_t proto;
	uint64_t now_boot_ns;
	struct enforcer_verdict *verdict;
};

static enum flow_step count_session(void *ctx, const struct flow_key *key, struct gate_flow *flow)
{
	struct search *search = ctx;
	struct enforcer_verdict *verdict = search->verdict;
	struct cidr source = flow_source(key);
	uint64_t until = flow_until_boot_ns(flow, verdict->drain_ns);

	if (ntohs(key->dport_be) != search->port || key->proto != search->proto ||
	    cidr_compare(&source, search->source) != 0 ||
	    !flow_counts(key, flow, verdict->drain_ns, search->now_boot_ns))
		return FLOW_LEAVE;
	verdict->sessions++;
	if (until > verdict->sessions_until_boot_ns)
		verdict->sessions_until_boot_ns = until;
	return FLOW_LEAVE;
}

/* What goes on whatever becomes of a new connection. */
static void find_sessions(struct enforcer *e, const struct gate_key *key, const struct cidr *source,
			  uint64_t now_boot_ns, struct enforcer_verdict *verdict)
{
	struct search search = {.source = source,
				.port = ntohs(key->port_be),
				.proto = key->proto,
				.now_boot_ns = now_boot_ns,
				.verdict = verdict};
	const struct flow_key to = {.dport_be = key->port_be, .proto = key->proto};

	verdict->drain_ns = flow_drain_ns(e->gate, e->gate_ctx, &to);
	if (verdict->drain_ns != SESSION_CUT)
		verdict->sessions_error = e->gate->each_flow(e->gate_ctx, count_session, &search);
}

/* All but the sessions. */
static struct enforcer_verdict judge(struct enforcer *e, const struct gate_key *key, const struct cidr *source,
				     uint8_t proto_bit, struct boot_time now)
{
	struct enforcer_verdict verdict = {.reason = REASON_NO_GRANT};
	uint16_t port = ntohs(key->port_be);
	struct gate_state state;

	if (!(e->gate->get_protected(e->gate_ctx, port) & proto_bit)) {
		verdict.reason = verdict.would_be = REASON_UNPROTECTED;
		return verdict;
	}
	if (e->gate->lookup(e->gate_ctx, key, &verdict.entry) == 0) {
		verdict.has_entry = true;
		verdict.reason = now.ns < verdict.entry.expires_boot_ns ? REASON_GRANTED : REASON_EXPIRED;
		if (verdict.entry.expires_boot_ns != JITGATE_NO_DEADLINE) {
			find_cover(&e->current.grants, source, port, proto_bit, &verdict);
			find_cover(&e->opened, source, port, proto_bit, &verdict);
		}
	}
	verdict.would_be = verdict.reason;
	e->gate->get_state(e->gate_ctx, &state);
	if (arming_in_force(&state, now) == JITGATE_AUDIT && verdict.reason != REASON_GRANTED)
		verdict.reason = REASON_AUDIT;
	return verdict;
}

enum reason enforcer_judge(struct enforcer *e, const struct cidr *source, uint16_t port, uint8_t proto_bit)
{
	struct gate_key key = entry_key(source, port, proto_number(proto_bit));

	return judge(e, &key, source, proto_bit, e->hooks->now(e->hooks_ctx).boot).reason;
}

struct enforcer_verdict enforcer_explain(struct enforcer *e, const struct cidr *source, uint16_t port,
					 uint8_t proto_bit)
{
	struct gate_key key = entry_key(source, port, proto_number(proto_bit));
	struct boot_time now = e->hooks->now(e->hooks_ctx).boot;
	struct enforcer_verdict verdict = judge(e, &key, source, proto_bit, now);

	if (verdict.reason != REASON_UNPROTECTED)
		find_sessions(e, &key, source, now.ns, &verdict);
	return verdict;
}
