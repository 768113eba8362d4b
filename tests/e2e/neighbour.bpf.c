// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Programs of somebody else, for interfaces that jitgate shares with them: each lets everything pass and counts it.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

/* Packets: 0 at the XDP hook, 1 at tc. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} neighbour_seen SEC(".maps");

static inline __attribute__((always_inline)) void count(__u32 hook)
{
	__u64 *seen = bpf_map_lookup_elem(&neighbour_seen, &hook);

	if (seen)
		__sync_fetch_and_add(seen, 1);
}

SEC("xdp")
int neighbour_xdp(struct xdp_md *ctx)
{
	(void)ctx;
	count(0);
	return XDP_PASS;
}

SEC("tc")
int neighbour_tc(struct __sk_buff *ctx)
{
	(void)ctx;
	count(1);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
