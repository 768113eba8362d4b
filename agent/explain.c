// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The enforcer's answer to "what would happen to this source?": asked of the same maps, in the same order, as the
 * packet program asks them. Changes nothing.
 */
#include "enforcer.h"

static const struct grant *latest_cover(const struct enforcer *e, const struct cidr *source, uint16_t port,
					uint8_t proto_bit)
{
	const struct grant *best = NULL;

	for (size_t i = 0; i < e->current.grants.n; i++) {
		const struct grant *grant = &e->current.grants.grants[i];

		if (grant->mark == GRANT_REFUSED || grant->port != port || !(grant->protos & proto_bit) ||
		    !cidr_covers(&grant->source, source))
			continue;
		if (!best || grant->until.ns > best->until.ns)
			best = grant;
	}
	return best;
}

struct enforcer_verdict enforcer_explain(struct enforcer *e, const struct cidr *source, uint16_t port,
					 uint8_t proto_bit)
{
	struct enforcer_verdict verdict = {.reason = REASON_NO_GRANT};
	struct gate_key key = entry_key(source, port, proto_number(proto_bit));
	struct clock_pair now = e->hooks->now(e->hooks_ctx);
	struct gate_state state;

	if (!(e->gate->get_protected(e->gate_ctx, port) & proto_bit)) {
		verdict.reason = verdict.would_be = REASON_UNPROTECTED;
		return verdict;
	}
	if (e->gate->lookup(e->gate_ctx, &key, &verdict.entry) == 0) {
		verdict.has_entry = true;
		verdict.reason = now.boot.ns < verdict.entry.expires_boot_ns ? REASON_GRANTED : REASON_EXPIRED;
		if (verdict.entry.expires_boot_ns != JITGATE_NO_DEADLINE)
			verdict.grant = latest_cover(e, source, port, proto_bit);
	}
	verdict.would_be = verdict.reason;
	e->gate->get_state(e->gate_ctx, &state);
	if (state.mode == JITGATE_AUDIT && verdict.reason != REASON_GRANTED)
		verdict.reason = REASON_AUDIT;
	return verdict;
}
