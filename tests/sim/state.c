// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Restarts and reboots: what the state file and the maps bring back, and what they do not.
 */
#include <stdio.h>
#include <string.h>

#include "world.h"

static void a_state_that_cannot_be_saved_does_not_stop_a_grant(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	w.save_error = -28;
	feed_grant("10.0.0.1", HOUR);
	assert_true(passes("10.0.0.1", 22));
	assert_true(logged("<3>cannot save the state"));
}

static void a_restart_without_state_keeps_what_the_filter_holds(void **state)
{
	struct snapshot s = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_port(&s, 3389);
	add_grant(&s, "10.0.0.0/24", 22, HOUR);
	add_grant(&s, "10.0.0.7", 3389, 2 * HOUR);
	feed(&s);
	restart(NULL);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.1.1", 22));
	assert_true(passes("10.0.0.7", 3389));
	assert_false(passes("10.0.0.8", 3389));
	advance(HOUR);
	assert_false(passes("10.0.0.1", 22));
	assert_true(passes("10.0.0.7", 3389));
	advance(HOUR);
	assert_false(passes("10.0.0.7", 3389));
}

static void the_state_holds_learned_ports_and_live_grants(void **state)
{
	struct snapshot s = {0};

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	add_port(&s, 3389);
	add_grant(&s, "10.0.0.1", 22, HOUR);
	add_grant(&s, "10.0.0.2", 22, 5 * MINUTE);
	feed(&s);
	advance(5 * MINUTE + 1);
	feed_grant("10.0.0.1", 55 * MINUTE);
	assert_int_equal(w.saved.n_ports, 1);
	assert_int_equal(w.saved.ports[0].port, 3389);
	assert_int_equal(w.saved.grants.n, 1);
	reboot();
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.1", 3389));
	assert_string_equal(grant_set_text(&w.e.current.grants, w.e.current.grants.grants[0].requestor), "alice");
}

static void a_state_older_than_the_maps_neither_reopens_a_port_nor_revives_a_grant(void **state)
{
	struct snapshot old = {0}, new = {0};

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	add_grant(&old, "10.0.0.1", 22, HOUR);
	add_grant(&old, "10.0.0.2", 22, HOUR);
	feed(&old);
	w.save_error = -28;
	add_port(&new, 3389);
	add_grant(&new, "10.0.0.2", 22, HOUR);
	feed(&new);
	restart_with_state();
	assert_false(passes("10.0.0.1", 22));
	assert_true(passes("10.0.0.2", 22));
	assert_false(passes("10.0.0.9", 3389));
	assert_int_equal(w.e.current.grants.n, 1);
	assert_string_equal(grant_set_text(&w.e.current.grants, w.e.current.grants.grants[0].requestor), "alice");
}

static void a_renewal_that_was_saved_but_not_written_ends_at_the_old_end(void **state)
{
	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 10 * MINUTE);
	w.gate.fail_puts = 1;
	feed_grant("10.0.0.1", HOUR);
	restart_with_state();
	advance(10 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance(2);
	assert_false(passes("10.0.0.1", 22));
}

static void check_between(void)
{
	assert_true(passes("10.0.0.3", 22));   /* the new one does not wait for the disk */
	assert_true(passes("10.0.0.1", 22));   /* the revoked one is not closed yet: a reboot would open it again */
	assert_true(passes("10.0.0.9", 3389)); /* nor is the port */
}

static void a_disk_holds_up_what_closes_and_not_what_opens(void **state)
{
	struct snapshot first = {0}, second = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_grant(&first, "10.0.0.1", 22, HOUR);
	feed(&first);
	w.saving = check_between;
	add_grant(&second, "10.0.0.3", 22, HOUR);
	add_port(&second, 3389);
	feed(&second);
	assert_int_equal(w.saves, 2);
	assert_false(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.9", 3389));
}

static void a_grant_of_several_protocols_is_one_grant_after_a_restart(void **state)
{
	struct port_rule rule = {.port = 22, .protos = PROTO_BIT_TCP | PROTO_BIT_UDP};
	struct snapshot s = {0};

	(void)state;
	w.conf.protect = &rule;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	add_grant(&s, "10.0.0.1", 22, HOUR);
	add_grant(&s, "10.0.0.1", 9999, HOUR); /* not protected: needs no entry */
	s.grants.grants[0].protos = PROTO_BITS_ALL;
	feed(&s);
	assert_int_equal(w.gate.n, 2);
	restart_with_state();
	assert_int_equal(w.gate.n, 2);
	assert_int_equal(w.e.current.grants.n, 2);
	assert_int_equal(w.e.current.grants.grants[0].protos, PROTO_BITS_ALL);
}

static void a_port_taken_out_of_protect_is_open_after_a_restart(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_false(passes("10.0.0.1", 22));
	w.conf.n_protect = 0;
	restart(NULL);
	assert_true(passes("10.0.0.1", 22));
	assert_false(w.e.restored);
}

static void a_source_taken_out_of_allow_is_out_after_a_restart(void **state)
{
	struct cidr allowed = source("10.5.0.0/16");

	(void)state;
	w.conf.allow = &allowed;
	w.conf.n_allow = 1;
	enforcer_start(&w.e, NULL);
	assert_true(passes("10.5.0.1", 22));
	w.conf.n_allow = 0;
	restart(NULL);
	assert_false(passes("10.5.0.1", 22));
	assert_int_equal(w.e.current.grants.n, 0);
}

/* Without a state file what the maps hold is saved, so that a reboot finds it, and as nothing fresh. */
static void what_only_the_maps_knew_is_saved(void **state)
{
	(void)state;
	save_two_grants();
	snapshot_free(&w.saved);
	w.saves = 0;
	restart(NULL);
	enforcer_keep(&w.e);
	assert_int_equal(w.saves, 1);
	assert_int_equal(w.saved.fresh_for_s, 1); /* 0 could not be read again */
	assert_int_equal(w.saved.grants.n, 2);
	reboot();
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.9", 3389));
}

static void nothing_known_is_not_saved(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	enforcer_keep(&w.e);
	assert_int_equal(w.saves, 0);
}

static void saved_grants_that_do_not_fit_leave_the_ports_closed(void **state)
{
	struct snapshot s = {0};

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	add_port(&s, 3389);
	for (int n = 0; n < 60; n++) {
		char from[32];

		snprintf(from, sizeof(from), "10.1.0.%d", n);
		add_grant(&s, from, 22, HOUR);
	}
	feed(&s);
	w.conf.max_grants = 16;
	reboot();
	assert_false(passes("10.1.0.1", 22));
	assert_false(passes("10.1.0.1", 3389));
	assert_true(logged("<3>60 grants of before do not fit"));
}

static void a_reboot_opens_live_grants_and_not_the_ended_ones(void **state)
{
	struct snapshot saved = {0};

	(void)state;
	add_port(&saved, 3389);
	add_grant(&saved, "10.0.0.1", 22, HOUR);
	add_grant(&saved, "10.0.0.2", 22, 5 * MINUTE);
	w.clock.wall.ns += 10 * MINUTE;
	w.clock.boot.ns = 3 * NS_PER_S;
	memset(&w.gate, 0, sizeof(w.gate));
	w.gate.capacity = 512;
	restart(&saved);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22));
	assert_false(passes("10.0.0.1", 3389));
	advance(50 * MINUTE);
	assert_false(passes("10.0.0.1", 22));
}

static const struct CMUnitTest tests[] = {
	world_test(a_state_that_cannot_be_saved_does_not_stop_a_grant),
	world_test(a_restart_without_state_keeps_what_the_filter_holds),
	world_test(a_reboot_opens_live_grants_and_not_the_ended_ones),
	world_test(the_state_holds_learned_ports_and_live_grants),
	world_test(a_state_older_than_the_maps_neither_reopens_a_port_nor_revives_a_grant),
	world_test(a_renewal_that_was_saved_but_not_written_ends_at_the_old_end),
	world_test(a_disk_holds_up_what_closes_and_not_what_opens),
	world_test(a_grant_of_several_protocols_is_one_grant_after_a_restart),
	world_test(a_port_taken_out_of_protect_is_open_after_a_restart),
	world_test(a_source_taken_out_of_allow_is_out_after_a_restart),
	world_test(what_only_the_maps_knew_is_saved),
	world_test(nothing_known_is_not_saved),
	world_test(saved_grants_that_do_not_fit_leave_the_ports_closed),
};
REGISTER_TESTS(tests)
