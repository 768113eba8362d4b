// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The enforcer's answer to "what would happen to this source?": asked of the same maps, in the same order, as the
 * packet program asks them. Changes nothing.
 */
#include "enforcer.h"

/* The one that ends last; in the verdict as far as there is one already. */
static void find_cover(const struct grant_set *set, const struct cidr *source, uint16_t port, uint8_t proto_bit,
		       struct enforcer_verdict *verdict)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct grant *grant = &set->grants[i];

		if (grant->mark == GRANT_REFUSED || grant->port != port || !(grant->protos & proto_bit) ||
		    !cidr_covers(&grant->source, source))
			continue;
		if (verdict->grant && grant->until.ns <= verdict->grant->until.ns)
			continue;
		verdict->grant = grant;
		verdict->set = set;
	}
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
		if (verdict.entry.expires_boot_ns != JITGATE_NO_DEADLINE) {
			find_cover(&e->current.grants, source, port, proto_bit, &verdict);
			find_cover(&e->opened, source, port, proto_bit, &verdict);
		}
	}
	verdict.would_be = verdict.reason;
	e->gate->get_state(e->gate_ctx, &state);
	if (arming_in_force(&state, now.boot) == JITGATE_AUDIT && verdict.reason != REASON_GRANTED)
		verdict.reason = REASON_AUDIT;
	return verdict;
}
