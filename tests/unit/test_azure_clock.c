// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * How far this machine's clock is from Azure's: what one answer's Date lets us claim. Never more than is true, whatever
 * the delays, and close to it when they are short.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "azure_clock.h"
#include "fact_test.h"
#include "random.h"
#include "util.h"

#define NOW_NS (1773484200 * NS_PER_S) /* 2026-03-14T10:30:00Z */

/* An answer: true times of sending, of writing the Date, and of receiving, by a right clock; ours is ahead by
 * offset_ns. */
static struct azure_clock measured(int64_t sent_ns, int64_t written_ns, int64_t received_ns, int64_t offset_ns)
{
	const struct clock_pair asked = {.wall = {sent_ns + offset_ns},
					 .boot = {(uint64_t)(sent_ns - NOW_NS + NS_PER_S)}};
	const struct clock_pair answered = {.wall = {received_ns + offset_ns},
					    .boot = {(uint64_t)(received_ns - NOW_NS + NS_PER_S)}};

	return azure_clock_measure(asked, answered, (struct wall_time){written_ns / NS_PER_S * NS_PER_S});
}

static void right_clock_is_right_however_slow_the_answer(void **state)
{
	static const int64_t delays_ms[] = {0, 1, 150, 999, 1000, 5000, 29999, 30000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(delays_ms); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(delays_ms); j++) {
			for (int64_t part_ms = 0; part_ms < 1000; part_ms += 111) {
				int64_t sent = NOW_NS + part_ms * NS_PER_MS, written = sent + delays_ms[i] * NS_PER_MS;
				struct azure_clock clock =
					measured(sent, written, written + delays_ms[j] * NS_PER_MS, 0);

				assert_true(clock.known);
				assert_int_equal(clock.offset_s, 0);
			}
		}
	}
}

/* 2 s is what the cut of the Date, that of the result and 500 ms on the way cost. */
static void wrong_clock_is_seen_with_its_sign(void **state)
{
	static const int64_t offsets_s[] = {-86400 * 366, -3600, -431, -301, -31,        -3, 3,
					    31,           301,   431,  3600, 86400 * 366};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(offsets_s); i++) {
		struct azure_clock clock =
			measured(NOW_NS, NOW_NS + 250 * NS_PER_MS, NOW_NS + 500 * NS_PER_MS, offsets_s[i] * NS_PER_S);

		assert_true(clock.known);
		assert_true(clock.offset_s == 0 || (clock.offset_s < 0) == (offsets_s[i] < 0));
		assert_in_range(labs(clock.offset_s), labs(offsets_s[i]) - 2, labs(offsets_s[i]));
	}
}

/* Below `s` seconds. */
static int64_t random_ns(uint32_t s)
{
	return random_below(s) * NS_PER_S + random_below((uint32_t)NS_PER_S);
}

static void random_answers_never_claim_more_than_is_true(void **state)
{
	(void)state;
	for (int round = 0; round < 200000; round++) {
		int64_t sent = NOW_NS + random_ns(10);
		int64_t written = sent + random_ns(31);
		int64_t received = written + random_ns(31);
		int64_t offset = random_ns(2000) - 1000 * NS_PER_S;
		struct azure_clock clock = measured(sent, written, received, offset);
		int64_t claimed = clock.offset_s * NS_PER_S;

		assert_true(clock.known);
		assert_true(claimed == 0 || (claimed < 0) == (offset < 0));
		assert_true(llabs(claimed) <= llabs(offset));
		assert_true(llabs(offset) - llabs(claimed) <= received - sent + 2 * NS_PER_S);
	}
}

/* The clock is set right while the answer is on its way: what counts is the clock as it is now. */
static void clock_set_meanwhile_counts_as_it_is_now(void **state)
{
	const struct clock_pair asked = {.wall = {NOW_NS - 3600 * NS_PER_S}, .boot = {NS_PER_S}};
	const struct clock_pair answered = {.wall = {NOW_NS}, .boot = {2 * NS_PER_S}};
	struct azure_clock clock = azure_clock_measure(asked, answered, (struct wall_time){NOW_NS});

	(void)state;
	assert_true(clock.known);
	assert_int_equal(clock.offset_s, 0);
}

static void what_makes_no_sense_is_not_known(void **state)
{
	const struct clock_pair good = {.wall = {NOW_NS}, .boot = {NS_PER_S}};
	const struct clock_pair earlier = {.wall = {NOW_NS}, .boot = {NS_PER_S - 1}};
	const struct clock_pair unset = {.wall = {0}, .boot = {NS_PER_S}}, old = {.wall = {-5}, .boot = {NS_PER_S}};
	const struct clock_pair last = {.wall = {INT64_MAX}, .boot = {UINT64_MAX}};

	(void)state;
	assert_true(azure_clock_measure(good, good, (struct wall_time){NOW_NS}).known); /* the control */
	assert_false(azure_clock_measure(good, good, (struct wall_time){0}).known);
	assert_false(azure_clock_measure(good, good, (struct wall_time){-NS_PER_S}).known);
	assert_false(azure_clock_measure(good, good, (struct wall_time){INT64_MAX}).known);
	assert_false(azure_clock_measure(good, earlier, (struct wall_time){NOW_NS}).known);
	assert_false(azure_clock_measure(good, unset, (struct wall_time){NOW_NS}).known);
	assert_false(azure_clock_measure(good, old, (struct wall_time){NOW_NS}).known);
	assert_false(azure_clock_measure(good, last, (struct wall_time){NOW_NS}).known);
	assert_int_equal(azure_clock_measure(good, unset, (struct wall_time){NOW_NS}).offset_s, 0);
}

static void tolerance_is_a_limit_both_ways_and_can_be_off(void **state)
{
	static const struct {
		bool known;
		int32_t offset_s;
		uint32_t tolerance_s;
		bool wrong;
	} cases[] = {
		{true, 0, 300, false},        {true, 300, 300, false},
		{true, 301, 300, true},       {true, -300, 300, false},
		{true, -301, 300, true},      {false, 9999, 300, false},
		{true, 9999, 0, false},       {true, -9999, 0, false},
		{true, INT32_MIN, 300, true}, {true, INT32_MAX, UINT32_MAX, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct azure_clock clock = {cases[i].known, cases[i].offset_s};

		assert_int_equal(azure_clock_is_wrong(clock, cases[i].tolerance_s), cases[i].wrong);
	}
}

static void their_time_is_ours_without_the_offset(void **state)
{
	(void)state;
	assert_true(azure_clock_theirs((struct azure_clock){true, 120}, (struct wall_time){NOW_NS}).ns ==
		    NOW_NS - 120 * NS_PER_S);
	assert_true(azure_clock_theirs((struct azure_clock){true, -120}, (struct wall_time){NOW_NS}).ns ==
		    NOW_NS + 120 * NS_PER_S);
	assert_true(azure_clock_theirs((struct azure_clock){false, 0}, (struct wall_time){NOW_NS}).ns == NOW_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_clock_is_right_however_slow_the_answer),
		fact_test("R2", wrong_clock_is_seen_with_its_sign),
		cmocka_unit_test(random_answers_never_claim_more_than_is_true),
		cmocka_unit_test(clock_set_meanwhile_counts_as_it_is_now),
		cmocka_unit_test(what_makes_no_sense_is_not_known),
		cmocka_unit_test(tolerance_is_a_limit_both_ways_and_can_be_off),
		cmocka_unit_test(their_time_is_ours_without_the_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
