// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * gate_verdict natively, with the clock and the maps in our hand: the last nanosecond of a grant, and what
 * is not looked up. That it is right in the kernel is the packet tests' job.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "jitgate_abi.h"

static uint16_t protected_v1[65536];
static uint8_t sources_v1[2][JITGATE_SOURCES_BYTES];
static int grants_v1, state_v1; /* only their addresses count */

static struct {
	uint64_t now_boot_ns;
	int clock_reads;
	const struct gate_grant *grant;
	const struct gate_state *state;
	struct gate_key key; /* the last one asked for */
} fake;

static const void *bpf_map_lookup_elem(const void *map, const void *key)
{
	if (map == &state_v1)
		return fake.state;
	assert_ptr_equal(map, &grants_v1);
	memcpy(&fake.key, key, sizeof(fake.key));
	return fake.grant;
}

static uint64_t bpf_ktime_get_boot_ns(void)
{
	fake.clock_reads++;
	return fake.now_boot_ns;
}

#pragma GCC diagnostic ignored "-Wunknown-pragmas" /* clang unrolls loops when told */
#include "gate_verdict.h"

static const uint8_t source[16] = {192, 0, 2, 77, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static struct packet packet_of(uint8_t family)
{
	return (struct packet){.saddr = source,
			       .daddr = source,
			       .family = family,
			       .proto = IPPROTO_TCP,
			       .proto_index = PROTO_INDEX_TCP,
			       .sport_be = GATE_BE16(40000),
			       .dport_be = GATE_BE16(22)};
}

static void search_everywhere(int bit)
{
	memset(sources_v1, bit ? 0xff : 0, sizeof(sources_v1));
}

static int judge(int is_part, uint64_t now_boot_ns, uint64_t expires_boot_ns)
{
	const struct gate_grant grant = {.expires_boot_ns = expires_boot_ns, .slot = 7};
	struct packet pkt = packet_of(JITGATE_IPV4);
	struct match match = {0};
	int reason;

	memset(&fake, 0, sizeof(fake));
	search_everywhere(1);
	fake.now_boot_ns = now_boot_ns;
	fake.grant = &grant;
	pkt.is_part = is_part;
	reason = judge_grant(&pkt, &match);
	assert_int_equal(match.slot, 7);
	assert_int_equal(match.now_boot_ns, now_boot_ns);
	assert_int_equal(fake.clock_reads, 1);
	return reason;
}

static void a_grant_is_over_in_the_nanosecond_of_its_deadline(void **state)
{
	(void)state;
	assert_int_equal(judge(0, 999, 1000), REASON_GRANTED);
	assert_int_equal(judge(0, 1000, 1000), REASON_EXPIRED);
	assert_int_equal(judge(0, 1001, 1000), REASON_EXPIRED);
	assert_int_equal(judge(0, 1, 0), REASON_EXPIRED);
	assert_int_equal(judge(0, UINT64_MAX - 1, JITGATE_NO_DEADLINE), REASON_GRANTED);
}

static void a_first_fragment_is_judged_by_when_its_datagram_may_be_whole(void **state)
{
	(void)state;
	assert_int_equal(judge(1, 999, 1000 + GATE_REASSEMBLY_NS), REASON_GRANTED);
	assert_int_equal(judge(1, 1000, 1000 + GATE_REASSEMBLY_NS), REASON_EXPIRED);
	assert_int_equal(judge(1, 1000, 1001), REASON_EXPIRED);
	assert_int_equal(judge(1, 1000, JITGATE_NO_DEADLINE), REASON_GRANTED);
}

static void the_clock_is_not_read_without_an_entry(void **state)
{
	const struct packet pkt = packet_of(JITGATE_IPV4);
	struct match match = {0};

	(void)state;
	memset(&fake, 0, sizeof(fake));
	search_everywhere(1);
	assert_int_equal(judge_grant(&pkt, &match), REASON_NO_GRANT);
	assert_int_equal(fake.clock_reads, 0);
	assert_int_equal(match.slot, 0);
}

static void the_key_is_the_whole_address_and_nothing_else(void **state)
{
	struct gate_key due = {.prefixlen = 32 + 32, .port_be = GATE_BE16(22), .proto = 6, .family = JITGATE_IPV4};
	struct packet pkt = packet_of(JITGATE_IPV4);
	struct match match = {0};

	(void)state;
	memset(&fake, 0, sizeof(fake));
	search_everywhere(1);
	judge_grant(&pkt, &match);
	memcpy(due.addr, source, 4);
	assert_memory_equal(&fake.key, &due, sizeof(due));

	pkt = packet_of(JITGATE_IPV6);
	judge_grant(&pkt, &match);
	due.prefixlen = 32 + 128;
	due.family = JITGATE_IPV6;
	memcpy(due.addr, source, 16);
	assert_memory_equal(&fake.key, &due, sizeof(due));
}

/* 16 bits, each family's own; no other bit counts. */
static void the_trie_is_searched_only_for_a_source_that_has_its_bit(void **state)
{
	const struct gate_grant grant = {.expires_boot_ns = 1000};
	struct packet v4 = packet_of(JITGATE_IPV4), v6 = packet_of(JITGATE_IPV6);
	struct match match = {0};

	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.grant = &grant;
	search_everywhere(0);
	assert_int_equal(judge_grant(&v4, &match), REASON_NO_GRANT);
	assert_int_equal(judge_grant(&v6, &match), REASON_NO_GRANT);
	assert_int_equal(fake.key.prefixlen, 0); /* nothing was looked up */
	sources_v1[0][192 * 32 + 168 / 8] = 1 << 168 % 8;
	sources_v1[0][192 * 32] = 1 << 0; /* 192.0 */
	assert_int_equal(judge_grant(&v4, &match), REASON_GRANTED);
	assert_int_equal(judge_grant(&v6, &match), REASON_NO_GRANT);
	search_everywhere(0);
	sources_v1[1][(192 ^ 2) * 32 + (0 ^ 77) / 8] = 1 << 77 % 8;
	assert_int_equal(judge_grant(&v4, &match), REASON_NO_GRANT);
	assert_int_equal(judge_grant(&v6, &match), REASON_GRANTED);
}

static void only_the_protocol_that_is_protected_is_closed(void **state)
{
	struct packet pkt = packet_of(JITGATE_IPV4);

	(void)state;
	memset(protected_v1, 0, sizeof(protected_v1));
	protected_v1[GATE_BE16(22)] = PROTO_BIT_TCP;
	assert_true(is_protected(&pkt));
	pkt.proto_index = PROTO_INDEX_UDP;
	assert_false(is_protected(&pkt));
	pkt.proto_index = PROTO_INDEX_TCP;
	pkt.dport_be = 22 << 8 == GATE_BE16(22) ? 22 : 22 << 8;
	assert_false(is_protected(&pkt));
}

static void anything_but_audit_enforces(void **state)
{
	struct gate_state is = {.mode = JITGATE_ENFORCE};

	(void)state;
	memset(&fake, 0, sizeof(fake));
	assert_false(is_audit());
	fake.state = &is;
	assert_false(is_audit());
	is.mode = 2;
	assert_false(is_audit());
	is.mode = JITGATE_AUDIT;
	assert_true(is_audit());
}

static void a_trial_enforces_up_to_its_deadline(void **state)
{
	struct gate_state is = {.mode = JITGATE_AUDIT, .confirm_until_boot_ns = 1000};

	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.state = &is;
	fake.now_boot_ns = 999;
	assert_false(is_audit());
	fake.now_boot_ns = 1000;
	assert_true(is_audit());
	assert_int_equal(fake.clock_reads, 2);
	is.mode = JITGATE_ENFORCE;
	assert_false(is_audit());
	is = (struct gate_state){.mode = JITGATE_AUDIT};
	assert_true(is_audit());
	assert_int_equal(fake.clock_reads, 2); /* no trial: no clock */
}

static void what_the_parser_settles_drops_or_passes_as_in_the_table(void **state)
{
	(void)state;
	assert_true(is_drop(REASON_MALFORMED));
	assert_true(is_drop(REASON_TOO_DEEP));
	assert_true(is_drop(REASON_SHORT_L4));
	assert_false(is_drop(REASON_NOT_IP));
	assert_false(is_drop(REASON_LATER_FRAGMENT));
	assert_false(is_drop(REASON_OTHER_PROTO));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grant_is_over_in_the_nanosecond_of_its_deadline),
		cmocka_unit_test(a_first_fragment_is_judged_by_when_its_datagram_may_be_whole),
		cmocka_unit_test(the_clock_is_not_read_without_an_entry),
		cmocka_unit_test(the_key_is_the_whole_address_and_nothing_else),
		cmocka_unit_test(the_trie_is_searched_only_for_a_source_that_has_its_bit),
		cmocka_unit_test(only_the_protocol_that_is_protected_is_closed),
		cmocka_unit_test(anything_but_audit_enforces),
		cmocka_unit_test(a_trial_enforces_up_to_its_deadline),
		cmocka_unit_test(what_the_parser_settles_drops_or_passes_as_in_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
