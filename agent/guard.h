/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Guard rails: what may be granted on this machine at all, whatever a feed says. A grant that
 * violates one is refused whole, never clipped.
 */
#ifndef GUARD_H
#define GUARD_H

#include "grant.h"

struct guard {
	uint32_t longest_s;   /* longest time from a grant's start, and from now, to its end */
	uint8_t widest_ipv4;  /* shortest prefix allowed, 0..32 */
	uint8_t widest_ipv6;  /* 0..128 */
	struct cidr *sources; /* a grant's source lies in one of these; none: anywhere */
	size_t n_sources;
};

#define GUARD_CLOCK_SLACK_S 60 /* the requester's clock set the end: allow a minute */

enum guard_verdict {
	GUARD_OK = 0,
	GUARD_TOO_LONG, /* ends later than start or now + longest_s + GUARD_CLOCK_SLACK_S */
	GUARD_TOO_WIDE,
	GUARD_SOURCE_NOT_ALLOWED,
	GUARD_NOT_A_SOURCE, /* multicast, broadcast, IPv4-mapped, unspecified as a single address: no packet has it */
	_GUARD_MAX,
};

enum guard_verdict guard_check(const struct guard *guard, const struct grant *grant, struct wall_time now);

/* For log and report: "longer than guard.longest". */
const char *guard_text(enum guard_verdict verdict);

#endif
