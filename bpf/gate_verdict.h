/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * struct packet -> reason. The only look-ups that a verdict depends on are here and, for sessions, in gate_session.h.
 * The order of the tests is the verdict table; see README.
 */
#ifndef GATE_VERDICT_H
#define GATE_VERDICT_H

#include "gate_parse.h"

/*
 * How long the stack keeps a first fragment for the rest of its datagram: net.ipv6.ip6frag_time and
 * nf_conntrack_frag6_timeout are 60 s, net.ipv4.ipfrag_time is 30 s.
 */
#define GATE_REASSEMBLY_NS 60000000000ULL

/* What a look-up found, for the counters and the event. */
struct match {
	__u32 slot;        /* of the entry that matched, else 0 */
	__u64 now_boot_ns; /* 0: the clock was not read */
	__u64 end_boot_ns; /* of the grant; of no meaning unless it is live */
};

GATE_INLINE void set_key(struct gate_key *key, const struct packet *pkt)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->port_be = pkt->dport_be;
	key->proto = pkt->proto;
	key->family = pkt->family;
	if (pkt->family == JITGATE_IPV4) {
		key->prefixlen = GATE_KEY_EXACT_BITS + 32;
		__builtin_memcpy(key->addr, pkt->saddr, 4);
	} else {
		key->prefixlen = GATE_KEY_EXACT_BITS + 128;
		__builtin_memcpy(key->addr, pkt->saddr, 16);
	}
}

GATE_INLINE int is_protected(const struct packet *pkt)
{
	/* Indexed in network order: before 6.18 the verifier loses the range of a value at a byte swap. */
	return protected_v1[pkt->dport_be] >> pkt->proto_index & 1;
}

/* Whether the trie may hold an entry that covers the source; the 16 bits of sources_v1. */
GATE_INLINE int may_be_granted(const struct packet *pkt)
{
	const __u8 *a = pkt->saddr;
	int is_v6 = pkt->family == JITGATE_IPV6;
	__u32 first = is_v6 ? a[0] ^ a[2] : a[0];
	__u32 second = is_v6 ? a[1] ^ a[3] : a[1];
	__u32 byte = first * 32 + second / 8;

	GATE_COMPUTE(byte);
	/* The modulo changes nothing; verifiers before 6.1 ask for it. */
	return sources_v1[is_v6][byte % JITGATE_SOURCES_BYTES] >> second % 8 & 1;
}

/*
 * When the packet may reach a socket at the latest. Later fragments always pass, so a first one that is let in just
 * before the deadline would let its sender go on after it, with bytes chosen then.
 */
GATE_INLINE __u64 arrival_boot_ns(const struct packet *pkt, __u64 now_boot_ns)
{
	return pkt->is_part ? now_boot_ns + GATE_REASSEMBLY_NS : now_boot_ns;
}

/* The clock is read only here, after an entry matched. */
GATE_INLINE int judge_grant(const struct packet *pkt, struct match *match)
{
	const struct gate_grant *grant;
	struct gate_key key;

	if (!may_be_granted(pkt))
		return REASON_NO_GRANT;
	set_key(&key, pkt);
	grant = bpf_map_lookup_elem(&grants_v1, &key);
	if (!grant)
		return REASON_NO_GRANT;
	match->slot = grant->slot;
	match->now_boot_ns = bpf_ktime_get_boot_ns();
	match->end_boot_ns = grant->expires_boot_ns;
	return arrival_boot_ns(pkt, match->now_boot_ns) < match->end_boot_ns ? REASON_GRANTED : REASON_EXPIRED;
}

/* For the reasons that gate_parse() settles a frame with. */
GATE_INLINE int is_drop(int reason)
{
	return reason == REASON_MALFORMED || reason == REASON_TOO_DEEP || reason == REASON_SHORT_L4;
}

/*
 * Whether what enforcing would drop passes. A trial (jitgate arm) makes audit mode enforce, up to its deadline and no
 * longer, whatever becomes of jitgated; the clock is read only for that.
 */
GATE_INLINE int is_audit(void)
{
	const __u32 zero = 0;
	const struct gate_state *state = bpf_map_lookup_elem(&state_v1, &zero);
	__u64 until;

	if (!state || state->mode != JITGATE_AUDIT)
		return 0;
	until = state->confirm_until_boot_ns;
	return !until || bpf_ktime_get_boot_ns() >= until;
}

#endif
