/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. A knock: a packet to a protected port that no grant covers, so that its sender may be waiting for one. What of
 * it the feed is told, and which knocks are worth telling: a source that keeps sending is told of about once a second.
 */
#ifndef KNOCK_H
#define KNOCK_H

#include <stdbool.h>

#include "clockmap.h"
#include "jitgate_abi.h"

/* A source is not told of again within this time. Below the one second after which a client repeats its SYN. */
#define KNOCK_AGAIN_NS 900000000ULL
#define KNOCK_SIEVE_SLOTS 512

struct knock {
	struct boot_time at;
	uint8_t family;    /* JITGATE_IPV4 or JITGATE_IPV6 */
	uint8_t proto;     /* IPPROTO_* */
	uint16_t port;     /* host order */
	uint32_t n_unsaid; /* knocks of this source since the last one that was told */
	uint8_t addr[16];  /* who may wait: an IPv4 address, or the first 64 bits of an IPv6 one; rest 0 */
};

/* Starts as {0}. The last source seen in each slot; another one of the same slot takes it over and is told. */
struct knock_sieve {
	struct {
		struct boot_time told_at;
		uint32_t n_unsaid;
		uint8_t family;
		uint8_t addr[16];
	} slots[KNOCK_SIEVE_SLOTS];
};

/* Whether the event, which came now, is a knock to tell of; then *ret is it. */
bool knock_take(struct knock_sieve *sieve, const struct event *event, struct boot_time now, struct knock *ret);

/* The same source, as far as a feed is concerned. */
bool knock_same_source(uint8_t family_a, const uint8_t addr_a[16], uint8_t family_b, const uint8_t addr_b[16]);

#endif
