// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Which packets are told to a feed as knocks: of each source, about once a second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "knock.h"
#include "util.h"

static struct knock_sieve sieve;

static int fresh_sieve(void **state)
{
	(void)state;
	sieve = (struct knock_sieve){0};
	return 0;
}

static struct event from(uint8_t last)
{
	return (struct event){.boot_ns = 5,
			      .reason = REASON_NO_GRANT,
			      .would_be = REASON_NO_GRANT,
			      .family = JITGATE_IPV4,
			      .proto = 6,
			      .dport_be = htons(3389),
			      .saddr = {10, 0, 0, last}};
}

static bool take(const struct event *event, double seconds, struct knock *ret)
{
	return knock_take(&sieve, event, (struct boot_time){(uint64_t)(seconds * (double)NS_PER_S)}, ret);
}

static void a_knock_says_who_and_where(void **state)
{
	struct event event = from(1);
	struct knock knock;

	(void)state;
	assert_true(take(&event, 100, &knock));
	assert_int_equal(knock.at.ns, 5);
	assert_int_equal(knock.family, JITGATE_IPV4);
	assert_int_equal(knock.proto, 6);
	assert_int_equal(knock.port, 3389);
	assert_int_equal(knock.n_unsaid, 0);
	assert_memory_equal(knock.addr, event.saddr, sizeof(knock.addr));
}

static void an_ipv6_source_is_its_first_64_bits(void **state)
{
	struct event event = {
		.would_be = REASON_EXPIRED, .family = JITGATE_IPV6, .saddr = {0x20, 1, 2, 3, 4, 5, 6, 7, 8, 9}};
	static const uint8_t wanted[16] = {0x20, 1, 2, 3, 4, 5, 6, 7};
	struct knock knock;

	(void)state;
	assert_true(take(&event, 100, &knock));
	assert_memory_equal(knock.addr, wanted, sizeof(wanted));
	event.saddr[15] = 99;
	assert_false(take(&event, 100, &knock)); /* the same */
	event.saddr[7] = 99;
	assert_true(take(&event, 100, &knock));
}

static void only_a_missing_or_ended_grant_is_a_knock(void **state)
{
	struct knock knock;

	(void)state;
	for (int reason = 0; reason < _REASON_MAX; reason++) {
		struct event event = from((uint8_t)reason);

		event.reason = REASON_AUDIT; /* what would be counts */
		event.would_be = (uint8_t)reason;
		assert_int_equal(take(&event, 100, &knock), reason == REASON_NO_GRANT || reason == REASON_EXPIRED);
	}
	struct event event = from(200);
	event.family = 0;
	assert_false(take(&event, 100, &knock));
}

/* What a TCP client sends passes whole; what comes in between is counted. */
static void a_source_is_told_of_once_a_second(void **state)
{
	struct event client = from(1), loop = from(2);
	struct knock knock;

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(take(&client, 100 + i, &knock) && knock.n_unsaid == 0);
	assert_true(take(&loop, 100, &knock));
	for (int i = 1; i < 90; i++)
		assert_false(take(&loop, 100 + 0.01 * i, &knock));
	assert_true(take(&loop, 100.91, &knock));
	assert_int_equal(knock.n_unsaid, 89);
	assert_true(take(&loop, 102, &knock));
	assert_int_equal(knock.n_unsaid, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_knock_says_who_and_where, fresh_sieve),
		cmocka_unit_test_setup(an_ipv6_source_is_its_first_64_bits, fresh_sieve),
		cmocka_unit_test_setup(only_a_missing_or_ended_grant_is_a_knock, fresh_sieve),
		cmocka_unit_test_setup(a_source_is_told_of_once_a_second, fresh_sieve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
