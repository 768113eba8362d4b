// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Wall clocks that step, that are behind, that are not set yet.
 */
#include "world.h"

static void a_clock_step_forward_ends_a_grant_by_its_wall_end(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 90 * MINUTE);
	step_clock(HOUR);
	assert_true(logged("<4>the wall clock was set forward by 3600000 ms"));
	advance_alone(30 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance_alone(1);
	assert_false(passes("10.0.0.1", 22));
}

/* Status must not call a clock right that was set wrong since the feed last looked, nor the other way round. */
static void a_clock_step_is_known_before_the_feed_says_it(void **state)
{
	struct snapshot s = {.clock_known = true, .clock_offset_s = 90};

	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(feed(&s), 0);
	step_clock(-2 * HOUR);
	assert_int_equal(w.e.current.clock_offset_s, 90 - 7200);
	assert_int_equal(w.gate.state.clock_offset_s, 90 - 7200);
	step_clock(2 * HOUR);
	assert_int_equal(w.e.current.clock_offset_s, 90);
	s = (struct snapshot){0};
	assert_int_equal(feed(&s), 0);
	step_clock(HOUR);
	assert_true(!w.e.current.clock_known && !w.e.current.clock_offset_s);
	s = (struct snapshot){.clock_known = true, .clock_offset_s = INT32_MAX};
	assert_int_equal(feed(&s), 0);
	step_clock(HOUR);
	assert_int_equal(w.e.current.clock_offset_s, INT32_MAX);
}

static void a_clock_step_back_never_gives_more_than_the_longest_grant(void **state)
{
	(void)state;
	w.conf.guard.longest_s = 3600;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 50 * MINUTE);
	step_clock(-HOUR);
	assert_false(passes("10.0.0.1", 22));
	assert_true(logged("<5>revoked"));
	step_clock(HOUR);
	assert_true(passes("10.0.0.1", 22));
	advance_alone(50 * MINUTE);
	assert_false(passes("10.0.0.1", 22));
}

static void a_grant_that_is_over_and_gone_from_the_feed_never_comes_back(void **state)
{
	struct snapshot empty = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 10 * MINUTE);
	advance_alone(10 * MINUTE + 10 * NS_PER_S);
	assert_int_equal(feed(&empty), 0);
	assert_true(logged("<5>expired"));
	assert_int_equal(w.gate.n, 1); /* its drops still read "expired" */
	step_clock(-HOUR);
	assert_false(passes("10.0.0.1", 22));
	advance(HOUR / 2);
	assert_false(passes("10.0.0.1", 22));
	feed_grant("10.0.0.1", 10 * MINUTE); /* a new one for the same source is another matter */
	assert_true(passes("10.0.0.1", 22));
}

static void a_renewal_right_after_the_end_opens_again(void **state)
{
	struct snapshot empty = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 10 * MINUTE);
	advance(10 * MINUTE + NS_PER_S);
	feed(&empty);
	assert_false(passes("10.0.0.1", 22));
	feed_grant("10.0.0.1", 10 * MINUTE);
	assert_true(passes("10.0.0.1", 22));
}

static void slewing_does_not_rewrite_entries(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	for (int i = 0; i < 100; i++) {
		w.clock.wall.ns += i % 2 ? 20000000 : -20000000;
		enforcer_tick(&w.e);
	}
	assert_int_equal(w.gate.puts, 1);
}

static void a_clock_behind_the_state_brings_no_grant_back_and_keeps_ports_closed(void **state)
{
	struct snapshot s = {0};

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	add_port(&s, 3389);
	add_grant(&s, "10.0.0.1", 22, 10 * MINUTE);
	feed(&s);
	w.clock.wall.ns -= HOUR;
	reboot();
	assert_false(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.1", 3389));
	assert_true(logged("<3>THE CLOCK IS NOT SET: it shows 2027-01-15T07:00:00Z, and the state was saved after"));
	assert_true(logged("1 saved grants wait"));
	assert_int_not_equal(w.e.clock_floor.wall.ns, 0);
}

/* What a start with the right clock would have done is done when it becomes right, and not before. */
static void a_clock_that_is_set_brings_back_what_has_not_ended(void **state)
{
	(void)state;
	save_two_grants();
	w.clock.wall.ns = 5 * NS_PER_S; /* 1970 */
	reboot();
	assert_false(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.9", 3389));
	assert_true(logged("<3>THE CLOCK IS NOT SET: it shows 1970-01-01T00:00:05Z"));
	advance_alone(3 * MINUTE);
	step_clock(START_WALL - HOUR - w.clock.wall.ns); /* not yet */
	assert_false(passes("10.0.0.1", 22));
	assert_int_not_equal(w.e.clock_floor.wall.ns, 0);
	forget_log();
	step_clock(START_WALL + 4 * MINUTE - w.clock.wall.ns);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22));
	assert_false(passes("10.0.0.9", 3389));
	assert_int_equal(w.e.clock_floor.wall.ns, 0);
	assert_true(logged("<5>the clock is set; 2 grants are judged by it"));
	assert_true(logged("requestor=\"alice\""));
	advance(6 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance(1);
	assert_false(passes("10.0.0.1", 22));
}

/* That a wrong clock goes on does not make it right: it was behind when it started, nobody knows by how much. */
static void time_that_passes_sets_no_clock(void **state)
{
	(void)state;
	save_two_grants();
	w.clock.wall.ns -= 2 * MINUTE;
	reboot();
	advance(5 * MINUTE);
	step_clock(NS_PER_S);
	assert_false(passes("10.0.0.1", 22));
	step_clock(2 * MINUTE);
	assert_true(passes("10.0.0.1", 22));
}

static void an_answer_ends_the_wait_for_the_clock(void **state)
{
	struct snapshot s = {0};

	(void)state;
	save_two_grants();
	w.clock.wall.ns = 5 * NS_PER_S;
	reboot();
	add_grant(&s, "10.0.0.3", 22, START_WALL + 8 * MINUTE - w.clock.wall.ns);
	feed(&s);                                         /* the first one was revoked */
	assert_false(passes("10.0.0.3", 22));             /* too long, by this clock */
	assert_int_not_equal(w.e.clock_floor.wall.ns, 0); /* it is no less wrong */
	step_clock(START_WALL + 4 * MINUTE - w.clock.wall.ns);
	assert_true(passes("10.0.0.3", 22));
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(w.e.clock_floor.wall.ns, 0);
}

/* Then the one before was wrong. */
static void an_answer_believes_a_clock_that_is_behind_the_state(void **state)
{
	struct snapshot s = {0};

	(void)state;
	save_two_grants();
	w.clock.wall.ns -= 24 * HOUR;
	reboot();
	add_grant(&s, "10.0.0.3", 22, HOUR);
	feed(&s);
	assert_true(passes("10.0.0.3", 22));
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(w.e.clock_floor.wall.ns, 0);
}

/* The maps of a running filter know the ends without any wall clock. */
static void a_restart_with_a_wrong_clock_keeps_what_the_filter_holds(void **state)
{
	(void)state;
	save_two_grants();
	w.clock.wall.ns = 5 * NS_PER_S;
	restart_with_state();
	assert_true(passes("10.0.0.1", 22));
	advance_alone(2 * MINUTE);
	assert_false(passes("10.0.0.2", 22));
	step_clock(START_WALL - HOUR - w.clock.wall.ns); /* in two steps */
	assert_true(passes("10.0.0.1", 22));
	step_clock(START_WALL + 2 * MINUTE - w.clock.wall.ns);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22));
	assert_string_equal(grant_set_text(&w.e.current.grants, w.e.current.grants.grants[0].requestor), "alice");
	advance(8 * MINUTE - 10 * NS_PER_MS);
	assert_true(passes("10.0.0.1", 22));
	advance(20 * NS_PER_MS);
	assert_false(passes("10.0.0.1", 22));
}

static const struct CMUnitTest tests[] = {
	world_test(a_clock_step_forward_ends_a_grant_by_its_wall_end),
	world_test(a_clock_step_is_known_before_the_feed_says_it),
	world_test(a_clock_step_back_never_gives_more_than_the_longest_grant),
	world_test(a_grant_that_is_over_and_gone_from_the_feed_never_comes_back),
	world_test(a_renewal_right_after_the_end_opens_again),
	world_test(slewing_does_not_rewrite_entries),
	world_test(a_clock_behind_the_state_brings_no_grant_back_and_keeps_ports_closed),
	world_test(a_clock_that_is_set_brings_back_what_has_not_ended),
	world_test(time_that_passes_sets_no_clock),
	world_test(an_answer_ends_the_wait_for_the_clock),
	world_test(an_answer_believes_a_clock_that_is_behind_the_state),
	world_test(a_restart_with_a_wrong_clock_keeps_what_the_filter_holds),
};
REGISTER_TESTS(tests)
