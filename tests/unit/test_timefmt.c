// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Dates and durations: every form that Azure emits is read, everything near it is refused, nothing is read past `len`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "timefmt.h"

#define S NS_PER_S
#define UNTOUCHED 0x5a5a5a5a5aLL

/* The text lies at the very end of its own block, so that ASan sees a read behind it. */
static int read_exact(int (*parse)(const char *, size_t, struct wall_time *, struct parse_error *), const char *text,
		      int64_t *ret_ns)
{
	size_t len = strlen(text);
	char *block = test_malloc(len + 1);
	struct wall_time t = {UNTOUCHED};
	struct parse_error err = {0};
	int r;

	memcpy(block + 1, text, len);
	r = parse(block + 1, len, &t, &err);
	if (r)
		assert_true(t.ns == UNTOUCHED && err.why);
	test_free(block);
	*ret_ns = t.ns;
	return r;
}

static void assert_date(const char *text, int64_t want_ns)
{
	int64_t ns;

	if (read_exact(timefmt_parse_rfc3339, text, &ns) || ns != want_ns)
		fail_msg("%s: %lld, not %lld", text, (long long)ns, (long long)want_ns);
}

static void assert_no_date(const char *text)
{
	int64_t ns;

	if (!read_exact(timefmt_parse_rfc3339, text, &ns))
		fail_msg("%s was taken for a date", text);
}

static void zero_to_nine_fraction_digits_are_read(void **state)
{
	(void)state;
	assert_date("2018-07-22T15:51:55Z", 1532274715 * S);
	assert_date("2018-07-22T15:51:55.2Z", 1532274715 * S + 200000000);
	assert_date("2018-07-22T15:51:55.21337Z", 1532274715 * S + 213370000);
	assert_date("2018-07-15T08:00:44.761037Z", 1531641644 * S + 761037000);
	assert_date("2018-05-17T09:06:45.5691611Z", 1526548005 * S + 569161100);
	assert_date("2018-05-17T09:06:45.123456789Z", 1526548005 * S + 123456789);
}

static void the_ends_of_the_range_are_exact(void **state)
{
	(void)state;
	assert_date("1970-01-01T00:00:00Z", 0);
	assert_date("2000-02-29T23:59:59Z", 951868799 * S);
	assert_date("2262-04-11T23:47:16.854775807Z", INT64_MAX);
	assert_no_date("2262-04-11T23:47:16.854775808Z");
	assert_no_date("2262-04-11T23:47:17Z");
	assert_no_date("1969-12-31T23:59:59Z");
	assert_no_date("1970-01-01T00:59:59+01:00");
	assert_no_date("0001-01-01T00:00:00Z");
	assert_no_date("9999-12-31T23:59:59.9999999Z");
}

static void offsets_lead_to_the_same_moment(void **state)
{
	(void)state;
	assert_date("2026-01-01T01:30:00+01:30", 1767225600 * S);
	assert_date("2025-12-31T19:00:00-05:00", 1767225600 * S);
	assert_date("2026-01-01T00:00:00-00:00", 1767225600 * S);
}

static void a_leap_second_is_the_second_before(void **state)
{
	(void)state;
	assert_date("2016-12-31T23:59:60Z", 1483228799 * S);
	assert_date("2017-01-01T00:59:60.5+01:00", 1483228799 * S + 500000000);
	assert_no_date("2016-12-31T12:59:60Z");
	assert_no_date("2016-12-31T23:59:61Z");
}

static void what_is_nearly_a_date_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"2018-07-22",
		"2018-07-22T15:51:55",
		"2018-07-22T15:51:55.Z",
		"2018-07-22T15:51:55.1234567890Z",
		"2018-07-22T15:51:55,2Z",
		"2018-07-22 15:51:55Z",
		"2018-07-22t15:51:55z",
		"2018-07-22T15:51:55Z ",
		" 2018-07-22T15:51:55Z",
		"2018-07-22T15:51Z",
		"2018-7-22T15:51:55Z",
		"2018-07-22T24:00:00Z",
		"2018-07-22T15:60:55Z",
		"2018-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z",
		"2018-13-01T00:00:00Z",
		"2018-00-01T00:00:00Z",
		"2018-01-00T00:00:00Z",
		"2018-04-31T00:00:00Z",
		"2018-07-22T15:51:55+0100",
		"2018-07-22T15:51:55+01:60",
		"2018-07-22T15:51:55+24:00",
		"2018-07-22T15:51:-5Z",
		"+018-07-22T15:51:55Z",
		"2018-07-22T15:51:55ZZ",
		"/Date(1532274715000)/",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_no_date(bad[i]);
}

/* Oracle: the C library, for random moments. */
static void random_moments_survive_the_round_trip(void **state)
{
	unsigned short seed[3] = {0x4a49, 0x5447, 0x4154};

	(void)state;
	print_message("# seed %04x %04x %04x\n", seed[0], seed[1], seed[2]);
	for (int i = 0; i < 20000; i++) {
		time_t t = (time_t)(erand48(seed) * 9223372036.0);
		int64_t ns;
		char text[64];
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
		assert_date(text, (int64_t)t * S);
		strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		assert_int_equal(read_exact(timefmt_parse_http_date, text, &ns), 0);
		assert_true(ns == (int64_t)t * S);
	}
}

static void http_dates_have_one_form(void **state)
{
	static const char *const bad[] = {
		"Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994",
		"Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 31 Feb 1994 08:49:37 GMT",
		"Sxn, 06 Nov 1994 08:49:37 GMT",
		"120",
		"",
	};
	int64_t ns;

	(void)state;
	assert_int_equal(read_exact(timefmt_parse_http_date, "Sun, 06 Nov 1994 08:49:37 GMT", &ns), 0);
	assert_true(ns == 784111777 * S);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (!read_exact(timefmt_parse_http_date, bad[i], &ns))
			fail_msg("%s was taken for a date", bad[i]);
	}
}

static void durations_are_whole_seconds_rounded_down(void **state)
{
	static const struct {
		const char *text;
		uint32_t s;
	} good[] = {
		{"PT3H", 10800},   {"P1D", 86400},
		{"PT24H", 86400},  {"PT30M", 1800},
		{"PT1H30M", 5400}, {"P1DT12H", 129600},
		{"PT0S", 0},       {"P2W", 1209600},
		{"PT0.999S", 0},   {"PT5M1.5S", 301},
		{"PT90S", 90},     {"PT0003H", 10800},
		{"P1W1D", 691200}, {"PT4294967295S", UINT32_MAX},
	};
	static const char *const bad[] = {
		"",
		"P",
		"PT",
		"P1DT",
		"3H",
		"PT3",
		"PT3h",
		"pt3h",
		"PT-3H",
		"-PT3H",
		"PT3H ",
		"P3H",
		"PT1D",
		"PT1M1H",
		"PT1H1H",
		"P1Y",
		"P1M",
		"PT1.5H",
		"P1.5D",
		"PT.5S",
		"PT1.S",
		"03:00:00",
		"PT3HT",
		"P1DT1",
		"PT1H ",
		"PT1H1M1S1",
		"P1DD",
		"PT4294967296S",
		"PT99999999999999999999H",
		"P18446744073709551615W",
		"PT18446744073709551615S1H",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint32_t s = 1;

		if (timefmt_parse_duration(good[i].text, strlen(good[i].text), &s, NULL) || s != good[i].s)
			fail_msg("%s: %u, not %u", good[i].text, s, good[i].s);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint32_t s = 77;

		if (!timefmt_parse_duration(bad[i], strlen(bad[i]), &s, NULL) || s != 77)
			fail_msg("%s was taken for a duration", bad[i]);
	}
}

static void epoch_is_digits_and_fits(void **state)
{
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "1.5", "0x10", "9223372037", "99999999999999999999"};
	int64_t ns;

	(void)state;
	assert_int_equal(read_exact(timefmt_parse_epoch, "1506484173", &ns), 0);
	assert_true(ns == 1506484173 * S);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (!read_exact(timefmt_parse_epoch, bad[i], &ns))
			fail_msg("%s was taken for a time", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zero_to_nine_fraction_digits_are_read),
		cmocka_unit_test(the_ends_of_the_range_are_exact),
		cmocka_unit_test(offsets_lead_to_the_same_moment),
		cmocka_unit_test(a_leap_second_is_the_second_before),
		cmocka_unit_test(what_is_nearly_a_date_is_refused),
		cmocka_unit_test(random_moments_survive_the_round_trip),
		cmocka_unit_test(http_dates_have_one_form),
		cmocka_unit_test(durations_are_whole_seconds_rounded_down),
		cmocka_unit_test(epoch_is_digits_and_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
