// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Which bytes are a character. The referee is the encoder below: every code point has one encoding, and whatever is not
 * one of these is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"
#include "util.h"

#define UNTOUCHED 0xdeadbeefu
#define CODE_MAX 0x10ffffu

/* 0: no character, as a surrogate. */
static size_t encode(uint32_t code, uint8_t out[4])
{
	if (code < 0x80) {
		out[0] = (uint8_t)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (uint8_t)(0xc0 + code / 64);
		out[1] = (uint8_t)(0x80 + code % 64);
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (uint8_t)(0xe0 + code / 4096);
		out[1] = (uint8_t)(0x80 + code / 64 % 64);
		out[2] = (uint8_t)(0x80 + code % 64);
		return code < 0xd800 || code > 0xdfff ? 3 : 0;
	}
	out[0] = (uint8_t)(0xf0 + code / 262144);
	out[1] = (uint8_t)(0x80 + code / 4096 % 64);
	out[2] = (uint8_t)(0x80 + code / 64 % 64);
	out[3] = (uint8_t)(0x80 + code % 64);
	return 4;
}

/* From a block of exactly `room` bytes, so that a sanitizer sees a read behind it. */
static size_t decode(const uint8_t *bytes, size_t room, uint32_t *ret_code)
{
	char *copy = malloc(room ? room : 1);
	size_t len;

	assert_non_null(copy);
	memcpy(copy, bytes, room);
	len = utf8_decode(copy, room, ret_code);
	assert_int_equal(utf8_decode(copy, room, NULL), len);
	free(copy);
	return len;
}

static void expect(const uint8_t *bytes, size_t room, size_t len, uint32_t code)
{
	uint32_t got = UNTOUCHED;

	if (decode(bytes, room, &got) != len || got != (len ? code : UNTOUCHED))
		fail_msg("%zu bytes %02x %02x %02x %02x: not %zu bytes of U+%04x, but U+%04x", room, bytes[0], bytes[1],
			 bytes[2], bytes[3], len, code, got);
}

static void every_code_point_is_its_own_encoding(void **state)
{
	(void)state;
	for (uint32_t code = 0; code <= CODE_MAX; code++) {
		uint8_t bytes[4] = {0};
		size_t len = encode(code, bytes);
		uint32_t got = UNTOUCHED;

		if (utf8_decode((const char *)bytes, sizeof(bytes), &got) != len || got != (len ? code : UNTOUCHED))
			fail_msg("U+%04x is read as U+%04x", code, got);
	}
}

static void one_byte_is_a_character_only_below_0x80(void **state)
{
	(void)state;
	for (unsigned int first = 0; first < 256; first++)
		expect((const uint8_t[4]){(uint8_t)first}, 1, first < 0x80, first);
}

/* All 65,536 pairs, alone: nothing else is behind them. */
static void two_bytes_are_what_the_encoder_makes_and_nothing_else(void **state)
{
	static uint32_t codes[65536]; /* of each pair; 0: it is no character of two bytes */

	(void)state;
	for (uint32_t code = 0x80; code < 0x800; code++) {
		uint8_t bytes[4] = {0};

		assert_int_equal(encode(code, bytes), 2);
		codes[bytes[0] * 256 + bytes[1]] = code;
	}
	for (unsigned int pair = 0; pair < ARRAY_SIZE(codes); pair++) {
		const uint8_t bytes[4] = {(uint8_t)(pair / 256), (uint8_t)pair};

		if (bytes[0] < 0x80)
			expect(bytes, 2, 1, bytes[0]);
		else
			expect(bytes, 2, codes[pair] ? 2 : 0, codes[pair]);
	}
}

static void three_and_four_bytes_are_judged_at_their_bounds(void **state)
{
	static const struct {
		uint8_t bytes[4];
		size_t room, len;
		uint32_t code;
	} cases[] = {
		{{0xe0, 0x80, 0x80}, 3, 0, 0}, /* overlong */
		{{0xe0, 0x9f, 0xbf}, 3, 0, 0},
		{{0xe0, 0xa0, 0x80}, 3, 3, 0x800},
		{{0xec, 0xbf, 0xbf}, 3, 3, 0xcfff},
		{{0xed, 0x9f, 0xbf}, 3, 3, 0xd7ff},
		{{0xed, 0xa0, 0x80}, 3, 0, 0}, /* surrogates */
		{{0xed, 0xaf, 0xbf}, 3, 0, 0},
		{{0xed, 0xb0, 0x80}, 3, 0, 0},
		{{0xed, 0xbf, 0xbf}, 3, 0, 0},
		{{0xee, 0x80, 0x80}, 3, 3, 0xe000},
		{{0xef, 0xbf, 0xbd}, 3, 3, 0xfffd},
		{{0xef, 0xbf, 0xbf}, 3, 3, 0xffff},
		{{0xf0, 0x80, 0x80, 0x80}, 4, 0, 0}, /* overlong */
		{{0xf0, 0x8f, 0xbf, 0xbf}, 4, 0, 0},
		{{0xf0, 0x90, 0x80, 0x80}, 4, 4, 0x10000},
		{{0xf3, 0xbf, 0xbf, 0xbf}, 4, 4, 0xfffff},
		{{0xf4, 0x80, 0x80, 0x80}, 4, 4, 0x100000},
		{{0xf4, 0x8f, 0xbf, 0xbf}, 4, 4, 0x10ffff},
		{{0xf4, 0x90, 0x80, 0x80}, 4, 0, 0}, /* beyond Unicode */
		{{0xf5, 0x80, 0x80, 0x80}, 4, 0, 0},
		{{0xf7, 0xbf, 0xbf, 0xbf}, 4, 0, 0},
		{{0xf8, 0x88, 0x80, 0x80}, 4, 0, 0}, /* the five-byte form of old */
		{{0xff, 0xbf, 0xbf, 0xbf}, 4, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect(cases[i].bytes, cases[i].room, cases[i].len, cases[i].code);
}

/* Each byte behind the first in turn is just below and just above what continues. */
static void every_place_needs_a_continuation_byte(void **state)
{
	static const uint8_t good[][4] = {{0xc3, 0xa9}, {0xe2, 0x82, 0xac}, {0xf0, 0x9f, 0x98, 0x80}};
	static const uint8_t bad[] = {0x00, 0x7f, 0xc0, 0xff};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		for (size_t place = 1; place < i + 2; place++) {
			for (size_t b = 0; b < ARRAY_SIZE(bad); b++) {
				uint8_t bytes[4];

				memcpy(bytes, good[i], sizeof(bytes));
				bytes[place] = bad[b];
				expect(bytes, i + 2, 0, 0);
			}
		}
	}
}

static void what_is_cut_short_is_no_character(void **state)
{
	for (uint32_t code = 0x80; code <= CODE_MAX; code = code * 2 + 1) {
		uint8_t bytes[4] = {0};
		size_t len = encode(code, bytes);

		for (size_t room = 0; len && room < len; room++)
			expect(bytes, room, 0, 0);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point_is_its_own_encoding),
		cmocka_unit_test(one_byte_is_a_character_only_below_0x80),
		cmocka_unit_test(two_bytes_are_what_the_encoder_makes_and_nothing_else),
		cmocka_unit_test(three_and_four_bytes_are_judged_at_their_bounds),
		cmocka_unit_test(every_place_needs_a_continuation_byte),
		cmocka_unit_test(what_is_cut_short_is_no_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
