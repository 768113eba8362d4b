/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. A growing text buffer and the forms that reports and the log share: JSON strings, times, durations.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "clockmap.h"
#include "util.h"

/* Starts as {0}; free with text_free. After a failed allocation `failed` stays set and later calls do nothing. */
struct text {
	char *data; /* always NUL-terminated when not NULL */
	size_t len, cap;
	int failed;
};

void text_free(struct text *t);
#define _cleanup_text_ CLEANUP(text_free)

/* `bytes` as they are, NUL included; the other as printf(3) has it. */
void text_append(struct text *t, const char *bytes, size_t len);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A JSON string with its quotes. Control characters are escaped; bytes that are not UTF-8 become U+FFFD. */
void text_json_string(struct text *t, const char *s);

/* key="value" safe: quoted, with \" \\ \n and every control or non-ASCII byte as \xNN, so that a remote string
 * cannot forge a log line or a terminal sequence. */
void text_quoted(struct text *t, const char *s);

/* RFC 3339 in UTC, whole seconds: 2026-11-22T17:30:00Z. Rounded down. */
void text_rfc3339(struct text *t, struct wall_time at);

/* "in 42 min", "in 3 h 5 min", "in 20 s", "2 min ago", "now". */
void text_relative(struct text *t, struct wall_time at, struct wall_time now);

/*
 * "15:04:05Z": UTC, with the date in front when it is another day than `now`. Not local time: the zone of the daemon
 * that renders is not the reader's.
 */
void text_clock(struct text *t, struct wall_time at, struct wall_time now);

#endif
