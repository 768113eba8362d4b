// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Guard rails: each one refuses what violates it and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "fact_test.h"
#include "guard.h"
#include "jitgate_abi.h"

#define NOON (1700000000 * NS_PER_S)

static const struct guard open_guard = {.longest_s = 3600};

static struct grant grant_for(const char *source, int64_t until_ns)
{
	struct grant grant = {.port = 22, .protos = PROTO_BIT_TCP, .until = {until_ns}};

	if (cidr_parse(source, strlen(source), &grant.source, NULL) != 0)
		fail_msg("bad source %s", source);
	return grant;
}

static enum guard_verdict check_source(const struct guard *guard, const char *source)
{
	struct grant grant = grant_for(source, NOON + NS_PER_S);

	return guard_check(guard, &grant, (struct wall_time){NOON});
}

static enum guard_verdict check_end(uint32_t longest_s, int64_t until_ns, int64_t now_ns)
{
	struct guard guard = {.longest_s = longest_s};
	struct grant grant = grant_for("192.0.2.1", until_ns);

	return guard_check(&guard, &grant, (struct wall_time){now_ns});
}

static void longest_is_inclusive_with_a_minute_of_slack(void **state)
{
	const int64_t latest = NOON + (3600 + GUARD_CLOCK_SLACK_S) * NS_PER_S;

	(void)state;
	assert_int_equal(check_end(3600, latest, NOON), GUARD_OK);
	assert_int_equal(check_end(3600, latest + 1, NOON), GUARD_TOO_LONG);
	assert_int_equal(check_end(3600, NOON - NS_PER_S, NOON), GUARD_OK); /* past: nothing to guard against */
}

static void what_was_too_long_at_its_start_stays_refused_when_its_rest_is_short(void **state)
{
	struct grant grant = grant_for("192.0.2.1", NOON + 2 * 3600 * NS_PER_S);

	(void)state;
	assert_int_equal(guard_check(&open_guard, &grant, (struct wall_time){grant.until.ns - 1}), GUARD_OK);
	grant.start.ns = NOON;
	assert_int_equal(guard_check(&open_guard, &grant, (struct wall_time){grant.until.ns - 1}), GUARD_TOO_LONG);
	grant.start.ns = NOON + 3600 * NS_PER_S;
	assert_int_equal(guard_check(&open_guard, &grant, (struct wall_time){grant.until.ns - 1}), GUARD_OK);
}

static void hostile_times_are_judged_as_exact_sums(void **state)
{
	static const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, NOON, INT64_MAX - 1, INT64_MAX};
	static const uint32_t longest[] = {0, 1, 86400, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(edges); j++) {
			for (size_t k = 0; k < ARRAY_SIZE(longest); k++) {
				__int128 span = ((__int128)longest[k] + GUARD_CLOCK_SLACK_S) * NS_PER_S;
				bool too_long = edges[i] > edges[j] + span;

				assert_int_equal(check_end(longest[k], edges[i], edges[j]),
						 too_long ? GUARD_TOO_LONG : GUARD_OK);
			}
		}
	}
}

static void shortest_prefix_is_per_family(void **state)
{
	struct guard guard = {.longest_s = 3600, .widest_ipv4 = 24, .widest_ipv6 = 64};

	(void)state;
	assert_int_equal(check_source(&guard, "192.0.2.0/24"), GUARD_OK);
	assert_int_equal(check_source(&guard, "192.0.2.0/23"), GUARD_TOO_WIDE);
	assert_int_equal(check_source(&guard, "0.0.0.0/0"), GUARD_TOO_WIDE);
	assert_int_equal(check_source(&guard, "2001:db8::/64"), GUARD_OK);
	assert_int_equal(check_source(&guard, "2001:db8::/63"), GUARD_TOO_WIDE);
	assert_int_equal(check_source(&open_guard, "0.0.0.0/0"), GUARD_OK);
	assert_int_equal(check_source(&open_guard, "::/0"), GUARD_OK);
}

static void source_lies_wholly_in_one_of_the_sources(void **state)
{
	struct cidr sources[2];
	struct guard guard = {.longest_s = 3600, .sources = sources, .n_sources = 2};

	(void)state;
	sources[0] = grant_for("10.0.0.0/9", 0).source;
	sources[1] = grant_for("10.128.0.0/9", 0).source;
	assert_int_equal(check_source(&guard, "10.0.0.0/9"), GUARD_OK);
	assert_int_equal(check_source(&guard, "10.200.0.1"), GUARD_OK);
	assert_int_equal(check_source(&guard, "10.0.0.0/8"), GUARD_SOURCE_NOT_ALLOWED);
	assert_int_equal(check_source(&guard, "11.0.0.1"), GUARD_SOURCE_NOT_ALLOWED);
	assert_int_equal(check_source(&guard, "a00::1"), GUARD_SOURCE_NOT_ALLOWED); /* the same bytes, another family */
	guard.n_sources = 0;
	assert_int_equal(check_source(&guard, "11.0.0.1"), GUARD_OK);
}

static void what_no_packet_has_is_not_a_source(void **state)
{
	static const char *const not_sources[] = {"0.0.0.0",     "224.0.0.0/4",     "224.0.0.1", "239.255.255.255",
						  "232.0.0.0/8", "255.255.255.255", "::",        "ff00::/8",
						  "ff02::1",     "ffff::/16"};
	static const char *const sources[] = {
		"0.0.0.0/0",          "0.0.0.0/31", "0.0.0.1", "192.0.0.0/2", "223.255.255.255", "240.0.0.1",
		"255.255.255.254/31", "::/127",     "::1",     "fe00::/7",    "fe80::1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(not_sources); i++) {
		if (check_source(&open_guard, not_sources[i]) != GUARD_NOT_A_SOURCE)
			fail_msg("%s counts as a source", not_sources[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		if (check_source(&open_guard, sources[i]) != GUARD_OK)
			fail_msg("%s does not count as a source", sources[i]);
	}
}

/* cidr_parse lets neither through, but a feed sends bytes. */
static void mapped_address_and_unknown_family_are_not_sources(void **state)
{
	struct grant grant = {.port = 22, .protos = PROTO_BIT_TCP, .until = {NOON}};

	(void)state;
	grant.source =
		(struct cidr){.family = JITGATE_IPV6, .prefix_len = 128, .addr = {[10] = 255, [11] = 255, [12] = 10}};
	assert_int_equal(guard_check(&open_guard, &grant, (struct wall_time){NOON}), GUARD_NOT_A_SOURCE);
	grant.source.family = 0;
	assert_int_equal(guard_check(&open_guard, &grant, (struct wall_time){NOON}), GUARD_NOT_A_SOURCE);
}

static void every_verdict_has_its_own_text(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < _GUARD_MAX; i++) {
		assert_true(strlen(guard_text(i)) > 0);
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(guard_text(i), guard_text(j));
	}
	assert_non_null(guard_text(_GUARD_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fact_test("R2", longest_is_inclusive_with_a_minute_of_slack),
		cmocka_unit_test(what_was_too_long_at_its_start_stays_refused_when_its_rest_is_short),
		cmocka_unit_test(hostile_times_are_judged_as_exact_sums),
		cmocka_unit_test(shortest_prefix_is_per_family),
		cmocka_unit_test(source_lies_wholly_in_one_of_the_sources),
		cmocka_unit_test(what_no_packet_has_is_not_a_source),
		cmocka_unit_test(mapped_address_and_unknown_family_are_not_sources),
		cmocka_unit_test(every_verdict_has_its_own_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
