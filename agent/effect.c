// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See effect.h.
 */
#include "effect.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <string.h>

#include "grant.h"
#include "reason.h"

#define ETH_BYTES 14
#define LOOPBACK_IFINDEX 1 /* where BPF_PROG_RUN says that a frame came in */

static bool is_audited(const struct due *due)
{
	return due->mode == JITGATE_AUDIT && due->verdict == XDP_DROP;
}

int due_verdict(const struct due *due)
{
	return is_audited(due) ? XDP_PASS : due->verdict;
}

static const char *verdict_name(int verdict)
{
	return verdict == XDP_PASS ? "pass" : verdict == XDP_DROP ? "drop" : "neither pass nor drop";
}

static bool check_verdict(const struct due *due, const struct effect *effect, char why[EFFECT_WHY_MAX])
{
	if (effect->verdict == due_verdict(due))
		return true;
	snprintf(why, EFFECT_WHY_MAX, "verdict %s (%d), not %s", verdict_name(effect->verdict), effect->verdict,
		 verdict_name(due_verdict(due)));
	return false;
}

static bool check_stats(const struct due *due, const struct effect *effect, char why[EFFECT_WHY_MAX])
{
	int counted = is_audited(due) ? REASON_AUDIT : due->reason;

	for (int i = 0; i < _REASON_MAX; i++) {
		uint64_t packets = i == counted, bytes = i == counted ? due->frame->len : 0;

		if (effect->stats[i].packets == packets && effect->stats[i].bytes == bytes)
			continue;
		snprintf(why, EFFECT_WHY_MAX, "%s counted %llu packets, %llu bytes, not %llu, %llu; %s is due",
			 reason_name(i), (unsigned long long)effect->stats[i].packets,
			 (unsigned long long)effect->stats[i].bytes, (unsigned long long)packets,
			 (unsigned long long)bytes, reason_name(counted));
		return false;
	}
	return true;
}

static bool check_ports(const struct due *due, const struct effect *effect, char why[EFFECT_WHY_MAX])
{
	bool is_ungranted = due->reason == REASON_NO_GRANT || due->reason == REASON_EXPIRED;
	size_t i = 0;

	FOR_EACH_PROTO_BIT (bit) {
		const struct port_counters *is = &effect->ports[i++];
		bool mine = proto_number(bit) == due->frame->l4_proto;
		uint64_t granted = mine && due->reason == REASON_GRANTED, ungranted = mine && is_ungranted;

		if (is->granted_packets == granted && is->granted_bytes == granted * due->frame->len &&
		    is->ungranted_packets == ungranted && is->ungranted_bytes == ungranted * due->frame->len)
			continue;
		snprintf(why, EFFECT_WHY_MAX, "ports_v1 of protocol %u is wrong", proto_number(bit));
		return false;
	}
	return true;
}

static bool check_usage(const struct due *due, const struct effect *effect, char why[EFFECT_WHY_MAX])
{
	for (uint32_t i = 0; i < EFFECT_SLOTS; i++) {
		const struct grant_usage *is = &effect->usage[i];
		bool used = due->reason == REASON_GRANTED && i == due->slot;
		uint64_t earliest = used ? effect->before_boot_ns : 0, latest = used ? effect->after_boot_ns : 0;

		if (is->packets != (uint64_t)used || is->bytes != (used ? due->frame->len : 0))
			snprintf(why, EFFECT_WHY_MAX, "usage_v1[%u] is wrong", i);
		else if (is->last_seen_boot_ns < earliest || is->last_seen_boot_ns > latest)
			snprintf(why, EFFECT_WHY_MAX, "usage_v1[%u] was last seen at a wrong time", i);
		else
			continue;
		return false;
	}
	return true;
}

/* What the event can know: nothing, or the addresses (family set), the protocol, the ports. */
static struct event due_event(const struct due *due)
{
	const struct frame *frame = due->frame;
	const struct frame_ip *ip = &frame->ips[0];
	struct event event = {.reason = due->reason, .would_be = due->reason, .ifindex = LOOPBACK_IFINDEX};
	bool has_header = ip->family == 6 && frame->len >= ip->at + 40 && frame->data[ip->at] >> 4 == 6;
	size_t address = ip->family == 4 ? 4 : 16;

	if (is_audited(due))
		event.reason = REASON_AUDIT;
	if (due->reason == REASON_GRANTED || due->reason == REASON_EXPIRED)
		event.slot = due->slot;
	if (due->reason == REASON_MALFORMED && !has_header)
		return event;
	if (due->reason == REASON_TOO_DEEP && ip->at > ETH_BYTES + 4 * JITGATE_VLAN_TAGS_MAX)
		return event;
	event.family = ip->family;
	memcpy(event.saddr, frame->data + ip->at + (ip->family == 4 ? 12 : 8), address);
	memcpy(event.daddr, frame->data + ip->at + (ip->family == 4 ? 16 : 24), address);
	if (due->reason == REASON_MALFORMED || due->reason == REASON_TOO_DEEP)
		return event;
	event.proto = frame->l4_proto;
	if (due->reason == REASON_SHORT_L4)
		return event;
	memcpy(&event.sport_be, frame->data + frame->l4_at, 2);
	memcpy(&event.dport_be, frame->data + frame->l4_at + 2, 2);
	return event;
}

static bool check_event_content(const struct due *due, const struct effect *effect, char why[EFFECT_WHY_MAX])
{
	const struct event *is = &effect->last_event;
	struct event event = due_event(due);

	event.boot_ns = is->boot_ns;
	if (is->boot_ns < effect->before_boot_ns || is->boot_ns > effect->after_boot_ns)
		snprintf(why, EFFECT_WHY_MAX, "the event has a wrong time");
	else if (memcmp(is, &event, sizeof(event)) != 0)
		snprintf(why, EFFECT_WHY_MAX,
			 "event: reason %u/%u, family %u, proto %u, ports %u>%u, interface %u, slot %u; "
			 "not %u/%u, %u, %u, %u>%u, %u, %u, or an address differs",
			 is->reason, is->would_be, is->family, is->proto, ntohs(is->sport_be), ntohs(is->dport_be),
			 is->ifindex, is->slot, event.reason, event.would_be, event.family, event.proto,
			 ntohs(event.sport_be), ntohs(event.dport_be), event.ifindex, event.slot);
	else
		return true;
	return false;
}

/* How much of the budget is kept for what matters more. */
static int64_t kept_from(int reason)
{
	if (reason == REASON_GRANTED)
		return 0;
	return reason == REASON_NO_GRANT || reason == REASON_EXPIRED ? JITGATE_KEPT_FOR_GRANTS : JITGATE_KEPT_FOR_PORTS;
}

static bool check_event(const struct due *due, const struct effect *effect, char why[EFFECT_WHY_MAX])
{
	bool is_first_use = due->reason == REASON_GRANTED && due->slot < EFFECT_SLOTS;
	size_t n = due->budget > kept_from(due->reason) && (due->verdict == XDP_DROP || is_first_use);

	if (effect->n_events != n) {
		snprintf(why, EFFECT_WHY_MAX, "%zu events, not %zu", effect->n_events, n);
		return false;
	}
	if (effect->budget_left != due->budget - (int64_t)n) {
		snprintf(why, EFFECT_WHY_MAX, "%lld left of the budget after %zu events",
			 (long long)effect->budget_left, n);
		return false;
	}
	return !n || check_event_content(due, effect, why);
}

bool effect_is_due(const struct due *due, const struct effect *effect, char why[EFFECT_WHY_MAX])
{
	return check_verdict(due, effect, why) && check_stats(due, effect, why) && check_ports(due, effect, why) &&
	       check_usage(due, effect, why) && check_event(due, effect, why);
}
