// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The growing text, quoting of hostile bytes (cJSON and iconv are the referees), and the forms of times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <cjson/cJSON.h>
#include <iconv.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "text.h"
#include "random.h"
#include "util.h"

#define REPLACEMENT "\xef\xbf\xbd"

static void text_grows_and_stays_terminated(void **state)
{
	_cleanup_text_ struct text t = {0};

	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		text_append(&t, "abc", 3);
		text_printf(&t, "%03u", (unsigned int)(i % 1000));
		assert_int_equal(t.len, 6 * (i + 1));
		assert_int_equal(strlen(t.data), t.len);
	}
	assert_int_equal(t.failed, 0);
	assert_memory_equal(t.data + 6 * 4711, "abc711", 6);
	text_free(&t);
	assert_null(t.data);
	assert_int_equal(t.len, 0);
}

static void empty_append_makes_an_empty_string(void **state)
{
	_cleanup_text_ struct text t = {0};

	(void)state;
	text_append(&t, NULL, 0);
	assert_string_equal(t.data, "");
	assert_int_equal(t.len, 0);
}

static void failure_sticks_and_keeps_what_was_there(void **state)
{
	_cleanup_text_ struct text t = {0};

	(void)state;
	text_append(&t, "kept", 4);
	text_append(&t, "x", SIZE_MAX - 2);
	assert_true(t.failed);
	text_append(&t, "more", 4);
	text_printf(&t, "%d", 1);
	text_json_string(&t, "more");
	assert_true(t.failed);
	assert_string_equal(t.data, "kept");
	assert_int_equal(t.len, 4);
}

static void check_json(const char *in, const char *expected)
{
	_cleanup_text_ struct text t = {0};

	text_json_string(&t, in);
	assert_string_equal(t.data, expected);
}

static void json_string_escapes_controls_and_keeps_utf8(void **state)
{
	(void)state;
	check_json("", "\"\"");
	check_json("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
	check_json("a\nb\tc\rd\x1b[31m", "\"a\\nb\\tc\\u000dd\\u001b[31m\"");
	check_json("\x7f\xc2\x9b", "\"\\u007f\\u009b\"");
	check_json("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
	check_json("\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\"");
}

static void bytes_that_are_not_utf8_become_replacement_characters(void **state)
{
	(void)state;
	check_json("\x80", "\"" REPLACEMENT "\"");
	check_json("\xc3", "\"" REPLACEMENT "\"");
	check_json("\xc3(", "\"" REPLACEMENT "(\"");
	check_json("\xc0\xaf", "\"" REPLACEMENT REPLACEMENT "\"");
	check_json("\xc1\xbf", "\"" REPLACEMENT REPLACEMENT "\"");
	check_json("\xe0\x80\xa2", "\"" REPLACEMENT REPLACEMENT REPLACEMENT "\"");
	check_json("\xe2\x82", "\"" REPLACEMENT REPLACEMENT "\"");
	check_json("\xed\xa0\x80", "\"" REPLACEMENT REPLACEMENT REPLACEMENT "\"");
	check_json("\xf0\x8f\xbf\xbf", "\"" REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT "\"");
	check_json("\xf4\x90\x80\x80", "\"" REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT "\"");
	check_json("\xf8\x88\x80\x80\x80", "\"" REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT "\"");
	check_json("\xff\"", "\"" REPLACEMENT "\\\"\"");
}

/* Are these bytes UTF-8, by somebody else's judgement. */
static bool is_utf8(iconv_t referee, const char *bytes, size_t len)
{
	uint32_t sink[1024];
	char *in = (char *)(uintptr_t)bytes, *out = (char *)sink;
	size_t in_left = len, out_left = sizeof(sink);

	iconv(referee, NULL, NULL, NULL, NULL);
	return iconv(referee, &in, &in_left, &out, &out_left) != (size_t)-1;
}

/* Bytes that are nearly UTF-8: every class of lead and continuation byte is common. */
static void random_bytes(char *out, size_t len)
{
	static const unsigned char edges[] = {0x01, 0x1f, 0x22, 0x5c, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
					      0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5};

	for (size_t i = 0; i < len; i++)
		out[i] = (char)(random_below(3) ? edges[random_below(ARRAY_SIZE(edges))] : 1 + random_below(255));
	out[len] = '\0';
}

static void check_json_of_random_bytes(iconv_t referee)
{
	_cleanup_text_ struct text t = {0};
	char in[25];
	size_t len = random_below(sizeof(in));
	cJSON *json;

	random_bytes(in, len);
	text_json_string(&t, in);
	for (size_t i = 0; i < t.len; i++)
		assert_true((unsigned char)t.data[i] >= 0x20);
	assert_true(is_utf8(referee, t.data, t.len));
	json = cJSON_ParseWithLengthOpts(t.data, t.len + 1, NULL, 1);
	assert_true(cJSON_IsString(json));
	if (is_utf8(referee, in, len))
		assert_string_equal(json->valuestring, in);
	else
		assert_non_null(strstr(json->valuestring, REPLACEMENT));
	cJSON_Delete(json);
}

static void any_bytes_make_one_valid_json_string(void **state)
{
	iconv_t referee = iconv_open("UTF-32LE", "UTF-8");

	(void)state;
	assert_true(referee != (iconv_t)-1);
	for (int i = 0; i < 100000; i++)
		check_json_of_random_bytes(referee);
	iconv_close(referee);
}

static size_t encode_utf8(uint32_t code, char out[5])
{
	size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = len; i-- > 1; code >>= 6)
		out[i] = (char)(0x80 | (code & 0x3f));
	out[0] = (char)(lead[len] | code);
	out[len] = '\0';
	return len;
}

/* Turning the direction of writing, or hiding between letters: U+202E makes "txt.exe" of "exe.txt". */
static bool is_unseen(uint32_t code)
{
	static const uint32_t ranges[][2] = {{0xad, 0xad},     {0x61c, 0x61c},   {0x200b, 0x200f},
					     {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		if (code >= ranges[i][0] && code <= ranges[i][1])
			return true;
	}
	return false;
}

static void every_code_point_survives_but_surrogates(void **state)
{
	_cleanup_text_ struct text t = {0};

	(void)state;
	for (uint32_t code = 0xa0; code < 0x110800; code++) {
		bool valid = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
		char in[5];
		size_t len = encode_utf8(code, in);

		t.len = 0;
		text_json_string(&t, in);
		if (is_unseen(code))
			assert_true(t.len == 8 && memcmp(t.data + 1, "\\u", 2) == 0);
		else if (valid)
			assert_true(t.len == len + 2 && memcmp(t.data + 1, in, len) == 0);
		else
			assert_true(t.len == 3 * len + 2 && memcmp(t.data + 1, REPLACEMENT, 3) == 0);
	}
}

static void quoted_text_cannot_forge_a_line_or_a_terminal_sequence(void **state)
{
	_cleanup_text_ struct text t = {0};

	(void)state;
	text_quoted(&t, "Eve\" grant=1\n<3>x\\ \x1b[2J\t\x7f\xc3\xa9");
	assert_string_equal(t.data, "\"Eve\\\" grant=1\\n<3>x\\\\ \\x1b[2J\\x09\\x7f\\xc3\\xa9\"");
	for (int i = 0; i < 20000; i++) {
		char in[25];

		random_bytes(in, random_below(sizeof(in)));
		t.len = 0;
		text_quoted(&t, in);
		for (size_t j = 0; j < t.len; j++)
			assert_true(t.data[j] >= 0x20 && t.data[j] < 0x7f);
		/* Quotes only at the ends, or behind a backslash that is not itself escaped. */
		for (size_t j = 1; j < t.len - 1; j++) {
			assert_int_not_equal(t.data[j], '"');
			j += t.data[j] == '\\';
		}
	}
}

static void check_rfc3339(int64_t ns, const char *expected)
{
	_cleanup_text_ struct text t = {0};

	text_rfc3339(&t, (struct wall_time){ns});
	assert_string_equal(t.data, expected);
}

static void rfc3339_is_utc_whole_seconds_rounded_down(void **state)
{
	(void)state;
	check_rfc3339(0, "1970-01-01T00:00:00Z");
	check_rfc3339(NS_PER_S - 1, "1970-01-01T00:00:00Z");
	check_rfc3339(-1, "1969-12-31T23:59:59Z");
	check_rfc3339(-NS_PER_S, "1969-12-31T23:59:59Z");
	check_rfc3339(1795368600 * NS_PER_S + 999999999, "2026-11-22T17:30:00Z");
	check_rfc3339(951782400 * NS_PER_S, "2000-02-29T00:00:00Z");
	check_rfc3339(INT64_MAX, "2262-04-11T23:47:16Z");
	check_rfc3339(INT64_MIN, "1677-09-21T00:12:43Z");
}

static void check_relative(int64_t ns, const char *expected)
{
	_cleanup_text_ struct text t = {0};
	struct wall_time now = {1795368600 * NS_PER_S};

	text_relative(&t, (struct wall_time){now.ns + ns}, now);
	assert_string_equal(t.data, expected);
}

static void relative_time_is_rounded_to_what_a_person_says(void **state)
{
	const int64_t s = NS_PER_S, min = 60 * s, h = 60 * min, d = 24 * h;

	(void)state;
	check_relative(0, "now");
	check_relative(s / 2 - 1, "now");
	check_relative(1 - s / 2, "now");
	check_relative(s / 2, "in 1 s");
	check_relative(20 * s, "in 20 s");
	check_relative(59 * s + s / 4, "in 59 s");
	check_relative(59 * s + s / 2, "in 1 min");
	check_relative(42 * min, "in 42 min");
	check_relative(41 * min + 40 * s, "in 42 min");
	check_relative(59 * min + 29 * s, "in 59 min");
	check_relative(59 * min + 30 * s, "in 1 h");
	check_relative(3 * h + 5 * min, "in 3 h 5 min");
	check_relative(24 * h - 31 * s, "in 23 h 59 min");
	check_relative(24 * h - 30 * s, "in 1 d");
	check_relative(2 * d + 3 * h + 29 * min, "in 2 d 3 h");
	check_relative(2 * d + 23 * h + 30 * min, "in 3 d");
	check_relative(-2 * min, "2 min ago");
	check_relative(-20 * s, "20 s ago");
	check_relative(-26 * h, "1 d 2 h ago");
}

static void relative_time_takes_any_two_times(void **state)
{
	_cleanup_text_ struct text t = {0};

	(void)state;
	text_relative(&t, (struct wall_time){INT64_MAX}, (struct wall_time){INT64_MIN});
	assert_string_equal(t.data, "in 213504 d");
	t.len = 0;
	text_relative(&t, (struct wall_time){INT64_MIN}, (struct wall_time){INT64_MAX});
	assert_string_equal(t.data, "213504 d ago");
}

static void check_clock(int64_t at_s, int64_t now_s, const char *expected)
{
	_cleanup_text_ struct text t = {0};

	text_clock(&t, (struct wall_time){at_s * NS_PER_S}, (struct wall_time){now_s * NS_PER_S});
	assert_string_equal(t.data, expected);
}

static void clock_is_utc_and_has_the_date_on_another_day(void **state)
{
	static const char *const zones[] = {"UTC0", "XST-7", "XST+11"};
	const int64_t at = 1795368600; /* 2026-11-22T17:30:00Z */

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(zones); i++) {
		setenv("TZ", zones[i], 1);
		tzset();
		check_clock(at, at, "17:30:00Z");
		check_clock(at + 6 * 3600 + 1799, at, "23:59:59Z");
		check_clock(at + 6 * 3600 + 1800, at, "2026-11-23 00:00:00Z");
		check_clock(at - 365 * 86400, at, "2025-11-22 17:30:00Z");
		check_clock(-1, 0, "1969-12-31 23:59:59Z");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_grows_and_stays_terminated),
		cmocka_unit_test(empty_append_makes_an_empty_string),
		cmocka_unit_test(failure_sticks_and_keeps_what_was_there),
		cmocka_unit_test(json_string_escapes_controls_and_keeps_utf8),
		cmocka_unit_test(bytes_that_are_not_utf8_become_replacement_characters),
		cmocka_unit_test(any_bytes_make_one_valid_json_string),
		cmocka_unit_test(every_code_point_survives_but_surrogates),
		cmocka_unit_test(quoted_text_cannot_forge_a_line_or_a_terminal_sequence),
		cmocka_unit_test(rfc3339_is_utc_whole_seconds_rounded_down),
		cmocka_unit_test(relative_time_is_rounded_to_what_a_person_says),
		cmocka_unit_test(relative_time_takes_any_two_times),
		cmocka_unit_test(clock_is_utc_and_has_the_date_on_another_day),
	};

	return cmocka_run_group_tests(tests, seed_random, NULL);
}
