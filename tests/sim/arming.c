// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Out of audit mode: trials, confirmation, and the first start.
 */
#include <errno.h>
#include <string.h>

#include "world.h"

/* What the program does with a packet without a grant. */
static bool enforces(void)
{
	const struct gate_state *is = &w.gate.state;

	return is->mode != JITGATE_AUDIT || w.clock.boot.ns < is->confirm_until_boot_ns;
}

static void start_in_audit_mode(void)
{
	w.conf.mode = JITGATE_AUDIT;
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
	assert_false(enforces());
}

static void arm(uint32_t seconds)
{
	struct failure failure;

	assert_int_equal(enforcer_arm(&w.e, seconds, &failure), 0);
	assert_true(enforces());
}

static int confirm(void)
{
	struct failure failure;

	return enforcer_confirm(&w.e, &failure);
}

static void assert_on_trial(void)
{
	assert_int_equal(w.gate.state.mode, JITGATE_AUDIT);
	assert_true(enforces());
	w.on_save_armed = NULL;
}

static void a_trial_ends_by_itself_with_the_daemon_dead(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	advance_alone(300 * NS_PER_S - 1);
	assert_true(enforces());
	advance_alone(1);
	assert_false(enforces());
}

static void a_trial_that_lapses_is_said_once_and_cannot_be_confirmed_any_more(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	advance(300 * NS_PER_S - 1);
	assert_false(logged("not confirmed in time"));
	advance(1);
	assert_true(logged("<4>arming was not confirmed in time: AUDIT again"));
	assert_int_equal(w.gate.state.confirm_until_boot_ns, 0); /* no clock is read for it any more */
	assert_int_equal(confirm(), -EINVAL);
	assert_false(enforces());
	assert_false(w.armed);
	forget_log();
	advance(HOUR);
	assert_false(logged("confirmed"));
	assert_true(w.e.arming.lapsed.ns == START_WALL + 300 * NS_PER_S);
}

/* Between its end and the tick that sees it. */
static void a_confirmation_a_nanosecond_too_late_is_refused(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	advance_alone(300 * NS_PER_S);
	assert_int_equal(confirm(), -EINVAL);
	assert_false(enforces());
	arm(300);
	advance_alone(300 * NS_PER_S - 1);
	assert_int_equal(confirm(), 0);
	assert_true(enforces());
}

static void what_is_confirmed_lasts_over_restart_and_reboot(void **state)
{
	(void)state;
	w.keep_saved = true;
	start_in_audit_mode();
	arm(300);
	assert_int_equal(confirm(), 0);
	assert_true(w.armed);
	advance(HOUR);
	assert_true(enforces());
	restart_with_state();
	assert_true(enforces());
	reboot();
	assert_true(enforces());
	assert_true(logged("<4>enforcing, as armed and confirmed, although the config says audit"));
}

static void a_restart_goes_on_with_a_trial_and_a_reboot_does_not(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	advance_alone(MINUTE);
	restart(NULL);
	assert_true(enforces());
	assert_true(logged("<4>enforcing on trial goes on"));
	advance(4 * MINUTE - 1);
	assert_true(enforces());
	advance(1);
	assert_false(enforces());
	arm(300);
	reboot();
	assert_false(enforces());
	assert_false(w.e.arming.confirm_until.ns);
}

static void a_trial_that_ended_while_the_daemon_was_dead_is_said_at_the_start(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	advance_alone(10 * MINUTE);
	forget_log();
	restart(NULL);
	assert_false(enforces());
	assert_true(logged("<4>arming was not confirmed in time"));
	assert_true(w.e.arming.lapsed.ns == START_WALL + 300 * NS_PER_S);
}

/* The clock that counts is the boot clock. */
static void the_wall_clock_moves_no_trial(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	w.clock.wall.ns += 5 * HOUR;
	enforcer_tick(&w.e);
	assert_true(enforces());
	w.clock.wall.ns -= 9 * HOUR;
	enforcer_tick(&w.e);
	advance_alone(300 * NS_PER_S);
	assert_false(enforces());
}

static void another_mode_in_the_config_rules(void **state)
{
	struct conf enforce, audit;

	(void)state;
	start_in_audit_mode();
	enforce = audit = w.conf;
	enforce.mode = JITGATE_ENFORCE;
	arm(300);
	assert_int_equal(enforcer_reload(&w.e, &audit), 0); /* the same mode */
	assert_true(enforces());
	assert_int_equal(confirm(), 0);
	assert_int_equal(enforcer_reload(&w.e, &audit), 0);
	assert_true(enforces() && w.armed);
	assert_int_equal(enforcer_reload(&w.e, &enforce), 0);
	assert_true(enforces());
	assert_false(w.armed);
	assert_int_equal(enforcer_reload(&w.e, &audit), 0);
	assert_false(enforces());
}

/* In the moment of the step to the config's own enforcing nothing is let in. */
static void a_trial_that_the_config_takes_over_has_no_end_left(void **state)
{
	struct conf enforce;

	(void)state;
	start_in_audit_mode();
	enforce = w.conf;
	enforce.mode = JITGATE_ENFORCE;
	arm(300);
	assert_int_equal(enforcer_reload(&w.e, &enforce), 0);
	advance(HOUR);
	assert_true(enforces());
	assert_false(logged("not confirmed"));
}

static void a_restart_with_enforce_in_the_config_forgets_what_was_armed(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	assert_int_equal(confirm(), 0);
	w.conf.mode = JITGATE_ENFORCE;
	restart(NULL);
	assert_true(enforces());
	assert_false(w.armed);
	w.conf.mode = JITGATE_AUDIT;
	restart(NULL);
	assert_false(enforces());
}

/* Who never armed is not cut by a disk that does not answer, and who did goes on enforcing; a reboot leaves the config.
 */
static void a_record_that_cannot_be_read_leaves_in_force_what_was(void **state)
{
	(void)state;
	w.keep_saved = true;
	start_in_audit_mode();
	w.armed_unreadable = true;
	restart(NULL);
	assert_false(enforces());
	assert_true(logged("<3>whether arming was confirmed cannot be read: AUDIT"));
	arm(300);
	restart(NULL);
	assert_on_trial();
	assert_true(logged("<3>whether arming was confirmed cannot be read: the trial of before this start goes on"));
	assert_int_equal(confirm(), 0);
	restart(NULL);
	assert_int_equal(w.gate.state.mode, JITGATE_ENFORCE);
	assert_true(logged("<3>whether arming was confirmed cannot be read: ENFORCING goes on"));
	reboot();
	assert_false(enforces());
	w.armed_unreadable = false;
	restart_with_state();
	assert_true(enforces());
}

/* Else it would enforce again once the disk answers and the config says audit. */
static void enforce_in_the_config_forgets_also_a_record_that_cannot_be_read(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	assert_int_equal(confirm(), 0);
	w.conf.mode = JITGATE_ENFORCE;
	w.armed_unreadable = true;
	forget_log();
	restart(NULL);
	assert_true(enforces());
	assert_false(logged("whether arming was confirmed"));
	assert_false(w.armed);
}

static void arming_what_enforces_does_nothing_and_says_so(void **state)
{
	struct failure failure = {0};

	(void)state;
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
	assert_int_equal(enforcer_arm(&w.e, 300, &failure), ENFORCER_NOTHING);
	assert_non_null(strstr(failure.text, "the config says mode = \"enforce\""));
	assert_int_equal(w.gate.state.confirm_until_boot_ns, 0);
	assert_int_equal(enforcer_confirm(&w.e, &failure), ENFORCER_NOTHING);
	assert_false(w.armed);
	assert_int_equal(enforcer_disarm(&w.e, &failure), -EINVAL);
	assert_true(enforces());
}

static void disarming_ends_a_trial_and_what_was_confirmed(void **state)
{
	struct failure failure = {0};

	(void)state;
	start_in_audit_mode();
	assert_int_equal(enforcer_disarm(&w.e, &failure), ENFORCER_NOTHING);
	arm(300);
	assert_int_equal(enforcer_disarm(&w.e, &failure), 0);
	assert_false(enforces());
	assert_int_equal(confirm(), -EINVAL);
	arm(300);
	assert_int_equal(confirm(), 0);
	assert_int_equal(enforcer_disarm(&w.e, &failure), 0);
	assert_false(enforces() || w.armed);
	restart(NULL);
	assert_false(enforces());
}

static void a_confirmation_that_cannot_be_saved_counts_and_is_said(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	w.save_error = -ENOSPC;
	assert_int_equal(confirm(), ENFORCER_UNSAVED);
	advance(HOUR);
	assert_true(enforces());
	assert_true(logged("<3>cannot save that arming was confirmed"));
	w.save_error = 0;
	assert_int_equal(confirm(), 0);
	assert_true(w.armed);
}

static void what_could_not_be_saved_is_shown_said_once_and_tried_again(void **state)
{
	char words[256];

	(void)state;
	start_in_audit_mode();
	arm(300);
	enforcer_describe_unsaved(&w.e, words, sizeof(words));
	assert_string_equal(words, "");
	w.save_error = -EROFS;
	assert_int_equal(confirm(), ENFORCER_UNSAVED);
	forget_log();
	advance(ENFORCER_SAVE_RETRY_NS * 3);
	enforcer_describe_unsaved(&w.e, words, sizeof(words));
	assert_string_equal(words, "that arming was confirmed (Read-only file system)");
	assert_false(logged("cannot save"));
	w.save_error = 0;
	assert_false(w.armed);
	advance(ENFORCER_SAVE_RETRY_NS);
	assert_true(w.armed);
	assert_true(logged("<5>that arming was confirmed could be saved after all"));
	enforcer_describe_unsaved(&w.e, words, sizeof(words));
	assert_string_equal(words, "");
	assert_int_equal(w.e.save_at.ns, 0);
}

/* A crash between the two leaves what is on trial, and never what enforces for good and is forgotten by a restart. */
static void a_confirmation_is_saved_before_it_is_in_force(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	w.on_save_armed = assert_on_trial;
	assert_int_equal(confirm(), 0);
	assert_null(w.on_save_armed);
	assert_int_equal(w.gate.state.mode, JITGATE_ENFORCE);
}

static void with_nothing_to_close_the_first_answer_is_waited_for(void **state)
{
	struct snapshot s = {0}, too_many = {0};

	(void)state;
	w.conf.n_protect = 0;
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
	assert_false(enforces());
	assert_true(w.e.arming.waiting);
	assert_true(logged("waiting for a feed's first answer"));
	restart(NULL);
	assert_false(enforces());
	enforcer_take_trouble(&w.e, w.clock.wall, "no answer");
	for (int i = 0; i < 300; i++)
		add_grant(&too_many, "10.0.0.1", (uint16_t)(1000 + i), HOUR);
	for (int i = 0; i < 300; i++)
		add_port(&too_many, (uint16_t)(1000 + i));
	assert_int_equal(feed(&too_many), -ENOSPC);
	enforcer_tick(&w.e);
	assert_false(enforces()); /* that was none */
	add_port(&s, 22);
	assert_int_equal(feed(&s), 0);
	assert_true(enforces());
	assert_false(passes("10.0.0.1", 22));
}

static void audit_in_the_config_waits_for_no_answer(void **state)
{
	struct conf audit;

	(void)state;
	w.conf.n_protect = 0;
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
	assert_true(w.e.arming.waiting);
	audit = w.conf;
	audit.mode = JITGATE_AUDIT;
	assert_int_equal(enforcer_reload(&w.e, &audit), 0);
	w.conf = audit;
	assert_false(w.e.arming.waiting || enforces());
	assert_string_equal(arming_text(&w.e.arming, w.conf.mode), "audit");
	arm(300);
	assert_int_equal(confirm(), 0);
	assert_int_equal(w.gate.state.mode, JITGATE_ENFORCE);
	assert_true(enforces());
}

static void after_the_first_answer_no_failure_goes_back_to_waiting(void **state)
{
	struct snapshot s = {0}, empty = {0};

	(void)state;
	w.conf.n_protect = 0;
	w.keep_saved = true;
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
	assert_int_equal(feed(&empty), 0); /* good, and names nothing */
	assert_true(enforces());
	restart(NULL); /* no state, no port, no grant: but the maps enforced */
	assert_true(enforces());
	add_port(&s, 22);
	assert_int_equal(feed(&s), 0);
	restart(NULL);
	assert_true(enforces());
	reboot();
	assert_true(enforces());
	advance(24 * HOUR);
	assert_true(enforces());
}

/* The map is in the hands of a user without rights, who may be somebody else's by then. */
static void a_trial_that_nobody_can_have_begun_is_none(void **state)
{
	const uint64_t longest = ARMING_LONGEST_S * (uint64_t)NS_PER_S;

	(void)state;
	w.conf.mode = JITGATE_AUDIT;
	enforcer_start(&w.e, NULL);
	w.gate.state.confirm_until_boot_ns = w.clock.boot.ns + longest;
	restart(NULL);
	assert_int_equal(w.e.arming.confirm_until.ns, w.clock.boot.ns + longest);
	w.gate.state.confirm_until_boot_ns = w.clock.boot.ns + longest + 1;
	restart(NULL);
	assert_int_equal(w.e.arming.confirm_until.ns, 0);
	assert_int_equal(w.gate.state.confirm_until_boot_ns, 0);
	w.gate.state.confirm_until_boot_ns = 1ULL << 62;
	restart(NULL);
	assert_int_equal(w.gate.state.confirm_until_boot_ns, 0);
}

static void with_protect_the_first_start_enforces_at_once(void **state)
{
	struct conf more;

	(void)state;
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
	assert_true(enforces());
	memset(&w.gate, 0, sizeof(w.gate));
	w.gate.capacity = 512;
	w.conf.n_protect = 0;
	replace_enforcer();
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
	assert_false(enforces());
	more = w.conf;
	more.n_protect = 1;
	assert_int_equal(enforcer_reload(&w.e, &more), 0);
	assert_true(enforces());
	assert_int_equal(enforcer_reload(&w.e, &w.conf), 0);
	assert_true(enforces());
}

static const struct CMUnitTest tests[] = {
	world_test(a_trial_ends_by_itself_with_the_daemon_dead),
	world_test(a_trial_that_lapses_is_said_once_and_cannot_be_confirmed_any_more),
	world_test(a_confirmation_a_nanosecond_too_late_is_refused),
	world_test(what_is_confirmed_lasts_over_restart_and_reboot),
	world_test(a_restart_goes_on_with_a_trial_and_a_reboot_does_not),
	world_test(a_trial_that_ended_while_the_daemon_was_dead_is_said_at_the_start),
	world_test(the_wall_clock_moves_no_trial),
	world_test(another_mode_in_the_config_rules),
	world_test(a_trial_that_the_config_takes_over_has_no_end_left),
	world_test(a_restart_with_enforce_in_the_config_forgets_what_was_armed),
	world_test(a_record_that_cannot_be_read_leaves_in_force_what_was),
	world_test(enforce_in_the_config_forgets_also_a_record_that_cannot_be_read),
	world_test(arming_what_enforces_does_nothing_and_says_so),
	world_test(disarming_ends_a_trial_and_what_was_confirmed),
	world_test(a_confirmation_that_cannot_be_saved_counts_and_is_said),
	world_test(what_could_not_be_saved_is_shown_said_once_and_tried_again),
	world_test(a_confirmation_is_saved_before_it_is_in_force),
	world_test(with_nothing_to_close_the_first_answer_is_waited_for),
	world_test(audit_in_the_config_waits_for_no_answer),
	world_test(after_the_first_answer_no_failure_goes_back_to_waiting),
	world_test(a_trial_that_nobody_can_have_begun_is_none),
	world_test(with_protect_the_first_start_enforces_at_once),
};
REGISTER_TESTS(tests)
