/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What may go on after its grant: flows are learned from packets that a grant let in, and looked up for those that none
 * did. Only for ports whose session policy is not "cut": these alone have a class in their word of protected_v1. It
 * comes behind the maps and gate_verdict.h.
 *
 * Sequence numbers are not looked at: who can send with the addresses and ports of a flow that goes on has his packets
 * delivered to its connection, as behind any filter that keeps no window.
 */
#ifndef GATE_SESSION_H
#define GATE_SESSION_H

#include "gate_verdict.h"

/* A connection is begun by this, and by nothing else. */
GATE_INLINE int is_opening(__u32 flags)
{
	return (flags & (GATE_TCP_SYN | GATE_TCP_ACK)) == GATE_TCP_SYN;
}

/* What the packet adds to the state of its flow. */
GATE_INLINE __u32 flow_state(__u32 flags)
{
	if (is_opening(flags))
		return 0;
	return flags & (GATE_TCP_FIN | GATE_TCP_RST) ? FLOW_ANSWERED | FLOW_CLOSING : FLOW_ANSWERED;
}

/*
 * FIN and RST end nothing here. Whose word they are cannot be told without sequence numbers: the kernel refuses a
 * forged one, and a session that it goes on with must not be cut because of a packet that anybody can send. What is
 * over, and is still known, lets nothing in that a socket would take: no SYN passes.
 */
GATE_INLINE __u64 flow_idle_ns(__u8 proto, __u32 state)
{
	if (proto != IPPROTO_TCP)
		return JITGATE_FLOW_UDP_IDLE_NS;
	return state & FLOW_ANSWERED ? JITGATE_FLOW_TCP_IDLE_NS : JITGATE_FLOW_OPENING_NS;
}

/* The port's policy for the packet's protocol. The modulo changes nothing; the verifier asks for it. */
GATE_INLINE __u64 drain_of(const struct packet *pkt)
{
	__u32 class = protected_v1[pkt->dport_be] >> PROTECTED_CLASS_SHIFT;
	__u32 index = pkt->proto_index;

	if (index >= _PROTO_INDEX_MAX)
		return 0;
	return sessions_v1[class % JITGATE_SESSION_CLASSES].drain_ns[index];
}

GATE_INLINE void set_flow_key(struct flow_key *key, const struct packet *pkt)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->sport_be = pkt->sport_be;
	key->dport_be = pkt->dport_be;
	key->proto = pkt->proto;
	key->family = pkt->family;
	if (pkt->family == JITGATE_IPV4) {
		__builtin_memcpy(key->saddr, pkt->saddr, 4);
		__builtin_memcpy(key->daddr, pkt->daddr, 4);
	} else {
		__builtin_memcpy(key->saddr, pkt->saddr, 16);
		__builtin_memcpy(key->daddr, pkt->daddr, 16);
	}
}

/* In place: the worst that can come of a value that another flow has just taken over is that it ends too early, or
 * lives on silent for longer. Its end is never written so. */
GATE_INLINE void see_flow(struct gate_flow *flow, __u32 state, __u64 now_boot_ns)
{
	if (now_boot_ns - flow->last_seen_boot_ns >= JITGATE_FLOW_SEEN_STEP_NS)
		flow->last_seen_boot_ns = now_boot_ns;
	if ((flow->state | state) != flow->state)
		flow->state |= state;
}

/*
 * The packet was let in by a grant. Not only a SYN will do, so that a connection which is older than this table goes on
 * as well: whoever is granted may open one anyhow. A SYN takes back that the source has said its end, but not that it
 * has answered: it may be forged, too.
 */
GATE_INLINE void learn_flow(const struct flow_key *key, __u32 flags, const struct match *match)
{
	struct gate_flow *flow = bpf_map_lookup_elem(&flows_v1, key);
	__u32 state = flow_state(flags);
	struct gate_flow fresh;

	if (flow && flow->end_boot_ns == match->end_boot_ns && state) {
		see_flow(flow, state, match->now_boot_ns);
		return;
	}
	fresh.end_boot_ns = match->end_boot_ns;
	fresh.last_seen_boot_ns = match->now_boot_ns;
	fresh.state = state;
	if (flow)
		fresh.state |= state ? flow->state : flow->state & FLOW_ANSWERED;
	fresh.reserved = 0;
	bpf_map_update_elem(&flows_v1, key, &fresh, BPF_ANY);
}

/* No grant lets the packet in: does its flow go on? Unless an entry matched, the clock is read only here, after a flow.
 */
GATE_INLINE int is_established(const struct packet *pkt, const struct flow_key *key, __u64 drain_ns, __u64 now_boot_ns)
{
	struct gate_flow *flow = bpf_map_lookup_elem(&flows_v1, key);
	__u64 arrival;

	if (!flow)
		return 0;
	if (!now_boot_ns)
		now_boot_ns = bpf_ktime_get_boot_ns();
	arrival = arrival_boot_ns(pkt, now_boot_ns);
	/* Written so that neither side can run over; a drain without end is greater than any clock. */
	if (arrival >= drain_ns && arrival - drain_ns >= flow->end_boot_ns)
		return 0;
	if (now_boot_ns >= flow->last_seen_boot_ns + flow_idle_ns(pkt->proto, flow->state))
		return 0;
	see_flow(flow, flow_state(pkt->flags), now_boot_ns);
	return 1;
}

/* After judge_grant, with what that found. 1: pass, as REASON_ESTABLISHED; 0: what its reason says. */
GATE_INLINE int judge_flow(const struct packet *pkt, int reason, const struct match *match)
{
	__u64 drain_ns = drain_of(pkt);
	struct flow_key key;

	if (!drain_ns || pkt->flags == GATE_NO_FLAGS)
		return 0;
	set_flow_key(&key, pkt);
	if (reason != REASON_GRANTED)
		return !is_opening(pkt->flags) && is_established(pkt, &key, drain_ns, match->now_boot_ns);
	/* Nothing is learned from a part: what its datagram is, is not known before it is whole. */
	if (!pkt->is_part)
		learn_flow(&key, pkt->flags, match);
	return 0;
}

#endif
