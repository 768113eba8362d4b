// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Packets that the program tells of, and audit mode.
 */
#include "world.h"

static void a_source_that_knocks_in_a_loop_is_told_of_once_a_second(void **state)
{
	struct event event = {
		.reason = REASON_NO_GRANT, .would_be = REASON_NO_GRANT, .family = JITGATE_IPV4, .proto = 6};

	(void)state;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 1000; i++) {
		enforcer_take_event(&w.e, &event);
		advance(NS_PER_S / 100);
	}
	assert_in_range(w.asks, 10, 12);
	assert_in_range(w.last_ask.n_unsaid, 85, 95);
	event.reason = event.would_be = REASON_MALFORMED;
	w.asks = 0;
	advance(HOUR);
	enforcer_take_event(&w.e, &event);
	assert_int_equal(w.asks, 0);
}

static void another_source_does_not_wait_for_the_first(void **state)
{
	struct event event = {
		.reason = REASON_NO_GRANT, .would_be = REASON_NO_GRANT, .family = JITGATE_IPV4, .proto = 6};

	(void)state;
	enforcer_start(&w.e, NULL);
	for (uint8_t i = 0; i < 50; i++) {
		event.saddr[3] = i;
		enforcer_take_event(&w.e, &event);
		enforcer_take_event(&w.e, &event);
	}
	assert_in_range(w.asks, 50, 55); /* a few share a slot of the sieve */
	assert_int_equal(w.last_ask.addr[3], 49);
}

static void a_flood_of_events_does_not_flood_the_log(void **state)
{
	struct event event = {
		.reason = REASON_NO_GRANT, .would_be = REASON_NO_GRANT, .family = JITGATE_IPV4, .proto = 6};
	size_t lines = 0;

	(void)state;
	enforcer_start(&w.e, NULL);
	forget_log();
	for (int i = 0; i < 5000; i++)
		enforcer_take_event(&w.e, &event);
	for (const char *c = w.log; *c; c++)
		lines += *c == '\n';
	assert_in_range(lines, 1, ENFORCER_EVENT_LINES + 1);
	advance(11 * NS_PER_S);
	enforcer_take_event(&w.e, &event);
	assert_true(logged("4990 more packet events were not logged"));
}

static void who_came_in_is_logged_in_a_flood_too(void **state)
{
	struct event denied = {
		.reason = REASON_NO_GRANT, .would_be = REASON_NO_GRANT, .family = JITGATE_IPV4, .proto = 6};
	struct event admitted = {
		.reason = REASON_GRANTED, .would_be = REASON_GRANTED, .family = JITGATE_IPV4, .proto = 6};

	(void)state;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 500; i++)
		enforcer_take_event(&w.e, &denied);
	forget_log();
	enforcer_take_event(&w.e, &admitted);
	assert_true(logged("admitted"));
}

static void audit_mode_says_what_enforcement_would_do(void **state)
{
	struct cidr from = source("10.0.0.1");
	struct enforcer_verdict verdict;

	(void)state;
	w.conf.mode = JITGATE_AUDIT;
	enforcer_start(&w.e, NULL);
	assert_int_equal(w.gate.state.mode, JITGATE_AUDIT);
	verdict = enforcer_explain(&w.e, &from, 22, PROTO_BIT_TCP);
	assert_int_equal(verdict.reason, REASON_AUDIT);
	assert_int_equal(verdict.would_be, REASON_NO_GRANT);
}

static const struct CMUnitTest tests[] = {
	world_test(a_source_that_knocks_in_a_loop_is_told_of_once_a_second),
	world_test(another_source_does_not_wait_for_the_first),
	world_test(a_flood_of_events_does_not_flood_the_log),
	world_test(who_came_in_is_logged_in_a_flood_too),
	world_test(audit_mode_says_what_enforcement_would_do),
};
REGISTER_TESTS(tests)
