// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Wall time and boot time: the way there and back, and what happens at the ends of the number line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "clockmap.h"
#include "jitgate_abi.h"
#include "util.h"

#define NOON (1700000000 * NS_PER_S)

static struct clock_pair pair(int64_t wall_ns, uint64_t boot_ns)
{
	return (struct clock_pair){.wall = {wall_ns}, .boot = {boot_ns}};
}

static void deadline_is_as_far_on_one_clock_as_on_the_other(void **state)
{
	struct clock_pair now = pair(NOON, 500 * NS_PER_S);

	(void)state;
	assert_int_equal(clock_to_boot(now, (struct wall_time){NOON}).ns, 500 * NS_PER_S);
	assert_int_equal(clock_to_boot(now, (struct wall_time){NOON + 1}).ns, 500 * NS_PER_S + 1);
	assert_int_equal(clock_to_boot(now, (struct wall_time){NOON - 500 * NS_PER_S}).ns, 0);
	assert_int_equal(clock_to_wall(now, (struct boot_time){0}).ns, NOON - 500 * NS_PER_S);
	assert_int_equal(clock_to_wall(now, (struct boot_time){501 * NS_PER_S}).ns, NOON + NS_PER_S);
}

static void there_and_back_is_the_same_time(void **state)
{
	struct clock_pair now = pair(NOON, 123456789);

	(void)state;
	for (uint64_t boot = 0; boot < 1000 * (uint64_t)NS_PER_S; boot += 77777777) {
		struct wall_time wall = clock_to_wall(now, (struct boot_time){boot});

		assert_int_equal(clock_to_boot(now, wall).ns, boot);
	}
}

static void before_boot_is_zero_so_already_past(void **state)
{
	(void)state;
	assert_int_equal(clock_to_boot(pair(NOON, 5), (struct wall_time){NOON - 6}).ns, 0);
	assert_int_equal(clock_to_boot(pair(NOON, 5), (struct wall_time){0}).ns, 0);
	assert_int_equal(clock_to_boot(pair(INT64_MAX, 5), (struct wall_time){INT64_MIN}).ns, 0);
}

static void far_deadline_never_becomes_no_deadline(void **state)
{
	struct wall_time end = {INT64_MAX};

	(void)state;
	assert_true(clock_to_boot(pair(NOON, 5), end).ns == (uint64_t)(INT64_MAX - NOON) + 5);
	assert_true(clock_to_boot(pair(INT64_MIN, UINT64_MAX), end).ns == JITGATE_NO_DEADLINE - 1);
	assert_true(clock_to_boot(pair(INT64_MIN, 0), end).ns == JITGATE_NO_DEADLINE - 1);
	assert_true(clock_to_boot(pair(0, UINT64_MAX), (struct wall_time){0}).ns == JITGATE_NO_DEADLINE - 1);
}

static void wall_time_saturates_at_both_ends(void **state)
{
	(void)state;
	assert_true(clock_to_wall(pair(NOON, 0), (struct boot_time){JITGATE_NO_DEADLINE}).ns == INT64_MAX);
	assert_true(clock_to_wall(pair(INT64_MIN, UINT64_MAX), (struct boot_time){0}).ns == INT64_MIN);
	assert_true(clock_to_wall(pair(INT64_MIN, 0), (struct boot_time){1ULL << 63}).ns == 0);
}

static void step_is_what_the_wall_moved_more_than_the_boot_clock(void **state)
{
	struct clock_pair before = pair(NOON, 10);

	(void)state;
	assert_int_equal(clock_step(before, pair(NOON + 77, 87)), 0);
	assert_int_equal(clock_step(before, pair(NOON + 3600 * NS_PER_S, 10)), 3600 * NS_PER_S);
	assert_int_equal(clock_step(before, pair(NOON - 3600 * NS_PER_S + 20, 30)), -3600 * NS_PER_S);
	assert_true(clock_step(pair(INT64_MIN, 0), pair(INT64_MAX, 0)) == INT64_MAX);
	assert_true(clock_step(pair(INT64_MAX, 0), pair(INT64_MIN, UINT64_MAX)) == INT64_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deadline_is_as_far_on_one_clock_as_on_the_other),
		cmocka_unit_test(there_and_back_is_the_same_time),
		cmocka_unit_test(before_boot_is_zero_so_already_past),
		cmocka_unit_test(far_deadline_never_becomes_no_deadline),
		cmocka_unit_test(wall_time_saturates_at_both_ends),
		cmocka_unit_test(step_is_what_the_wall_moved_more_than_the_boot_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
