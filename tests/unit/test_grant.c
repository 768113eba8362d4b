// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Storage of grants and their texts, and the text forms of ports and protocols. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "grant.h"
#include "jitgate_abi.h"

#define _cleanup_grant_set_ CLEANUP(grant_set_free)

static struct grant ssh_grant(void)
{
	return (struct grant){
		.source = {.family = JITGATE_IPV4, .prefix_len = 32, .addr = {192, 0, 2, 1}},
		.port = 22,
		.protos = PROTO_BIT_TCP,
		.until = {1000},
	};
}

static void empty_set_has_empty_texts(void **state)
{
	_cleanup_grant_set_ struct grant_set set = {0};
	struct grant grant = ssh_grant();

	(void)state;
	assert_string_equal(grant_set_text(&set, 0), "");
	assert_string_equal(grant_set_text(&set, 12345), "");
	assert_int_equal(grant_set_add(&set, &grant, NULL, "", NULL), 0);
	assert_int_equal(set.grants[0].requestor, 0);
	assert_int_equal(set.grants[0].origin, 0);
	assert_string_equal(grant_set_text(&set, 0), "");
}

static void many_grants_keep_their_own_texts(void **state)
{
	_cleanup_grant_set_ struct grant_set set = {0};
	struct grant grant = ssh_grant();
	char text[64];

	(void)state;
	grant.requestor = grant.origin = 0xdead; /* refs of another set mean nothing here */
	for (uint16_t i = 1; i <= 10000; i++) {
		grant.port = i;
		snprintf(text, sizeof(text), "user%u@example.com", i);
		assert_int_equal(grant_set_add(&set, &grant, text, i % 2 ? "" : "because", "policy"), 0);
	}
	assert_int_equal(set.n, 10000);
	for (uint16_t i = 1; i <= 10000; i++) {
		const struct grant *kept = &set.grants[i - 1];

		snprintf(text, sizeof(text), "user%u@example.com", i);
		assert_int_equal(kept->port, i);
		assert_string_equal(grant_set_text(&set, kept->requestor), text);
		assert_string_equal(grant_set_text(&set, kept->justification), i % 2 ? "" : "because");
		assert_string_equal(grant_set_text(&set, kept->origin), "policy");
	}
}

static void repeated_text_is_stored_once(void **state)
{
	_cleanup_grant_set_ struct grant_set set = {0};
	struct grant grant = ssh_grant();
	size_t len;

	(void)state;
	assert_int_equal(grant_set_add(&set, &grant, "a", "b", "c"), 0);
	len = set.text_len;
	assert_int_equal(grant_set_add(&set, &grant, "a", "b", "c"), 0);
	assert_int_equal(set.text_len, len);
	assert_int_equal(set.grants[1].origin, set.grants[0].origin);
}

static void bad_port_or_protocol_is_refused_and_leaves_no_trace(void **state)
{
	_cleanup_grant_set_ struct grant_set set = {0};
	struct grant grant = ssh_grant();

	(void)state;
	grant.port = 0;
	assert_int_equal(grant_set_add(&set, &grant, "a", "b", "c"), -EINVAL);
	grant = ssh_grant();
	grant.protos = 0;
	assert_int_equal(grant_set_add(&set, &grant, "a", "b", "c"), -EINVAL);
	grant.protos = PROTO_BIT_TCP | 0x20;
	assert_int_equal(grant_set_add(&set, &grant, "a", "b", "c"), -EINVAL);
	assert_int_equal(set.n, 0);
	assert_null(set.text);
}

static void texts_end_where_a_ref_ends(void **state)
{
	struct grant_set set = {.text_len = UINT32_MAX - 3,
				.text_cap = UINT32_MAX}; /* no memory behind it: it must not be read */
	struct grant grant = ssh_grant();

	(void)state;
	assert_int_equal(grant_set_add(&set, &grant, "long", "", ""), -ENOMEM);
	assert_int_equal(set.n, 0);
	assert_int_equal(set.text_len, UINT32_MAX - 3);
}

static void same_grant_is_same_source_port_and_protocols(void **state)
{
	struct grant a = ssh_grant(), b = ssh_grant();

	(void)state;
	b.until.ns = 5;
	b.requestor = 7;
	assert_int_equal(grant_compare(&a, &b), 0);
	b.source.addr[3] = 2;
	assert_true(grant_compare(&a, &b) < 0 && grant_compare(&b, &a) > 0);
	b = ssh_grant();
	b.protos = PROTO_BIT_UDP;
	assert_true(grant_compare(&a, &b) < 0 && grant_compare(&b, &a) > 0);
	b.port = 21;
	assert_true(grant_compare(&a, &b) > 0 && grant_compare(&b, &a) < 0);
}

static void snapshot_keeps_ports_and_refuses_bad_ones(void **state)
{
	_cleanup_snapshot_ struct snapshot snapshot = {0};

	(void)state;
	for (uint16_t i = 1; i <= 1000; i++) {
		struct port_rule rule = {.port = i, .protos = PROTO_BITS_ALL, .longest_s = i};

		assert_int_equal(snapshot_add_port(&snapshot, &rule), 0);
	}
	assert_int_equal(snapshot_add_port(&snapshot, &(struct port_rule){.protos = 1}), -EINVAL);
	assert_int_equal(snapshot_add_port(&snapshot, &(struct port_rule){.port = 1}), -EINVAL);
	assert_int_equal(snapshot.n_ports, 1000);
	assert_int_equal(snapshot.ports[999].longest_s, 1000);
	snapshot_free(&snapshot);
	assert_null(snapshot.ports);
	assert_int_equal(snapshot.n_ports, 0);
}

static void protocols_have_names_and_fit_their_buffer(void **state)
{
	char out[PROTOS_TEXT_MAX];

	(void)state;
	assert_string_equal(protos_format(PROTO_BIT_TCP, out), "tcp");
	assert_string_equal(protos_format(PROTO_BIT_TCP | PROTO_BIT_UDP, out), "tcp+udp");
	assert_string_equal(protos_format(PROTO_BITS_ALL, out), "*");
	assert_string_equal(protos_format(PROTO_BITS_ALL & ~PROTO_BIT_TCP, out), "udp+sctp+dccp+udplite");
	for (unsigned int protos = 0; protos < 256; protos++)
		assert_true(strlen(protos_format((uint8_t)protos, out)) < sizeof(out));
}

static void check_protos(const char *text, uint8_t expected)
{
	uint8_t protos = 0;

	assert_int_equal(protos_parse(text, strlen(text), &protos), 0);
	assert_int_equal(protos, expected);
}

static void protocol_names_are_taken_in_any_case(void **state)
{
	static const char *const bad[] = {"", " tcp", "tcp ", "tc", "tcpx", "icmp", "6", "tcp+udp", "all", "**"};
	uint8_t protos = 0xa5;

	(void)state;
	check_protos("tcp", PROTO_BIT_TCP);
	check_protos("TCP", PROTO_BIT_TCP);
	check_protos("Udp", PROTO_BIT_UDP);
	check_protos("UDPLite", PROTO_BIT_UDPLITE);
	check_protos("sctp", PROTO_BIT_SCTP);
	check_protos("dccp", PROTO_BIT_DCCP);
	check_protos("*", PROTO_BITS_ALL);
	check_protos("Any", PROTO_BITS_ALL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(protos_parse(bad[i], strlen(bad[i]), &protos), -EINVAL);
	assert_int_equal(protos_parse("tcp\0", 4, &protos), -EINVAL);
	assert_int_equal(protos, 0xa5);
}

static void bits_and_numbers_are_one_to_one(void **state)
{
	unsigned int numbers = 0;

	(void)state;
	assert_int_equal(proto_number(PROTO_BIT_TCP), IPPROTO_TCP);
	assert_int_equal(proto_number(PROTO_BIT_UDPLITE), IPPROTO_UDPLITE);
	assert_int_equal(proto_number(0), 0);
	assert_int_equal(proto_number(PROTO_BIT_TCP | PROTO_BIT_UDP), 0);
	assert_int_equal(proto_to_bit(IPPROTO_ICMP), 0);
	for (unsigned int number = 0; number < 256; number++) {
		uint8_t bit = proto_to_bit((uint8_t)number);

		if (!bit)
			continue;
		numbers++;
		assert_int_equal(proto_number(bit), number);
	}
	assert_int_equal(numbers, __builtin_popcount(PROTO_BITS_ALL));
}

static void check_port(const char *text, uint16_t port, uint8_t protos)
{
	struct port_rule rule = {.longest_s = 99};

	assert_int_equal(port_rule_parse(text, strlen(text), &rule, NULL), 0);
	assert_int_equal(rule.port, port);
	assert_int_equal(rule.protos, protos);
	assert_int_equal(rule.longest_s, 0);
}

static void port_alone_is_tcp(void **state)
{
	(void)state;
	check_port("22", 22, PROTO_BIT_TCP);
	check_port("22/tcp", 22, PROTO_BIT_TCP);
	check_port("53/UDP", 53, PROTO_BIT_UDP);
	check_port("5985/any", 5985, PROTO_BITS_ALL);
	check_port("65535/*", 65535, PROTO_BITS_ALL);
	check_port("1", 1, PROTO_BIT_TCP);
}

static void bad_port_text_is_refused_and_ret_untouched(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
	} bad[] = {
		{"", 0},
		{"0", 0},
		{"0/tcp", 0},
		{"022", 0},
		{"65536", 0},
		{"4294967318", 0},
		{"99999999999999999999", 0},
		{"-22", 0},
		{"+22", 0},
		{" 22", 0},
		{"22 ", 2},
		{"22-23", 2},
		{"22.0", 2},
		{"0x16", 0},
		{"ssh", 0},
		{"/tcp", 0},
		{"22/", 3},
		{"22/icmp", 3},
		{"22/tcp ", 3},
		{"22/tcp/udp", 3},
		{"22//tcp", 3},
		{"tcp/22", 0},
	};
	struct port_rule rule = {.port = 7, .protos = 7, .longest_s = 7};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct parse_error err = {.offset = 999};

		if (port_rule_parse(bad[i].text, strlen(bad[i].text), &rule, &err) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i].text);
		if (err.offset != bad[i].offset)
			fail_msg("\"%s\": offset %zu", bad[i].text, err.offset);
		assert_non_null(err.why);
		assert_true(rule.port == 7 && rule.protos == 7 && rule.longest_s == 7);
	}
	assert_int_equal(port_rule_parse(NULL, 0, &rule, NULL), -EINVAL);
	assert_int_equal(port_rule_parse("22\0", 3, &rule, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_set_has_empty_texts),
		cmocka_unit_test(many_grants_keep_their_own_texts),
		cmocka_unit_test(repeated_text_is_stored_once),
		cmocka_unit_test(bad_port_or_protocol_is_refused_and_leaves_no_trace),
		cmocka_unit_test(texts_end_where_a_ref_ends),
		cmocka_unit_test(same_grant_is_same_source_port_and_protocols),
		cmocka_unit_test(snapshot_keeps_ports_and_refuses_bad_ones),
		cmocka_unit_test(protocols_have_names_and_fit_their_buffer),
		cmocka_unit_test(protocol_names_are_taken_in_any_case),
		cmocka_unit_test(bits_and_numbers_are_one_to_one),
		cmocka_unit_test(port_alone_is_tcp),
		cmocka_unit_test(bad_port_text_is_refused_and_ret_untouched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
