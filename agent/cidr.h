/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Addresses and prefixes: parse, canonical form, cover. No name resolution, ever.
 */
#ifndef CIDR_H
#define CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

/* Longest text with its NUL: "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128". */
#define CIDR_TEXT_MAX 50

/* Always canonical: bits behind prefix_len are 0. */
struct cidr {
	uint8_t family;     /* JITGATE_IPV4 or JITGATE_IPV6 */
	uint8_t prefix_len; /* 0..32 or 0..128 */
	uint8_t addr[16];   /* network order; IPv4 in the first four bytes, rest 0 */
};

/*
 * Parse "ADDRESS" or "ADDRESS/LEN"; `len` bytes, need not end in NUL. Host bits are cleared, not refused: Azure
 * passes on what people typed. Refused with -EINVAL and ret untouched: anything else, also leading zeros in
 * IPv4 octets or in the length, zones (%eth0), IPv4-mapped IPv6 (::ffff:0:0/96: it never is a source
 * on the wire), white space, "*".
 */
int cidr_parse(const char *text, size_t len, struct cidr *ret, struct parse_error *err);

/* Write the canonical text with its NUL; a full-length prefix has no "/LEN". Returns the length without NUL. */
size_t cidr_format(const struct cidr *cidr, char out[CIDR_TEXT_MAX]);

/* Every address of `inner` is in `outer`. Families differ: false. */
bool cidr_covers(const struct cidr *outer, const struct cidr *inner);

/* Total order: family, address bytes, prefix length (shorter first, so a cover sorts before what it covers). */
int cidr_compare(const struct cidr *a, const struct cidr *b);

/* The network of that length that it lies in; a length beyond its own changes nothing. */
struct cidr cidr_cut(const struct cidr *cidr, uint8_t prefix_len);

/* 0.0.0.0/0 or ::/0. */
struct cidr cidr_any(uint8_t family);

#endif
