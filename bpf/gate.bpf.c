// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The gate: maps and the two XDP programs. How a frame is read is in gate_parse.h, how it is judged in gate_verdict.h,
 * what is counted and told about it in gate_tell.h.
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
	__uint(max_entries, JITGATE_GRANTS_DEFAULT); /* set at load to twice max_grants */
	__type(key, struct gate_key);
	__type(value, struct gate_grant);
} grants_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, JITGATE_PORT_SLOTS);
	__type(key, __u32);
	__type(value, struct port_slot);
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

/* Arrays of plain loads; see jitgate_abi.h. */
volatile __u16 protected_v1[65536] SEC(".data.protected");
volatile __u8 sources_v1[2][JITGATE_SOURCES_BYTES] SEC(".data.sources");

#include "gate_verdict.h"
#include "gate_tell.h"

SEC("xdp")
int gate(struct xdp_md *ctx)
{
	const void *data = (const void *)(long)ctx->data;
	const void *end = (const void *)(long)ctx->data_end;
	__u64 bytes = end - data;
	struct packet pkt = {};
	struct match match = {};
	int reason, would_be;
	int tell = 0;

	reason = gate_parse(data, end, &pkt);
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
	if (tell && take_budget())
		send_event(ctx, match.slot, reason, would_be);
	return is_drop(reason) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int root(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &slots_v1, 0);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
