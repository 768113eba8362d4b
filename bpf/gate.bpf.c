// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The gate: maps and programs, two for the XDP hook and two that do the same at the tc ingress hook. How a frame is
 * read is in gate_parse.h, how it is judged in gate_verdict.h, what is counted and told about it in gate_tell.h, and in
 * what the hooks differ in gate_hook.h.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "jitgate_abi.h"

/* What is attached; slot 0 is the filter. An upgrade swaps the slot and never touches the interface. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} slots_v1 SEC(".maps");

/* The same for the tc hook: an array holds programs of one kind. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} slots_tc_v1 SEC(".maps");

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

GATE_INLINE int drop(const struct hook *hook, int reason, __u32 slot, __u64 bytes, __s64 kept)
{
	int audit = is_audit();
	int counted = audit ? REASON_AUDIT : reason;

	count_packet(counted, bytes);
	if (take_budget(kept))
		tell(hook, slot, counted, reason);
	return audit ? XDP_PASS : XDP_DROP;
}

/* Nothing is told of it, and it is no packet that an audit would have to count. */
GATE_INLINE int drop_probe(__u64 bytes)
{
	count_packet(REASON_PROBE, bytes);
	return is_audit() ? XDP_PASS : XDP_DROP;
}

/*
 * For a port that has a class: learns from what a grant let in; else whether the packet's flow goes on without.
 */
GATE_INLINE int judge_again(const struct hook *hook, int reason, __u64 now_boot_ns, __u64 end_boot_ns)
{
	const struct match match = {.now_boot_ns = now_boot_ns, .end_boot_ns = end_boot_ns};
	struct packet pkt = {.is_again = 1};

	if (gate_parse(frame_data(hook), frame_end(hook), &pkt) != GATE_HAS_PORTS)
		return 0;
	return judge_flow(&pkt, reason, &match);
}

/*
 * Functions of their own, which read the frame once more, so that all other ports are spared what it takes. Not static:
 * as tell_xdp.
 */
__attribute__((noinline)) int goes_on_xdp(struct xdp_md *ctx, int reason, __u64 now_boot_ns, __u64 end_boot_ns)
{
	struct hook hook = {.ctx = ctx};

	return judge_again(&hook, reason, now_boot_ns, end_boot_ns);
}

__attribute__((noinline)) int goes_on_tc(struct __sk_buff *ctx, int reason, __u64 now_boot_ns, __u64 end_boot_ns)
{
	struct hook hook = {.ctx = ctx, .is_tc = 1};

	return judge_again(&hook, reason, now_boot_ns, end_boot_ns);
}

GATE_INLINE int goes_on(const struct hook *hook, int reason, const struct match *match)
{
	return hook->is_tc ? goes_on_tc(hook->ctx, reason, match->now_boot_ns, match->end_boot_ns)
			   : goes_on_xdp(hook->ctx, reason, match->now_boot_ns, match->end_boot_ns);
}

/* XDP_PASS or XDP_DROP, at either hook. */
GATE_INLINE int judge(const struct hook *hook)
{
	__u64 bytes = frame_bytes(hook);
	struct packet pkt = {};
	struct match match = {};
	int reason;
	__u16 word;

	reason = gate_parse(frame_data(hook), frame_end(hook), &pkt);
	if (is_probe(hook, reason))
		return drop_probe(bytes);
	if (reason != GATE_HAS_PORTS)
		return is_drop(reason) ? drop(hook, reason, 0, bytes, JITGATE_KEPT_FOR_PORTS) : pass(reason, bytes);
	if (!is_protected(&pkt))
		return pass(REASON_UNPROTECTED, bytes);

	reason = judge_grant(&pkt, &match);
	word = protected_v1[pkt.dport_be];
	if (word & PROTECTED_CLASS_MASK && goes_on(hook, reason, &match)) {
		count_port(&pkt, word, 1, bytes);
		return pass(REASON_ESTABLISHED, bytes);
	}
	count_port(&pkt, word, reason == REASON_GRANTED, bytes);
	if (reason != REASON_GRANTED)
		return drop(hook, reason, match.slot, bytes, JITGATE_KEPT_FOR_GRANTS);
	if (count_usage(&match, bytes) && take_budget(0))
		tell(hook, match.slot, reason, reason);
	return pass(reason, bytes);
}

SEC("xdp")
int gate(struct xdp_md *ctx)
{
	struct hook hook = {.ctx = ctx};

	return judge(&hook);
}

SEC("xdp")
int root(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &slots_v1, 0);
	return XDP_PASS;
}

/*
 * Whether what can be read directly ends before the headers do, or before TCP's flags. A function of its own: the
 * verifier looks at it once, and only a frame in pieces is read twice.
 */
__attribute__((noinline)) int is_cut_short(struct __sk_buff *ctx)
{
	const void *data = (const void *)(long)ctx->data;
	const void *end = (const void *)(long)ctx->data_end;
	struct packet pkt = {.is_again = 1};
	int reason = gate_parse(data, end, &pkt);

	if (reason == GATE_HAS_PORTS)
		return pkt.flags == GATE_NO_FLAGS;
	if (reason == REASON_NOT_IP)
		return end - data < (long)(sizeof(struct ethhdr) + JITGATE_VLAN_TAGS_MAX * sizeof(struct vlan_tag));
	return reason == REASON_MALFORMED || reason == REASON_SHORT_L4;
}

/* Passing is to say nothing: the programs behind this one at the hook have their turn. */
SEC("tc")
int gate_tc(struct __sk_buff *ctx)
{
	struct hook hook = {.ctx = ctx, .is_tc = 1};

	/* What cannot be put together, for lack of memory, is judged by what there is: it is dropped. */
	if (ctx->len > ctx->data_end - ctx->data && is_cut_short(ctx))
		bpf_skb_pull_data(ctx, ctx->len);
	return judge(&hook) == XDP_DROP ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SEC("tc")
int root_tc(struct __sk_buff *ctx)
{
	bpf_tail_call(ctx, &slots_tc_v1, 0);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
