// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Dates and durations, byte by byte. No clock, no locale, no strtol: what is not exactly one of the forms is refused.
 */
#include "timefmt.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "calendar.h"
#include "number.h"

/* What is left of the text. Every read moves on or fails; `err` keeps the first failure. */
struct cursor {
	const char *start, *at, *end;
	struct parse_error *err;
};

static struct cursor cursor_over(const char *text, size_t len, struct parse_error *err)
{
	return (struct cursor){.start = text, .at = text, .end = text + len, .err = err};
}

static int fail(const struct cursor *c, const char *why)
{
	return parse_fail(c->err, (size_t)(c->at - c->start), why);
}

static bool at_end(const struct cursor *c)
{
	return c->at == c->end;
}

static bool take_char(struct cursor *c, char want)
{
	if (at_end(c) || *c->at != want)
		return false;
	c->at++;
	return true;
}

/* Digits that come next. */
static size_t count_digits(const struct cursor *c)
{
	return number_digits(c->at, (size_t)(c->end - c->at));
}

/* Exactly `width` digits (at most 9) between min and max. */
static int take_digits(struct cursor *c, int width, int min, int max, int *ret)
{
	uint64_t value;

	if (c->end - c->at < width)
		return fail(c, "too short");
	if (count_digits(c) < (size_t)width)
		return fail(c, "not a digit");
	if (number_parse(c->at, (size_t)width, (uint64_t)max, &value) || value < (uint64_t)min)
		return fail(c, "number out of range");
	c->at += width;
	*ret = (int)value;
	return 0;
}

/* ".", then one to nine digits: nanoseconds. Nothing there: 0. */
static int take_fraction(struct cursor *c, int64_t *ret_ns)
{
	uint64_t ns = 0;
	size_t n;

	if (!take_char(c, '.')) {
		*ret_ns = 0;
		return 0;
	}
	n = count_digits(c);
	if (!n)
		return fail(c, "no digit behind the point");
	if (n > 9 || number_parse(c->at, n, 999999999, &ns))
		return fail(c, "more than nine fraction digits");
	c->at += n;
	for (; n < 9; n++)
		ns *= 10;
	*ret_ns = (int64_t)ns;
	return 0;
}

struct civil {
	struct calendar_date date;
	int hour, minute, second;
	int64_t ns;
	int offset_s; /* east of UTC */
};

/* Checks the day against its month, reads 23:59:60 UTC as :59, and adds it all up. */
static int civil_to_wall(const struct cursor *c, const struct civil *t, struct wall_time *ret)
{
	int second = t->second == 60 ? 59 : t->second;
	int64_t s, ns;

	if (!calendar_has(&t->date))
		return fail(c, "no such day in this month");
	s = calendar_to_days(&t->date) * 86400 + t->hour * 3600 + t->minute * 60 + second - t->offset_s;
	if (t->second == 60 && s % 86400 != 86399)
		return fail(c, "second 60 is not a leap second here");
	if (s < 0)
		return fail(c, "before 1970");
	if (__builtin_mul_overflow(s, NS_PER_S, &ns) || __builtin_add_overflow(ns, t->ns, &ns))
		return fail(c, "too far in the future");
	ret->ns = ns;
	return 0;
}

static int take_clock(struct cursor *c, struct civil *t)
{
	if (take_digits(c, 2, 0, 23, &t->hour))
		return -EINVAL;
	if (!take_char(c, ':'))
		return fail(c, "no colon behind the hour");
	if (take_digits(c, 2, 0, 59, &t->minute))
		return -EINVAL;
	if (!take_char(c, ':'))
		return fail(c, "no colon behind the minute");
	return take_digits(c, 2, 0, 60, &t->second);
}

static int take_offset(struct cursor *c, int *ret_s)
{
	int hours, minutes, sign;

	if (take_char(c, 'Z')) {
		*ret_s = 0;
		return 0;
	}
	if (take_char(c, '+'))
		sign = 1;
	else if (take_char(c, '-'))
		sign = -1;
	else
		return fail(c, "no time zone");
	if (take_digits(c, 2, 0, 23, &hours))
		return -EINVAL;
	if (!take_char(c, ':'))
		return fail(c, "no colon in the time zone");
	if (take_digits(c, 2, 0, 59, &minutes))
		return -EINVAL;
	*ret_s = sign * (hours * 3600 + minutes * 60);
	return 0;
}

static int take_date(struct cursor *c, struct civil *t)
{
	if (take_digits(c, 4, 1970, 2262, &t->date.year))
		return -EINVAL;
	if (!take_char(c, '-'))
		return fail(c, "no hyphen behind the year");
	if (take_digits(c, 2, 1, 12, &t->date.month))
		return -EINVAL;
	if (!take_char(c, '-'))
		return fail(c, "no hyphen behind the month");
	return take_digits(c, 2, 1, 31, &t->date.day);
}

int timefmt_parse_rfc3339(const char *text, size_t len, struct wall_time *ret, struct parse_error *err)
{
	struct cursor c = cursor_over(text, len, err);
	struct civil t = {0};

	if (take_date(&c, &t))
		return -EINVAL;
	if (!take_char(&c, 'T'))
		return fail(&c, "no T behind the date");
	if (take_clock(&c, &t) || take_fraction(&c, &t.ns) || take_offset(&c, &t.offset_s))
		return -EINVAL;
	if (!at_end(&c))
		return fail(&c, "something behind the date");
	return civil_to_wall(&c, &t, ret);
}

/* One of the `n` three-letter names; -EINVAL when none. */
static int take_name(struct cursor *c, const char *const *names, int n, int *ret_index)
{
	for (int i = 0; i < n; i++) {
		if (c->end - c->at >= 3 && !memcmp(c->at, names[i], 3)) {
			c->at += 3;
			*ret_index = i;
			return 0;
		}
	}
	return fail(c, "not a name of a day or month");
}

static int take_literal(struct cursor *c, const char *literal)
{
	for (; *literal; literal++) {
		if (!take_char(c, *literal))
			return fail(c, "not an HTTP date");
	}
	return 0;
}

int timefmt_parse_http_date(const char *text, size_t len, struct wall_time *ret, struct parse_error *err)
{
	static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct cursor c = cursor_over(text, len, err);
	struct civil t = {0};
	int day_of_week;

	if (take_name(&c, days, ARRAY_SIZE(days), &day_of_week) || take_literal(&c, ", ") ||
	    take_digits(&c, 2, 1, 31, &t.date.day) || take_literal(&c, " ") ||
	    take_name(&c, months, ARRAY_SIZE(months), &t.date.month) || take_literal(&c, " ") ||
	    take_digits(&c, 4, 1970, 2262, &t.date.year) || take_literal(&c, " ") || take_clock(&c, &t) ||
	    take_literal(&c, " GMT"))
		return -EINVAL;
	t.date.month++;
	if (!at_end(&c))
		return fail(&c, "something behind the date");
	return civil_to_wall(&c, &t, ret);
}

/* One or more digits; a number that does not fit 64 bits fails. */
static int take_number(struct cursor *c, uint64_t *ret)
{
	size_t n = count_digits(c);

	if (!n)
		return fail(c, "not a digit");
	if (number_parse(c->at, n, UINT64_MAX, ret))
		return fail(c, "number too large");
	c->at += n;
	return 0;
}

int timefmt_parse_epoch(const char *text, size_t len, struct wall_time *ret, struct parse_error *err)
{
	struct cursor c = cursor_over(text, len, err);
	uint64_t s;

	if (take_number(&c, &s))
		return -EINVAL;
	if (!at_end(&c))
		return fail(&c, "something behind the number");
	if (s > INT64_MAX / NS_PER_S)
		return fail(&c, "too far in the future");
	ret->ns = (int64_t)s * NS_PER_S;
	return 0;
}

struct duration_unit {
	char letter;
	uint64_t seconds;
};

static const struct duration_unit date_units[] = {{'W', 7 * 86400}, {'D', 86400}, {0, 0}};
static const struct duration_unit time_units[] = {{'H', 3600}, {'M', 60}, {'S', 1}, {0, 0}};

/* Number and letter, as long as there are digits; each unit at most once and in order. Adds to *total_s, counts in *n.
 */
static int take_units(struct cursor *c, const struct duration_unit *units, uint64_t *total_s, int *n)
{
	while (!at_end(c) && *c->at != 'T') {
		uint64_t number, seconds;
		int64_t fraction_ns;
		bool fraction;

		if (take_number(c, &number))
			return -EINVAL;
		fraction = !at_end(c) && *c->at == '.';
		if (take_fraction(c, &fraction_ns))
			return -EINVAL;
		while (units->letter && !(c->at < c->end && *c->at == units->letter))
			units++;
		if (!units->letter || (fraction && units->letter != 'S'))
			return fail(c, "not a unit here");
		if (__builtin_mul_overflow(number, units->seconds, &seconds) ||
		    __builtin_add_overflow(*total_s, seconds, total_s))
			return fail(c, "duration too long");
		c->at++;
		units++;
		(*n)++;
	}
	return 0;
}

int timefmt_parse_duration(const char *text, size_t len, uint32_t *ret_s, struct parse_error *err)
{
	struct cursor c = cursor_over(text, len, err);
	uint64_t total_s = 0;
	int n = 0;

	if (!take_char(&c, 'P'))
		return fail(&c, "a duration begins with P");
	if (take_units(&c, date_units, &total_s, &n))
		return -EINVAL;
	if (take_char(&c, 'T')) {
		n = 0; /* "P1DT" promises a time */
		if (take_units(&c, time_units, &total_s, &n))
			return -EINVAL;
	}
	if (!at_end(&c) || !n)
		return fail(&c, "a duration without a number");
	if (total_s > UINT32_MAX)
		return fail(&c, "duration too long");
	*ret_s = (uint32_t)total_s;
	return 0;
}
