/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Days and their dates, in the Gregorian calendar and UTC. libc's own, gmtime_r included, reads the time zone
 * file.
 */
#ifndef CALENDAR_H
#define CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

struct calendar_date {
	int year, month, day; /* 1..9999, 1..12, 1..31 */
};

/* Year and month are in range, and the month has such a day. */
bool calendar_has(const struct calendar_date *date);

/* Days from 1970-01-01 to `date`, which calendar_has; negative before. */
int64_t calendar_to_days(const struct calendar_date *date);

/* The other way; for days of the years 1..9999. */
struct calendar_date calendar_from_days(int64_t days);

#endif
