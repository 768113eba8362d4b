// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The schedule: each rule by itself, and a long random life in which the promises to Azure must hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pace.h"
#include "util.h"

#define IDLE 600
#define LIVE 60

static struct boot_time s(double seconds)
{
	return (struct boot_time){(uint64_t)(seconds * (double)NS_PER_S)};
}

static double next_s(const struct pace *pace)
{
	return (double)pace_next(pace).ns / (double)NS_PER_S;
}

static void assert_next(const struct pace *pace, double wanted)
{
	double seen = next_s(pace);

	if (seen < wanted - 0.001 || seen > wanted + 0.001)
		fail_msg("next at %f, not %f", seen, wanted);
}

static const struct pace_result idle = {.good = true}, live = {.good = true, .live = true}, failed = {.good = false},
				coming = {.good = true, .initiating = true};

/* One poll without length, in the middle of the spread. */
static void poll_at(struct pace *pace, double when, const struct pace_result *result)
{
	pace_begin(pace, s(when));
	pace_end(pace, s(when), result, 0.5);
}

static void start(struct pace *pace)
{
	pace_init(pace, IDLE, LIVE, s(1000));
}

static void the_first_poll_is_at_once(void **state)
{
	struct pace p;

	(void)state;
	start(&p);
	assert_next(&p, 1000);
}

static void idle_is_slow_and_live_is_faster(void **state)
{
	struct pace p;

	(void)state;
	start(&p);
	poll_at(&p, 1000, &idle);
	assert_next(&p, 1600);
	assert_int_equal(pace_fresh_for_s(&p), 2 * 660 + 60);
	poll_at(&p, 1600, &live);
	assert_next(&p, 1660);
	assert_int_equal(pace_fresh_for_s(&p), 2 * 66 + 60);
	pace_init(&p, 30, 300, s(0)); /* live is never slower than idle */
	poll_at(&p, 0, &live);
	assert_next(&p, 30);
}

static void the_spread_is_ten_percent_either_way(void **state)
{
	struct pace p;

	(void)state;
	start(&p);
	pace_begin(&p, s(1000));
	pace_end(&p, s(1002), &idle, 0);
	assert_next(&p, 1002 + 540);
	pace_end(&p, s(1002), &idle, 1);
	assert_next(&p, 1002 + 660);
}

static void failures_back_off_to_the_idle_pace(void **state)
{
	static const double waits[] = {2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600};
	struct pace p;
	double t = 1000;

	(void)state;
	start(&p);
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		poll_at(&p, t, &failed);
		assert_next(&p, t + waits[i]);
		t += waits[i];
	}
	poll_at(&p, t, &live);
	assert_next(&p, t + LIVE);
	poll_at(&p, t, &failed);
	assert_next(&p, t + 2);
}

static void nothing_comes_before_retry_after(void **state)
{
	struct pace_result told = failed;
	struct pace p;

	(void)state;
	start(&p);
	told.retry_after_s = 100;
	pace_begin(&p, s(1000));
	pace_end(&p, s(1000), &told, 0); /* the earliest of the spread */
	assert_next(&p, 1100);
	pace_ask(&p);
	assert_next(&p, 1100);
	pace_end(&p, s(1000), &told, 1);
	assert_next(&p, 1110);
	told = live; /* also with a good answer */
	told.retry_after_s = 300;
	poll_at(&p, 1200, &told);
	assert_next(&p, 1515);
	assert_int_equal(pace_fresh_for_s(&p), 2 * 330 + 60);
	poll_at(&p, 1515, &live); /* and it is over then */
	assert_next(&p, 1575);
	told.retry_after_s = UINT32_MAX; /* a day at most */
	pace_end(&p, s(2000), &told, 0);
	assert_next(&p, 2000 + 86400);
}

static void a_knock_is_answered_at_once_but_not_within_five_seconds(void **state)
{
	struct pace p;

	(void)state;
	start(&p);
	poll_at(&p, 1000, &idle);
	pace_ask(&p);
	assert_next(&p, 1005);
	poll_at(&p, 1005, &idle);
	assert_next(&p, 1605); /* answered */
	pace_ask(&p);
	assert_true(next_s(&p) < 1200);
	poll_at(&p, 1200, &failed);
	pace_ask(&p); /* a knock does not wait for the back-off, nor the other way round */
	assert_next(&p, 1202);
}

static void knocks_cause_ten_polls_in_five_minutes(void **state)
{
	struct pace p;
	double t = 1000;

	(void)state;
	start(&p);
	poll_at(&p, t, &idle);
	for (int i = 0; i < PACE_KNOCKS_MAX; i++) {
		pace_ask(&p);
		t += 5;
		assert_next(&p, t);
		poll_at(&p, t, &idle);
	}
	pace_ask(&p);
	assert_next(&p, 1005 + 300); /* when the first of the ten is five minutes old */
	poll_at(&p, 1305, &idle);
	pace_ask(&p);
	assert_next(&p, 1010 + 300);
}

static void a_poll_that_was_due_anyway_costs_no_knock(void **state)
{
	struct pace p;

	(void)state;
	start(&p);
	for (int i = 0; i < 50; i++) {
		poll_at(&p, 1000 + 60 * i, &live);
		pace_ask(&p);
		poll_at(&p, 1000 + 60 * (i + 1), &live); /* late */
	}
	assert_int_equal(p.n_knocked, 0);
}

static void initiating_is_asked_again_in_two_seconds_for_a_while(void **state)
{
	struct pace p;
	double t = 1000;

	(void)state;
	start(&p);
	for (int i = 0; i < PACE_INITIATING_MAX; i++, t += 2) {
		poll_at(&p, t, &coming);
		assert_next(&p, t + 2);
	}
	poll_at(&p, t, &coming); /* it hangs there: 750 reads have to last */
	assert_next(&p, t + LIVE);
	poll_at(&p, t, &idle);
	poll_at(&p, t, &coming);
	assert_next(&p, t + 2);
}

static void freshness_fits_the_feed_protocol(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, 86400, 3600, s(0));
	poll_at(&p, 0, &idle);
	assert_in_range(pace_fresh_for_s(&p), 2 * 86400, 604800);
}

/* A random month: knocks, failures, waits. What Azure was promised holds at every poll. */
static void the_promises_hold_in_a_random_life(void **state)
{
	unsigned short seed[3] = {0x6a69, 0x7467, 0x6174};
	double t = 1000, knock_polls[11] = {0}, not_before = 0, retry_s = 0, last = -100;
	struct pace p;

	(void)state;
	print_message("# seed %04x %04x %04x\n", seed[0], seed[1], seed[2]);
	start(&p);
	for (int i = 0; i < 50000; i++) {
		struct pace_result result = {.good = erand48(seed) < 0.8,
					     .live = erand48(seed) < 0.3,
					     .initiating = erand48(seed) < 0.1,
					     .retry_after_s =
						     erand48(seed) < 0.05 ? (uint32_t)(erand48(seed) * 900) : 0};
		bool knock = erand48(seed) < 0.5, early;
		double due = (double)p.due.ns / 1e9, length = erand48(seed) * 2;

		if (knock)
			pace_ask(&p);
		t = next_s(&p) > t ? next_s(&p) : t;
		early = t < due - 0.001;
		assert_true(t >= not_before - 0.001);
		assert_true(t <= due + 0.001 || t <= not_before + 0.1 * retry_s + 0.001); /* never forgotten */
		if (early) {
			assert_true(knock && t >= last + 5 - 0.001);
			assert_true(t >= knock_polls[0] + 300 - 0.001);
			memmove(knock_polls, knock_polls + 1, 9 * sizeof(*knock_polls));
			knock_polls[9] = t;
		}
		pace_begin(&p, s(t));
		last = t;
		t += length;
		pace_end(&p, s(t), &result, erand48(seed));
		retry_s = result.retry_after_s;
		not_before = retry_s > 0 ? t + retry_s : 0;
		assert_true(next_s(&p) >= t + 1.8 - 0.001);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_poll_is_at_once),
		cmocka_unit_test(idle_is_slow_and_live_is_faster),
		cmocka_unit_test(the_spread_is_ten_percent_either_way),
		cmocka_unit_test(failures_back_off_to_the_idle_pace),
		cmocka_unit_test(nothing_comes_before_retry_after),
		cmocka_unit_test(a_knock_is_answered_at_once_but_not_within_five_seconds),
		cmocka_unit_test(knocks_cause_ten_polls_in_five_minutes),
		cmocka_unit_test(a_poll_that_was_due_anyway_costs_no_knock),
		cmocka_unit_test(initiating_is_asked_again_in_two_seconds_for_a_while),
		cmocka_unit_test(freshness_fits_the_feed_protocol),
		cmocka_unit_test(the_promises_hold_in_a_random_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
