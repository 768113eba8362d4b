// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Dates, durations and seconds of Azure and HTTP. What is accepted is worth what libc's own calendar says, and comes
 * back from its canonical form; every moment's canonical form is accepted.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "text.h"
#include "timefmt.h"

typedef int parse_time(const char *text, size_t len, struct wall_time *ret, struct parse_error *err);

/* Also: without an error to fill in, the answer is the same. */
static bool parse(parse_time *f, const char *text, size_t len, struct wall_time *ret)
{
	struct parse_error err = FUZZ_NO_ERROR;
	struct wall_time again;
	int r;

	FILL(*ret);
	FILL(again);
	r = f(text, len, ret, &err);
	HOLDS(f(text, len, &again, NULL) == r);
	HOLDS(memcmp(ret, &again, sizeof(again)) == 0);
	if (r == 0) {
		HOLDS(ret->ns >= 0);
		return true;
	}
	HOLDS(r == -EINVAL && IS_FILLED(*ret) && IS_REFUSAL(err, len));
	return false;
}

/* libc's word for UTC digits at fixed places, second 60 as 59. */
static int64_t seconds_of(int year, int month, int day, int hour, int minute, int second)
{
	struct tm tm = {.tm_year = year - 1900,
			.tm_mon = month - 1,
			.tm_mday = day,
			.tm_hour = hour,
			.tm_min = minute,
			.tm_sec = second == 60 ? 59 : second};

	return timegm(&tm);
}

static void check_rfc3339(const char *text, size_t len)
{
	struct wall_time at, again;
	int y, mo, d, h, mi, s, zone_h = 0, zone_min = 0, used = 0;
	char fraction[10] = "", sign = 'Z', canonical[64];
	int64_t seconds, ns;
	int n;

	if (!parse(timefmt_parse_rfc3339, text, len, &at))
		return;
	HOLDS(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &y, &mo, &d, &h, &mi, &s, &used) == 6 && used == 19);
	if (text[used] == '.')
		HOLDS(sscanf(text + used, ".%9[0-9]%n", fraction, &n) == 1 && (used += n) > 0);
	n = sscanf(text + used, "%c%2d:%2d", &sign, &zone_h, &zone_min);
	HOLDS(sign == 'Z' ? used + 1 == (int)len : n == 3 && used + 6 == (int)len);
	seconds = seconds_of(y, mo, d, h, mi, s);
	seconds += (sign == '+' ? -60 : 60) * (zone_h * 60 + zone_min);
	memset(fraction + strlen(fraction), '0', 9 - strlen(fraction));
	ns = strtoll(fraction, NULL, 10);
	HOLDS(at.ns == seconds * NS_PER_S + ns);

	n = (int)strftime(canonical, sizeof(canonical), "%Y-%m-%dT%H:%M:%S", gmtime(&(time_t){at.ns / NS_PER_S}));
	n += snprintf(canonical + n, sizeof(canonical) - (size_t)n, ".%09dZ", (int)(at.ns % NS_PER_S));
	HOLDS(parse(timefmt_parse_rfc3339, canonical, (size_t)n, &again) && again.ns == at.ns);
}

static void check_http_date(const char *text, size_t len)
{
	struct wall_time at, again;
	char canonical[64];
	struct tm tm = {0};
	const char *end;

	if (!parse(timefmt_parse_http_date, text, len, &at))
		return;
	end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	HOLDS(end == text + len && len == 29);
	if (tm.tm_sec == 60)
		tm.tm_sec = 59;
	HOLDS(at.ns == timegm(&tm) * NS_PER_S);
	strftime(canonical, sizeof(canonical), "%a, %d %b %Y %H:%M:%S GMT", gmtime(&(time_t){at.ns / NS_PER_S}));
	HOLDS(parse(timefmt_parse_http_date, canonical, 29, &again) && again.ns == at.ns);
}

static void check_epoch(const char *text, size_t len)
{
	struct wall_time at;

	if (!parse(timefmt_parse_epoch, text, len, &at))
		return;
	HOLDS(strspn(text, "0123456789") == len);
	HOLDS(at.ns / NS_PER_S == strtoll(text, NULL, 10) && at.ns % NS_PER_S == 0);
}

/* What a duration is worth, added up without regard to order or form. */
static double worth_of(const char *text)
{
	bool in_time = false;
	double worth = 0;

	for (const char *at = text + 1; *at;) {
		char *end;
		double n = strtod(at, &end);

		if (*at == 'T') {
			in_time = true;
			at++;
			continue;
		}
		HOLDS(end > at && *end);
		if (*end == 'S')
			n = (double)(uint64_t)n;
		worth += n * (*end == 'W' ? 604800 : *end == 'D' ? 86400 : *end == 'H' ? 3600 : *end == 'M' ? 60 : 1);
		HOLDS(in_time ? strchr("HMS", *end) != NULL : strchr("WD", *end) != NULL);
		at = end + 1;
	}
	return worth;
}

static void check_duration(const char *text, size_t len)
{
	struct parse_error err = FUZZ_NO_ERROR;
	char canonical[32];
	uint32_t s, again;
	int r;

	FILL(s);
	r = timefmt_parse_duration(text, len, &s, &err);
	if (r < 0) {
		HOLDS(r == -EINVAL && IS_FILLED(s) && IS_REFUSAL(err, len));
		return;
	}
	HOLDS(strspn(text, "PWDTHMS.0123456789") == len);
	HOLDS(worth_of(text) == (double)s);
	r = snprintf(canonical, sizeof(canonical), "PT%uS", s);
	HOLDS(timefmt_parse_duration(canonical, (size_t)r, &again, NULL) == 0 && again == s);
}

/* Any moment, as we and as HTTP write it. */
static void check_moment(uint64_t number)
{
	struct wall_time at = {(int64_t)(number >> 1)}, again;
	_cleanup_text_ struct text text = {0};
	char http[64];
	size_t n = strftime(http, sizeof(http), "%a, %d %b %Y %H:%M:%S GMT", gmtime(&(time_t){at.ns / NS_PER_S}));

	text_rfc3339(&text, at);
	HOLDS(!text.failed && parse(timefmt_parse_rfc3339, text.data, text.len, &again));
	HOLDS(again.ns == at.ns / NS_PER_S * NS_PER_S);
	HOLDS(parse(timefmt_parse_http_date, http, n, &again) && again.ns == at.ns / NS_PER_S * NS_PER_S);
}

/* Any day's end can have a leap second. */
static void check_leap_second(uint64_t number)
{
	struct wall_time last = {(int64_t)(number % 100000 * 86400 + 86399) * NS_PER_S}, at;
	_cleanup_text_ struct text text = {0};

	text_rfc3339(&text, last);
	HOLDS(!text.failed && text.len == strlen("2016-12-31T23:59:59Z"));
	memcpy(text.data + text.len - 3, "60", 2);
	HOLDS(parse(timefmt_parse_rfc3339, text.data, text.len, &at) && at.ns == last.ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct wall_time at;

	/* From the bytes as they came: no NUL stands behind them. */
	parse(timefmt_parse_rfc3339, (const char *)data, size, &at);
	parse(timefmt_parse_http_date, (const char *)data, size, &at);
	parse(timefmt_parse_epoch, (const char *)data, size, &at);
	check_rfc3339(text, size);
	check_http_date(text, size);
	check_epoch(text, size);
	check_duration(text, size);
	check_moment(fuzz_number(data, size));
	check_leap_second(fuzz_number(data, size));
	return 0;
}
