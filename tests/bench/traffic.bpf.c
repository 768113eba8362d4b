// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The generator: run by BPF_PROG_RUN on live frames, gives each frame a source of its own and sends it out. What it
 * costs is in every figure of every contestant, so it does no more than that. And the least that an XDP program can be.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "traffic.h"

#define IP_AT 14
#define IP4_SUM_AT (IP_AT + 10)
#define IP4_SOURCE_AT (IP_AT + 12)
#define IP6_SOURCE_AT (IP_AT + 8)
#define L4_AT(ip_len) (IP_AT + (ip_len))

const volatile struct traffic_conf conf;
__u64 seed;

static __always_inline __u64 next_random(void)
{
	__u64 x = seed;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return seed = x;
}

static __always_inline void write_ipv4(void *data, __u32 i, __u64 random)
{
	__u32 net = traffic_source4(i);
	__u32 source = conf.near ? (net & 0xffff0000) | (random & 0xffff) : net;
	__u32 sum = conf.ip_sum + (source >> 16) + (source & 0xffff);

	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	*(__u16 *)(data + IP4_SUM_AT) = bpf_htons(~sum);
	*(__u32 *)(data + IP4_SOURCE_AT) = bpf_htonl(source);
}

static __always_inline void write_ipv6(void *data, __u32 i, __u64 random)
{
	__u64 low = conf.near ? random : traffic_source6_host(i);

	*(__u32 *)(data + IP6_SOURCE_AT) = bpf_htonl(traffic_source6_net(i));
	*(__u32 *)(data + IP6_SOURCE_AT + 4) = 0;
	*(__u32 *)(data + IP6_SOURCE_AT + 8) = bpf_htonl(low >> 32);
	*(__u32 *)(data + IP6_SOURCE_AT + 12) = bpf_htonl(low);
}

SEC("xdp")
int send(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 random = next_random();
	__u32 i = random >> 32;

	if (data + L4_AT(40) + 2 > end)
		return XDP_ABORTED;
	if (conf.n_sources)
		i = (__u64)i * conf.n_sources >> 32;
	if (conf.family == 4) {
		write_ipv4(data, i, random);
		*(__u16 *)(data + L4_AT(20)) = (__u16)random | 1;
	} else {
		write_ipv6(data, i, random);
		*(__u16 *)(data + L4_AT(40)) = (__u16)random | 1;
	}
	return bpf_redirect(conf.ifindex, 0);
}

SEC("xdp")
int bare_drop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

SEC("xdp")
int bare_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
