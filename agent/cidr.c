// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. Addresses and prefixes. Owns the text form of a source and the order of prefixes. Must not
 * resolve names, read interfaces or accept anything that is not exactly one prefix.
 */
#include "cidr.h"

#include <arpa/inet.h>
#include <string.h>

#include "jitgate_abi.h"

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static unsigned int family_bits(uint8_t family)
{
	return family == JITGATE_IPV4 ? 32 : 128;
}

static int family_af(uint8_t family)
{
	return family == JITGATE_IPV4 ? AF_INET : AF_INET6;
}

static void clear_host_bits(struct cidr *cidr)
{
	size_t full = cidr->prefix_len / 8;
	unsigned int rest = cidr->prefix_len % 8;

	if (rest)
		cidr->addr[full++] &= (uint8_t)(0xff << (8 - rest));
	memset(cidr->addr + full, 0, sizeof(cidr->addr) - full);
}

/* The first `bits` bits of both are the same. */
static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int full = bits / 8, rest = bits % 8;

	if (memcmp(a, b, full) != 0)
		return false;
	return !rest || ((a[full] ^ b[full]) >> (8 - rest)) == 0;
}

/*
 * inet_pton is the parser: it knows neither zones nor white space nor octal. It wants a NUL, so it gets a copy; a NUL
 * inside the bytes must not end the text early.
 */
static int parse_address(const char *text, size_t len, struct cidr *cidr, struct parse_error *err)
{
	char copy[INET6_ADDRSTRLEN];

	if (len == 0)
		return parse_fail(err, 0, "no address");
	if (len >= sizeof(copy))
		return parse_fail(err, sizeof(copy) - 1, "too long for an address");
	if (memchr(text, '\0', len))
		return parse_fail(err, (size_t)((const char *)memchr(text, '\0', len) - text), "not an address");
	memcpy(copy, text, len);
	copy[len] = '\0';

	cidr->family = memchr(text, ':', len) ? JITGATE_IPV6 : JITGATE_IPV4;
	if (inet_pton(family_af(cidr->family), copy, cidr->addr) != 1)
		return parse_fail(err, 0, "not an IPv4 or IPv6 address");
	/* Judged before the host bits go: "::ffff:10.0.0.1/64" is a mistake, not ::/64. */
	if (cidr->family == JITGATE_IPV6 && memcmp(cidr->addr, mapped_prefix, sizeof(mapped_prefix)) == 0)
		return parse_fail(err, 0, "IPv4-mapped IPv6 address: write the IPv4 address");
	return 0;
}

/* `offset` is where the digits stand in the whole text, for the error. */
static int parse_prefix_len(const char *digits, size_t len, size_t offset, struct cidr *cidr, struct parse_error *err)
{
	unsigned int value = 0;

	if (len == 0 || len > 3)
		return parse_fail(err, offset, "prefix length expected");
	if (len > 1 && digits[0] == '0')
		return parse_fail(err, offset, "leading zero in the prefix length");
	for (size_t i = 0; i < len; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return parse_fail(err, offset + i, "prefix length is not a number");
		value = value * 10 + (unsigned int)(digits[i] - '0');
	}
	if (value > family_bits(cidr->family))
		return parse_fail(err, offset, "prefix length is too large");
	cidr->prefix_len = (uint8_t)value;
	return 0;
}

int cidr_parse(const char *text, size_t len, struct cidr *ret, struct parse_error *err)
{
	struct cidr cidr = {0};
	const char *slash = len ? memchr(text, '/', len) : NULL;
	size_t addr_len = slash ? (size_t)(slash - text) : len;
	int r;

	r = parse_address(text, addr_len, &cidr, err);
	if (r < 0)
		return r;
	cidr.prefix_len = (uint8_t)family_bits(cidr.family);
	if (slash) {
		r = parse_prefix_len(slash + 1, len - addr_len - 1, addr_len + 1, &cidr, err);
		if (r < 0)
			return r;
	}
	clear_host_bits(&cidr);
	*ret = cidr;
	return 0;
}

size_t cidr_format(const struct cidr *cidr, char out[CIDR_TEXT_MAX])
{
	size_t len;

	/* Cannot fail: both families are known and CIDR_TEXT_MAX holds the longest address and "/128". */
	if (!inet_ntop(family_af(cidr->family), cidr->addr, out, CIDR_TEXT_MAX))
		out[0] = '\0';
	len = strlen(out);
	if (cidr->prefix_len < family_bits(cidr->family))
		len += (size_t)snprintf(out + len, CIDR_TEXT_MAX - len, "/%u", cidr->prefix_len);
	return len;
}

bool cidr_covers(const struct cidr *outer, const struct cidr *inner)
{
	return outer->family == inner->family && outer->prefix_len <= inner->prefix_len &&
	       same_bits(outer->addr, inner->addr, outer->prefix_len);
}

int cidr_compare(const struct cidr *a, const struct cidr *b)
{
	int r;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	r = memcmp(a->addr, b->addr, sizeof(a->addr));
	if (r != 0)
		return r < 0 ? -1 : 1;
	return (a->prefix_len > b->prefix_len) - (a->prefix_len < b->prefix_len);
}

struct cidr cidr_cut(const struct cidr *cidr, uint8_t prefix_len)
{
	struct cidr cut = *cidr;

	if (prefix_len < cut.prefix_len)
		cut.prefix_len = prefix_len;
	clear_host_bits(&cut);
	return cut;
}

struct cidr cidr_any(uint8_t family)
{
	return (struct cidr){.family = family};
}
