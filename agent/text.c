// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. A growing text and the forms that reports and the log share. Owns quoting: whatever bytes come
 * in, a JSON string stays one JSON string and a log value stays one log value. Must not print.
 */
#include "text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calendar.h"
#include "utf8.h"
#include "util.h"

#define TEXT_CAP_MIN 256
#define DAY_S 86400

void text_free(struct text *t)
{
	free(t->data);
	*t = (struct text){0};
}

/* Room for `extra` bytes and the NUL behind them. */
static bool reserve(struct text *t, size_t extra)
{
	size_t need, cap = t->cap ? t->cap : TEXT_CAP_MIN;
	char *data;

	if (t->failed)
		return false;
	if (__builtin_add_overflow(t->len, extra, &need) || need >= SIZE_MAX / 2) {
		t->failed = 1;
		return false;
	}
	if (need < t->cap)
		return true;
	while (cap <= need)
		cap *= 2;
	data = realloc(t->data, cap);
	if (!data) {
		t->failed = 1;
		return false;
	}
	t->data = data;
	t->cap = cap;
	t->data[t->len] = '\0';
	return true;
}

void text_append(struct text *t, const char *bytes, size_t len)
{
	if (!reserve(t, len))
		return;
	if (len)
		memcpy(t->data + t->len, bytes, len);
	t->len += len;
	t->data[t->len] = '\0';
}

void text_printf(struct text *t, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0) {
		t->failed = 1;
		return;
	}
	if (!reserve(t, (size_t)len))
		return;
	va_start(args, format);
	vsnprintf(t->data + t->len, t->cap - t->len, format, args);
	va_end(args);
	t->len += (size_t)len;
}

static void append_text(struct text *t, const char *s)
{
	text_append(t, s, strlen(s));
}

/* What has no shape of its own but turns the direction of writing or hides between letters. */
static bool is_unseen(uint32_t code)
{
	return code == 0xad || code == 0x61c || (code >= 0x200b && code <= 0x200f) ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff;
}

static void append_json_code(struct text *t, const char *s, size_t len, uint32_t code)
{
	if (code == '"' || code == '\\')
		text_printf(t, "\\%c", (int)code);
	else if (code == '\n')
		append_text(t, "\\n");
	else if (code == '\t')
		append_text(t, "\\t");
	else if (code < 0x20 || (code >= 0x7f && code < 0xa0) || is_unseen(code)) /* JSON is read on terminals */
		text_printf(t, "\\u%04x", code);
	else
		text_append(t, s, len);
}

void text_json_string(struct text *t, const char *s)
{
	append_text(t, "\"");
	while (*s) {
		uint32_t code = 0;
		size_t len = utf8_decode(s, UTF8_BYTES_MAX, &code);

		if (len)
			append_json_code(t, s, len, code);
		else
			append_text(t, "\xef\xbf\xbd"); /* U+FFFD, one for each bad byte */
		s += len ? len : 1;
	}
	append_text(t, "\"");
}

void text_quoted(struct text *t, const char *s)
{
	append_text(t, "\"");
	for (const unsigned char *at = (const unsigned char *)s; *at; at++) {
		if (*at == '"' || *at == '\\')
			text_printf(t, "\\%c", *at);
		else if (*at == '\n')
			append_text(t, "\\n");
		else if (*at < 0x20 || *at >= 0x7f)
			text_printf(t, "\\x%02x", *at);
		else
			text_append(t, (const char *)at, 1);
	}
	append_text(t, "\"");
}

/* A point in time as it is written, UTC. */
struct written {
	struct calendar_date date;
	int hour, minute, second;
};

static struct written write_out(struct wall_time at)
{
	int64_t s = at.ns / NS_PER_S - (at.ns % NS_PER_S < 0), days = s / DAY_S; /* rounded down, also before 1970 */
	int of_day = (int)(s % DAY_S);

	if (of_day < 0) {
		of_day += DAY_S;
		days--;
	}
	return (struct written){calendar_from_days(days), of_day / 3600, of_day / 60 % 60, of_day % 60};
}

static void append_date(struct text *t, const struct calendar_date *date)
{
	text_printf(t, "%04d-%02d-%02d", date->year, date->month, date->day);
}

static void append_clock(struct text *t, const struct written *w)
{
	text_printf(t, "%02d:%02d:%02dZ", w->hour, w->minute, w->second);
}

void text_rfc3339(struct text *t, struct wall_time at)
{
	struct written w = write_out(at);

	append_date(t, &w.date);
	append_text(t, "T");
	append_clock(t, &w);
}

/* Two neighbouring units, the smaller one only when it says something: "3 h 5 min", "3 h". */
static void append_units(struct text *t, uint64_t big, const char *big_name, uint64_t small, const char *small_name)
{
	text_printf(t, "%llu %s", (unsigned long long)big, big_name);
	if (small)
		text_printf(t, " %llu %s", (unsigned long long)small, small_name);
}

/* Each unit is rounded to the nearest from the seconds, and 59.5 of one is already 1 of the next. */
static void append_duration(struct text *t, uint64_t seconds)
{
	uint64_t minutes = (seconds + 30) / 60, hours = (seconds + 1800) / 3600;

	if (seconds < 60)
		text_printf(t, "%llu s", (unsigned long long)seconds);
	else if (minutes < 60)
		text_printf(t, "%llu min", (unsigned long long)minutes);
	else if (minutes < 24 * 60)
		append_units(t, minutes / 60, "h", minutes % 60, "min");
	else
		append_units(t, hours / 24, "d", hours % 24, "h");
}

void text_relative(struct text *t, struct wall_time at, struct wall_time now)
{
	bool ahead = at.ns >= now.ns;
	/* Unsigned: the distance of any two int64 fits, and wraps to the right value. */
	uint64_t ns = ahead ? (uint64_t)at.ns - (uint64_t)now.ns : (uint64_t)now.ns - (uint64_t)at.ns;
	uint64_t seconds = ns / NS_PER_S + (ns % NS_PER_S >= NS_PER_S / 2);

	if (seconds == 0) {
		append_text(t, "now");
		return;
	}
	if (ahead)
		append_text(t, "in ");
	append_duration(t, seconds);
	if (!ahead)
		append_text(t, " ago");
}

void text_clock(struct text *t, struct wall_time at, struct wall_time now)
{
	struct written w = write_out(at), today = write_out(now);

	if (calendar_to_days(&w.date) != calendar_to_days(&today.date)) {
		append_date(t, &w.date);
		append_text(t, " ");
	}
	append_clock(t, &w);
}
