/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Source prefixes as the emulated service judges them: "*", an address, a CIDR.
 */
#ifndef EMULATOR_PREFIX_H
#define EMULATOR_PREFIX_H

#include <stdbool.h>

/* Is text "*", an IPv4 or IPv6 address, or one with /LEN? */
bool prefix_valid(const char *text);

/* Every address of `inner` is in `outer`; "*" holds everything, only "*" and a /0 hold "*". Invalid texts: false. */
bool prefix_covers(const char *outer, const char *inner);

/* The same set of addresses, however it is written. Texts that are no prefixes are compared as texts. */
bool prefix_same(const char *a, const char *b);

#endif
