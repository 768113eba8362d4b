// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The schedule: each rule by itself, and a long random life in which the promises to Azure must hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fact_test.h"
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

static const struct pace_result idle = {.good = true, .remaining = -1},
				live = {.good = true, .live = true, .remaining = -1},
				failed = {.good = false, .remaining = -1},
				coming = {.good = true, .initiating = true, .remaining = -1};

static struct pace_result with_left(struct pace_result result, int64_t remaining)
{
	result.remaining = remaining;
	return result;
}

static struct pace_result told_to_wait(struct pace_result result, uint32_t retry_after_s)
{
	result.retry_after_s = retry_after_s;
	return result;
}

static struct pace_result with_reads(struct pace_result result, uint32_t n_reads)
{
	result.n_reads = n_reads;
	return result;
}

/* One poll without length. */
static void poll_by_chance(struct pace *pace, double when, const struct pace_result *result, double chance)
{
	pace_begin(pace, s(when));
	pace_end(pace, s(when), result, chance);
}

/* In the middle of the spread. */
static void poll_at(struct pace *pace, double when, const struct pace_result *result)
{
	poll_by_chance(pace, when, result, 0.5);
}

static void start(struct pace *pace)
{
	pace_init(pace, IDLE, LIVE, s(1000), 0.5);
}

static void knock(struct pace *pace, uint32_t source, double at)
{
	struct knock knock = {.at = s(at), .family = JITGATE_IPV4, .proto = 6, .port = 22};

	memcpy(knock.addr, &source, sizeof(source));
	pace_knock(pace, &knock, s(at));
}

static void assert_why(const struct pace *pace, const char *wanted)
{
	char why[PACE_WHY_MAX];

	pace_say_why(pace, why);
	assert_string_equal(why, wanted);
}

static void the_first_poll_is_at_once(void **state)
{
	struct pace p;

	(void)state;
	start(&p);
	assert_next(&p, 1000);
	assert_why(&p, "the first time");
}

/* Ten thousand machines that boot at once do not ask in one second. */
static void after_a_boot_the_first_poll_is_spread(void **state)
{
	struct pace p;

	(void)state;
	for (int i = 0; i <= 10; i++) {
		pace_init(&p, IDLE, LIVE, s(30), i / 10.0);
		assert_next(&p, 30 + i);
	}
	pace_init(&p, IDLE, LIVE, s(120), 1);
	assert_next(&p, 120);
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
	pace_init(&p, 30, 300, s(1000), 0); /* live is never slower than idle */
	poll_at(&p, 1000, &live);
	assert_next(&p, 1030);
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
	assert_why(&p, "the last try failed");
	poll_at(&p, t, &live);
	assert_next(&p, t + LIVE);
	poll_at(&p, t, &failed);
	assert_next(&p, t + 2);
	pace_begin(&p, s(t)); /* wide: what fails for all comes back for all */
	pace_end(&p, s(t), &failed, 0);
	assert_next(&p, t + 2);
	pace_end(&p, s(t), &failed, 1);
	assert_next(&p, t + 12);
}

/* As many failures as it takes for the back-off to reach its ceiling. */
static void assert_ceiling(struct pace *pace, double t, double wanted)
{
	for (int i = 0; i < 12; i++)
		poll_at(pace, t, &failed);
	assert_next(pace, t + wanted);
}

/* A machine that has no answer yet asks at the configured pace at least: until then it does not know its policies. */
static void failures_back_off_to_the_stretched_pace_once_there_was_an_answer(void **state)
{
	const struct pace_result refused = with_left(failed, 0), steady = with_left(idle, 400);
	struct pace p;

	(void)state;
	start(&p);
	poll_at(&p, 1000, &refused); /* stretches by 3 */
	assert_ceiling(&p, 2000, IDLE);
	poll_at(&p, 3000, &steady);
	assert_next(&p, 3000 + 3 * IDLE);
	assert_ceiling(&p, 3000, 3 * IDLE);
	poll_at(&p, 3000, &live); /* whose own pace would be too fast for failures */
	assert_next(&p, 3000 + LIVE);
	assert_ceiling(&p, 3000, IDLE);
}

static void after_a_failure_with_retry_after_the_spread_is_half_of_it_and_the_back_off(void **state)
{
	const struct pace_result told = told_to_wait(failed, 100);
	struct pace p;

	(void)state;
	for (int i = 0; i <= 10; i++) {
		start(&p);
		poll_by_chance(&p, 1000, &told, i / 10.0);
		assert_next(&p, 1100 + (50 + 2) * i / 10.0);
	}
	poll_by_chance(&p, 2000, &told, 1);
	assert_next(&p, 2100 + 50 + 4);
}

/* From a patient source, which is asked for at once otherwise. It comes a tenth later at most, but 1 s to 30 s. */
static void assert_knock_waits(struct pace_result result, uint32_t retry_after_s, double spread)
{
	const struct pace_result told = told_to_wait(result, retry_after_s);

	for (int i = 0; i <= 10; i++) {
		struct pace p;

		start(&p);
		poll_by_chance(&p, 1000, &told, i / 10.0);
		knock(&p, 1, 1001);
		knock(&p, 1, 1002);
		assert_next(&p, 1000 + retry_after_s + spread * i / 10.0);
	}
}

static void no_knock_comes_before_retry_after(void **state)
{
	(void)state;
	assert_knock_waits(failed, 5, 1);
	assert_knock_waits(failed, 100, 10);
	assert_knock_waits(failed, 1000, 30);
	assert_knock_waits(idle, 5, 1);
	assert_knock_waits(idle, 100, 10);
	assert_knock_waits(idle, 1000, 30);
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
	assert_why(&p, "waiting for Retry-After");
	knock(&p, 1, 1001);
	assert_next(&p, 1100);
	pace_end(&p, s(1000), &told, 1);
	knock(&p, 1, 1002);
	assert_next(&p, 1110);
	told = live; /* also with a good answer */
	told.retry_after_s = 300;
	poll_at(&p, 1200, &told);
	assert_next(&p, 1515);
	assert_int_equal(pace_fresh_for_s(&p), 2 * 66 + 60); /* told to wait is not told anew */
	poll_at(&p, 1515, &live);                            /* and it is over then */
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
	knock(&p, 1, 1000.2);
	assert_next(&p, 1001); /* of a poll that was due anyway */
	assert_why(&p, "a knock");
	poll_at(&p, 1001, &idle);
	assert_next(&p, 1601); /* answered */
	knock(&p, 2, 1002);
	assert_next(&p, 1006);
	poll_at(&p, 1006, &idle);
	knock(&p, 3, 1200);
	assert_next(&p, 1200);
	poll_at(&p, 1200, &failed);
	knock(&p, 3, 1200.5); /* a knock does not wait for the back-off, nor the other way round */
	assert_next(&p, 1202);
}

/* A client that knocks while a read for somebody else is under way is in with its SYN after five seconds. */
static void a_tcp_client_just_after_another_one_is_in_time(void **state)
{
	struct pace p;

	(void)state;
	start(&p);
	poll_at(&p, 1000, &idle);
	knock(&p, 1, 1010);
	pace_begin(&p, s(1010));
	knock(&p, 2, 1010.1);
	pace_end(&p, s(1010.15), &idle, 0.5);
	assert_next(&p, 1015);
	knock(&p, 2, 1011.1);
	assert_next(&p, 1014);
}

static void knocks_cause_ten_polls_and_then_one_in_half_a_minute(void **state)
{
	struct pace p;
	double t = 1000;

	(void)state;
	start(&p);
	poll_at(&p, t, &idle);
	for (uint32_t i = 0; i < 10; i++) {
		t += 5;
		knock(&p, i, t);
		assert_next(&p, t);
		poll_at(&p, t, &idle);
	}
	for (uint32_t i = 10; i < 20; i++) {
		knock(&p, i, t + 1);
		assert_true(next_s(&p) > t + 1);
		t = next_s(&p);
		assert_true(t <= 1005 + 30 * (i - 8) + 0.001);
		poll_at(&p, t, &idle);
	}
	assert_next(&p, t + IDLE);
}

/* Of the ten, the last is for one who repeats its SYN as a TCP client does. */
static void in_a_flood_the_patient_do_not_wait(void **state)
{
	struct pace p;
	double t = 1000;

	(void)state;
	start(&p);
	poll_at(&p, t, &idle);
	for (uint32_t i = 0; t < 1200; i++) {
		knock(&p, i, t);
		t = next_s(&p) > t ? next_s(&p) : t;
		poll_at(&p, t, &idle);
	}
	knock(&p, 1000, t + 6);
	assert_true(next_s(&p) > t + 10);
	knock(&p, 1000, t + 7);
	assert_true(next_s(&p) <= t + 7);
}

static void a_poll_that_took_many_reads_costs_many_of_the_ten(void **state)
{
	struct pace_result result = idle;
	struct pace p;

	(void)state;
	start(&p);
	poll_at(&p, 1000, &idle);
	result.n_reads = 4;
	knock(&p, 1, 1010);
	poll_at(&p, 1010, &result);
	knock(&p, 2, 1020);
	poll_at(&p, 1020, &result);
	knock(&p, 3, 1030); /* 10 - 8 and what came back in 20 s */
	assert_next(&p, 1030);
	poll_at(&p, 1030, &result);
	knock(&p, 4, 1040);
	assert_true(next_s(&p) > 1060);
}

static void a_poll_that_counted_no_reads_costs_one(void **state)
{
	struct pace p;

	(void)state;
	for (uint32_t n_reads = 0; n_reads < 3; n_reads++) {
		const struct pace_result result = with_reads(idle, n_reads);

		start(&p);
		poll_at(&p, 1000, &idle);
		knock(&p, 1, 1010);
		poll_at(&p, 1010, &result);
		assert_true(p.tokens == PACE_KNOCKS_MAX - (n_reads > 1 ? n_reads : 1));
	}
}

static void a_poll_that_was_due_anyway_costs_no_knock(void **state)
{
	const struct pace_result long_one = with_reads(live, 4);
	struct pace p;

	(void)state;
	start(&p);
	for (uint32_t i = 0; i < 50; i++) {
		poll_at(&p, 1000 + 60.0 * i, &long_one);
		knock(&p, i, 1000 + 60.0 * (i + 1));
		poll_at(&p, 1000 + 60.0 * (i + 1), &long_one); /* late */
	}
	assert_true(p.tokens == PACE_KNOCKS_MAX);
}

/* One address that knocks all day: a few reads, and none that keeps somebody else waiting. */
static void whoever_knocks_on_and_on_is_no_reason_and_no_obstacle(void **state)
{
	struct pace p;
	double t = 1000;
	int reads = 0;

	(void)state;
	start(&p);
	poll_at(&p, t, &idle);
	for (t = 1001; t < 1001 + 3600; t++) {
		knock(&p, 1, t);
		if (next_s(&p) <= t) {
			poll_at(&p, t, &idle);
			reads++;
		}
	}
	assert_in_range(reads, 40, 52); /* one in 80 s */
	poll_at(&p, t, &idle);
	knock(&p, 2, t + 1);
	assert_next(&p, t + 1);
}

/* A source that was asked for at 1000 and knocks on, half a minute after. */
static void start_with_known(struct pace *pace)
{
	start(pace);
	knock(pace, 1, 999);
	poll_at(pace, 1000, &idle);
	knock(pace, 1, 1030);
}

static void a_read_for_someone_known_delays_nobody_new(void **state)
{
	struct pace p;

	(void)state;
	start_with_known(&p);
	assert_next(&p, 1030);
	poll_at(&p, 1030, &idle);
	assert_true(p.tokens < PACE_KNOCKS_MAX); /* it was a read for the knock */
	knock(&p, 2, 1030.5);
	assert_next(&p, 1031);
}

static void someone_known_waits_for_five_seconds_after_any_read(void **state)
{
	struct pace p;

	(void)state;
	start(&p);
	knock(&p, 1, 999);
	poll_at(&p, 1000, &idle);
	poll_at(&p, 1029.8, &idle);
	knock(&p, 1, 1030);
	assert_next(&p, 1034.8);
}

static void the_last_four_of_the_ten_are_not_for_someone_known(void **state)
{
	struct pace p;

	(void)state;
	start_with_known(&p);
	p.tokens = 4;
	p.filled_at = s(1030);
	assert_next(&p, 1060);
	knock(&p, 2, 1031);
	assert_next(&p, 1031);
}

static void someone_known_waits_by_what_is_left(void **state)
{
	struct pace_result half = with_left(idle, 374);
	struct pace p;

	(void)state;
	start(&p);
	knock(&p, 1, 999);
	poll_at(&p, 1000, &half);
	knock(&p, 1, 1001);
	assert_next(&p, 1000 + 8 * 5);
}

static void the_budget_of_knocks_fills_slowly_in_a_large_fleet(void **state)
{
	struct pace p;

	(void)state;
	start(&p);
	poll_at(&p, 1000, &idle);
	p.stretch = 16;
	p.tokens = 0;
	p.filled_at = s(1000);
	knock(&p, 1, 1010);
	knock(&p, 1, 1011);
	assert_next(&p, 1000 + 2 * 30);
}

/* ---------------------------------------------------------------- what is left */

static void little_left_slows_idle_polls_first_then_live_ones(void **state)
{
	const struct pace_result few = with_left(idle, 200), few_live = with_left(live, 200);
	struct pace p;
	double t = 1000;

	(void)state;
	start(&p);
	poll_at(&p, t, &few);
	assert_next(&p, t + 900);
	assert_why(&p, "idle; budget low: 200 reads left");
	t += 900;
	poll_at(&p, t, &few_live); /* by 2.25 */
	assert_next(&p, t + 60);
	for (int i = 0; i < 3; i++) {
		t += 60;
		poll_at(&p, t, &few_live);
	}
	assert_true(next_s(&p) > t + 100 && next_s(&p) < t + 120); /* 1.5^5 / 4 */
	poll_at(&p, t, &few);
	assert_true(next_s(&p) > t + 7 * 600 && next_s(&p) < t + 8 * 600);
}

/* What this poll makes of a stretch of three. */
static void assert_stretches_by(struct pace_result result, double wanted)
{
	const struct pace_result none = with_left(idle, 0), steady = with_left(idle, 400);
	struct pace p;
	double seen;

	start(&p);
	poll_at(&p, 1000, &none);
	poll_at(&p, 2000, &result);
	poll_at(&p, 2020, &steady);
	seen = (next_s(&p) - 2020) / IDLE / 3;
	if (seen < wanted - 0.001 || seen > wanted + 0.001)
		fail_msg("%s, %lld left, told to wait for %u s: by %f, not %f", result.good ? "good" : "failed",
			 (long long)result.remaining, result.retry_after_s, seen, wanted);
}

static void what_is_left_stretches_by_this(void **state)
{
	static const struct {
		int64_t remaining;
		double good, failed;
	} table[] = {
		{-1, 1 / 1.5, 1}, /* there is no such limit; nothing was said */
		{0, 3, 3},
		{92, 3, 3},
		{93, 2, 2},
		{186, 2, 2},
		{187, 1.5, 1.5},
		{374, 1.5, 1.5},
		{375, 1, 1},
		{561, 1, 1},
		{562, 1 / 1.5, 1 / 1.5},
		{750, 1 / 1.5, 1 / 1.5},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct pace_result good = with_left(idle, table[i].remaining);
		struct pace_result bad = with_left(failed, table[i].remaining);

		assert_stretches_by(good, table[i].good);
		assert_stretches_by(told_to_wait(good, 10), table[i].good);
		assert_stretches_by(bad, table[i].failed);
		assert_stretches_by(told_to_wait(bad, 10), 3); /* whatever it says is left */
	}
}

static void the_stretch_changes_once_a_minute(void **state)
{
	const struct pace_result few = with_left(idle, 200);
	struct pace p;

	(void)state;
	start(&p);
	poll_at(&p, 1000, &few);
	poll_at(&p, 1059.9, &few);
	assert_next(&p, 1059.9 + 1.5 * IDLE);
	poll_at(&p, 1060, &few);
	assert_next(&p, 1060 + 2.25 * IDLE);
}

/* Also when the number that came with it says otherwise. */
static void a_refusal_with_retry_after_says_that_nothing_is_left(void **state)
{
	const struct pace_result refused = with_left(told_to_wait(failed, 24), 700);
	struct pace p;

	(void)state;
	start(&p);
	poll_at(&p, 1000, &idle);
	knock(&p, 1, 1010);
	poll_by_chance(&p, 1010, &refused, 1);
	knock(&p, 2, 1038);
	knock(&p, 2, 1039);
	assert_next(&p, 1010 + 8 * 4); /* so knocks wait, too */
}

/* Before the stretch follows. */
static void with_less_than_a_quarter_left_whoever_knocks_has_to_be_patient(void **state)
{
	const struct pace_result full = with_left(idle, 750);
	struct pace p;

	(void)state;
	for (int64_t remaining = 186; remaining <= 187; remaining++) {
		const struct pace_result left = with_left(idle, remaining);

		start(&p);
		poll_at(&p, 1000, &full);
		poll_at(&p, 1010, &left);
		knock(&p, 1, 1020);
		assert_next(&p, remaining < 187 ? 1010 + IDLE : 1020);
		knock(&p, 1, 1021);
		assert_true(next_s(&p) <= 1021);
	}
}

static void however_little_is_left_it_goes_on_and_recovers(void **state)
{
	const struct pace_result none = with_left(idle, 0), full = with_left(idle, 749);
	struct pace p;
	double t = 1000;

	(void)state;
	start(&p);
	for (int i = 0; i < 100; i++) {
		poll_at(&p, t, &none);
		assert_true(next_s(&p) <= t + PACE_IDLE_MAX_S + 0.001);
		t = next_s(&p);
	}
	assert_true(next_s(&p) - t < 0.001);
	poll_at(&p, t, &none);
	assert_next(&p, t + PACE_IDLE_MAX_S);
	assert_true(pace_fresh_for_s(&p) >= 2 * PACE_IDLE_MAX_S);
	for (int i = 0; i < 20; i++) {
		poll_at(&p, t, &full);
		t = next_s(&p);
	}
	poll_at(&p, t, &full);
	assert_next(&p, t + IDLE);
}

static void knocks_are_the_last_to_wait_for_more_reads(void **state)
{
	struct pace_result left = with_left(idle, 200);
	struct pace p;

	(void)state;
	start(&p);
	poll_at(&p, 1000, &left);
	knock(&p, 1, 1010);
	assert_next(&p, 1010);
	poll_at(&p, 1010, &left);
	knock(&p, 2, 1011);
	assert_next(&p, 1015);
	left = with_left(idle, 10);
	poll_at(&p, 1015, &left);
	knock(&p, 3, 1020);
	assert_true(next_s(&p) > 1100); /* has to show patience first */
	knock(&p, 3, 1021);
	assert_true(next_s(&p) > 1045 && next_s(&p) < 1050); /* 93 / 11 times 4 s, at most 8 times */
}

static void what_azure_does_not_say_slows_nothing(void **state)
{
	struct pace p;
	double t = 1000;

	(void)state;
	start(&p);
	for (int i = 0; i < 20; i++) {
		poll_at(&p, t, &idle);
		assert_next(&p, t + IDLE);
		t += IDLE;
	}
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
	pace_init(&p, 86400, 3600, s(1000), 0);
	poll_at(&p, 1000, &idle);
	assert_in_range(pace_fresh_for_s(&p), 2 * 86400, 604800);
}

/* A random month: knocks, failures, waits, a budget that goes up and down. What Azure was promised holds at every
 * poll. */
static void the_promises_hold_in_a_random_life(void **state)
{
	unsigned short seed[3] = {0x6a69, 0x7467, 0x6174};
	double t = 1000, not_before = 0, budget = 10, budget_at = 1000, last_new = -100;
	struct pace p;

	(void)state;
	print_message("# seed %04x %04x %04x\n", seed[0], seed[1], seed[2]);
	start(&p);
	for (int i = 0; i < 50000; i++) {
		struct pace_result result = {.good = erand48(seed) < 0.8,
					     .live = erand48(seed) < 0.3,
					     .initiating = erand48(seed) < 0.1,
					     .remaining = (int64_t)(erand48(seed) * 751) - 1,
					     .n_reads = (uint32_t)(erand48(seed) * 4),
					     .retry_after_s =
						     erand48(seed) < 0.05 ? (uint32_t)(erand48(seed) * 900) : 0};
		double due = (double)p.due.ns / 1e9, length = erand48(seed) * 2;

		for (int n = (int)(erand48(seed) * 4); n > 0; n--)
			knock(&p, (uint32_t)(erand48(seed) * erand48(seed) * 1000), t - erand48(seed));
		t = next_s(&p) > t ? next_s(&p) : t;
		assert_true(t >= not_before - 0.001);
		pace_begin(&p, s(t));
		assert_int_equal(p.by_knock, t < due - 0.000001);
		budget += (t - budget_at) / 30;
		budget = budget < 10 ? budget : 10;
		budget_at = t;
		if (p.by_knock) {
			budget -= result.n_reads > 1 ? result.n_reads : 1;
			budget = budget > 0    ? budget
				 : budget > -4 ? 0
					       : budget; /* what one poll takes is known later */
			assert_true(budget >= 0);
		}
		if (p.by_knock && p.knock_at.ns == s(t).ns) {
			assert_true(t >= last_new + 4 - 0.001);
			last_new = t;
		}
		t += length;
		pace_end(&p, s(t), &result, erand48(seed));
		not_before = result.retry_after_s > 0 ? t + result.retry_after_s : 0;
		assert_true(next_s(&p) <=
			    t + (result.retry_after_s ? 1.5 * result.retry_after_s : 0) + 1.5 * PACE_IDLE_MAX_S);
		assert_true((double)p.due.ns / 1e9 >= t + 0.999);
	}
}

static void no_number_of_reads_is_too_large(void **state)
{
	const struct pace_result plenty = with_left(idle, INT64_MAX);
	struct pace p;

	(void)state;
	start(&p);
	poll_at(&p, 1000, &plenty);
	knock(&p, 1, 1010);
	assert_next(&p, 1010);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_poll_is_at_once),
		cmocka_unit_test(after_a_boot_the_first_poll_is_spread),
		cmocka_unit_test(idle_is_slow_and_live_is_faster),
		fact_test("R11", the_spread_is_ten_percent_either_way),
		cmocka_unit_test(failures_back_off_to_the_idle_pace),
		cmocka_unit_test(failures_back_off_to_the_stretched_pace_once_there_was_an_answer),
		fact_test("R11", after_a_failure_with_retry_after_the_spread_is_half_of_it_and_the_back_off),
		fact_test("R11", no_knock_comes_before_retry_after),
		fact_test("R11", nothing_comes_before_retry_after),
		cmocka_unit_test(a_knock_is_answered_at_once_but_not_within_five_seconds),
		cmocka_unit_test(a_tcp_client_just_after_another_one_is_in_time),
		cmocka_unit_test(knocks_cause_ten_polls_and_then_one_in_half_a_minute),
		cmocka_unit_test(in_a_flood_the_patient_do_not_wait),
		cmocka_unit_test(a_poll_that_took_many_reads_costs_many_of_the_ten),
		cmocka_unit_test(a_poll_that_counted_no_reads_costs_one),
		cmocka_unit_test(a_poll_that_was_due_anyway_costs_no_knock),
		cmocka_unit_test(whoever_knocks_on_and_on_is_no_reason_and_no_obstacle),
		fact_test("R11", little_left_slows_idle_polls_first_then_live_ones),
		fact_test("R11", what_is_left_stretches_by_this),
		cmocka_unit_test(the_stretch_changes_once_a_minute),
		cmocka_unit_test(a_refusal_with_retry_after_says_that_nothing_is_left),
		cmocka_unit_test(with_less_than_a_quarter_left_whoever_knocks_has_to_be_patient),
		cmocka_unit_test(a_read_for_someone_known_delays_nobody_new),
		cmocka_unit_test(someone_known_waits_for_five_seconds_after_any_read),
		cmocka_unit_test(the_last_four_of_the_ten_are_not_for_someone_known),
		cmocka_unit_test(someone_known_waits_by_what_is_left),
		cmocka_unit_test(the_budget_of_knocks_fills_slowly_in_a_large_fleet),
		cmocka_unit_test(however_little_is_left_it_goes_on_and_recovers),
		cmocka_unit_test(knocks_are_the_last_to_wait_for_more_reads),
		cmocka_unit_test(what_azure_does_not_say_slows_nothing),
		cmocka_unit_test(initiating_is_asked_again_in_two_seconds_for_a_while),
		cmocka_unit_test(freshness_fits_the_feed_protocol),
		cmocka_unit_test(no_number_of_reads_is_too_large),
		cmocka_unit_test(the_promises_hold_in_a_random_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
