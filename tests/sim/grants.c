// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Grants: in on time, out on time, within the guard rails, and no more of them than fit.
 */
#include <stdio.h>

#include "world.h"

static void closed_before_any_answer_open_for_a_grant_closed_at_its_end(void **state)
{
	(void)state;
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
	assert_false(passes("10.0.0.1", 22));
	assert_true(passes("10.0.0.1", 23));
	feed_grant("10.0.0.1", 10 * MINUTE);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22));
	advance(10 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance(1);
	assert_false(passes("10.0.0.1", 22));
	assert_true(logged("<5>expired"));
}

static void a_grant_ends_on_time_with_the_daemon_dead(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 10 * MINUTE);
	advance_alone(10 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance_alone(1);
	assert_false(passes("10.0.0.1", 22));
}

static void an_ended_entry_stays_a_minute_so_that_its_drops_read_expired(void **state)
{
	struct cidr from = source("10.0.0.1");

	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", MINUTE);
	advance(MINUTE + 59 * NS_PER_S);
	assert_int_equal(enforcer_explain(&w.e, &from, 22, PROTO_BIT_TCP).reason, REASON_EXPIRED);
	advance(2 * NS_PER_S);
	assert_int_equal(enforcer_explain(&w.e, &from, 22, PROTO_BIT_TCP).reason, REASON_NO_GRANT);
	assert_int_equal(w.gate.n, 0);
	assert_int_equal(w.e.current.grants.n, 0);
}

static void a_revoked_grant_closes_at_once_and_is_said(void **state)
{
	struct snapshot empty = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	advance(MINUTE);
	forget_log();
	assert_int_equal(feed(&empty), 0);
	assert_false(passes("10.0.0.1", 22));
	assert_true(logged("<5>revoked id="));
	assert_false(logged("expired"));
}

static void a_renewed_grant_has_no_gap_and_keeps_its_counters(void **state)
{
	uint32_t slot;

	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	slot = w.gate.entries[0].grant.slot;
	advance(59 * MINUTE);
	forget_log();
	feed_grant("10.0.0.1", HOUR);
	assert_int_equal(w.gate.n, 1);
	assert_int_equal(w.gate.entries[0].grant.slot, slot);
	assert_int_equal(w.gate.resets[slot], 1);
	assert_true(logged("<5>renewed id="));
	advance(30 * MINUTE);
	assert_true(passes("10.0.0.1", 22));
}

static void the_wider_grant_goes_on_when_the_narrower_ends(void **state)
{
	struct snapshot s = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_grant(&s, "10.0.0.0/24", 22, HOUR);
	add_grant(&s, "10.0.0.1", 22, MINUTE);
	feed(&s);
	advance_alone(2 * MINUTE);
	assert_true(passes("10.0.0.1", 22));
	assert_true(passes("10.0.0.2", 22));
	advance_alone(HOUR);
	assert_false(passes("10.0.0.1", 22));
}

static void an_unchanged_snapshot_writes_nothing(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 5; i++) {
		struct snapshot s = {0};

		for (int n = 0; n < 50; n++) {
			char from[32];

			snprintf(from, sizeof(from), "10.0.%d.0/24", n);
			add_grant(&s, from, 22, HOUR - i * MINUTE);
		}
		feed(&s);
		assert_int_equal(w.gate.puts, 50);
		assert_int_equal(w.gate.deletes, 0);
		advance(MINUTE);
	}
}

static void remote_strings_cannot_forge_a_line(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	assert_true(logged("reason=\"a\\nforged line\""));
	assert_false(logged("\nforged"));
}

static void a_grant_beyond_the_guard_rails_is_refused_whole_and_said_once(void **state)
{
	struct cidr allowed = source("10.0.0.0/8");

	(void)state;
	w.conf.guard = (struct guard){.longest_s = 3600, .widest_ipv4 = 24, .sources = &allowed, .n_sources = 1};
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 3; i++) {
		struct snapshot s = {0};

		add_grant(&s, "10.1.0.1", 22, 2 * HOUR - i * MINUTE); /* too long */
		add_grant(&s, "10.2.0.0/16", 22, MINUTE * 50);        /* too wide */
		add_grant(&s, "192.0.2.1", 22, MINUTE * 50);          /* not among the sources */
		add_grant(&s, "10.3.0.1", 22, MINUTE * 50);
		feed(&s);
		assert_false(passes("10.1.0.1", 22));
		assert_false(passes("10.2.0.1", 22));
		assert_false(passes("192.0.2.1", 22));
		assert_true(passes("10.3.0.1", 22));
		assert_true(i > 0 || logged("<5>refused"));
		assert_true(i == 0 || !logged("<5>refused"));
		forget_log();
	}
}

/* Somebody asks for longer than the guard rails allow, for a source (or a firewall's network) that has a grant. */
static void a_refused_request_takes_nothing_from_a_grant_of_the_same_key(void **state)
{
	(void)state;
	w.conf.guard.longest_s = 3600;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 4; i++) {
		struct snapshot s = {0};

		add_grant(&s, "10.0.0.1", 22, i % 2 ? 3 * HOUR : 50 * MINUTE);
		add_grant(&s, "10.0.0.1", 22, i % 2 ? 50 * MINUTE : 3 * HOUR);
		add_grant(&s, "10.0.0.1", 22, 2 * HOUR);
		assert_int_equal(feed(&s), 0);
		assert_true(passes("10.0.0.1", 22));
		assert_int_equal(w.e.current.grants.n, 2);
		assert_true(i > 0 || (logged("<5>granted") && logged("<5>refused")));
		assert_true(i == 0 || (!logged("granted") && !logged("refused") && !logged("revoked")));
		forget_log();
	}
	advance_alone(50 * MINUTE);
	assert_false(passes("10.0.0.1", 22));
}

static void ask_for_both(void)
{
	struct snapshot s = {0};

	add_grant(&s, "10.0.0.1", 22, 50 * MINUTE);
	add_grant(&s, "10.0.0.1", 22, 3 * HOUR);
	assert_int_equal(feed(&s), 0);
}

/* The same after a restart, and when the guard rails move under both. */
static void guard_rails_that_move_judge_both_requests_of_a_key_anew(void **state)
{
	struct conf wide = w.conf, narrow = w.conf;

	(void)state;
	wide.guard.longest_s = 4 * 3600;
	narrow.guard.longest_s = 60;
	w.conf.guard.longest_s = 3600;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	ask_for_both();
	replace_enforcer();
	assert_int_equal(enforcer_start(&w.e, &w.saved), 0);
	assert_true(passes("10.0.0.1", 22));
	ask_for_both();
	forget_log();
	assert_int_equal(enforcer_reload(&w.e, &narrow), 0);
	assert_false(passes("10.0.0.1", 22));
	assert_true(logged("<5>revoked"));
	assert_int_equal(w.e.current.grants.n, 1);
	assert_int_equal(enforcer_reload(&w.e, &wide), 0);
	assert_true(logged("<5>granted"));
	assert_true(passes("10.0.0.1", 22));
	advance_alone(51 * MINUTE);
	assert_true(passes("10.0.0.1", 22));
	advance_alone(3 * HOUR);
	assert_false(passes("10.0.0.1", 22));
}

static void more_grants_than_fit_leave_the_old_ones(void **state)
{
	unsigned int saves;
	struct snapshot s = {0};

	(void)state;
	w.conf.max_grants = 16;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	for (int n = 0; n < 17; n++) {
		char from[32];

		snprintf(from, sizeof(from), "10.9.0.%d", n);
		add_grant(&s, from, 22, HOUR);
	}
	saves = w.saves;
	assert_true(feed(&s) < 0);
	assert_int_equal(w.saves, saves); /* it must not become the state of the next start */
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.9.0.1", 22));
	assert_true(logged("<3>snapshot refused"));
}

static void ended_entries_make_room_for_live_grants(void **state)
{
	struct snapshot first = {0}, second = {0};

	(void)state;
	w.conf.max_grants = 16;
	enforcer_start(&w.e, NULL);
	for (int n = 0; n < 16; n++) {
		char from[32];

		snprintf(from, sizeof(from), "10.1.0.%d", n);
		add_grant(&first, from, 22, MINUTE);
		snprintf(from, sizeof(from), "10.2.0.%d", n);
		add_grant(&second, from, 22, HOUR);
	}
	assert_int_equal(feed(&first), 0);
	advance(MINUTE);
	assert_int_equal(feed(&second), 0);
	assert_true(passes("10.2.0.15", 22));
	assert_false(passes("10.1.0.15", 22));
}

/* Looked at after each single change of the maps. */
static void check_no_flicker(void *ctx)
{
	(void)ctx;
	assert_true(passes("10.5.0.1", 22)); /* always allowed */
	assert_true(passes("10.5.0.1", 3389));
	assert_true(passes("10.0.0.7", 22));  /* granted before and after */
	assert_false(passes("10.9.9.9", 22)); /* never granted, and 22 is closed before and after */
}

static void no_step_of_a_change_opens_or_closes_what_stays(void **state)
{
	struct cidr allowed = source("10.5.0.0/16");
	struct snapshot first = {0}, second = {0}, third = {0};

	(void)state;
	w.conf.allow = &allowed;
	w.conf.n_allow = 1;
	enforcer_start(&w.e, NULL);
	add_grant(&first, "10.0.0.0/24", 22, HOUR);
	feed(&first);
	w.gate.changed = check_no_flicker;
	add_port(&second, 3389); /* a port that closes: the allowed source must be in before */
	add_grant(&second, "10.0.0.7", 22, HOUR);
	feed(&second);
	assert_false(passes("10.9.9.9", 3389));
	for (int i = 0; i < 4; i++) { /* and one that opens again: its entries go only after it */
		struct snapshot s = {0};

		add_grant(&s, i % 2 ? "10.0.0.0/28" : "10.0.0.0/23", 22, HOUR);
		feed(&s);
		advance(6 * MINUTE);
	}
	add_grant(&third, "10.0.0.7", 22, HOUR);
	feed(&third);
	assert_true(passes("10.9.9.9", 3389));
	w.gate.changed = NULL;
}

static void a_grant_moved_to_an_earlier_end_is_said_and_ends_then(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	feed_grant("10.0.0.1", 10 * MINUTE);
	assert_true(logged("<5>shortened id="));
	advance_alone(10 * MINUTE);
	assert_false(passes("10.0.0.1", 22));
}

static void ends_close_together_are_few_rounds_of_work(void **state)
{
	struct snapshot s = {0};
	uint64_t before;

	(void)state;
	enforcer_start(&w.e, NULL);
	for (int n = 0; n < 200; n++) {
		char from[32];

		snprintf(from, sizeof(from), "10.1.0.%d", n);
		add_grant(&s, from, 22, MINUTE + n * NS_PER_MS);
	}
	feed(&s);
	before = w.gate.state.generation;
	advance(MINUTE + NS_PER_S);
	assert_in_range(w.gate.state.generation - before, 1, 5);
}

static void the_end_of_time_is_no_trap(void **state)
{
	struct snapshot s = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_grant(&s, "10.0.0.1", 22, INT64_MAX - w.clock.wall.ns);
	add_grant(&s, "10.0.0.2", 22, INT64_MAX - w.clock.wall.ns - 30 * NS_PER_S);
	feed(&s);
	assert_false(passes("10.0.0.1", 22));
	advance(HOUR);
	assert_false(passes("10.0.0.1", 22));
}

static void a_failed_write_is_tried_again(void **state)
{
	struct snapshot empty = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	w.gate.fail_puts = 1;
	feed_grant("10.0.0.1", HOUR);
	assert_false(passes("10.0.0.1", 22));
	advance(2 * NS_PER_S);
	assert_true(passes("10.0.0.1", 22));
	w.gate.fail_deletes = 1;
	feed(&empty);
	advance(2 * NS_PER_S);
	assert_false(passes("10.0.0.1", 22));
}

static const struct CMUnitTest tests[] = {
	world_test(closed_before_any_answer_open_for_a_grant_closed_at_its_end),
	world_test(a_grant_ends_on_time_with_the_daemon_dead),
	world_test(an_ended_entry_stays_a_minute_so_that_its_drops_read_expired),
	world_test(a_revoked_grant_closes_at_once_and_is_said),
	world_test(a_renewed_grant_has_no_gap_and_keeps_its_counters),
	world_test(the_wider_grant_goes_on_when_the_narrower_ends),
	world_test(an_unchanged_snapshot_writes_nothing),
	world_test(remote_strings_cannot_forge_a_line),
	world_test(a_grant_beyond_the_guard_rails_is_refused_whole_and_said_once),
	world_test(a_refused_request_takes_nothing_from_a_grant_of_the_same_key),
	world_test(guard_rails_that_move_judge_both_requests_of_a_key_anew),
	world_test(more_grants_than_fit_leave_the_old_ones),
	world_test(a_failed_write_is_tried_again),
	world_test(ended_entries_make_room_for_live_grants),
	world_test(no_step_of_a_change_opens_or_closes_what_stays),
	world_test(a_grant_moved_to_an_earlier_end_is_said_and_ends_then),
	world_test(ends_close_together_are_few_rounds_of_work),
	world_test(the_end_of_time_is_no_trap),
};
REGISTER_TESTS(tests)
