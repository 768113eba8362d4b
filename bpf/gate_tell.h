/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What is counted and told about a packet that has been judged. Decides nothing: with all of this away the same packets
 * would pass. It comes behind the maps and gate_verdict.h.
 */
#ifndef GATE_TELL_H
#define GATE_TELL_H

#include "gate_hook.h"
#include "gate_verdict.h"

GATE_INLINE void count_packet(int reason, __u64 bytes)
{
	__u32 key = reason;
	struct gate_counter *counter = bpf_map_lookup_elem(&stats_v1, &key);

	if (counter) {
		counter->packets++;
		counter->bytes += bytes;
	}
}

/* The slot was written together with the protection, so there is no look-up by port. */
GATE_INLINE void count_port(const struct packet *pkt, __u16 word, int granted, __u64 bytes)
{
	__u32 key = word >> PROTECTED_SLOT_SHIFT;
	struct port_slot *slot = bpf_map_lookup_elem(&ports_v1, &key);
	struct port_counters *port;

	if (!slot)
		return;
	port = &slot->tcp + pkt->proto_index;
	if (granted) {
		port->granted_packets++;
		port->granted_bytes += bytes;
	} else {
		port->ungranted_packets++;
		port->ungranted_bytes += bytes;
	}
}

/* Returns whether this was the first packet of the grant on this CPU. */
GATE_INLINE int count_usage(const struct match *match, __u64 bytes)
{
	struct grant_usage *usage = bpf_map_lookup_elem(&usage_v1, &match->slot);

	if (!usage)
		return 0;
	usage->bytes += bytes;
	usage->last_seen_boot_ns = match->now_boot_ns;
	return usage->packets++ == 0;
}

/*
 * Whether one more event may be sent that leaves `kept` to others. Costs one load when not. The count may end a few
 * below 0 when CPUs race; that is harmless.
 */
GATE_INLINE int take_budget(__s64 kept)
{
	const __u32 zero = 0;
	struct event_budget *budget = bpf_map_lookup_elem(&budget_v1, &zero);

	if (!budget || budget->left <= kept)
		return 0;
	__sync_fetch_and_add(&budget->left, -1);
	return 1;
}

GATE_INLINE int send_event(const struct hook *hook, __u32 slot, int reason, int would_be)
{
	struct event *event = bpf_ringbuf_reserve(&events_v1, sizeof(*event), 0);
	struct packet pkt = {.is_again = 1};

	if (!event)
		return 0;
	gate_parse(frame_data(hook), frame_end(hook), &pkt);
	__builtin_memset(event, 0, sizeof(*event));
	event->boot_ns = bpf_ktime_get_boot_ns();
	event->ifindex = frame_ifindex(hook);
	event->slot = slot;
	event->reason = reason;
	event->would_be = would_be;
	event->family = pkt.family;
	event->proto = pkt.proto;
	event->sport_be = pkt.sport_be;
	event->dport_be = pkt.dport_be;
	if (pkt.family == JITGATE_IPV4) {
		__builtin_memcpy(event->saddr, pkt.saddr, 4);
		__builtin_memcpy(event->daddr, pkt.daddr, 4);
	} else if (pkt.family == JITGATE_IPV6) {
		__builtin_memcpy(event->saddr, pkt.saddr, 16);
		__builtin_memcpy(event->daddr, pkt.daddr, 16);
	}
	bpf_ringbuf_submit(event, 0);
	return 1;
}

/*
 * Functions of their own, which read the frame once more, so that the many packets that nothing is told about are
 * spared the registers that it takes. Not static: then the verifier looks at each once, instead of once for
 * each way to get here, and wants it to return a value.
 */
__attribute__((noinline)) int tell_xdp(struct xdp_md *ctx, __u32 slot, int reason, int would_be)
{
	struct hook hook = {.ctx = ctx};

	return send_event(&hook, slot, reason, would_be);
}

__attribute__((noinline)) int tell_tc(struct __sk_buff *ctx, __u32 slot, int reason, int would_be)
{
	struct hook hook = {.ctx = ctx, .is_tc = 1};

	return send_event(&hook, slot, reason, would_be);
}

GATE_INLINE void tell(const struct hook *hook, __u32 slot, int reason, int would_be)
{
	if (hook->is_tc)
		tell_tc(hook->ctx, slot, reason, would_be);
	else
		tell_xdp(hook->ctx, slot, reason, would_be);
}

/* Whether it is what jitgated tries the filter with; see jitgate_abi.h. */
GATE_INLINE int is_probe(const struct hook *hook, int reason)
{
	const struct ethhdr *eth = frame_data(hook);
	int i;

	if (reason != REASON_MALFORMED || frame_ifindex(hook) != JITGATE_PROBE_IFINDEX ||
	    (const void *)(eth + 1) > frame_end(hook))
		return 0;
#pragma clang loop unroll(full)
	for (i = 0; i < ETH_ALEN; i++) {
		if (eth->h_dest[i] != (__u8)JITGATE_PROBE_MAC[i])
			return 0;
	}
	return 1;
}

#endif
