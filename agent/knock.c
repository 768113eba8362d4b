// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See knock.h. How many events there are in a second is limited before they come here; this keeps one source from
 * filling them.
 */
#include "knock.h"

#include <arpa/inet.h>
#include <string.h>

#define IPV6_SOURCE_BYTES 8

bool knock_same_source(uint8_t family_a, const uint8_t addr_a[16], uint8_t family_b, const uint8_t addr_b[16])
{
	return family_a == family_b && memcmp(addr_a, addr_b, 16) == 0;
}

static size_t slot_of(const struct knock *knock)
{
	uint32_t hash = knock->family;

	for (size_t i = 0; i < sizeof(knock->addr); i++)
		hash = (hash ^ knock->addr[i]) * 16777619U; /* FNV */
	return (hash ^ hash >> 16) % KNOCK_SIEVE_SLOTS;
}

static bool is_knock(const struct event *event)
{
	return (event->would_be == REASON_NO_GRANT || event->would_be == REASON_EXPIRED) &&
	       (event->family == JITGATE_IPV4 || event->family == JITGATE_IPV6);
}

bool knock_take(struct knock_sieve *sieve, const struct event *event, struct boot_time now, struct knock *ret)
{
	struct knock knock = {
		.at.ns = event->boot_ns,
		.family = event->family,
		.proto = event->proto,
		.port = ntohs(event->dport_be),
	};
	size_t slot;

	if (!is_knock(event))
		return false;
	memcpy(knock.addr, event->saddr, event->family == JITGATE_IPV4 ? 4 : IPV6_SOURCE_BYTES);
	slot = slot_of(&knock);
	if (sieve->slots[slot].told_at.ns &&
	    knock_same_source(sieve->slots[slot].family, sieve->slots[slot].addr, knock.family, knock.addr)) {
		if (now.ns < sieve->slots[slot].told_at.ns + KNOCK_AGAIN_NS) {
			sieve->slots[slot].n_unsaid += sieve->slots[slot].n_unsaid < UINT32_MAX;
			return false;
		}
		knock.n_unsaid = sieve->slots[slot].n_unsaid;
	}
	sieve->slots[slot].told_at = now;
	sieve->slots[slot].n_unsaid = 0;
	sieve->slots[slot].family = knock.family;
	memcpy(sieve->slots[slot].addr, knock.addr, sizeof(knock.addr));
	*ret = knock;
	return true;
}
