// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Session policies in words and back, and the classes that ports get: none changes under a port that has it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "session.h"

#define S (uint64_t) NS_PER_S

static void words_are_read_and_written(void **state)
{
	static const struct {
		const char *text, *back;
		uint64_t drain_ns;
	} words[] = {
		{"cut", "cut", SESSION_CUT},
		{"keep", "keep", SESSION_KEEP},
		{"drain=1s", "drain=1s", S},
		{"drain=90s", "drain=90s", 90 * S},
		{"drain=120s", "drain=2m", 120 * S},
		{"drain=30m", "drain=30m", 1800 * S},
		{"drain=36h", "drain=36h", 129600 * S},
		{"drain=168h", "drain=7d", 604800 * S},
	};
	static const char *const refused[] = {"",           "Cut",        "cut ",      "drain",
					      "drain=",     "drain=0s",   "drain=-1s", "drain=1",
					      "drain=169h", "drain=1.5h", "drain =1s", "keep=1s"};
	char text[SESSION_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		uint64_t drain_ns = 7;

		assert_int_equal(session_parse(words[i].text, &drain_ns), 0);
		assert_true(drain_ns == words[i].drain_ns);
		session_format(drain_ns, text);
		assert_string_equal(text, words[i].back);
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		uint64_t drain_ns = 7;

		assert_int_equal(session_parse(refused[i], &drain_ns), -EINVAL);
		assert_int_equal(drain_ns, 7);
	}
}

static void a_class_is_shared_and_never_changed_under_its_ports(void **state)
{
	static struct session_classes classes;
	struct gate_session a = {.drain_ns = {S}}, b = {.drain_ns = {SESSION_KEEP}}, cut = {{0}};
	int class_a, class_b;

	(void)state;
	memset(&classes, 0, sizeof(classes));
	assert_int_equal(session_class(&classes, &cut), 0);
	class_a = session_class(&classes, &a);
	class_b = session_class(&classes, &b);
	assert_in_range(class_a, 1, JITGATE_SESSION_CLASSES - 1);
	assert_in_range(class_b, 1, JITGATE_SESSION_CLASSES - 1);
	assert_int_not_equal(class_a, class_b);
	assert_int_equal(session_class(&classes, &a), class_a);
	assert_memory_equal(&classes.classes[class_a], &a, sizeof(a));
	/* Two configs with as many as may be fit beside each other, and no more. */
	for (uint64_t i = 3; i < JITGATE_SESSION_CLASSES; i++) {
		struct gate_session next = {.drain_ns = {i * S}};

		assert_in_range(session_class(&classes, &next), 1, JITGATE_SESSION_CLASSES - 1);
	}
	assert_true(2 * SESSION_KINDS_MAX < JITGATE_SESSION_CLASSES);
	assert_int_equal(session_class(&classes, &(struct gate_session){.drain_ns = {99 * S}}), -1);
	classes.in_use[class_b] = false;
	assert_int_equal(session_class(&classes, &(struct gate_session){.drain_ns = {99 * S}}), class_b);
	assert_memory_equal(&classes.classes[class_a], &a, sizeof(a));
}

static void policies_are_counted_by_what_ports_have(void **state)
{
	struct session_rule rules[] = {{22, PROTO_BIT_TCP, SESSION_KEEP},
				       {22, PROTO_BIT_UDP, 3 * S},
				       {23, PROTO_BIT_TCP, SESSION_KEEP},
				       {24, PROTO_BIT_TCP, SESSION_CUT},
				       {25, PROTO_BIT_SCTP, SESSION_KEEP}};
	struct session_rules some = {.rules = rules, .n = ARRAY_SIZE(rules)};

	(void)state;
	assert_int_equal(session_kinds(&(struct session_rules){0}), 0);
	assert_int_equal(session_kinds(&some), 2);
	some.drain_ns = S;
	assert_int_equal(session_kinds(&some), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_read_and_written),
		cmocka_unit_test(a_class_is_shared_and_never_changed_under_its_ports),
		cmocka_unit_test(policies_are_counted_by_what_ports_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
