// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Source prefixes: parse and compare. Own code on purpose, see service_time.h. Resolves no names.
 */
#include "prefix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct prefix {
	int family; /* AF_INET, AF_INET6, or 0 for "*" */
	unsigned len;
	uint8_t addr[16];
};

static int parse_length(const char *text, unsigned most, unsigned *ret)
{
	unsigned value = 0;

	if (!*text || strlen(text) > 3)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		value = value * 10 + (unsigned)(*text - '0');
	}
	if (value > most)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int parse_prefix(const char *text, struct prefix *ret)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct prefix p = {0};
	char address[INET6_ADDRSTRLEN];

	if (strcmp(text, "*") == 0) {
		*ret = p;
		return 0;
	}
	if (len >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, len);
	address[len] = '\0';
	p.family = strchr(address, ':') ? AF_INET6 : AF_INET;
	p.len = p.family == AF_INET6 ? 128 : 32;
	if (inet_pton(p.family, address, p.addr) != 1)
		return -EINVAL;
	if (slash && parse_length(slash + 1, p.len, &p.len))
		return -EINVAL;
	*ret = p;
	return 0;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return !rest || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool prefix_valid(const char *text)
{
	struct prefix p;

	return parse_prefix(text, &p) == 0;
}

bool prefix_covers(const char *outer, const char *inner)
{
	struct prefix o, i;

	if (parse_prefix(outer, &o) || parse_prefix(inner, &i))
		return false;
	if (!o.family)
		return true;
	if (!i.family)
		return o.len == 0;
	return o.family == i.family && o.len <= i.len && same_bits(o.addr, i.addr, o.len);
}

bool prefix_same(const char *a, const char *b)
{
	struct prefix p, q;

	if (parse_prefix(a, &p) || parse_prefix(b, &q))
		return strcasecmp(a, b) == 0;
	return p.family == q.family && p.len == q.len && same_bits(p.addr, q.addr, p.len);
}
