// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The audit trail, whole lines: other programs read them, and nobody from outside may write in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "audit.h"
#include "util.h"

#define UNTIL_S 1795368600LL /* 2026-11-22T17:30:00Z */

struct case_grant {
	const char *source;
	uint16_t port;
	uint8_t protos;
	const char *requestor, *justification, *origin, *why;
};

static const struct case_grant plain = {"203.0.113.7/32",           22,  PROTO_BIT_TCP, "alice@example.com", "deploy",
					"/subscriptions/x/default", NULL};

/* The line of one grant; free it with text_free. */
static struct text line_of(const char *what, const struct case_grant *c)
{
	struct grant_set set = {0};
	struct grant grant = {.port = c->port, .protos = c->protos, .until = {UNTIL_S * NS_PER_S}};
	struct text line = {0};

	assert_int_equal(cidr_parse(c->source, strlen(c->source), &grant.source, NULL), 0);
	assert_int_equal(grant_set_add(&set, &grant, c->requestor, c->justification, c->origin), 0);
	audit_line(&line, what, &set, &set.grants[0], c->why);
	grant_set_free(&set);
	assert_false(line.failed);
	return line;
}

static void expect_line(const char *what, const struct case_grant *c, const char *expected)
{
	_cleanup_text_ struct text line = line_of(what, c);

	assert_string_equal(line.data, expected);
}

static void id_of(const struct case_grant *c, char id[9])
{
	_cleanup_text_ struct text line = line_of("granted", c);
	const char *at = strstr(line.data, " id=");

	assert_non_null(at);
	memcpy(id, at + 4, 8);
	id[8] = '\0';
}

static void a_grant_is_one_line_with_every_field(void **state)
{
	struct case_grant c = plain;

	(void)state;
	expect_line("granted", &c,
		    "granted id=69fab285 source=203.0.113.7 port=22/tcp until=2026-11-22T17:30:00Z "
		    "requestor=\"alice@example.com\" reason=\"deploy\" origin=\"/subscriptions/x/default\"");
	c.why = "wider than guard.widest_ipv4 allows";
	expect_line("refused", &c,
		    "refused id=69fab285 source=203.0.113.7 port=22/tcp until=2026-11-22T17:30:00Z "
		    "requestor=\"alice@example.com\" reason=\"deploy\" origin=\"/subscriptions/x/default\" "
		    "why=\"wider than guard.widest_ipv4 allows\"");
	c = (struct case_grant){"2001:db8::/64", 3389, PROTO_BIT_TCP | PROTO_BIT_UDP, NULL, NULL, NULL, NULL};
	expect_line("ended", &c,
		    "ended id=9563ae48 source=2001:db8::/64 port=3389/tcp+udp until=2026-11-22T17:30:00Z "
		    "requestor=\"\" reason=\"\" origin=\"\"");
}

/* Two lines of two machines, or of two days, are about one grant when the ids are the same. */
static void the_id_is_that_of_source_port_and_protocols_alone(void **state)
{
	const struct case_grant others[] = {
		{"203.0.113.8/32", 22, PROTO_BIT_TCP, "", "", "", NULL},
		{"203.0.113.0/24", 22, PROTO_BIT_TCP, "", "", "", NULL},
		{"203.0.113.7/32", 23, PROTO_BIT_TCP, "", "", "", NULL},
		{"203.0.113.7/32", 22 << 8, PROTO_BIT_TCP, "", "", "", NULL},
		{"203.0.113.7/32", 22, PROTO_BIT_UDP, "", "", "", NULL},
		{"203.0.113.7/32", 22, PROTO_BITS_ALL, "", "", "", NULL},
		{"cb00:7107::/32", 22, PROTO_BIT_TCP, "", "", "", NULL}, /* the same bytes as an IPv6 address */
	};
	struct case_grant same = plain;
	char ids[ARRAY_SIZE(others) + 1][9], again[9];

	(void)state;
	id_of(&plain, ids[ARRAY_SIZE(others)]);
	same.requestor = "bob";
	same.justification = same.origin = NULL;
	id_of(&same, again);
	assert_string_equal(again, ids[ARRAY_SIZE(others)]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		id_of(&others[i], ids[i]);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(ids[i], ids[j]);
	}
}

static void no_text_from_outside_can_forge_a_line_or_a_field(void **state)
{
	static const char *const hostile[] = {
		"x\" source=0.0.0.0/0 until=\"never",
		"x\ngranted id=00000000 source=0.0.0.0/0 port=22/tcp",
		"x\r\033[2Kgranted",
		"back\\\" slash=\"",
		"\xc2\x9b"
		"31m \xe2\x80\xae \xff",
	};
	static const char *const quoted[] = {
		"\"x\\\" source=0.0.0.0/0 until=\\\"never\"",
		"\"x\\ngranted id=00000000 source=0.0.0.0/0 port=22/tcp\"",
		"\"x\\x0d\\x1b[2Kgranted\"",
		"\"back\\\\\\\" slash=\\\"\"",
		"\"\\xc2\\x9b31m \\xe2\\x80\\xae \\xff\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		const struct case_grant c = {"203.0.113.7/32", 22,         PROTO_BIT_TCP, hostile[i],
					     hostile[i],       hostile[i], hostile[i]};
		char expected[1024];

		snprintf(expected, sizeof(expected),
			 "refused id=69fab285 source=203.0.113.7 port=22/tcp until=2026-11-22T17:30:00Z "
			 "requestor=%s reason=%s origin=%s why=%s",
			 quoted[i], quoted[i], quoted[i], quoted[i]);
		expect_line("refused", &c, expected);
	}
}

static void expect_event(const struct event *event, const char *expected)
{
	_cleanup_text_ struct text line = {0};

	audit_event(&line, event);
	assert_false(line.failed);
	assert_string_equal(line.data, expected);
}

/* Different bytes everywhere, so that a field taken from the wrong place shows. */
static struct event make_event(uint8_t family, uint8_t reason, uint8_t would_be)
{
	struct event event = {.boot_ns = 1,
			      .ifindex = 2,
			      .slot = 3,
			      .reason = reason,
			      .would_be = would_be,
			      .family = family,
			      .proto = IPPROTO_TCP,
			      .sport_be = htons(50123),
			      .dport_be = htons(22)};

	for (uint8_t i = 0; i < 16; i++) {
		event.saddr[i] = (uint8_t)(0x20 + i);
		event.daddr[i] = (uint8_t)(0x80 + i);
	}
	return event;
}

static void an_event_is_one_line_with_every_field(void **state)
{
	struct event event = make_event(JITGATE_IPV4, REASON_NO_GRANT, REASON_NO_GRANT);

	(void)state;
	expect_event(&event, "denied source=32.33.34.35 port=22/tcp source_port=50123 reason=no_grant interface=2");
	event = make_event(JITGATE_IPV6, REASON_EXPIRED, REASON_EXPIRED);
	event.proto = IPPROTO_UDP;
	expect_event(&event, "denied source=2021:2223:2425:2627:2829:2a2b:2c2d:2e2f port=22/udp source_port=50123 "
			     "reason=expired interface=2");
	event = make_event(JITGATE_IPV4, REASON_GRANTED, REASON_GRANTED);
	expect_event(&event, "admitted source=32.33.34.35 port=22/tcp source_port=50123 reason=granted interface=2");
	event = make_event(JITGATE_IPV4, REASON_AUDIT, REASON_NO_GRANT);
	expect_event(&event, "would-deny source=32.33.34.35 port=22/tcp source_port=50123 reason=no_grant interface=2");
}

static void an_event_without_an_address_says_none(void **state)
{
	struct event event = {.ifindex = 7, .reason = REASON_MALFORMED, .would_be = REASON_MALFORMED};

	(void)state;
	expect_event(&event, "denied source=none port=0/ source_port=0 reason=malformed interface=7");
	event.reason = event.would_be = 200; /* of another version */
	expect_event(&event, "denied source=none port=0/ source_port=0 reason=unknown interface=7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grant_is_one_line_with_every_field),
		cmocka_unit_test(the_id_is_that_of_source_port_and_protocols_alone),
		cmocka_unit_test(no_text_from_outside_can_forge_a_line_or_a_field),
		cmocka_unit_test(an_event_is_one_line_with_every_field),
		cmocka_unit_test(an_event_without_an_address_says_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
