// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See sources.h.
 */
#include "sources.h"

#include <string.h>

/* How many leading bits of an address take part in the 16. */
#define IPV4_BITS 16U
#define IPV6_BITS 32U

static uint32_t index_of(const struct gate_key *key)
{
	const uint8_t *a = key->addr;

	if (key->family == JITGATE_IPV6)
		return (uint32_t)(a[0] ^ a[2]) << 8 | (uint32_t)(a[1] ^ a[3]);
	return (uint32_t)a[0] << 8 | a[1];
}

/*
 * A prefix shorter than what takes part leaves the last bits free: all 2^free indexes that differ in them, an aligned
 * block. (IPv6: the free bits of byte 2 and 3 are each combined with one fixed bit, so the block is the same.)
 */
static void add_entry(struct sources *sources, const struct gate_key *key)
{
	uint8_t *bits = sources->bits[key->family == JITGATE_IPV6];
	uint32_t len = key->prefixlen - GATE_KEY_EXACT_BITS;
	uint32_t used = key->family == JITGATE_IPV6 ? IPV6_BITS : IPV4_BITS;
	uint32_t free_bits = len >= used ? 0 : used - len;
	uint32_t n = 1U << (free_bits > 16 ? 16 : free_bits);
	uint32_t first = index_of(key) & ~(n - 1);

	if (n >= 8) {
		memset(bits + first / 8, 0xff, n / 8);
		return;
	}
	for (uint32_t i = first; i < first + n; i++)
		bits[i / 8] |= (uint8_t)(1U << i % 8);
}

void sources_add(struct sources *sources, const struct entry_set *entries)
{
	for (size_t i = 0; i < entries->n; i++)
		add_entry(sources, &entries->entries[i].key);
}

bool sources_has(const volatile uint8_t *bits, const struct gate_key *key)
{
	uint32_t i = index_of(key);

	return bits[i / 8] & 1U << i % 8;
}
