// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Every day of the years 1 to 9999, with libc as the referee.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "calendar.h"
#include "util.h"

#define DAY_S 86400

static void every_day_has_its_date_and_every_date_its_day(void **state)
{
	const struct calendar_date first = {1, 1, 1}, last = {9999, 12, 31};
	const int64_t end = calendar_to_days(&last);

	(void)state;
	for (int64_t days = calendar_to_days(&first); days <= end; days++) {
		struct calendar_date date = calendar_from_days(days);
		time_t s = (time_t)(days * DAY_S);
		struct tm tm;

		assert_non_null(gmtime_r(&s, &tm));
		if (date.year != tm.tm_year + 1900 || date.month != tm.tm_mon + 1 || date.day != tm.tm_mday)
			fail_msg("day %lld is %d-%d-%d", (long long)days, date.year, date.month, date.day);
		if (!calendar_has(&date) || calendar_to_days(&date) != days)
			fail_msg("%d-%d-%d is no day, or another one", date.year, date.month, date.day);
	}
}

static void known_days_are_where_they_are(void **state)
{
	(void)state;
	assert_int_equal(calendar_to_days(&(struct calendar_date){1970, 1, 1}), 0);
	assert_int_equal(calendar_to_days(&(struct calendar_date){1969, 12, 31}), -1);
	assert_int_equal(calendar_to_days(&(struct calendar_date){2000, 3, 1}), 11017);
	assert_int_equal(calendar_to_days(&(struct calendar_date){2262, 4, 11}), 106751);
}

static void days_that_no_month_has_are_known(void **state)
{
	static const struct calendar_date bad[] = {
		{2025, 2, 29}, {2100, 2, 29}, {2024, 2, 30}, {2025, 4, 31}, {2025, 1, 32},  {2025, 1, 0},
		{2025, 0, 1},  {2025, 13, 1}, {0, 1, 1},     {10000, 1, 1}, {2025, -1, -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(calendar_has(&bad[i]));
	assert_true(calendar_has(&(struct calendar_date){2000, 2, 29}));
	assert_true(calendar_has(&(struct calendar_date){2024, 2, 29}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_day_has_its_date_and_every_date_its_day),
		cmocka_unit_test(known_days_are_where_they_are),
		cmocka_unit_test(days_that_no_month_has_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
