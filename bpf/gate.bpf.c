// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The gate: maps and the two XDP programs. How a frame is read is in gate_parse.h, how it is judged in
 * gate_verdict.h.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "jitgate_abi.h"

/* What is attached; slot 0 is the filter. An upgrade swaps the slot and never touches the interface. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} slots_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, JITGATE_GRANTS_DEFAULT); /* set at load from max_grants */
	__type(key, struct gate_key);
	__type(value, struct gate_grant);
} grants_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, JITGATE_PORT_RULES_MAX);
	__type(key, struct port_key);
	__type(value, struct port_counters);
} ports_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, _REASON_MAX);
	__type(key, __u32);
	__type(value, struct gate_counter);
} stats_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, JITGATE_GRANTS_DEFAULT); /* as grants_v1 */
	__type(key, __u32);
	__type(value, struct grant_usage);
} usage_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, JITGATE_EVENTS_BYTES);
} events_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event_budget);
} budget_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gate_state);
} state_v1 SEC(".maps");

/* Protected ports: index is the port in network order, value PROTO_BIT_*. One plain load per packet. */
volatile __u8 protected_v1[65536] SEC(".data.protected");

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

GATE_INLINE void count_port(const struct packet *pkt, int granted, __u64 bytes)
{
	struct port_key key = {.port = GATE_BE16(pkt->dport_be), .proto = pkt->proto};
	struct port_counters *port = bpf_map_lookup_elem(&ports_v1, &key);

	if (!port)
		return;
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

/* Costs one load once the budget is used up. The count may end a few below 0 when CPUs race; that is harmless. */
GATE_INLINE int take_budget(void)
{
	const __u32 zero = 0;
	struct event_budget *budget = bpf_map_lookup_elem(&budget_v1, &zero);

	if (!budget || budget->left <= 0)
		return 0;
	__sync_fetch_and_add(&budget->left, -1);
	return 1;
}

GATE_INLINE void send_event(struct xdp_md *ctx, const struct packet *pkt, __u32 slot, int reason, int would_be)
{
	struct event *event;

	if (!take_budget())
		return;
	event = bpf_ringbuf_reserve(&events_v1, sizeof(*event), 0);
	if (!event)
		return;
	__builtin_memset(event, 0, sizeof(*event));
	event->boot_ns = bpf_ktime_get_boot_ns();
	event->ifindex = ctx->ingress_ifindex;
	event->slot = slot;
	event->reason = reason;
	event->would_be = would_be;
	event->family = pkt->family;
	event->proto = pkt->proto;
	event->sport_be = pkt->sport_be;
	event->dport_be = pkt->dport_be;
	if (pkt->family == JITGATE_IPV4) {
		__builtin_memcpy(event->saddr, pkt->saddr, 4);
		__builtin_memcpy(event->daddr, pkt->daddr, 4);
	} else if (pkt->family == JITGATE_IPV6) {
		__builtin_memcpy(event->saddr, pkt->saddr, 16);
		__builtin_memcpy(event->daddr, pkt->daddr, 16);
	}
	bpf_ringbuf_submit(event, 0);
}

SEC("xdp")
int gate(struct xdp_md *ctx)
{
	const void *data = (const void *)(long)ctx->data;
	const void *end = (const void *)(long)ctx->data_end;
	__u64 bytes = end - data;
	struct packet pkt = {};
	struct match match = {};
	int reason, would_be, tell;

	reason = gate_parse(data, end, &pkt);
	tell = 0;
	if (reason == GATE_HAS_PORTS && !is_protected(&pkt))
		reason = REASON_UNPROTECTED;
	if (reason == GATE_HAS_PORTS) {
		reason = judge_grant(&pkt, &match);
		count_port(&pkt, reason == REASON_GRANTED, bytes);
		if (reason == REASON_GRANTED)
			tell = count_usage(&match, bytes);
	}
	would_be = reason;
	if (is_drop(reason)) {
		tell = 1;
		if (is_audit())
			reason = REASON_AUDIT;
	}
	count_packet(reason, bytes);
	if (tell)
		send_event(ctx, &pkt, match.slot, reason, would_be);
	return is_drop(reason) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int root(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &slots_v1, 0);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
