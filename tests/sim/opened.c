// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What an operator opens by hand.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "opened.h"
#include "util.h"
#include "world.h"

static int open_for(const char *from, uint16_t port, uint32_t seconds, bool beyond)
{
	struct enforcer_opening opening = {.source = source(from),
					   .port = port,
					   .protos = PROTO_BIT_TCP,
					   .seconds = seconds,
					   .beyond = beyond,
					   .requestor = "root, by sudo from uid 1000",
					   .reason = "Azure is down"};
	struct failure failure = {0};
	struct wall_time until = {0};
	int r = enforcer_open(&w.e, &opening, &until, &failure);

	assert_true(r == 0 || failure.text[0]);
	assert_true(r < 0 || until.ns == w.clock.wall.ns + seconds * NS_PER_S);
	return r;
}

static int close_for(const char *from, uint16_t port)
{
	struct cidr c = source(from);
	struct failure failure = {0};

	return enforcer_close(&w.e, &c, port, PROTO_BIT_TCP, &failure);
}

static void what_is_opened_by_hand_opens_at_once_and_ends_on_time(void **state)
{
	struct cidr from = source("10.0.0.1");
	struct enforcer_verdict verdict;

	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22));
	verdict = enforcer_explain(&w.e, &from, 22, PROTO_BIT_TCP);
	assert_true(verdict.grant && verdict.set == &w.e.opened);
	assert_true(logged("<4>opened id="));
	assert_true(logged("requestor=\"root, by sudo from uid 1000\" reason=\"Azure is down\" origin=\"operator\""));
	advance_alone(HOUR - 1); /* the daemon is dead */
	assert_true(passes("10.0.0.1", 22));
	advance_alone(1);
	assert_false(passes("10.0.0.1", 22));
	advance(1);
	assert_true(logged("<4>expired id="));
	advance(2 * MINUTE);
	assert_int_equal(w.e.opened.n, 0);
	assert_int_equal(w.gate.n, 0);
}

static void no_answer_of_a_feed_touches_what_is_opened_by_hand(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	for (int i = 0; i < 5; i++) {
		struct snapshot empty = {0};

		feed_grant("10.0.0.1", MINUTE); /* the same key, shorter */
		advance(2 * MINUTE);
		assert_true(passes("10.0.0.1", 22));
		assert_int_equal(feed(&empty), 0);
		assert_true(passes("10.0.0.1", 22));
	}
	advance(50 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance(1);
	assert_false(passes("10.0.0.1", 22));
}

static void closing_ends_what_was_opened_by_hand_and_nothing_else(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.9", HOUR);
	assert_int_equal(close_for("10.0.0.9", 22), -ENOENT);
	assert_true(passes("10.0.0.9", 22));
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	assert_int_equal(open_for("10.0.0.0/24", 22, 3600, false), 0);
	assert_int_equal(open_for("10.0.0.9", 22, 7200, false), 0);
	assert_int_equal(close_for("10.0.0.0/24", 22), 0);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22));
	assert_int_equal(close_for("10.0.0.1", 22), 0);
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(close_for("10.0.0.1", 22), -ENOENT);
	assert_int_equal(close_for("10.0.0.9", 22), 0); /* the feed's own goes on, to its own end */
	assert_true(passes("10.0.0.9", 22));
	advance(HOUR);
	assert_false(passes("10.0.0.9", 22));
	assert_true(logged("<4>closed id="));
}

static void opening_again_counts_from_then_on(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	advance(30 * MINUTE);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	assert_int_equal(w.e.opened.n, 1);
	advance(59 * MINUTE);
	assert_true(passes("10.0.0.1", 22));
	assert_int_equal(open_for("10.0.0.1", 22, 60, false), 0);
	advance(MINUTE);
	assert_false(passes("10.0.0.1", 22));
}

static void guard_rails_hold_for_an_operator_unless_put_aside_by_name(void **state)
{
	(void)state;
	w.conf.guard = (struct guard){.longest_s = 1800, .widest_ipv4 = 24};
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), -EPERM);
	assert_int_equal(open_for("10.0.0.0/16", 22, 600, false), -EPERM);
	assert_int_equal(open_for("224.0.0.1", 22, 600, true), -EINVAL);
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(w.gate.n, 0);
	assert_int_equal(open_for("10.0.0.0/16", 22, 3600, true), 0);
	assert_true(logged("origin=\"operator, past the guard rails\" why=\"wider than guard"));
	assert_true(passes("10.0.99.1", 22));
	/* And stays so: no later judgement takes it back. */
	advance(59 * MINUTE);
	assert_true(passes("10.0.99.1", 22));
	restart(NULL);
	assert_true(passes("10.0.99.1", 22));
	advance(MINUTE);
	assert_false(passes("10.0.99.1", 22));
}

static void a_port_that_is_not_protected_is_not_opened(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 23, 3600, true), -EINVAL);
	assert_int_equal(w.e.opened.n, 0);
	assert_int_equal(w.gate.n, 0);
}

static void what_is_opened_by_hand_survives_restart_and_reboot_to_its_own_end(void **state)
{
	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	restart(NULL);
	assert_true(passes("10.0.0.1", 22));
	assert_int_equal(w.e.opened.n, 1);
	assert_int_equal(w.e.current.grants.n, 0); /* known for what it is, not adopted */
	advance(10 * MINUTE);
	reboot();
	assert_true(passes("10.0.0.1", 22));
	assert_int_equal(close_for("10.0.0.2", 22), -ENOENT);
	advance(50 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance(1);
	assert_false(passes("10.0.0.1", 22));
	advance_alone(HOUR);
	reboot();
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(w.e.opened.n, 0);
}

static void what_was_closed_stays_closed_over_a_restart_that_still_reads_of_it(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	w.save_error = -EROFS;
	assert_int_equal(close_for("10.0.0.1", 22), ENFORCER_UNSAVED);
	assert_false(passes("10.0.0.1", 22));
	restart(NULL);
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(w.e.opened.n, 0);
}

static void opening_does_not_wait_for_a_disk(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	w.save_error = -ENOSPC;
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), ENFORCER_UNSAVED);
	assert_true(passes("10.0.0.1", 22));
	assert_true(logged("<3>cannot save what was opened by hand"));
	restart(NULL); /* the filter still has it */
	assert_true(passes("10.0.0.1", 22));
}

/* It was given for a length of time: no clock that somebody sets makes it longer or shorter. */
static void a_clock_that_is_set_neither_lengthens_nor_ends_what_is_opened_by_hand(void **state)
{
	static const int64_t steps[] = {5 * HOUR, -5 * HOUR, 3 * HOUR};

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		uint64_t end = w.clock.boot.ns + (uint64_t)HOUR;

		assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
		advance(20 * MINUTE);
		w.clock.wall.ns += steps[i];
		enforcer_tick(&w.e);
		assert_true(passes("10.0.0.1", 22));
		assert_int_equal(w.gate.entries[0].grant.expires_boot_ns, end);
		advance(20 * MINUTE);
		restart(NULL); /* the file tells the new hour */
		assert_true(passes("10.0.0.1", 22));
		assert_int_equal(w.gate.entries[0].grant.expires_boot_ns, end);
		if (i == 0)
			reboot();
		advance(20 * MINUTE - 1);
		assert_true(passes("10.0.0.1", 22));
		advance(1);
		assert_false(passes("10.0.0.1", 22));
	}
}

/* 1970 after a reboot: nobody can tell whether it has ended. Once the clock is right it counts again. */
static void what_is_opened_by_hand_waits_while_the_clock_is_behind(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	advance(10 * MINUTE);
	w.clock.wall.ns -= START_WALL;
	reboot();
	assert_false(passes("10.0.0.1", 22));
	assert_true(logged("waits, the clock is behind"));
	advance(MINUTE);
	w.clock.wall.ns += START_WALL;
	enforcer_tick(&w.e);
	assert_true(passes("10.0.0.1", 22));
	advance(49 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance(1);
	assert_false(passes("10.0.0.1", 22));
}

/* It waits, closed, for the clock, as what is saved does; and it is there when that is set. */
static void what_is_opened_by_hand_is_there_when_a_clock_that_was_never_set_is_set(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	w.clock.wall.ns = 5 * NS_PER_S;
	reboot();
	assert_int_not_equal(w.e.clock_floor.wall.ns, 0);
	assert_false(passes("10.0.0.1", 22));
	step_clock(START_WALL + 10 * MINUTE - w.clock.wall.ns);
	assert_int_equal(w.e.clock_floor.wall.ns, 0);
	assert_true(passes("10.0.0.1", 22));
	advance(50 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance(1);
	assert_false(passes("10.0.0.1", 22));
}

/* While the clock was wrong, the running filter's entry was anybody's. When it is set it is the operator's again. */
static void what_is_opened_by_hand_is_closed_by_hand_after_a_restart_with_a_wrong_clock(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	w.clock.wall.ns = 5 * NS_PER_S;
	restart(NULL);
	assert_true(passes("10.0.0.1", 22));
	assert_int_equal(w.e.current.grants.n, 1);
	step_clock(START_WALL + MINUTE - w.clock.wall.ns);
	assert_true(passes("10.0.0.1", 22));
	assert_int_equal(w.e.current.grants.n, 0);
	assert_int_equal(w.e.opened.n, 1);
	assert_int_equal(close_for("10.0.0.1", 22), 0);
	assert_false(passes("10.0.0.1", 22));
}

/* A clock that jitgated itself calls wrong has no say, however little it is behind the moment of the opening. */
static void what_is_opened_by_hand_waits_for_a_clock_that_is_known_to_be_wrong(void **state)
{
	struct snapshot s = {0};

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	assert_int_equal(open_for("10.0.0.2", 22, 7200, false), 0);
	advance(50 * MINUTE);
	add_port(&s, 3389);
	feed(&s); /* the state is of 50 minutes later */
	advance_alone(30 * MINUTE);
	assert_false(passes("10.0.0.1", 22));
	w.clock.wall.ns -= 79 * MINUTE;
	reboot();
	assert_int_not_equal(w.e.clock_floor.wall.ns, 0);
	assert_false(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22));
	assert_true(logged("waits, the clock is behind"));
	assert_int_equal(open_for("10.0.0.3", 22, 3600, false), 0); /* who opens now, opens now */
	assert_true(passes("10.0.0.3", 22));
	step_clock(79 * MINUTE);
	assert_int_equal(w.e.clock_floor.wall.ns, 0);
	assert_false(passes("10.0.0.1", 22));
	assert_true(passes("10.0.0.2", 22));
	assert_true(passes("10.0.0.3", 22));
	advance(40 * MINUTE - 1); /* to its own end, which no step has moved */
	assert_true(passes("10.0.0.2", 22));
	advance(1);
	assert_false(passes("10.0.0.2", 22));
	assert_true(passes("10.0.0.3", 22)); /* a length of time, which the step has not changed */
	advance(20 * MINUTE);
	assert_false(passes("10.0.0.3", 22));
}

static void an_answer_that_believes_the_clock_judges_what_is_opened_by_hand(void **state)
{
	struct snapshot s = {0}, empty = {0};

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 7200, false), 0);
	advance(50 * MINUTE);
	add_port(&s, 3389);
	feed(&s);
	assert_int_equal(open_for("10.0.0.2", 22, 3600, false), 0);
	w.clock.wall.ns -= 40 * MINUTE;
	reboot();
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(feed(&empty), 0);
	assert_int_equal(w.e.clock_floor.wall.ns, 0);
	advance(NS_PER_S);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22)); /* by this clock it has yet to be opened */
	assert_true(logged("<4>refused id="));
	assert_int_equal(w.e.opened.n, 1);
}

/* The bytes of the file, as whoever writes the state folder can make them. */
static void forge(const char *from, int64_t begins_in, const char *origin)
{
	CLEANUP(grant_set_free) struct grant_set set = {0};
	struct grant grant = {.source = source(from), .port = 22, .protos = PROTO_BIT_TCP};
	void *bytes = NULL;

	grant.start.ns = w.clock.wall.ns + begins_in;
	grant.until.ns = grant.start.ns + 24 * HOUR;
	assert_int_equal(grant_set_add(&set, &grant, "root", "routine", origin), 0);
	assert_int_equal(opened_encode(&set, w.clock.wall, &bytes, &w.opened_len), 0);
	free(w.opened);
	w.opened = bytes;
}

static void the_file_opens_nothing_that_nobody_could_have_opened(void **state)
{
	(void)state;
	w.keep_saved = true;
	w.conf.guard = (struct guard){.longest_s = 86400, .widest_ipv4 = 24};
	enforcer_start(&w.e, NULL);
	advance(MINUTE);
	forge("10.0.0.0/16", -MINUTE, OPENED_ORIGIN);
	reboot();
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(w.e.opened.n, 0);
	assert_true(logged("<4>refused id="));
	assert_true(logged("why=\"wider than guard"));
	forge("10.0.0.0/24", 90 * NS_PER_S, OPENED_ORIGIN); /* later */
	reboot();
	assert_int_equal(w.e.opened.n, 0);
	assert_true(logged("it would begin later than now"));
	advance(2 * MINUTE);
	assert_false(passes("10.0.0.1", 22));
	reboot(); /* and is forgotten */
	assert_false(passes("10.0.0.1", 22));
	forge("0.0.0.0/0", 90 * NS_PER_S, OPENED_ORIGIN_BEYOND);
	reboot();
	advance(2 * MINUTE);
	assert_false(passes("10.0.0.1", 22));
	forge("10.0.0.0/16", -MINUTE, OPENED_ORIGIN_BEYOND); /* an operator may have: it is said at each start */
	forget_log();
	reboot();
	assert_true(passes("10.0.0.1", 22));
	assert_true(logged("origin=\"operator, past the guard rails\" why=\"before this start; wider than guard"));
	forge("10.0.0.0/24", -MINUTE, OPENED_ORIGIN);
	reboot();
	assert_true(passes("10.0.0.1", 22));
}

static void no_more_than_64_are_opened_by_hand(void **state)
{
	char from[32];

	(void)state;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < OPENED_MAX; i++) {
		snprintf(from, sizeof(from), "10.0.0.%d", i);
		assert_int_equal(open_for(from, 22, i ? 3600 : 60, false), 0);
	}
	assert_int_equal(open_for("10.0.1.1", 22, 3600, false), -ENOSPC);
	assert_false(passes("10.0.1.1", 22));
	assert_int_equal(open_for("10.0.0.7", 22, 3600, false), 0); /* one of them anew */
	advance(MINUTE);
	assert_int_equal(open_for("10.0.1.1", 22, 3600, false), 0);
	restart(NULL);
	assert_true(passes("10.0.1.1", 22));
	assert_true(passes("10.0.0.63", 22));
}

static void what_does_not_fit_a_smaller_table_does_not_stop_a_start(void **state)
{
	char from[32];

	(void)state;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 40; i++) {
		snprintf(from, sizeof(from), "10.0.0.%d", i);
		assert_int_equal(open_for(from, 22, 3600, false), 0);
	}
	w.conf.max_grants = 16;
	restart(NULL);
	assert_true(logged("<3>40 grants opened by hand do not fit max_grants = 16"));
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	assert_true(passes("10.0.0.1", 22));
}

static void a_table_that_is_full_refuses_an_opening_whole(void **state)
{
	struct snapshot s = {0};
	char from[32];

	(void)state;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 256; i++) {
		snprintf(from, sizeof(from), "10.1.0.%d", i);
		add_grant(&s, from, 22, HOUR);
	}
	assert_int_equal(feed(&s), 0);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), -ENOSPC);
	assert_int_equal(w.e.opened.n, 0);
	assert_true(passes("10.1.0.255", 22));
	assert_false(passes("10.0.0.1", 22));
}

static const struct CMUnitTest tests[] = {
	world_test(what_is_opened_by_hand_opens_at_once_and_ends_on_time),
	world_test(no_answer_of_a_feed_touches_what_is_opened_by_hand),
	world_test(closing_ends_what_was_opened_by_hand_and_nothing_else),
	world_test(opening_again_counts_from_then_on),
	world_test(guard_rails_hold_for_an_operator_unless_put_aside_by_name),
	world_test(a_port_that_is_not_protected_is_not_opened),
	world_test(what_is_opened_by_hand_survives_restart_and_reboot_to_its_own_end),
	world_test(what_was_closed_stays_closed_over_a_restart_that_still_reads_of_it),
	world_test(opening_does_not_wait_for_a_disk),
	world_test(a_clock_that_is_set_neither_lengthens_nor_ends_what_is_opened_by_hand),
	world_test(what_is_opened_by_hand_waits_while_the_clock_is_behind),
	world_test(what_is_opened_by_hand_is_there_when_a_clock_that_was_never_set_is_set),
	world_test(what_is_opened_by_hand_is_closed_by_hand_after_a_restart_with_a_wrong_clock),
	world_test(what_is_opened_by_hand_waits_for_a_clock_that_is_known_to_be_wrong),
	world_test(an_answer_that_believes_the_clock_judges_what_is_opened_by_hand),
	world_test(the_file_opens_nothing_that_nobody_could_have_opened),
	world_test(no_more_than_64_are_opened_by_hand),
	world_test(what_does_not_fit_a_smaller_table_does_not_stop_a_start),
	world_test(a_table_that_is_full_refuses_an_opening_whole),
};
REGISTER_TESTS(tests)
