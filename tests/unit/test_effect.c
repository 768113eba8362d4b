// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What is due of a frame: an effect that is just that passes, and one that differs in any one thing does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>

#include "effect.h"
#include "util.h"

#define BEFORE 1000
#define AFTER 2000
#define SLOT 3

static struct frame frame;

static void make_frame(void)
{
	static const struct layer layers[] = {IP4, TCP(22)};

	assert_int_equal(frame_build(layers, ARRAY_SIZE(layers), &frame), 0);
}

static struct due due_of(int verdict, int reason)
{
	make_frame();
	return (struct due){.frame = &frame,
			    .verdict = verdict,
			    .reason = reason,
			    .slot = SLOT,
			    .budget = JITGATE_KEPT_FOR_PORTS + 1};
}

static struct event event_of(int reason, int would_be, uint32_t slot)
{
	struct event event = {.boot_ns = BEFORE + 1,
			      .ifindex = 1,
			      .slot = slot,
			      .reason = (uint8_t)reason,
			      .would_be = (uint8_t)would_be,
			      .family = JITGATE_IPV4,
			      .proto = IPPROTO_TCP,
			      .sport_be = htons(FRAME_SPORT),
			      .dport_be = htons(22)};

	inet_pton(AF_INET, FRAME_SOURCE4, event.saddr);
	inet_pton(AF_INET, FRAME_DEST4, event.daddr);
	return event;
}

/* As the gate makes it when it is right; written out, so that it is not what is tested. */
static struct effect effect_of(const struct due *due)
{
	bool audited = due->mode == JITGATE_AUDIT && due->verdict == XDP_DROP;
	bool granted = due->reason == REASON_GRANTED;
	int counted = audited ? REASON_AUDIT : due->reason;
	struct effect effect = {.verdict = audited ? XDP_PASS : due->verdict,
				.before_boot_ns = BEFORE,
				.after_boot_ns = AFTER,
				.n_events = 1,
				.budget_left = JITGATE_KEPT_FOR_PORTS};

	effect.last_event = event_of(counted, due->reason, granted ? SLOT : 0);
	effect.stats[counted] = (struct gate_counter){1, frame.len};
	if (granted) {
		effect.ports[0] = (struct port_counters){.granted_packets = 1, .granted_bytes = frame.len};
		effect.usage[SLOT] = (struct grant_usage){1, frame.len, BEFORE + 1};
	} else {
		effect.ports[0] = (struct port_counters){.ungranted_packets = 1, .ungranted_bytes = frame.len};
	}
	return effect;
}

static void what_is_due_is_no_surprise(void **state)
{
	static const struct due kinds[] = {{.verdict = XDP_DROP, .reason = REASON_NO_GRANT},
					   {.verdict = XDP_PASS, .reason = REASON_GRANTED},
					   {.verdict = XDP_DROP, .reason = REASON_NO_GRANT, .mode = JITGATE_AUDIT},
					   {.verdict = XDP_PASS, .reason = REASON_GRANTED, .mode = JITGATE_AUDIT}};
	char why[EFFECT_WHY_MAX] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct due due = due_of(kinds[i].verdict, kinds[i].reason);
		struct effect effect;

		due.mode = kinds[i].mode;
		effect = effect_of(&due);
		if (!effect_is_due(&due, &effect, why))
			fail_msg("%zu: %s", i, why);
	}
}

/* Each byte that is seen counts: change any one, and it is noticed. Only addresses in time have some room. */
static void any_other_byte_is_a_surprise(void **state)
{
	static const struct due kinds[] = {{.verdict = XDP_DROP, .reason = REASON_NO_GRANT},
					   {.verdict = XDP_PASS, .reason = REASON_GRANTED}};
	const size_t end = offsetof(struct effect, before_boot_ns);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct due due = due_of(kinds[i].verdict, kinds[i].reason);

		for (size_t at = 0; at < end; at++) {
			struct effect effect = effect_of(&due);
			char why[EFFECT_WHY_MAX] = "";

			if (at >= sizeof(effect.verdict) && at < offsetof(struct effect, stats))
				continue; /* padding */
			((uint8_t *)&effect)[at] ^= 0x80;
			if (at == offsetof(struct effect, last_event.boot_ns) ||
			    at == offsetof(struct effect, usage[SLOT].last_seen_boot_ns))
				((uint8_t *)&effect)[at + 2] ^= 0x80; /* 128 ns more is still between the two */
			if (effect_is_due(&due, &effect, why))
				fail_msg("byte %zu of the effect may be anything, kind %zu", at, i);
			assert_true(*why);
		}
	}
}

static void the_reason_is_named(void **state)
{
	struct due due = due_of(XDP_DROP, REASON_NO_GRANT);
	struct effect effect = effect_of(&due);
	char why[EFFECT_WHY_MAX];

	(void)state;
	effect.verdict = XDP_PASS;
	assert_false(effect_is_due(&due, &effect, why));
	assert_string_equal(why, "verdict pass (2), not drop");
	effect = effect_of(&due);
	effect.stats[REASON_NO_GRANT] = (struct gate_counter){0};
	effect.stats[REASON_EXPIRED] = (struct gate_counter){1, frame.len};
	assert_false(effect_is_due(&due, &effect, why));
	assert_string_equal(why, "expired counted 1 packets, 54 bytes, not 0, 0; no_grant is due");
}

static void audit_lets_pass_what_enforcing_drops(void **state)
{
	struct due due = due_of(XDP_DROP, REASON_NO_GRANT);

	(void)state;
	assert_int_equal(due_verdict(&due), XDP_DROP);
	due.mode = JITGATE_AUDIT;
	assert_int_equal(due_verdict(&due), XDP_PASS);
	due.mode = 2;
	assert_int_equal(due_verdict(&due), XDP_DROP);
}

static void without_a_budget_nothing_is_told(void **state)
{
	struct due due = due_of(XDP_DROP, REASON_NO_GRANT);
	struct effect effect = effect_of(&due);
	char why[EFFECT_WHY_MAX];

	(void)state;
	due.budget = 0;
	assert_false(effect_is_due(&due, &effect, why));
	effect.n_events = 0;
	effect.budget_left = 0;
	assert_true(effect_is_due(&due, &effect, why));
}

static void the_last_of_the_budget_is_for_what_matters_most(void **state)
{
	static const struct {
		int verdict, reason;
		int64_t budget;
		bool told;
	} cases[] = {
		{XDP_DROP, REASON_NO_GRANT, JITGATE_KEPT_FOR_PORTS, true},
		{XDP_DROP, REASON_NO_GRANT, JITGATE_KEPT_FOR_GRANTS, false},
		{XDP_PASS, REASON_GRANTED, JITGATE_KEPT_FOR_GRANTS, true},
		{XDP_PASS, REASON_GRANTED, 1, true},
	};
	char why[EFFECT_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct due due = due_of(cases[i].verdict, cases[i].reason);
		struct effect effect = effect_of(&due);

		due.budget = cases[i].budget;
		effect.n_events = cases[i].told;
		effect.budget_left = due.budget - cases[i].told;
		assert_true(effect_is_due(&due, &effect, why));
		effect.n_events = !cases[i].told;
		effect.budget_left = due.budget - !cases[i].told;
		assert_false(effect_is_due(&due, &effect, why));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_due_is_no_surprise),
		cmocka_unit_test(any_other_byte_is_a_surprise),
		cmocka_unit_test(the_reason_is_named),
		cmocka_unit_test(audit_lets_pass_what_enforcing_drops),
		cmocka_unit_test(without_a_budget_nothing_is_told),
		cmocka_unit_test(the_last_of_the_budget_is_for_what_matters_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
