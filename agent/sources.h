/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The bits of sources_v1 (jitgate_abi.h): from which sources the packet program has to search the trie at all. A
 * bit too many costs a search, a bit too few shuts a granted source out: bits are set before an entry is put, and
 * cleared after the last one that needs them was deleted.
 */
#ifndef SOURCES_H
#define SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "jitgate_abi.h"
#include "reconcile.h"

/* As in the map: IPv4, then IPv6. Starts as {0}. */
struct sources {
	uint8_t bits[2][JITGATE_SOURCES_BYTES];
};

/* Set the bits of all addresses that the entries cover. The keys are such as entry_key makes: no host bits. */
void sources_add(struct sources *sources, const struct entry_set *entries);

/* Whether the bit of the key's address is set; `bits` is one family's. */
bool sources_has(const volatile uint8_t *bits, const struct gate_key *key);

#endif
