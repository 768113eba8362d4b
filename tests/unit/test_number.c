// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Decimal numbers, from buffers of exactly their length, so that a sanitizer sees a read behind them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "util.h"

#define UNTOUCHED 77

static int parse(const char *text, uint64_t max, uint64_t *ret)
{
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, text, len);
	r = number_parse(copy, len, max, ret);
	free(copy);
	return r;
}

static void expect(const char *text, uint64_t max, uint64_t expected)
{
	uint64_t n = UNTOUCHED;

	if (parse(text, max, &n) != 0 || n != expected)
		fail_msg("\"%s\" up to %" PRIu64 ": %" PRIu64, text, max, n);
}

static void expect_refused(const char *text, uint64_t max)
{
	uint64_t n = UNTOUCHED;

	if (parse(text, max, &n) == 0 || n != UNTOUCHED)
		fail_msg("\"%s\" up to %" PRIu64 " was taken: %" PRIu64, text, max, n);
}

static void digits_are_a_number(void **state)
{
	(void)state;
	expect("0", UINT64_MAX, 0);
	expect("7", UINT64_MAX, 7);
	expect("1234567890", UINT64_MAX, 1234567890);
	expect("0000000000000000000000000022", UINT64_MAX, 22);
}

static void nothing_but_digits_is_taken(void **state)
{
	static const char *const bad[] = {"",     "-1",  "+1",  " 1", "1 ", "1.0",
					  "0x10", "1e3", "1\n", "/",  ":",  "\xd9\xa1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_refused(bad[i], UINT64_MAX);
	assert_int_not_equal(number_parse("1\0002", 3, UINT64_MAX, &(uint64_t){0}), 0);
}

static void the_largest_is_taken_and_one_more_is_not(void **state)
{
	(void)state;
	expect("0", 0, 0);
	expect_refused("1", 0);
	expect("65535", 65535, 65535);
	expect_refused("65536", 65535);
	expect("18446744073709551615", UINT64_MAX, UINT64_MAX);
	expect_refused("18446744073709551616", UINT64_MAX); /* wraps to 0 in the sum */
	expect_refused("18446744073709551620", UINT64_MAX); /* in the product */
	expect_refused("99999999999999999999999999999999999999", UINT64_MAX);
}

static void length_counts_not_the_end_of_the_string(void **state)
{
	uint64_t n = UNTOUCHED;

	(void)state;
	assert_int_equal(number_parse("123456", 3, UINT64_MAX, &n), 0);
	assert_int_equal(n, 123);
	assert_int_equal(number_digits("12h", 3), 2);
	assert_int_equal(number_digits("12h", 1), 1);
	assert_int_equal(number_digits("h12", 3), 0);
	assert_int_equal(number_digits("", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digits_are_a_number),
		cmocka_unit_test(nothing_but_digits_is_taken),
		cmocka_unit_test(the_largest_is_taken_and_one_more_is_not),
		cmocka_unit_test(length_counts_not_the_end_of_the_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
