/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The date and duration forms that Azure and HTTP emit. Strict and total: every byte is looked at, nothing
 * is guessed, no locale, no time zone file. All functions: 0, or -EINVAL with err filled (may be NULL) and *ret
 * untouched.
 */
#ifndef TIMEFMT_H
#define TIMEFMT_H

#include <stddef.h>
#include <stdint.h>

#include "clockmap.h"
#include "util.h"

/*
 * RFC 3339 as ARM writes it: 2018-07-22T15:51:55.21337Z. Zero to nine fraction digits (.NET drops trailing zeros); `Z`
 * or +hh:mm / -hh:mm; capital T and Z. 1970-01-01 up to what fits 64-bit nanoseconds (April 2262).
 * A leap second, 23:59:60 UTC, is read as 23:59:59: an end is then a second early, never late.
 */
int timefmt_parse_rfc3339(const char *text, size_t len, struct wall_time *ret, struct parse_error *err);

/* The one form that HTTP servers may generate: "Sun, 06 Nov 1994 08:49:37 GMT". The week day has to be a name, not the
 * right one. */
int timefmt_parse_http_date(const char *text, size_t len, struct wall_time *ret, struct parse_error *err);

/*
 * ISO 8601 duration: PT3H, P1D, PT24H, PT1H30M, P2W, PT0.5S; whole seconds, a fraction (of seconds only) is dropped, so
 * that a limit is never longer than written. Years and months have no fixed length and are refused, as is more than
 * 2^32-1 s.
 */
int timefmt_parse_duration(const char *text, size_t len, uint32_t *ret_s, struct parse_error *err);

/* Seconds since 1970 as decimal text, without sign: "1506484173". */
int timefmt_parse_epoch(const char *text, size_t len, struct wall_time *ret, struct parse_error *err);

#endif
