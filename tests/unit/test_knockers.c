// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What is remembered of those who knock: who waits, who was asked for in vain, who behaves as a TCP client does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "knockers.h"
#include "util.h"

static struct knockers k;
static const struct grant_set nothing;

static int nobody(void **state)
{
	(void)state;
	k = (struct knockers){0};
	return 0;
}

static struct boot_time s(double seconds)
{
	return (struct boot_time){(uint64_t)(seconds * (double)NS_PER_S)};
}

static void hear(uint32_t source, double at, uint32_t n_unsaid)
{
	struct knock knock = {.at = s(at), .family = JITGATE_IPV4, .n_unsaid = n_unsaid};

	memcpy(knock.addr, &source, sizeof(source));
	knockers_hear(&k, &knock, s(at));
}

static double due_patient(enum knock_class class, double stretch, bool only_patient)
{
	struct boot_time due[_KNOCK_CLASS_MAX];

	knockers_due(&k, stretch, only_patient, due);
	return due[class].ns == UINT64_MAX ? -1 : (double)due[class].ns / (double)NS_PER_S;
}

static double due(enum knock_class class)
{
	return due_patient(class, 1, false);
}

static void whoever_is_new_is_due_at_once_and_once(void **state)
{
	(void)state;
	assert_true(due(KNOCK_NEW) < 0);
	hear(1, 100, 0);
	hear(2, 101, 0);
	assert_true(due(KNOCK_NEW) == 100);
	knockers_served(&k, s(100.5), &nothing);
	assert_true(due(KNOCK_NEW) == 101);
	knockers_served(&k, s(102), &nothing);
	assert_true(due(KNOCK_NEW) < 0 && due(KNOCK_KNOWN) < 0 && due(KNOCK_PATIENT) < 0);
}

/* The read that was under way may have missed what the second knock is for. */
static void a_knock_during_a_read_waits_for_the_next(void **state)
{
	(void)state;
	hear(1, 100, 0);
	hear(1, 101, 0);
	knockers_served(&k, s(100.5), &nothing);
	assert_true(due(KNOCK_KNOWN) == 105.5);
}

static void whoever_was_asked_for_in_vain_waits_twice_as_long_each_time(void **state)
{
	static const double waits[] = {5, 10, 20, 40, 80, 80, 80};
	double t = 100;

	(void)state;
	hear(1, t, 0);
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		knockers_served(&k, s(t), &nothing);
		hear(1, t + 1, 9);
		assert_true(due(KNOCK_KNOWN) == t + waits[i] && due(KNOCK_NEW) < 0);
		assert_true(due_patient(KNOCK_KNOWN, 3, false) == t + 3 * waits[i]);
		for (double end = t + waits[i]; t < end; t = t + 100 < end ? t + 100 : end)
			hear(1, t, 9);
		hear(1, t, 9);
	}
}

static void read_that_grants(double at, const char *source)
{
	struct grant_set set = {0};
	struct grant grant = {.port = 22, .protos = PROTO_BIT_TCP};

	assert_int_equal(cidr_parse(source, strlen(source), &grant.source, NULL), 0);
	assert_int_equal(grant_set_add(&set, &grant, NULL, NULL, NULL), 0);
	knockers_served(&k, s(at), &set);
	grant_set_free(&set);
}

/* Its session is cut at the end of the grant, it asks for another one and comes back: within seconds of the first. */
static void whoever_was_granted_access_is_new_when_that_is_over(void **state)
{
	(void)state;
	hear(0x0100000a, 100, 0); /* 10.0.0.1 */
	knockers_served(&k, s(100), &nothing);
	hear(0x0100000a, 101, 0);
	read_that_grants(105, "10.0.0.0/24");
	hear(0x0100000a, 110, 0);
	assert_true(due(KNOCK_NEW) == 110 && due(KNOCK_KNOWN) < 0);
	knockers_served(&k, s(110), &nothing);
	hear(0x0100000a, 111, 0);
	assert_true(due(KNOCK_NEW) < 0 && due(KNOCK_KNOWN) == 115);
	read_that_grants(112, "10.0.0.1"); /* for somebody else's sake; began when this one waited */
	hear(0x0100000a, 120, 0);
	assert_true(due(KNOCK_NEW) == 120);
}

/* Its SYN was on its way while the answer was: the next one comes in, and no read is due for it. */
static void a_knock_during_the_read_that_grants_is_answered(void **state)
{
	(void)state;
	hear(0x0100000a, 100, 0);
	hear(0x0100000a, 102, 0);
	read_that_grants(101.95, "10.0.0.1");
	assert_true(due(KNOCK_NEW) < 0 && due(KNOCK_PATIENT) < 0 && due(KNOCK_KNOWN) < 0);
	assert_int_equal(k.n_waiting, 0);
	hear(0x0200000a, 103, 0); /* this one came after the read began, and waited for the next */
	read_that_grants(102.9, "10.0.0.2");
	assert_int_equal(k.n_waiting, 0);
	assert_true(due(KNOCK_NEW) < 0);
}

/* A grant for one port, or for everybody, is no licence to knock on another without end. */
static void whoever_is_granted_access_and_knocks_on_knocks_in_vain(void **state)
{
	(void)state;
	for (double t = 100; t < 103; t++) {
		hear(0x0100000a, t, 0);
		read_that_grants(t, "0.0.0.0/0");
	}
	hear(0x0100000a, 103, 0);
	assert_true(due(KNOCK_NEW) < 0 && due(KNOCK_KNOWN) == 112);
	knockers_served(&k, s(112), NULL); /* a failed read says nothing */
	hear(0x0100000a, 113, 0);
	assert_true(due(KNOCK_NEW) < 0);
}

static void others_and_ipv6_networks_are_told_apart(void **state)
{
	struct knock knock = {.at = s(100), .family = JITGATE_IPV6, .addr = {0x20, 0x01, 0x0d, 0xb8}};

	(void)state;
	hear(0x0100000a, 100, 0);
	knockers_hear(&k, &knock, s(100));
	read_that_grants(101, "2001:db8::7"); /* one address of the 64 bits that are known */
	hear(0x0100000a, 102, 0);
	assert_true(due(KNOCK_NEW) < 0 && due(KNOCK_KNOWN) == 106);
	knock.at = s(103);
	knockers_hear(&k, &knock, s(103));
	assert_true(due(KNOCK_NEW) == 103);
}

static void after_five_quiet_minutes_it_is_new_again(void **state)
{
	(void)state;
	hear(1, 100, 0);
	knockers_served(&k, s(100), &nothing);
	hear(1, 399, 0);
	assert_true(due(KNOCK_NEW) < 0 && due(KNOCK_KNOWN) == 399);
	knockers_served(&k, s(399), &nothing);
	hear(1, 700, 0);
	assert_true(due(KNOCK_NEW) == 700 && due(KNOCK_KNOWN) < 0);
}

static void a_failed_read_answers_but_says_nothing_of_the_source(void **state)
{
	(void)state;
	hear(1, 100, 0);
	knockers_served(&k, s(101), NULL);
	assert_true(due(KNOCK_NEW) < 0);
	hear(1, 103, 0);
	assert_true(due(KNOCK_NEW) == 103);
}

static void a_tcp_client_is_patient(void **state)
{
	(void)state;
	hear(1, 100, 0);
	assert_true(due_patient(KNOCK_NEW, 1, true) < 0);
	hear(1, 101, 0);
	assert_true(due(KNOCK_PATIENT) == 100 && due_patient(KNOCK_PATIENT, 1, true) == 100);
	knockers_served(&k, s(102), &nothing); /* asked for in vain: what it has shown is used up */
	hear(1, 104, 0);
	assert_true(due(KNOCK_KNOWN) >= 0 && due_patient(KNOCK_KNOWN, 1, true) < 0);
	hear(1, 108, 0);
	assert_true(due_patient(KNOCK_KNOWN, 1, true) >= 0);
}

static void whoever_knocks_faster_or_later_is_not(void **state)
{
	(void)state;
	hear(1, 100, 0);
	hear(1, 100.4, 0);
	hear(2, 100, 0);
	hear(2, 101, 1);
	hear(3, 100, 0);
	hear(3, 105, 0);
	assert_true(due(KNOCK_PATIENT) < 0);
	hear(2, 102, 0); /* behaves by now */
	assert_true(due(KNOCK_PATIENT) == 100);
	hear(2, 103, 1);
	assert_true(due(KNOCK_PATIENT) < 0);
}

static void the_table_forgets_who_was_silent_longest(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < KNOCKERS_MAX; i++)
		hear(i, 100 + i * 0.001, 0);
	hear(0, 101, 0); /* patient, and heard last */
	hear(KNOCKERS_MAX, 102, 0);
	assert_int_equal(k.n, KNOCKERS_MAX);
	assert_int_equal(k.n_waiting, KNOCKERS_MAX);
	assert_true(due(KNOCK_PATIENT) == 100);
	knockers_served(&k, s(200), &nothing);
	assert_int_equal(k.n_waiting, 0);
	hear(1, 201, 0); /* it made room, and is new */
	assert_true(due(KNOCK_NEW) == 201);
}

/* A clock of the future is not believed, and time does not go back. */
static void only_the_past_is_believed(void **state)
{
	struct knock knock = {.at = s(1e6), .family = JITGATE_IPV6};

	(void)state;
	knockers_hear(&k, &knock, s(100));
	assert_true(due(KNOCK_NEW) == 100);
	knock.at = s(50);
	knockers_hear(&k, &knock, s(101));
	assert_true(due(KNOCK_NEW) == 100);
	assert_int_equal(k.list[0].heard.ns, s(100).ns);
}

/* A knock that came while it was asked for is the first of a new row. */
static void patience_is_shown_anew_after_each_read(void **state)
{
	(void)state;
	hear(1, 100, 0);
	hear(1, 101, 0);
	assert_true(due_patient(KNOCK_PATIENT, 1, true) == 100);
	knockers_served(&k, s(100.5), &nothing);
	assert_true(due_patient(KNOCK_KNOWN, 1, true) < 0);
	hear(1, 102, 0);
	assert_true(due_patient(KNOCK_KNOWN, 1, true) == 105.5);
}

static void hundreds_of_vain_reads_make_nobody_new(void **state)
{
	double t = 100;

	(void)state;
	for (int i = 0; i < 300; i++, t += 200) {
		hear(1, t, 0);
		assert_true(i ? due(KNOCK_KNOWN) >= t : due(KNOCK_NEW) == t);
		knockers_served(&k, s(t + 0.5), &nothing);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whoever_is_new_is_due_at_once_and_once, nobody),
		cmocka_unit_test_setup(a_knock_during_a_read_waits_for_the_next, nobody),
		cmocka_unit_test_setup(whoever_was_asked_for_in_vain_waits_twice_as_long_each_time, nobody),
		cmocka_unit_test_setup(whoever_was_granted_access_is_new_when_that_is_over, nobody),
		cmocka_unit_test_setup(a_knock_during_the_read_that_grants_is_answered, nobody),
		cmocka_unit_test_setup(whoever_is_granted_access_and_knocks_on_knocks_in_vain, nobody),
		cmocka_unit_test_setup(others_and_ipv6_networks_are_told_apart, nobody),
		cmocka_unit_test_setup(after_five_quiet_minutes_it_is_new_again, nobody),
		cmocka_unit_test_setup(a_failed_read_answers_but_says_nothing_of_the_source, nobody),
		cmocka_unit_test_setup(a_tcp_client_is_patient, nobody),
		cmocka_unit_test_setup(whoever_knocks_faster_or_later_is_not, nobody),
		cmocka_unit_test_setup(the_table_forgets_who_was_silent_longest, nobody),
		cmocka_unit_test_setup(only_the_past_is_believed, nobody),
		cmocka_unit_test_setup(patience_is_shown_anew_after_each_read, nobody),
		cmocka_unit_test_setup(hundreds_of_vain_reads_make_nobody_new, nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
