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
	assert_int_equal(q.proto_bit, PROTO_BIT_UDP);
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
		cmocka_unit_test(anything_else_is_refused_and_leaves_the_request_untouched),
		cmocka_unit_test(a_line_that_is_too_long_or_holds_a_nul_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
