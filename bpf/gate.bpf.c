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

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, JITGATE_FLOWS_MAX);
	__type(key, struct flow_key);
	__type(value, struct gate_flow);
} flows_v1 SEC(".maps");

/* Arrays of plain loads; see jitgate_abi.h. */
volatile __u16 protected_v1[65536] SEC(".data.protected");
volatile __u8 sources_v1[2][JITGATE_SOURCES_BYTES] SEC(".data.sources");
volatile struct gate_session sessions_v1[JITGATE_SESSION_CLASSES] SEC(".data.sessions");

#include "gate_verdict.h"
#include "gate_session.h"
#include "gate_tell.h"

GATE_INLINE int pass(int reason, __u64 bytes)
{
	count_packet(reason, bytes);
	return XDP_PASS;
}

GATE_INLINE int drop(struct xdp_md *ctx, int reason, __u32 slot, __u64 bytes, __s64 kept)
{
	int audit = is_audit();
	int counted = audit ? REASON_AUDIT : reason;

	count_packet(counted, bytes);
	if (take_budget(kept))
		send_event(ctx, slot, counted, reason);
	return audit ? XDP_PASS : XDP_DROP;
}

/*
 * For a port that has a class: learns from what a grant let in; else whether the packet's flow goes on without. A
 * function of its own, which reads the frame once more, so that all other ports are spared what it takes. Not static:
 * as send_event.
 */
__attribute__((noinline)) int goes_on(struct xdp_md *ctx, int reason, __u64 now_boot_ns, __u64 end_boot_ns)
{
	const void *data = (const void *)(long)ctx->data;
	const void *end = (const void *)(long)ctx->data_end;
	const struct match match = {.now_boot_ns = now_boot_ns, .end_boot_ns = end_boot_ns};
	struct packet pkt = {.is_again = 1};

	if (gate_parse(data, end, &pkt) != GATE_HAS_PORTS)
		return 0;
	return judge_flow(&pkt, reason, &match);
}

SEC("xdp")
int gate(struct xdp_md *ctx)
{
	const void *data = (const void *)(long)ctx->data;
	const void *end = (const void *)(long)ctx->data_end;
	__u64 bytes = end - data;
	struct packet pkt = {};
	struct match match = {};
	int reason;
	__u16 word;

	reason = gate_parse(data, end, &pkt);
	if (reason != GATE_HAS_PORTS)
		return is_drop(reason) ? drop(ctx, reason, 0, bytes, JITGATE_KEPT_FOR_PORTS) : pass(reason, bytes);
	if (!is_protected(&pkt))
		return pass(REASON_UNPROTECTED, bytes);

	reason = judge_grant(&pkt, &match);
	word = protected_v1[pkt.dport_be];
	if (word & PROTECTED_CLASS_MASK && goes_on(ctx, reason, match.now_boot_ns, match.end_boot_ns)) {
		count_port(&pkt, word, 1, bytes);
		return pass(REASON_ESTABLISHED, bytes);
	}
	count_port(&pkt, word, reason == REASON_GRANTED, bytes);
	if (reason != REASON_GRANTED)
		return drop(ctx, reason, match.slot, bytes, JITGATE_KEPT_FOR_GRANTS);
	if (count_usage(&match, bytes) && take_budget(0))
		send_event(ctx, match.slot, reason, reason);
	return pass(reason, bytes);
}

SEC("xdp")
int root(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &slots_v1, 0);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
