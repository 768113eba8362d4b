/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Where a packet is judged: at the XDP hook, or at the tc ingress hook when another program holds the former. Which one
 * is known when a program is compiled, so nothing of the difference is left in it.
 */
#ifndef GATE_HOOK_H
#define GATE_HOOK_H

#include <linux/bpf.h>

#include "gate_parse.h"

struct hook {
	void *ctx; /* struct __sk_buff * or struct xdp_md * */
	int is_tc;
};

GATE_INLINE const void *frame_data(const struct hook *hook)
{
	return (const void *)(long)(hook->is_tc ? ((struct __sk_buff *)hook->ctx)->data
						: ((struct xdp_md *)hook->ctx)->data);
}

/* Of what can be read directly: at tc the frame may go on behind it. */
GATE_INLINE const void *frame_end(const struct hook *hook)
{
	return (const void *)(long)(hook->is_tc ? ((struct __sk_buff *)hook->ctx)->data_end
						: ((struct xdp_md *)hook->ctx)->data_end);
}

/* The whole frame; of a merged packet, all of it. A tag that the stack has taken off already is counted. */
GATE_INLINE __u64 frame_bytes(const struct hook *hook)
{
	const struct __sk_buff *skb = hook->ctx;

	if (!hook->is_tc)
		return frame_end(hook) - frame_data(hook);
	return skb->len + (skb->vlan_present ? sizeof(struct vlan_tag) : 0);
}

GATE_INLINE __u32 frame_ifindex(const struct hook *hook)
{
	return hook->is_tc ? ((struct __sk_buff *)hook->ctx)->ifindex : ((struct xdp_md *)hook->ctx)->ingress_ifindex;
}

#endif
