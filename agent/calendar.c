// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See calendar.h. Owns leap years.
 */
#include "calendar.h"

static bool is_leap_year(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap_year(year));
}

/* From the first day of year 1 to that of `year`. */
static int64_t days_before_year(int year)
{
	int64_t past = year - 1;

	return 365 * past + past / 4 - past / 100 + past / 400;
}

bool calendar_has(const struct calendar_date *date)
{
	return date->year >= 1 && date->year <= 9999 && date->month >= 1 && date->month <= 12 && date->day >= 1 &&
	       date->day <= days_in_month(date->year, date->month);
}

int64_t calendar_to_days(const struct calendar_date *date)
{
	int64_t days = days_before_year(date->year) - days_before_year(1970);

	for (int month = 1; month < date->month; month++)
		days += days_in_month(date->year, month);
	return days + date->day - 1;
}

struct calendar_date calendar_from_days(int64_t days)
{
	struct calendar_date date = {.month = 1};

	days += days_before_year(1970);
	date.year = (int)(days / 366) + 1; /* never too late, and by a few years too early */
	while (days_before_year(date.year + 1) <= days)
		date.year++;
	days -= days_before_year(date.year);
	for (; days >= days_in_month(date.year, date.month); date.month++)
		days -= days_in_month(date.year, date.month);
	date.day = (int)days + 1;
	return date;
}
