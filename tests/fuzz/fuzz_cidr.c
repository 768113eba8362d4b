// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Addresses, prefixes, ports, protocols, numbers and the config's durations. What is accepted is what inet_pton or
 * strtoull reads there, and comes back from its canonical form; the order and cover of prefixes are those of their
 * bits.
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cidr.h"
#include "conf_value.h"
#include "grant.h"
#include "number.h"

static int bit_of(const struct cidr *cidr, int nth)
{
	return cidr->addr[nth / 8] >> (7 - nth % 8) & 1;
}

static void check_canonical(const struct cidr *cidr)
{
	HOLDS(cidr->family == JITGATE_IPV4 || cidr->family == JITGATE_IPV6);
	HOLDS(cidr->prefix_len <= (cidr->family == JITGATE_IPV4 ? 32 : 128));
	for (int i = cidr->prefix_len; i < 128; i++)
		HOLDS(!bit_of(cidr, i));
}

static void check_round_trip(const struct cidr *cidr)
{
	char text[CIDR_TEXT_MAX];
	size_t len = cidr_format(cidr, text);
	struct cidr again;

	HOLDS(len < sizeof(text) && strlen(text) == len);
	HOLDS(cidr_parse(text, len, &again, NULL) == 0);
	HOLDS(memcmp(&again, cidr, sizeof(again)) == 0 && cidr_compare(&again, cidr) == 0);
}

/* `text` was accepted as `cidr`. */
static void compare_with_libc(const char *text, size_t len, const struct cidr *cidr)
{
	_cleanup_free_ char *address = fuzz_text((const uint8_t *)text, len);
	char *slash = strchr(address, '/');
	int af = strchr(address, ':') ? AF_INET6 : AF_INET, bits = af == AF_INET ? 32 : 128;
	struct cidr wanted = {.family = af == AF_INET ? JITGATE_IPV4 : JITGATE_IPV6};
	char number[8];

	if (slash) {
		*slash = '\0';
		bits = (int)strtol(slash + 1, NULL, 10);
		snprintf(number, sizeof(number), "%d", bits);
		HOLDS(strcmp(number, slash + 1) == 0);
	}
	HOLDS(strlen(address) == (slash ? (size_t)(slash - address) : len));
	HOLDS(inet_pton(af, address, wanted.addr) == 1);
	for (int i = bits; i < 128; i++)
		wanted.addr[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	wanted.prefix_len = (uint8_t)bits;
	HOLDS(memcmp(&wanted, cidr, sizeof(wanted)) == 0);
}

static void check_cidr(const char *text, size_t len)
{
	struct parse_error err = FUZZ_NO_ERROR;
	struct cidr cidr;
	int r;

	FILL(cidr);
	r = cidr_parse(text, len, &cidr, &err);
	if (r < 0) {
		HOLDS(r == -EINVAL && IS_FILLED(cidr) && IS_REFUSAL(err, len));
		return;
	}
	check_canonical(&cidr);
	check_round_trip(&cidr);
	compare_with_libc(text, len, &cidr);
}

static struct cidr make_cidr(const uint8_t *bytes)
{
	struct cidr cidr = {.family = bytes[0] % 2 ? JITGATE_IPV4 : JITGATE_IPV6};

	cidr.prefix_len = (uint8_t)(bytes[1] % (cidr.family == JITGATE_IPV4 ? 33 : 129));
	for (int i = 0; i < cidr.prefix_len; i++)
		cidr.addr[i / 8] |= (uint8_t)(bytes[2 + i / 8] & 0x80 >> i % 8);
	return cidr;
}

static bool covers_bit_by_bit(const struct cidr *outer, const struct cidr *inner)
{
	if (outer->family != inner->family || outer->prefix_len > inner->prefix_len)
		return false;
	for (int i = 0; i < outer->prefix_len; i++) {
		if (bit_of(outer, i) != bit_of(inner, i))
			return false;
	}
	return true;
}

static int sign_of(int n)
{
	return (n > 0) - (n < 0);
}

/* Two prefixes made of the bytes; the second is often near the first. */
static void check_pair(const uint8_t *data, size_t size)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t bytes[18] = {0};
	struct cidr a, b;

	memcpy(bytes, data, size < sizeof(bytes) ? size : sizeof(bytes));
	a = make_cidr(bytes);
	if (size > sizeof(bytes) + 1)
		bytes[data[size - 1] % sizeof(bytes)] = data[size - 2];
	b = make_cidr(bytes);
	HOLDS(cidr_covers(&a, &b) == covers_bit_by_bit(&a, &b));
	HOLDS(cidr_covers(&b, &a) == covers_bit_by_bit(&b, &a));
	HOLDS(sign_of(cidr_compare(&a, &b)) == -sign_of(cidr_compare(&b, &a)));
	HOLDS((cidr_compare(&a, &b) == 0) == (memcmp(&a, &b, sizeof(a)) == 0));
	if (cidr_covers(&a, &b))
		HOLDS(cidr_compare(&a, &b) <= 0);
	if (a.family == JITGATE_IPV4 || memcmp(a.addr, mapped, sizeof(mapped)) != 0)
		check_round_trip(&a);
}

static void check_port_rule(const char *text, size_t len)
{
	struct parse_error err = FUZZ_NO_ERROR;
	struct port_rule rule, again;
	char protos[PROTOS_TEXT_MAX], canonical[64];
	int r;

	FILL(rule);
	r = port_rule_parse(text, len, &rule, &err);
	if (r < 0) {
		HOLDS(r == -EINVAL && IS_FILLED(rule) && IS_REFUSAL(err, len));
		return;
	}
	HOLDS(rule.port > 0 && rule.longest_s == 0 && rule.reserved == 0);
	HOLDS(rule.protos == PROTO_BITS_ALL || __builtin_popcount(rule.protos) == 1);
	r = snprintf(canonical, sizeof(canonical), "%u/%s", rule.port, protos_format(rule.protos, protos));
	HOLDS(port_rule_parse(canonical, (size_t)r, &again, NULL) == 0 && memcmp(&rule, &again, sizeof(rule)) == 0);
	HOLDS(strtoul(text, NULL, 10) == rule.port);
}

/* `text` ends in NUL, `len` does not count it. */
static void check_numbers(const char *text, size_t len)
{
	static const uint32_t units[] = {['s'] = 1, ['m'] = 60, ['h'] = 3600, ['d'] = 86400};
	uint64_t number;
	uint32_t s;

	FILL(number);
	if (number_parse(text, len, UINT64_MAX, &number) < 0) {
		HOLDS(IS_FILLED(number));
		errno = 0;
		HOLDS(len == 0 || strspn(text, "0123456789") != len ||
		      (strtoull(text, NULL, 10) == UINT64_MAX && errno == ERANGE));
	} else {
		HOLDS(len > 0 && strspn(text, "0123456789") == len && number == strtoull(text, NULL, 10));
		HOLDS(number == 0 || number_parse(text, len, number - 1, &(uint64_t){0}) == -EINVAL);
	}
	FILL(s);
	if (duration_parse(text, len, &s) < 0) {
		HOLDS(IS_FILLED(s));
		return;
	}
	HOLDS(len > 1 && strspn(text, "0123456789") == len - 1 && strchr("smhd", text[len - 1]));
	HOLDS(strtoull(text, NULL, 10) * units[(uint8_t)text[len - 1]] == s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);

	check_cidr((const char *)data, size);
	check_pair(data, size);
	check_port_rule(text, size);
	check_numbers(text, size);
	return 0;
}
