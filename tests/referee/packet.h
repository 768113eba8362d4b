/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The frames of one datagram: what they have in common (tags, IP header, source), and the datagram's content, out of
 * which slices are emitted as frames.
 */
#ifndef PACKET_H
#define PACKET_H

#include "referee/dice.h"
#include "referee/train.h"

#define PACKET_TAGS_MAX 8
#define PACKET_CONTENT_MAX 36000
#define PACKET_CHAIN_MAX 5000

/* A chain of IPv6 extension headers. */
struct chain {
	uint8_t bytes[PACKET_CHAIN_MAX];
	size_t len;
	uint8_t first;  /* protocol of the first header; when there is none, of what follows */
	size_t next_at; /* of the last header */
};

struct tag {
	uint16_t type, tci;
};

struct packet_plan {
	struct dice *dice;
	struct train *train;
	uint32_t mtu;
	uint8_t family, proto;
	uint8_t source[16];
	uint16_t sport, dport;
	struct tag tags[PACKET_TAGS_MAX];
	size_t n_tags;
	uint16_t foreign;     /* EtherType in place of IP's; 0: none */
	uint8_t in_front[24]; /* what stands between it and IP */
	size_t in_front_len;
	uint8_t options[40];
	size_t options_len;
	struct chain before; /* IPv6: in front of the fragment header */
	uint32_t id;
	uint8_t trailer[600]; /* behind the IP packet */
	size_t trailer_len;
	int len_lie; /* added to the IP header's length */
	bool len_is_zero;
	uint8_t reserved; /* reserved byte of the fragment header, and any bits; IPv4: the reserved bit */
	uint8_t content[PACKET_CONTENT_MAX];
	size_t content_len;
	uint8_t content_first; /* protocol of what content begins with */
	size_t l4_at;          /* in content */
};

/* A part of the content on its way into a frame. */
struct slice {
	const uint8_t *bytes;
	size_t len;
	size_t offset; /* in the datagram */
	bool more;
	bool is_fragment; /* IPv6: there is a fragment header */
	uint16_t segment; /* merged segments of this length: may be longer than the MTU */
};

uint16_t packet_get16(const uint8_t *at);
void packet_put16(uint8_t *at, uint16_t value);
void packet_put32(uint8_t *at, uint32_t value);
/* Internet checksum of the bytes, over what was summed before. */
uint32_t packet_sum(uint32_t sum, const uint8_t *bytes, size_t len);
uint16_t packet_fold(uint32_t sum);

void chain_add(struct chain *chain, uint8_t proto, const uint8_t *bytes, size_t len);
/* A header that a receiver accepts, of len 8-byte units (authentication: 4) behind the first 8 bytes. */
void chain_add_valid(struct chain *chain, struct dice *dice, uint8_t proto, uint8_t len);
void chain_end(struct chain *chain, uint8_t proto);

/* The transport packet, with `payload` bytes behind its header, at the end of content. */
void packet_l4(struct packet_plan *plan, size_t payload);
/* Its checksum, for what is in content from l4_at on. */
void packet_l4_checksum(const struct packet_plan *plan, uint8_t *l4, size_t len);
/* As the network card of the sender is given it: of the addresses and the length alone. */
void packet_l4_partial(const struct packet_plan *plan, uint8_t *l4, size_t len);
size_t packet_l4_header(uint8_t proto);
void packet_content(struct packet_plan *plan, const void *bytes, size_t len);

/* How much content one frame takes. */
size_t packet_room(const struct packet_plan *plan, bool is_fragment);
/* A slice that does not fit is cut off. */
void packet_emit(struct packet_plan *plan, const struct slice *slice);
/* All of it, in one frame. */
void packet_emit_whole(struct packet_plan *plan);
void packet_fix_ipv4(uint8_t *ip, size_t len);

#endif
