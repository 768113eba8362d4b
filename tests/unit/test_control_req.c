// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The control socket's one line: what is understood, and that nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control_req.h"
#include "grant.h"
#include "jitgate_abi.h"
#include "util.h"

static int parse(const char *line, struct control_request *ret)
{
	struct parse_error err = {0};
	int r = control_req_parse(line, strlen(line), ret, &err);

	assert_true(r == 0 || err.why);
	return r;
}

static void each_request_is_understood(void **state)
{
	struct control_request q;

	(void)state;
	assert_int_equal(parse("status text", &q), 0);
	assert_int_equal(q.kind, CONTROL_STATUS);
	assert_false(q.json);
	assert_int_equal(parse("list json", &q), 0);
	assert_int_equal(q.kind, CONTROL_LIST);
	assert_true(q.json);
	assert_int_equal(parse("explain json 2001:db8::7 3389 udp", &q), 0);
	assert_int_equal(q.kind, CONTROL_EXPLAIN);
	assert_int_equal(q.source.family, JITGATE_IPV6);
	assert_int_equal(q.port, 3389);
	assert_int_equal(q.protos, PROTO_BIT_UDP);
}

static void each_order_is_understood(void **state)
{
	struct control_request q;

	(void)state;
	assert_int_equal(parse("arm text 300", &q), 0);
	assert_int_equal(q.kind, CONTROL_ARM);
	assert_int_equal(q.seconds, 300);
	assert_int_equal(parse("confirm json", &q), 0);
	assert_int_equal(q.kind, CONTROL_CONFIRM);
	assert_true(q.json);
	assert_int_equal(parse("disarm text", &q), 0);
	assert_int_equal(q.kind, CONTROL_DISARM);
	assert_int_equal(parse("open text 10.0.0.0/24 22 * 3600 beyond 1000 it is  p\xc3\xa4ger's \"fault\" \\n", &q),
			 0);
	assert_int_equal(q.kind, CONTROL_OPEN);
	assert_int_equal(q.source.prefix_len, 24);
	assert_int_equal(q.protos, PROTO_BITS_ALL);
	assert_int_equal(q.seconds, 3600);
	assert_true(q.beyond);
	assert_int_equal(q.uid, 1000);
	assert_string_equal(q.reason, "it is  p\xc3\xa4ger's \"fault\" \\n");
	assert_int_equal(parse("open text 10.0.0.1 22 tcp 60 within - x", &q), 0);
	assert_false(q.beyond);
	assert_int_equal(q.uid, CONTROL_NO_UID);
	assert_int_equal(parse("close text 10.0.0.1 22 udp", &q), 0);
	assert_int_equal(q.kind, CONTROL_CLOSE);
	assert_int_equal(q.protos, PROTO_BIT_UDP);
}

static void what_changes_something_is_known(void **state)
{
	(void)state;
	for (int kind = 0; kind < _CONTROL_MAX; kind++)
		assert_int_equal(control_req_changes((enum control_kind)kind),
				 kind != CONTROL_STATUS && kind != CONTROL_LIST && kind != CONTROL_EXPLAIN);
}

static void a_reason_is_one_line_of_200_bytes_at_most(void **state)
{
	char line[CONTROL_LINE_MAX] = "open text 10.0.0.1 22 tcp 60 within - ";
	size_t start = strlen(line);
	struct control_request q;

	(void)state;
	memset(line + start, 'x', 200);
	assert_int_equal(parse(line, &q), 0);
	assert_int_equal(strlen(q.reason), 200);
	line[start + 200] = 'x';
	assert_true(parse(line, &q) < 0);
	assert_true(control_req_is_reason("a", 1));
	assert_false(control_req_is_reason("", 0));
	assert_false(control_req_is_reason("a\nb", 3));
	assert_false(control_req_is_reason("a\x7f", 2));
	assert_false(control_req_is_reason("a\xc2\x85", 3)); /* C1 */
	assert_false(control_req_is_reason("a\xff", 2));
	assert_false(control_req_is_reason(" a", 2));
	assert_false(control_req_is_reason("a ", 2));
}

static void anything_else_is_refused_and_leaves_the_request_untouched(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"status",
		"status ",
		"status  text",
		" status text",
		"status text ",
		"status text x",
		"status TEXT",
		"STATUS text",
		"statusx text",
		"explain text",
		"explain text 10.0.0.1",
		"explain text 10.0.0.1 22",
		"explain text 10.0.0.1 22 tcp x",
		"explain text 10.0.0.0/24 22 tcp",
		"explain text 10.0.0 22 tcp",
		"explain text 10.0.0.1 0 tcp",
		"explain text 10.0.0.1 65536 tcp",
		"explain text 10.0.0.1 022 tcp",
		"explain text 10.0.0.1 -1 tcp",
		"explain text 10.0.0.1 22 icmp",
		"explain text 10.0.0.1 22 *",
		"explain text 10.0.0.1 22/tcp tcp",
		"explain text 10.0.0.1 99999999999999999999999999999999999999 tcp",
		"flush",
		"arm text",
		"arm text ",
		"arm text 0",
		"arm text 86401",
		"arm text 05",
		"arm text 5m",
		"arm text -1",
		"arm text 5 ",
		"confirm",
		"confirm text now",
		"disarm text ",
		"open text 10.0.0.1 22 tcp",
		"open text 10.0.0.1 22 tcp 3600",
		"open text 10.0.0.1 22 tcp 3600 within",
		"open text 10.0.0.1 22 tcp 3600 within -",
		"open text 10.0.0.1 22 tcp 3600 within - ",
		"open text 10.0.0.1 22 tcp 3600 within -  x",
		"open text 10.0.0.1 22 tcp 3600 within - x ",
		"open text 10.0.0.1 22 tcp 59 within - x",
		"open text 10.0.0.1 22 tcp 604801 within - x",
		"open text 10.0.0.1 22 tcp 3600 without - x",
		"open text 10.0.0.1 22 tcp 3600 within 4294967295 x",
		"open text 10.0.0.1 22 tcp 3600 within root x",
		"open text 10.0.0.1 22 tcp 3600 within - a\tb",
		"open text 10.0.0.1 22 tcp 3600 within - a\033[2J",
		"open text 10.0.0.1 22/tcp 3600 within - x",
		"open text * 22 tcp 3600 within - x",
		"close text 10.0.0.1 22",
		"close text 10.0.0.1 22 tcp 60",
	};
	const struct control_request before = {.kind = CONTROL_LIST, .port = 4711};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct control_request q = before;

		if (parse(bad[i], &q) == 0)
			fail_msg("accepted: \"%s\"", bad[i]);
		assert_memory_equal(&q, &before, sizeof(q));
	}
}

static void a_line_that_is_too_long_or_holds_a_nul_is_refused(void **state)
{
	char line[CONTROL_LINE_MAX + 10];
	struct control_request q;
	struct parse_error err;

	(void)state;
	memset(line, 'a', sizeof(line));
	assert_true(control_req_parse(line, sizeof(line), &q, &err) < 0);
	assert_true(control_req_parse("status text\0x", 13, &q, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request_is_understood),
		cmocka_unit_test(each_order_is_understood),
		cmocka_unit_test(what_changes_something_is_known),
		cmocka_unit_test(a_reason_is_one_line_of_200_bytes_at_most),
		cmocka_unit_test(anything_else_is_refused_and_leaves_the_request_untouched),
		cmocka_unit_test(a_line_that_is_too_long_or_holds_a_nul_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
