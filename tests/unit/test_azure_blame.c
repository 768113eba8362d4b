// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The words for what went wrong: who was asked for what, what came, what helps; nothing of the other side unescaped.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "azure_blame.h"

static const struct azure_scope group = {.subscription = "s", .group = "Main"};
static const struct azure_scope subscription = {.subscription = "s"};
static const struct azure_scope policy = {
	.subscription = "s", .group = "Main", .region = "westeurope", .name = "default"};

/* Why and detail as one text. */
static char *blame_status(const struct azure_question *q, long status, const char *body, uint32_t retry_after_s)
{
	_cleanup_azure_failure_ struct azure_failure failure = {0};
	const struct azure_http_response response = {
		.status = status,
		.body = (char *)body,
		.len = strlen(body),
		.retry_after_s = retry_after_s,
		.correlation = "c\"1",
		.request = "",
	};

	azure_blame_status(&failure, q, &response);
	if (failure.detail.data)
		text_printf(&failure.why, " |%s", failure.detail.data);
	return TAKE_PTR(failure.why.data);
}

static void each_status_says_what_helps(void **state)
{
	static const char role[] =
		"; give the VM's identity Microsoft.Security/locations/jitNetworkAccessPolicies/read on ";
	static const struct {
		struct azure_question q;
		long status;
		const char *body;
		uint32_t retry_after_s;
		const char *wanted;
	} cases[] = {
		{{AZURE_GOAL_COMPUTE, "http://i", "", NULL},
		 404,
		 "",
		 0,
		 "cannot learn which VM this is: http://i answers 404 (Not Found); is this an Azure VM?"},
		{{AZURE_GOAL_TOKEN, "http://i", "", NULL},
		 400,
		 "{\"error\":\"invalid_request\"}",
		 0,
		 "cannot get a token: http://i answers 400 invalid_request; give the VM a managed identity"},
		{{AZURE_GOAL_LIST, "https://a", "", NULL},
		 403,
		 "{\"error\":{\"code\":\"AuthorizationFailed\"}}",
		 0,
		 "cannot list JIT policies: https://a answers 403 AuthorizationFailed; give the VM's identity "
		 "Microsoft.Security/locations/jitNetworkAccessPolicies/read on the VM's resource group; a new role "
		 "takes "
		 "minutes"},
		{{AZURE_GOAL_LIST, "https://a", "", &group},
		 403,
		 "",
		 0,
		 "cannot list JIT policies of group \"Main\": https://a answers 403 (Forbidden); give the VM's "
		 "identity "
		 "Microsoft.Security/locations/jitNetworkAccessPolicies/read on the resource group; "},
		{{AZURE_GOAL_LIST, "https://a", "", &subscription},
		 404,
		 "",
		 0,
		 "cannot list JIT policies of subscription \"s\": https://a answers 404 (Not Found); is the "
		 "subscription still there"},
		{{AZURE_GOAL_POLICY, "https://a", "", &policy},
		 404,
		 "<html>",
		 0,
		 "cannot read JIT policy \"default\": https://a answers 404 (Not Found); is the resource group"},
		{{AZURE_GOAL_LIST, "https://a", "", NULL},
		 429,
		 "",
		 17,
		 "cannot list JIT policies: https://a answers 429 (Too Many Requests); asked too often, to be asked "
		 "again in 17 s at the earliest"},
		{{AZURE_GOAL_LIST, "https://a", "", NULL},
		 503,
		 "",
		 17,
		 "cannot list JIT policies: https://a answers 503 (Service Unavailable); to be asked again in 17 s"},
		{{AZURE_GOAL_LIST, "https://a", "", NULL},
		 418,
		 "",
		 0,
		 "cannot list JIT policies: https://a answers 418 | correlation=\"c\\\"1\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text =
			blame_status(&cases[i].q, cases[i].status, cases[i].body, cases[i].retry_after_s);

		if (strncmp(text, cases[i].wanted, strlen(cases[i].wanted)) != 0)
			fail_msg("%s", text);
		if (cases[i].status == 403)
			assert_non_null(strstr(text, role));
	}
}

static void words_of_the_other_side_are_escaped(void **state)
{
	const struct azure_question q = {AZURE_GOAL_LIST, "https://a", "", NULL};
	_cleanup_free_ char *text = blame_status(
		&q, 500, "{\"error\":{\"code\":\"x\\nerr: all is well\",\"message\":\"a\\u001b[2Jb\\n\"}}", 0);

	(void)state;
	assert_null(strchr(text, '\n'));
	assert_null(strchr(text, '\x1b'));
	assert_non_null(strstr(text, "answers 500 \"x\\nerr: all is well\""));
	assert_non_null(strstr(text, "message=\"a\\x1b[2Jb\\n\""));
}

/* Azure leaves x-ms-request-id empty at times. */
static void ids_that_are_empty_are_left_out(void **state)
{
	const struct azure_question q = {AZURE_GOAL_LIST, "https://a", "", NULL};
	_cleanup_azure_failure_ struct azure_failure failure = {0};
	const struct azure_http_response response = {.status = 500, .body = "", .request = "r-1"};
	_cleanup_free_ char *text = blame_status(&q, 500, "", 0);

	(void)state;
	assert_null(strstr(text, "request="));
	azure_blame_status(&failure, &q, &response);
	assert_string_equal(failure.detail.data, " request=\"r-1\"");
}

static void a_body_that_is_no_answer_says_where(void **state)
{
	const struct azure_question q = {AZURE_GOAL_LIST, "https://a", "", NULL};
	const struct parse_error err = {12, "not JSON, or cut short"};
	_cleanup_azure_failure_ struct azure_failure failure = {0}, memory = {0}, silence = {0};

	(void)state;
	azure_blame_body(&failure, &q, -EINVAL, &err);
	assert_string_equal(failure.why.data, "cannot list JIT policies: https://a: answer not understood: not JSON, "
					      "or cut short (byte 12)");
	azure_blame_body(&memory, &q, -ENOMEM, &err);
	assert_string_equal(memory.why.data, "cannot list JIT policies: https://a: out of memory");
	azure_blame(&silence, &q, "Connection refused");
	assert_string_equal(silence.why.data, "cannot list JIT policies: https://a: Connection refused");
}

static void words_of_certificates_stay_on_their_line(void **state)
{
	const struct azure_question q = {AZURE_GOAL_LIST, "https://a", "", NULL};
	_cleanup_azure_failure_ struct azure_failure failure = {0};

	(void)state;
	azure_blame(&failure, &q, "subject name 'x\nMAINPID=1\x1b[2J\x7f\xc3\xa9'");
	assert_string_equal(failure.why.data,
			    "cannot list JIT policies: https://a: subject name 'x?MAINPID=1?[2J?\xc3\xa9'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_certificates_stay_on_their_line),
		cmocka_unit_test(each_status_says_what_helps),
		cmocka_unit_test(words_of_the_other_side_are_escaped),
		cmocka_unit_test(ids_that_are_empty_are_left_out),
		cmocka_unit_test(a_body_that_is_no_answer_says_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
