// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The bits of sources_v1 against the text in jitgate_abi.h, by brute force: every value of the 16 bits, for prefixes of
 * every length.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "random.h"
#include "sources.h"

static struct gate_key random_key(uint8_t family, uint32_t len)
{
	struct gate_key key = {.prefixlen = GATE_KEY_EXACT_BITS + len, .family = family};

	for (uint32_t i = 0; i < len; i++) {
		if (random_below(2))
			key.addr[i / 8] |= (uint8_t)(0x80 >> i % 8);
	}
	return key;
}

/* An address that the prefix covers. */
static struct gate_key random_address_in(const struct gate_key *prefix)
{
	uint32_t bits = prefix->family == JITGATE_IPV4 ? 32 : 128;
	struct gate_key key = random_key(prefix->family, bits);

	for (uint32_t i = 0; i < prefix->prefixlen - GATE_KEY_EXACT_BITS; i++) {
		uint8_t mask = (uint8_t)(0x80 >> i % 8);

		key.addr[i / 8] = (uint8_t)((key.addr[i / 8] & ~mask) | (prefix->addr[i / 8] & mask));
	}
	return key;
}

/* The bit as the text has it. */
static int is_set(const struct sources *sources, const struct gate_key *key)
{
	const uint8_t *a = key->addr;
	int is_v6 = key->family == JITGATE_IPV6;
	unsigned int first = is_v6 ? a[0] ^ a[2] : a[0], second = is_v6 ? a[1] ^ a[3] : a[1];

	return sources->bits[is_v6][first * 32 + second / 8] >> second % 8 & 1;
}

static size_t count_bits(const uint8_t *bits)
{
	size_t n = 0;

	for (size_t i = 0; i < JITGATE_SOURCES_BYTES; i++)
		n += (size_t)__builtin_popcount(bits[i]);
	return n;
}

static struct sources sources; /* 16 KiB */

static void check_prefix(uint8_t family, uint32_t len)
{
	struct gate_entry entry = {.key = random_key(family, len)};
	uint32_t used = family == JITGATE_IPV4 ? 16 : 32;
	uint32_t free_bits = len >= used ? 0 : used - len;
	int i;

	memset(&sources, 0, sizeof(sources));
	sources_add(&sources, &(struct entry_set){.entries = &entry, .n = 1});
	for (i = 0; i < 200; i++) {
		struct gate_key address = random_address_in(&entry.key);

		assert_true(is_set(&sources, &address));
		assert_true(sources_has(sources.bits[family == JITGATE_IPV6], &address));
	}
	assert_int_equal(count_bits(sources.bits[family == JITGATE_IPV6]), 1U << (free_bits > 16 ? 16 : free_bits));
	assert_int_equal(count_bits(sources.bits[family != JITGATE_IPV6]), 0);
}

static void every_address_of_a_prefix_has_its_bit_and_no_other_has(void **state)
{
	(void)state;

	for (int round = 0; round < 20; round++) {
		for (uint32_t len = 0; len <= 32; len++)
			check_prefix(JITGATE_IPV4, len);
		for (uint32_t len = 0; len <= 128; len++)
			check_prefix(JITGATE_IPV6, len);
	}
}

static void bits_add_up(void **state)
{
	struct gate_entry entries[] = {{.key = {.prefixlen = 64, .family = JITGATE_IPV4, .addr = {10, 0}}},
				       {.key = {.prefixlen = 64, .family = JITGATE_IPV4, .addr = {10, 1}}}};
	const struct gate_key other = {.prefixlen = 64, .family = JITGATE_IPV4, .addr = {10, 2}};

	(void)state;
	memset(&sources, 0, sizeof(sources));
	sources_add(&sources, &(struct entry_set){.entries = &entries[0], .n = 1});
	sources_add(&sources, &(struct entry_set){.entries = &entries[1], .n = 1});
	assert_true(sources_has(sources.bits[0], &entries[0].key));
	assert_true(sources_has(sources.bits[0], &entries[1].key));
	assert_false(sources_has(sources.bits[0], &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_address_of_a_prefix_has_its_bit_and_no_other_has),
		cmocka_unit_test(bits_add_up),
	};

	return cmocka_run_group_tests(tests, seed_random, NULL);
}
