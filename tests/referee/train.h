/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Trains of frames out of a seed: what the referee sends. A train is one datagram, or what an attacker makes of one:
 * whole, tagged, in fragments, cut, mutated. Pure: the same stream and number give the same bytes.
 *
 * Each train has a source address of its own, with its number in it, so that fragments of two trains never meet and
 * what is delivered can be told apart.
 */
#ifndef TRAIN_H
#define TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRAIN_FRAMES_MAX 12
#define TRAIN_SEGMENTS_MAX 36 /* frames that one merged packet may become */
#define TRAIN_BYTES_MAX (TRAIN_FRAMES_MAX * 9200)
#define TRAIN_MTU_MIN 1280
#define TRAIN_MTU_MAX 9000

#define TRAIN_NUMBER_MASK 0xffffffU /* of a number, what is in an ungranted source; 15 bits in the others */
#define TRAIN_NETS_MASK 0x7fffU
#define TRAIN_SOURCE4 10U          /* first byte of an ungranted source */
#define TRAIN_GRANTED4 0xc6120000U /* 198.18.0.0/17 */
#define TRAIN_SOURCE6 0x20010db80001ULL
#define TRAIN_GRANTED6 0x20010db80002ULL /* 2001:db8:2::/48 */
#define TRAIN_NEAR4 0xc6128000U          /* 198.18.128.0/17, next to the granted net, without a grant */
#define TRAIN_NEAR6 0x20010db80003ULL

#define TRAIN_SENTINEL_PORT 9 /* no train has it on purpose */

enum train_kind {
	TRAIN_PLAIN,
	TRAIN_TAGGED,
	TRAIN_OPTIONS,    /* IPv4 options, any header length */
	TRAIN_EXTENSIONS, /* IPv6 extension headers in any order and number */
	TRAIN_FRAGMENTS,
	TRAIN_OVERLAP, /* duplicated, overlapping, contradicting fragments */
	TRAIN_HIDDEN,  /* where the ports are is split, or looks like something else */
	TRAIN_LENGTHS, /* lengths that do not say how long it is */
	TRAIN_BIG,     /* up to the MTU; jumbograms */
	TRAIN_SUPER,   /* segments that were merged on the way: one packet, longer than the MTU */
	TRAIN_TUNNEL,
	TRAIN_FOREIGN, /* IP in LLC/SNAP, PPPoE, MPLS */
	TRAIN_CUT,
	TRAIN_MUTATED,
	_TRAIN_KIND_MAX
};

struct train_frame {
	size_t at, len;
	uint16_t l3_at;   /* from the beginning of the frame */
	uint16_t l4_at;   /* 0: the frame has no whole transport header */
	uint16_t segment; /* of a merged packet: the length of its segments; else 0 */
};

struct train {
	enum train_kind kind;
	uint8_t family; /* 4 or 6 */
	uint8_t proto;
	bool granted, near;
	uint16_t dport; /* of the first datagram in it */
	size_t n;
	struct train_frame frames[TRAIN_FRAMES_MAX];
	size_t used;
	uint8_t bytes[TRAIN_BYTES_MAX];
};

struct stream {
	uint64_t seed;
	uint32_t mtu;
	uint16_t salt; /* changes the ids of datagrams, so that a train can be sent again and its fragments not meet the
			  old ones */
};

#define TRAIN_CLOSED_PORTS 5
extern const uint16_t train_closed_ports[TRAIN_CLOSED_PORTS];
bool train_is_closed(uint16_t port);

const char *train_kind_name(enum train_kind kind);
void train_make(const struct stream *stream, uint32_t number, struct train *ret_train);

#endif
