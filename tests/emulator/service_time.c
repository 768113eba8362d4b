// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Times of the emulated service: read the clocks, write and read the texts. Knows nothing of policies.
 */
#include "service_time.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t ticks_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * TICKS_PER_S + ts.tv_nsec / 100;
}

int64_t mono_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static struct tm split_ticks(int64_t ticks, int64_t *ret_fraction)
{
	int64_t fraction = ticks % TICKS_PER_S;
	time_t seconds = (time_t)(ticks / TICKS_PER_S);
	struct tm tm;

	if (fraction < 0) {
		fraction += TICKS_PER_S;
		seconds--;
	}
	gmtime_r(&seconds, &tm);
	*ret_fraction = fraction;
	return tm;
}

void ticks_format(int64_t ticks, char out[TICKS_TEXT_MAX])
{
	int64_t fraction;
	struct tm tm = split_ticks(ticks, &fraction);
	size_t len = strftime(out, TICKS_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);

	if (fraction) {
		len += (size_t)snprintf(out + len, TICKS_TEXT_MAX - len, ".%07lld", (long long)fraction);
		while (out[len - 1] == '0')
			len--;
	}
	snprintf(out + len, TICKS_TEXT_MAX - len, "Z");
}

void http_date(int64_t ticks, char out[HTTP_DATE_MAX])
{
	int64_t fraction;
	struct tm tm = split_ticks(ticks, &fraction);

	/* The emulator never calls setlocale, so the names are the English ones that HTTP wants. */
	strftime(out, HTTP_DATE_MAX, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

/* Exactly `digits` digits at *p; moves *p behind them. -1 when there are fewer. */
static int take_digits(const char **p, int digits)
{
	int value = 0;

	for (int i = 0; i < digits; i++, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return -1;
		value = value * 10 + (**p - '0');
	}
	return value;
}

static bool take_char(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* ".5691611" in ticks; digits behind the seventh are read and dropped. */
static int take_fraction(const char **p, int64_t *ret)
{
	int64_t scale = TICKS_PER_S / 10, value = 0;

	if (!isdigit((unsigned char)**p))
		return -EINVAL;
	for (; isdigit((unsigned char)**p); (*p)++, scale /= 10)
		value += (**p - '0') * scale;
	*ret = value;
	return 0;
}

static int take_offset(const char **p, int *ret_s)
{
	int sign = **p == '-' ? -1 : 1, hours, minutes;

	if (take_char(p, 'Z') || take_char(p, 'z')) {
		*ret_s = 0;
		return 0;
	}
	if (!take_char(p, '+') && !take_char(p, '-'))
		return -EINVAL;
	hours = take_digits(p, 2);
	if (hours < 0 || hours > 14 || !take_char(p, ':'))
		return -EINVAL;
	minutes = take_digits(p, 2);
	if (minutes < 0 || minutes > 59)
		return -EINVAL;
	*ret_s = sign * (hours * 3600 + minutes * 60);
	return 0;
}

static int take_date_time(const char **p, struct tm *ret)
{
	static const struct {
		int digits, lowest, highest;
		char before;
	} fields[] = {{4, 1, 9999, 0}, {2, 1, 12, '-'}, {2, 1, 31, '-'},
		      {2, 0, 23, 'T'}, {2, 0, 59, ':'}, {2, 0, 59, ':'}};
	int value[6];

	for (int i = 0; i < 6; i++) {
		if (fields[i].before && !take_char(p, fields[i].before))
			return -EINVAL;
		value[i] = take_digits(p, fields[i].digits);
		if (value[i] < fields[i].lowest || value[i] > fields[i].highest)
			return -EINVAL;
	}
	*ret = (struct tm){.tm_year = value[0] - 1900,
			   .tm_mon = value[1] - 1,
			   .tm_mday = value[2],
			   .tm_hour = value[3],
			   .tm_min = value[4],
			   .tm_sec = value[5]};
	return 0;
}

int ticks_parse(const char *text, int64_t *ret)
{
	int64_t fraction = 0;
	int offset_s, day;
	struct tm tm;

	if (take_date_time(&text, &tm))
		return -EINVAL;
	if (take_char(&text, '.') && take_fraction(&text, &fraction))
		return -EINVAL;
	if (take_offset(&text, &offset_s) || *text)
		return -EINVAL;
	day = tm.tm_mday;
	*ret = ((int64_t)timegm(&tm) - offset_s) * TICKS_PER_S + fraction;
	/* timegm turns 30 February into 1 March. */
	return tm.tm_mday == day ? 0 : -EINVAL;
}

/* Up to six digits, so that no product below can overflow. */
static int take_number(const char **p, int64_t *ret)
{
	int64_t value = 0;
	int digits = 0;

	for (; isdigit((unsigned char)**p) && digits < 6; (*p)++, digits++)
		value = value * 10 + (**p - '0');
	*ret = value;
	return digits ? 0 : -EINVAL;
}

int duration_parse(const char *text, int64_t *ret_ticks)
{
	static const struct {
		char unit;
		bool in_time;
		int64_t seconds;
	} units[] = {{'D', false, 86400}, {'H', true, 3600}, {'M', true, 60}, {'S', true, 1}};
	int64_t number, total_s = 0;
	bool in_time = false;
	size_t u = 0, parts = 0;

	if (!take_char(&text, 'P'))
		return -EINVAL;
	while (*text) {
		if (!in_time && take_char(&text, 'T'))
			in_time = true;
		if (take_number(&text, &number))
			return -EINVAL;
		while (u < 4 && (units[u].unit != *text || units[u].in_time != in_time))
			u++;
		if (u == 4)
			return -EINVAL;
		total_s += number * units[u++].seconds;
		text++;
		parts++;
	}
	if (!parts)
		return -EINVAL;
	*ret_ticks = total_s * TICKS_PER_S;
	return 0;
}
