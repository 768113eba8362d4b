/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Frame -> struct packet: where the source address and the ports are, or why
 * they cannot be had. No helper, no map, no state, so that the same text is
 * also compiled natively for unit tests and fuzzing.
 *
 * The measure is the kernel's own receive path: whatever it would deliver to
 * a socket has to be found here, whatever it would refuse may be dropped.
 */
#ifndef GATE_PARSE_H
#define GATE_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "jitgate_abi.h"

#define GATE_INLINE static inline __attribute__((always_inline))

/*
 * The value is computed here, and the compiler knows nothing about it: else it may move the load of a field behind the
 * place where two ways meet, where the verifier no longer knows that the field is in the frame.
 */
#define GATE_COMPUTE(x) __asm__ volatile("" : "+r"(x))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define GATE_BE16(x) ((__u16)__builtin_bswap16((__u16)(x)))
#else
#define GATE_BE16(x) ((__u16)(x))
#endif

#define GATE_ETH_8021Q GATE_BE16(0x8100)
#define GATE_ETH_8021AD GATE_BE16(0x88a8)
#define GATE_ETH_IPV4 GATE_BE16(0x0800)
#define GATE_ETH_IPV6 GATE_BE16(0x86dd)

#define GATE_IPV4_OFFSET_MASK GATE_BE16(0x1fff)
#define GATE_IPV4_MORE GATE_BE16(0x2000)
#define GATE_IPV6_OFFSET_MASK GATE_BE16(0xfff8)
#define GATE_IPV6_MORE GATE_BE16(0x0001)

struct vlan_tag {
	__be16 tci;
	__be16 type;
};

struct ext_hdr {
	__u8 next;
	__u8 len;           /* see ext_len() */
	__be16 frag_offset; /* fragment header only */
	__u8 rest[4];
};

struct ports {
	__be16 source;
	__be16 dest;
};

/* Pointers into the frame; valid only where gate_parse says so. */
struct packet {
	const __u8 *saddr; /* 4 or 16 bytes */
	const __u8 *daddr;
	__u8 family;      /* JITGATE_IPV4 or JITGATE_IPV6; 0: no IP header was read */
	__u8 proto;       /* IPPROTO_*; 0 when the chain was not followed to its end */
	__u8 proto_index; /* PROTO_INDEX_*; of no meaning when `proto` has no ports */
	__u8 is_part;     /* a first fragment: the rest of its datagram is to come */
	__be16 sport_be;
	__be16 dport_be;
	/* Set before, to a constant, by functions of their own that read the frame once more: the flags, too, and what
	 * spares the verifier work. Who does not set it has no code for either. */
	__u8 is_again;
	__u8 reserved;
	__u16 flags; /* of TCP, or GATE_NO_FLAGS when their byte is not in the packet; else GATE_TCP_ACK */
};

#define GATE_TCP_FLAGS_AT 13 /* in the TCP header */
#define GATE_TCP_FIN 0x01
#define GATE_TCP_SYN 0x02
#define GATE_TCP_RST 0x04
#define GATE_TCP_ACK 0x10
#define GATE_NO_FLAGS 0x100

/* What the caller does next: judge the ports, or use the reason as it is. */
#define GATE_HAS_PORTS _REASON_MAX

/* PROTO_INDEX_*, or _PROTO_INDEX_MAX for a protocol without ports. */
GATE_INLINE __u8 proto_index(__u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return PROTO_INDEX_TCP;
	case IPPROTO_UDP:
		return PROTO_INDEX_UDP;
	case IPPROTO_SCTP:
		return PROTO_INDEX_SCTP;
	case IPPROTO_DCCP:
		return PROTO_INDEX_DCCP;
	case IPPROTO_UDPLITE:
		return PROTO_INDEX_UDPLITE;
	default:
		return _PROTO_INDEX_MAX;
	}
}

/* Behind what the IP header announces is padding, which the stack cuts off: its sender writes what he likes into it. */
GATE_INLINE __u16 parse_flags(const __u8 *l4, const void *end, __u32 l4_len, __u8 proto)
{
	__u16 flags = GATE_TCP_ACK;

	if (proto != IPPROTO_TCP)
		return flags;
	if (l4_len <= GATE_TCP_FLAGS_AT || (const void *)(l4 + GATE_TCP_FLAGS_AT + 1) > end)
		return GATE_NO_FLAGS;
	flags = l4[GATE_TCP_FLAGS_AT];
	GATE_COMPUTE(flags);
	return flags;
}

/* The last step of both families. `l4_len` is how much of L4 the IP header announces, `end` where the frame ends. */
GATE_INLINE int parse_ports(const void *l4, const void *end, __u32 l4_len, __u8 proto, struct packet *pkt)
{
	const struct ports *ports = l4;
	__be16 sport_be, dport_be;

	pkt->proto = proto;
	pkt->proto_index = proto_index(proto);
	if (pkt->proto_index == _PROTO_INDEX_MAX)
		return REASON_OTHER_PROTO;
	if (l4_len < sizeof(*ports) || (const void *)(ports + 1) > end)
		return REASON_SHORT_L4;
	sport_be = ports->source;
	dport_be = ports->dest;
	GATE_COMPUTE(sport_be);
	GATE_COMPUTE(dport_be);
	pkt->sport_be = sport_be;
	pkt->dport_be = dport_be;
	if (pkt->is_again)
		pkt->flags = parse_flags(l4, end, l4_len, proto);
	return GATE_HAS_PORTS;
}

/*
 * The total length of the header is looked at for the flags of a part alone: a first fragment with fewer than 8 bytes
 * of payload is discarded by the stack, and so is a TCP, UDP, SCTP, DCCP or UDP-Lite packet shorter than its header;
 * whatever it delivers has its port bytes at `ihl`.
 */
GATE_INLINE int parse_ipv4(const void *l3, const void *end, struct packet *pkt)
{
	const struct iphdr *ip = l3;
	__u32 l4_len = 0xffffffff, header_len, total_len;

	if ((const void *)(ip + 1) > end)
		return REASON_MALFORMED;
	header_len = ip->ihl * 4U;
	if (ip->version != 4 || header_len < sizeof(*ip) || l3 + header_len > end)
		return REASON_MALFORMED;
	pkt->family = JITGATE_IPV4;
	pkt->saddr = (const __u8 *)&ip->saddr;
	pkt->daddr = (const __u8 *)&ip->daddr;
	if (ip->frag_off & GATE_IPV4_OFFSET_MASK)
		return REASON_LATER_FRAGMENT;
	pkt->is_part = !!(ip->frag_off & GATE_IPV4_MORE);
	if (pkt->is_again && pkt->is_part) {
		total_len = GATE_BE16(ip->tot_len);
		l4_len = total_len > header_len ? total_len - header_len : 0;
	}
	return parse_ports(l3 + header_len, end, l4_len, ip->protocol, pkt);
}

/*
 * Where the IPv6 packet ends, as an offset from its header. The stack cuts padding behind payload_len off, so a
 * header must not be read from it: a first fragment that ends with an extension header could otherwise show
 * harmless ports in its padding and bring the real ones in the second fragment. A length of 0 is not
 * trimmed when a hop-by-hop header follows (jumbogram), nor on a merged packet of over 64 KiB (BIG TCP).
 */
GATE_INLINE __u32 ipv6_limit(const struct ipv6hdr *ip6, const void *end)
{
	__u32 payload = GATE_BE16(ip6->payload_len);

	if (payload)
		return sizeof(*ip6) + payload;
	if (ip6->nexthdr == IPPROTO_HOPOPTS || end - (const void *)ip6 > 0xffff)
		return 0xffffffff;
	return sizeof(*ip6);
}

/* The headers that the stack, or its reassembly for connection tracking, walks over. */
GATE_INLINE int is_ext_hdr(__u8 proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS ||
	       proto == IPPROTO_FRAGMENT || proto == IPPROTO_AH;
}

/*
 * Bytes of an extension header: a fragment header has 8 (its length byte is reserved, and may hold anything),
 * authentication counts words of 4 without the first two, the others words of 8 without the first. Without a branch for
 * authentication, so that the verifier has one way to follow instead of two at each header.
 */
GATE_INLINE __u32 ext_len(__u8 proto, const struct ext_hdr *ext)
{
	__u64 auth = 1ULL << IPPROTO_AH;
	__u32 is_auth, bytes;

	if (proto == IPPROTO_FRAGMENT)
		return 8;
	GATE_COMPUTE(auth); /* else it becomes a branch */
	is_auth = auth >> proto & 1;
	bytes = (ext->len + 1U + is_auth) * (8 - 4 * is_auth);
	GATE_COMPUTE(bytes);
	return bytes & 0xffc; /* changes nothing; verifiers before 6.1 ask for it */
}

/*
 * A fragment header has to stand directly behind the fixed header or the hop-by-hop header. With any other
 * header in front of it, reassembly for connection tracking (any rule with `ct state` turns it on) hands the
 * stack a packet that it reads in another way than it was sent: it takes the first payload bytes for the header
 * that was in front, and beyond 255 bytes writes the next header into the wrong place. Seen on 6.18: a SYN to a
 * closed port gets through behind bytes that look like other ports. Authentication headers are walked over
 * for this reason too.
 */
GATE_INLINE int may_be_fragment(const struct ipv6hdr *ip6, int headers_before)
{
	return headers_before == 0 || (headers_before == 1 && ip6->nexthdr == IPPROTO_HOPOPTS);
}

GATE_INLINE int parse_ipv6(const void *l3, const void *end, struct packet *pkt)
{
	const struct ipv6hdr *ip6 = l3;
	__u32 offset = sizeof(*ip6);
	__u32 limit;
	__u8 proto;
	int i;

	if ((const void *)(ip6 + 1) > end || ip6->version != 6)
		return REASON_MALFORMED;
	limit = ipv6_limit(ip6, end);
	pkt->family = JITGATE_IPV6;
	pkt->saddr = (const __u8 *)&ip6->saddr;
	pkt->daddr = (const __u8 *)&ip6->daddr;
	proto = ip6->nexthdr;

#pragma clang loop unroll(disable)
	for (i = 0; i <= JITGATE_EXT_HDRS_MAX; i++) {
		const struct ext_hdr *ext = l3 + offset;

		if (!is_ext_hdr(proto))
			return parse_ports(l3 + offset, end, limit - offset, proto, pkt);
		if (i == JITGATE_EXT_HDRS_MAX)
			return REASON_TOO_DEEP;
		if ((const void *)(ext + 1) > end || offset + sizeof(*ext) > limit)
			return REASON_MALFORMED;
		if (proto == IPPROTO_FRAGMENT && !may_be_fragment(ip6, i))
			return REASON_MALFORMED;
		if (proto == IPPROTO_FRAGMENT && ext->frag_offset & GATE_IPV6_OFFSET_MASK)
			return REASON_LATER_FRAGMENT;
		if (proto == IPPROTO_FRAGMENT)
			pkt->is_part = !!(ext->frag_offset & GATE_IPV6_MORE);
		offset += ext_len(proto, ext);
		if (l3 + offset > end || offset > limit)
			return REASON_MALFORMED;
		proto = ext->next;
	}
	return REASON_TOO_DEEP;
}

/* Behind the tags: where the next header begins, and its type. Tags cut short: type 0, which is none. */
struct l3 {
	const void *at;
	__be16 type;
};

/* Tags with VLAN id 0 are peeled off by the stack in any number, without a VLAN device. */
GATE_INLINE struct l3 skip_tags(const void *data, const void *end)
{
	const struct ethhdr *eth = data;
	struct l3 l3 = {.at = eth + 1};
	int i;

	if (l3.at > end)
		return l3;
	l3.type = eth->h_proto;
#pragma clang loop unroll(full)
	for (i = 0; i < JITGATE_VLAN_TAGS_MAX; i++) {
		const struct vlan_tag *tag = l3.at;

		if (l3.type != GATE_ETH_8021Q && l3.type != GATE_ETH_8021AD)
			break;
		l3.type = 0;
		if ((const void *)(tag + 1) > end)
			break;
		l3.type = tag->type;
		l3.at = tag + 1;
	}
	return l3;
}

/*
 * The same place, by a distance of which the verifier forgets how it came about: it has one way to follow from here on
 * instead of one for each number of tags.
 */
GATE_INLINE const void *by_any_way(const void *data, const void *at)
{
	__u64 distance = at - data;

	GATE_COMPUTE(distance);
	return data + (distance & 63);
}
_Static_assert(sizeof(struct ethhdr) + JITGATE_VLAN_TAGS_MAX * sizeof(struct vlan_tag) <= 63, "no tag is cut off");

/*
 * gate_parse - find the port bytes of the frame [data, end)
 *
 * Returns GATE_HAS_PORTS when pkt is complete, else the reason that settles the frame. What was
 * reached before is left in pkt, so that an event can show it.
 */
GATE_INLINE int gate_parse(const void *data, const void *end, struct packet *pkt)
{
	struct l3 l3 = skip_tags(data, end);

	if (pkt->is_again)
		l3.at = by_any_way(data, l3.at);
	if (l3.type == GATE_ETH_IPV4)
		return parse_ipv4(l3.at, end, pkt);
	if (l3.type == GATE_ETH_IPV6)
		return parse_ipv6(l3.at, end, pkt);
	if (l3.type == GATE_ETH_8021Q || l3.type == GATE_ETH_8021AD)
		return REASON_TOO_DEEP;
	return REASON_NOT_IP;
}

#endif
