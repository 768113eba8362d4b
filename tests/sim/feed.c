// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What a feed says: good answers, answers that can judge no grant, trouble.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

static void freshness_counts_from_when_the_feed_learned_it(void **state)
{
	struct snapshot s = {.fresh_for_s = 600, .taken.ns = START_WALL - 590 * NS_PER_S};

	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(enforcer_take_snapshot(&w.e, &s), 0);
	assert_int_equal(w.e.fresh_until.ns, START_BOOT + 10 * NS_PER_S);
	s = (struct snapshot){.fresh_for_s = 600, .taken.ns = INT64_MAX};
	assert_int_equal(enforcer_take_snapshot(&w.e, &s), 0);
	assert_int_equal(w.e.fresh_until.ns, START_BOOT + 600 * NS_PER_S);
	assert_int_equal(w.gate.state.last_sync_boot_ns, START_BOOT);
}

/* Kept like the grants: over trouble and over a snapshot that does not fit, until the next good answer. */
static void what_is_refused_and_the_clock_are_those_of_the_last_good_answer(void **state)
{
	const struct refused_texts texts = {"source not understood", "Internet", "", "ann", "p"};
	struct snapshot s = {.fresh_for_s = 600, .taken.ns = START_WALL, .clock_known = true, .clock_offset_s = -431};
	struct snapshot many = {0}, clean = {.fresh_for_s = 600, .taken.ns = START_WALL};

	(void)state;
	w.conf.max_grants = 16;
	enforcer_start(&w.e, NULL);
	assert_int_equal(w.gate.state.clock_known, 0);
	assert_int_equal(refused_add(&s.refused, 22, &texts), 0);
	assert_int_equal(enforcer_take_snapshot(&w.e, &s), 0);
	assert_null(s.refused.items); /* moved in */
	enforcer_take_trouble(&w.e, w.clock.wall, "cannot");
	for (int i = 0; i < 40; i++) {
		char from[32];

		snprintf(from, sizeof(from), "10.0.0.%d", i + 1);
		add_grant(&many, from, 22, HOUR);
	}
	add_port(&many, 22);
	assert_int_equal(enforcer_take_snapshot(&w.e, &many), -ENOSPC);
	snapshot_free(&many);
	enforcer_tick(&w.e);
	assert_int_equal(w.e.current.refused.n, 1);
	assert_string_equal(w.e.current.refused.items[0].source, "Internet");
	assert_int_equal(w.e.current.clock_offset_s, -431);
	assert_int_equal(w.gate.state.clock_known, 1);
	assert_int_equal(w.gate.state.clock_offset_s, -431);
	assert_int_equal(enforcer_take_snapshot(&w.e, &clean), 0);
	assert_int_equal(w.e.current.refused.n, 0);
	assert_int_equal(w.gate.state.clock_known, 0);
}

/* The only entry's end in the program. */
static uint64_t entry_end(void)
{
	assert_int_equal(w.gate.n, 1);
	return w.gate.entries[0].grant.expires_boot_ns;
}

/* The answer of a feed that cannot tell what is granted, whatever grants the caller has put in. */
static void feed_keeping(struct snapshot *s)
{
	s->keeps_grants = true;
	s->clock_known = true;
	s->clock_offset_s = -600;
	assert_int_equal(feed(s), 0);
}

static void a_feed_that_can_judge_no_grant_keeps_what_is_held(void **state)
{
	const struct refused_texts texts = {"clocks too far apart", "10.0.0.2", "", "ann", "p"};
	struct snapshot keep = {0};
	uint64_t end;

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	end = entry_end();
	advance(MINUTE);
	forget_log();
	add_port(&keep, 22);
	add_port(&keep, 2022);
	assert_int_equal(refused_add(&keep.refused, 22, &texts), 0);
	feed_keeping(&keep);
	assert_true(passes("10.0.0.1", 22));
	assert_true(entry_end() == end);
	assert_false(logged("revoked") || logged("granted") || logged("renewed") || logged("shortened"));
	/* the rest of the answer counts */
	assert_false(passes("10.0.0.1", 2022));
	assert_true(logged("protected port=2022/tcp by=feed"));
	assert_int_equal(w.e.current.refused.n, 1);
	assert_int_equal(w.gate.state.clock_offset_s, -600);
	assert_int_equal(w.e.fresh_until.ns, w.clock.boot.ns + 600 * NS_PER_S);
	/* and so it is on the disk */
	assert_int_equal(w.saved.n_ports, 2);
	assert_int_equal(w.saved.grants.n, 1);
	assert_string_equal(grant_set_text(&w.saved.grants, w.saved.grants.grants[0].requestor), "alice");
}

static void a_feed_that_can_judge_no_grant_brings_none(void **state)
{
	struct snapshot keep = {0};
	uint64_t end;

	(void)state;
	enforcer_start(&w.e, NULL);
	add_grant(&keep, "10.0.0.1", 22, HOUR);
	feed_keeping(&keep);
	assert_false(passes("10.0.0.1", 22)); /* nothing held, nothing open */
	assert_int_equal(w.e.current.grants.n, 0);
	feed_grant("10.0.0.1", HOUR);
	end = entry_end();
	add_grant(&keep, "10.0.0.1", 22, 2 * HOUR);
	add_grant(&keep, "10.0.0.2", 22, HOUR);
	feed_keeping(&keep);
	assert_false(passes("10.0.0.2", 22));
	assert_true(entry_end() == end);
	assert_false(logged("renewed"));
}

static void what_is_kept_ends_at_its_own_end(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 10 * MINUTE);
	for (int i = 0; i < 9; i++) {
		struct snapshot keep = {0};

		advance(MINUTE);
		feed_keeping(&keep);
		assert_true(passes("10.0.0.1", 22));
	}
	advance(MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	forget_log();
	advance(1);
	assert_false(passes("10.0.0.1", 22));
	assert_true(logged("<5>expired"));
	forget_log();
	for (int i = 0; i < 3; i++) {
		struct snapshot keep = {0};

		feed_keeping(&keep);
		assert_int_equal(w.e.current.grants.grants[0].mark, GRANT_OVER); /* its drops read "expired" */
		advance(10 * NS_PER_S);
	}
	w.clock.wall.ns -= 2 * MINUTE; /* the clock is set right: no answer has it any more */
	enforcer_tick(&w.e);
	assert_false(passes("10.0.0.1", 22));
	assert_false(logged("granted") || logged("expired"));
	assert_int_equal(w.e.current.grants.n, 0);
}

static void after_the_cure_the_feed_rules_again(void **state)
{
	struct snapshot keep = {0}, cured = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_grant(&cured, "10.0.0.1", 22, HOUR);
	add_grant(&cured, "10.0.0.2", 22, HOUR);
	feed(&cured);
	feed_keeping(&keep);
	assert_true(passes("10.0.0.1", 22) && passes("10.0.0.2", 22));
	forget_log();
	add_grant(&cured, "10.0.0.1", 22, HOUR);
	add_grant(&cured, "10.0.0.3", 22, HOUR);
	feed(&cured);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22));
	assert_true(passes("10.0.0.3", 22));
	assert_true(logged("<5>revoked id=") && logged("<5>granted id="));
}

static void what_is_kept_is_judged_by_the_guard_rails(void **state)
{
	struct snapshot all = {0}, keep = {0};
	struct conf narrow = w.conf;
	struct cidr only = source("10.0.0.2");

	(void)state;
	narrow.guard.sources = &only;
	narrow.guard.n_sources = 1;
	enforcer_start(&w.e, NULL);
	add_grant(&all, "10.0.0.1", 22, HOUR);
	add_grant(&all, "10.0.0.2", 22, HOUR);
	feed(&all);
	feed_keeping(&keep);
	assert_int_equal(enforcer_reload(&w.e, &narrow), 0);
	assert_false(passes("10.0.0.1", 22));
	assert_true(passes("10.0.0.2", 22));
	assert_true(logged("<5>revoked id="));
	forget_log();
	feed_keeping(&keep);
	assert_false(passes("10.0.0.1", 22));
	assert_true(passes("10.0.0.2", 22));
	assert_false(logged("refused") || logged("revoked") || logged("granted"));
}

/* Both daemons restarted: what the state file and the maps hold is as good as what was held. */
static void what_a_restart_restores_is_kept_too(void **state)
{
	struct snapshot keep = {0};

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	feed_keeping(&keep);
	replace_enforcer();
	assert_int_equal(enforcer_start(&w.e, &w.saved), 0);
	feed_keeping(&keep);
	assert_true(passes("10.0.0.1", 22));
	assert_string_equal(grant_set_text(&w.e.current.grants, w.e.current.grants.grants[0].requestor), "alice");
	advance(HOUR);
	assert_false(passes("10.0.0.1", 22));
}

/* Too long only because its start had not come by our clock; a minute later it is let in, and no answer is news of it.
 */
static void who_comes_inside_the_guard_rails_by_time_is_granted_once(void **state)
{
	(void)state;
	for (int keeps = 0; keeps < 2; keeps++) {
		struct snapshot again = {.keeps_grants = keeps};

		assert_int_equal(fresh_world(NULL), 0);
		w.conf.guard.longest_s = 3600;
		enforcer_start(&w.e, NULL);
		feed_grant("10.0.0.1", HOUR + 3 * MINUTE);
		assert_false(passes("10.0.0.1", 22));
		advance(3 * MINUTE);
		if (!keeps)
			add_grant(&again, "10.0.0.1", 22, HOUR);
		enforcer_tick(&w.e);
		assert_true(passes("10.0.0.1", 22) && logged("<5>granted id="));
		forget_log();
		assert_int_equal(feed(&again), 0);
		assert_true(passes("10.0.0.1", 22));
		assert_false(logged("revoked") || logged("granted"));
		enforcer_free(&w.e);
	}
	fresh_world(NULL);
}

/* Like any answer: no room, no change. */
static void a_keeping_answer_that_does_not_fit_changes_nothing(void **state)
{
	struct snapshot keep = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	for (uint16_t port = 0; port <= JITGATE_PORT_RULES_MAX; port++)
		add_port(&keep, (uint16_t)(1000 + port));
	keep.keeps_grants = true;
	assert_int_equal(feed(&keep), -ENOSPC);
	assert_true(passes("10.0.0.1", 22) && passes("10.0.0.1", 1000));
	assert_int_equal(w.e.current.grants.n, 1);
}

static void a_good_answer_clears_trouble_and_a_refused_snapshot_is_trouble(void **state)
{
	struct snapshot many = {0};

	(void)state;
	w.conf.max_grants = 16;
	enforcer_start(&w.e, NULL);
	for (int n = 0; n < 17; n++) {
		char from[32];

		snprintf(from, sizeof(from), "10.1.0.%d", n);
		add_grant(&many, from, 22, HOUR);
	}
	feed(&many);
	assert_true(w.e.trouble_at.ns && strstr(w.e.trouble, "snapshot refused"));
	feed_grant("10.0.0.1", HOUR);
	assert_int_equal(w.e.trouble_at.ns, 0);
	assert_string_equal(w.e.trouble, "");
}

static void trouble_changes_nothing_and_staleness_is_said_once(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 2 * HOUR);
	for (int i = 0; i < 60; i++) {
		enforcer_take_trouble(&w.e, w.clock.wall, "HTTP 500");
		advance(MINUTE);
		assert_true(passes("10.0.0.1", 22));
	}
	assert_true(logged("<4>no good answer"));
	forget_log();
	advance(HOUR + MINUTE);
	assert_false(logged("no good answer"));
	assert_false(passes("10.0.0.1", 22));
}

static const struct CMUnitTest tests[] = {
	world_test(trouble_changes_nothing_and_staleness_is_said_once),
	world_test(freshness_counts_from_when_the_feed_learned_it),
	world_test(what_is_refused_and_the_clock_are_those_of_the_last_good_answer),
	world_test(a_feed_that_can_judge_no_grant_keeps_what_is_held),
	world_test(a_feed_that_can_judge_no_grant_brings_none),
	world_test(what_is_kept_ends_at_its_own_end),
	world_test(after_the_cure_the_feed_rules_again),
	world_test(what_is_kept_is_judged_by_the_guard_rails),
	world_test(what_a_restart_restores_is_kept_too),
	world_test(who_comes_inside_the_guard_rails_by_time_is_granted_once),
	world_test(a_keeping_answer_that_does_not_fit_changes_nothing),
	world_test(a_good_answer_clears_trouble_and_a_refused_snapshot_is_trouble),
};
REGISTER_TESTS(tests)
