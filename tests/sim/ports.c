// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Protected ports: learned from the feed, released only when they are gone for certain, changed by a reload.
 */
#include "world.h"

static void a_learned_port_is_released_only_after_several_answers_over_ten_minutes(void **state)
{
	struct snapshot with = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_port(&with, 3389);
	feed(&with);
	assert_true(logged("<5>protected port=3389/tcp by=feed"));
	assert_false(passes("10.0.0.1", 3389));
	for (int i = 0; i < 11; i++) { /* many answers, ten minutes not yet over */
		struct snapshot without = {0};

		feed(&without);
		assert_false(passes("10.0.0.1", 3389));
		advance(MINUTE - NS_PER_S);
	}
	for (int i = 0; i < 2; i++) {
		struct snapshot without = {0};

		feed(&without);
		advance(MINUTE);
	}
	assert_true(passes("10.0.0.1", 3389));
	assert_true(logged("<5>released port=3389/tcp by=feed"));
	assert_false(passes("10.0.0.1", 22)); /* in `protect`: never released */
}

static void two_empty_answers_never_release_a_port(void **state)
{
	struct snapshot with = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_port(&with, 3389);
	feed(&with);
	for (int i = 0; i < 2; i++) {
		struct snapshot without = {0};

		advance(HOUR);
		feed(&without);
	}
	assert_false(passes("10.0.0.1", 3389));
}

static void a_policy_that_is_gone_ends_its_grants_at_once_and_opens_no_port(void **state)
{
	struct snapshot with = {0}, without = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_port(&with, 3389);
	add_grant(&with, "10.0.0.1", 22, HOUR);
	add_grant(&with, "10.0.0.1", 3389, HOUR);
	feed(&with);
	assert_true(passes("10.0.0.1", 3389));
	feed(&without);
	assert_false(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.1", 3389));
	assert_false(passes("10.0.0.9", 3389));
}

static void a_port_in_protect_is_never_released(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	learn(22); /* the feed names it as well, and then forgets it */
	answers_without(1000, HOUR);
	assert_false(passes("10.0.0.1", 22));
}

static void failures_between_answers_release_no_port(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	learn(3389);
	answers_without(2, MINUTE);
	for (int i = 0; i < 600; i++) {
		enforcer_take_trouble(&w.e, w.clock.wall, "HTTP 403");
		advance(MINUTE);
		assert_false(passes("10.0.0.1", 3389));
	}
	answers_without(1, MINUTE);
	assert_true(passes("10.0.0.1", 3389));
}

static void a_port_that_is_named_again_starts_over(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 50; i++) {
		learn(3389);
		answers_without(2, HOUR);
		assert_false(passes("10.0.0.1", 3389));
	}
}

/* A feed that connects again sends its last answer again, since it cannot know what jitgated still has. */
static void one_answer_sent_again_and_again_is_one_answer(void **state)
{
	struct wall_time taken;

	(void)state;
	enforcer_start(&w.e, NULL);
	learn(3389);
	advance(MINUTE);
	taken = w.clock.wall;
	for (int i = 0; i < 100; i++) {
		struct snapshot same = {.taken = taken, .fresh_for_s = 600};

		assert_int_equal(enforcer_take_snapshot(&w.e, &same), 0);
		assert_false(passes("10.0.0.1", 3389));
		advance(MINUTE);
	}
	answers_without(2, MINUTE);
	assert_true(passes("10.0.0.1", 3389));
}

/* The clock was set back since: the answer is from a time that is still to come. */
static void nor_is_it_another_one_when_the_clock_was_set_back(void **state)
{
	struct wall_time taken;

	(void)state;
	enforcer_start(&w.e, NULL);
	learn(3389);
	advance(MINUTE);
	taken = w.clock.wall;
	w.clock.wall.ns -= HOUR;
	for (int i = 0; i < 30; i++) {
		struct snapshot same = {.taken = taken, .fresh_for_s = 600};

		assert_int_equal(enforcer_take_snapshot(&w.e, &same), 0);
		assert_false(passes("10.0.0.1", 3389));
		advance(MINUTE);
	}
}

static void a_reload_adds_and_removes_ports_and_keeps_grants(void **state)
{
	struct port_rule rules[] = {{.port = 22, .protos = PROTO_BIT_TCP}, {.port = 8080, .protos = PROTO_BIT_TCP}};
	struct conf two = w.conf, none = w.conf;

	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	two.protect = rules;
	two.n_protect = 2;
	assert_int_equal(enforcer_reload(&w.e, &two), 0);
	assert_false(passes("10.0.0.1", 8080));
	assert_true(passes("10.0.0.1", 22));
	none.n_protect = 0;
	assert_int_equal(enforcer_reload(&w.e, &none), 0);
	assert_true(passes("10.9.9.9", 22));
	assert_true(passes("10.9.9.9", 8080));
	assert_int_equal(enforcer_reload(&w.e, &w.conf), 0);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.9.9.9", 22));
}

static void an_allowed_source_is_in_from_the_first_moment_a_port_closes(void **state)
{
	struct cidr allowed = source("10.5.0.0/16");
	struct port_rule rule = {.port = 3389, .protos = PROTO_BIT_TCP};
	struct snapshot s = {0};

	(void)state;
	w.conf.allow = &allowed;
	w.conf.n_allow = 1;
	enforcer_start(&w.e, NULL);
	assert_true(passes("10.5.1.1", 22));
	snapshot_add_port(&s, &rule);
	feed(&s);
	assert_true(passes("10.5.1.1", 3389));
	assert_false(passes("10.6.1.1", 3389));
	advance(30 * 24 * HOUR);
	assert_true(passes("10.5.1.1", 3389));
}

static void a_restart_between_answers_releases_no_port(void **state)
{
	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	learn(3389);
	for (int i = 0; i < 5; i++) {
		answers_without(2, HOUR);
		assert_false(passes("10.0.0.1", 3389));
		restart_with_state();
		answers_without(2, HOUR);
		assert_false(passes("10.0.0.1", 3389));
		reboot();
	}
}

static const struct CMUnitTest tests[] = {
	world_test(a_learned_port_is_released_only_after_several_answers_over_ten_minutes),
	world_test(two_empty_answers_never_release_a_port),
	world_test(a_policy_that_is_gone_ends_its_grants_at_once_and_opens_no_port),
	world_test(a_port_in_protect_is_never_released),
	world_test(failures_between_answers_release_no_port),
	world_test(a_port_that_is_named_again_starts_over),
	world_test(one_answer_sent_again_and_again_is_one_answer),
	world_test(nor_is_it_another_one_when_the_clock_was_set_back),
	world_test(a_restart_between_answers_releases_no_port),
	world_test(a_reload_adds_and_removes_ports_and_keeps_grants),
	world_test(an_allowed_source_is_in_from_the_first_moment_a_port_closes),
};
REGISTER_TESTS(tests)
