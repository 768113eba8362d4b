// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The token: which answers bring one, how long it is used, when the next one is asked for, and that what is let go is
 * wiped.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <cjson/cJSON.h>

#include "azure_fixture.h"
#include "azure_token.h"
#include "fact_test.h"
#include "json_member.h"

#define NOW_S 1700000000LL

static struct clock_pair at_s(uint64_t s)
{
	return (struct clock_pair){
		.wall.ns = (NOW_S + (int64_t)s) * NS_PER_S,
		.boot.ns = (1000 + s) * NS_PER_S,
	};
}

/* As azure_token_take, of JSON with ' for ". */
static int take(struct azure_token *token, const char *quoted, uint64_t now_s)
{
	_cleanup_free_ char *json = fixture_quoted(quoted);

	return azure_token_take(token, json, strlen(json), at_s(now_s), NULL);
}

static int take_life(struct azure_token *token, const char *secret, uint64_t life_s, uint64_t now_s)
{
	char json[256];

	snprintf(json, sizeof(json), "{'access_token':'%s','expires_in':'%llu','token_type':'Bearer'}", secret,
		 (unsigned long long)life_s);
	return take(token, json, now_s);
}

static void assert_header(const struct azure_token *token, const char *wanted)
{
	CLEANUP(azure_token_free_header) char *header = azure_token_header(token);

	assert_non_null(header);
	assert_string_equal(header, wanted);
}

static void a_token_is_fit_for_a_header_or_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{'access_token':'a\\r\\nX-Evil: 1','token_type':'Bearer'}",
		"{'access_token':'a b','token_type':'Bearer'}",
		"{'access_token':'','token_type':'Bearer'}",
		"{'access_token':'a\x7f','token_type':'Bearer'}",
		"{'access_token':'\xc3\xa9','token_type':'Bearer'}",
		"{'access_token':'abc','token_type':'Basic'}",
		"{'access_token':'abc'}",
		"{'access_token':7,'token_type':'Bearer'}",
		"{'access_token':null,'token_type':'Bearer'}",
		"{'Access_token':'abc','token_type':'Bearer'}",
		"{'access_token':'abc','access_token':'def','token_type':'Bearer'}",
	};
	_cleanup_azure_token_ struct azure_token *token = azure_token_new();

	(void)state;
	assert_null(azure_token_header(token));
	assert_int_equal(take(token,
			      "{'access_token':'eyJ0.a-b_c','refresh_token':'','expires_in':'3599',"
			      "'expires_on':'1700003599','not_before':'1699999699',"
			      "'resource':'https://management.azure.com/','token_type':'Bearer'}",
			      0),
			 0);
	assert_header(token, "Authorization: Bearer eyJ0.a-b_c");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (take(token, bad[i], 1) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
		assert_header(token, "Authorization: Bearer eyJ0.a-b_c");
	}
}

/* The words behind the token, and the life left that they are worth at NOW_S. */
static void life_is_the_shorter_of_two_in_texts_or_numbers(void **state)
{
	static const struct {
		const char *rest;
		uint64_t left_s;
	} cases[] = {
		{",'expires_in':'3599','expires_on':'1700086400'", 3599},
		{",'expires_in':'86400','expires_on':'1700003599'", 3599},
		{",'expires_in':'3599'", 3599},
		{",'expires_on':'1700003599'", 3599},
		{",'expires_in':3599,'expires_on':1700086400", 3599},
		{",'expires_in':3599.0", 3599},
		{",'expires_in':null,'expires_on':'1700000100'", 100},
		{",'expires_in':'','expires_on':'1700000100'", 100},
		{",'expires_in':'soon','expires_on':1700000100", 100},
		{",'expires_in':'0','expires_on':'1700000100'", 0},
		{",'expires_in':'100','expires_on':'1700000000'", 0},
		{",'expires_in':'100','expires_on':'1'", 0},
		{",'expires_in':-5", 0},
		{",'expires_in':0.5", 0},
		{",'expires_in':1e300", 0},
		{",'expires_in':'99999999999999999999'", 0},
		{",'expires_on':'2023-11-14T23:13:20Z'", 0},
		{",'expires_in':'4294967295'", 7 * 86400},
		{"", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_azure_token_ struct azure_token *token = azure_token_new();
		char json[256];
		uint64_t left_s;

		snprintf(json, sizeof(json), "{'token_type':'bearer','access_token':'a'%s}", cases[i].rest);
		assert_int_equal(take(token, json, 0), 0);
		left_s = azure_token_left_s(token, at_s(0).boot);
		if (left_s != cases[i].left_s)
			fail_msg("%s: %llu s", cases[i].rest, (unsigned long long)left_s);
		assert_true(azure_token_usable(token, at_s(0).boot)); /* always for this very poll */
		assert_false(azure_token_usable(token, at_s(cases[i].left_s + 1).boot));
	}
}

static void half_way_is_time_for_the_next_one(void **state)
{
	_cleanup_azure_token_ struct azure_token *token = azure_token_new();

	(void)state;
	assert_true(azure_token_due(token, at_s(0).boot));
	assert_int_equal(take_life(token, "one", 86400, 0), 0);
	assert_false(azure_token_due(token, at_s(43199).boot));
	assert_true(azure_token_due(token, at_s(43200).boot));
	/* IMDS gives the same one again: half of the rest, and so on, but not each second. */
	assert_int_equal(take_life(token, "one", 43200, 43200), 1);
	assert_false(azure_token_due(token, at_s(43200 + 21599).boot));
	assert_true(azure_token_due(token, at_s(43200 + 21600).boot));
	assert_int_equal(take_life(token, "one", 90, 86310), 1);
	assert_false(azure_token_due(token, at_s(86310 + 59).boot));
	assert_true(azure_token_due(token, at_s(86310 + 60).boot));
	assert_int_equal(take_life(token, "two", 86400, 86380), 0);
	assert_false(azure_token_due(token, at_s(86381).boot));
	assert_header(token, "Authorization: Bearer two");
}

static void short_lives_are_halved_too(void **state)
{
	_cleanup_azure_token_ struct azure_token *token = azure_token_new();

	(void)state;
	take_life(token, "one", 8, 0);
	assert_false(azure_token_due(token, at_s(3).boot));
	assert_true(azure_token_due(token, at_s(4).boot));
	assert_true(azure_token_usable(token, at_s(8).boot));
	assert_false(azure_token_usable(token, at_s(9).boot));
}

static void a_renewal_that_failed_waits_while_the_old_one_lives(void **state)
{
	_cleanup_azure_token_ struct azure_token *token = azure_token_new();

	(void)state;
	take_life(token, "one", 3600, 0);
	assert_true(azure_token_due(token, at_s(1800).boot));
	azure_token_defer(token, at_s(1800).boot, 0);
	assert_true(azure_token_usable(token, at_s(1800).boot));
	assert_false(azure_token_due(token, at_s(2699).boot));
	assert_true(azure_token_due(token, at_s(2700).boot));
	/* Retry-After counts, but a token that has ended does not wait for it. */
	azure_token_defer(token, at_s(2700).boot, 800);
	assert_false(azure_token_due(token, at_s(3499).boot));
	azure_token_defer(token, at_s(3500).boot, 10000);
	assert_false(azure_token_due(token, at_s(3600).boot));
	assert_true(azure_token_due(token, at_s(3601).boot));
}

static void a_refused_one_is_known_again(void **state)
{
	_cleanup_azure_token_ struct azure_token *token = azure_token_new();

	(void)state;
	assert_int_equal(take_life(token, "one", 3600, 0), 0);
	azure_token_refuse(token);
	assert_false(azure_token_usable(token, at_s(0).boot));
	assert_true(azure_token_due(token, at_s(0).boot));
	assert_null(azure_token_header(token));
	assert_int_equal(take_life(token, "one", 3600, 0), 1);
	azure_token_refuse(token);
	assert_int_equal(take_life(token, "two", 3600, 0), 0);
	assert_header(token, "Authorization: Bearer two");
}

/* cJSON frees its copies as they are. */
static void every_text_of_an_answer_is_wiped(void **state)
{
	static const char json[] = "{\"access_token\":\"secret\",\"more\":[{\"refresh_token\":\"secret\"}],\"n\":1}";
	_cleanup_json_ cJSON *tree = NULL;
	const cJSON *inner;

	(void)state;
	assert_int_equal(json_parse(json, strlen(json), &tree, NULL), 0);
	inner = tree->child->next->child->child;
	assert_string_equal(inner->valuestring, "secret");
	json_wipe(tree);
	assert_string_equal(tree->child->valuestring, "");
	assert_string_equal(inner->valuestring, "");
	for (size_t i = 0; i < strlen("secret"); i++)
		assert_int_equal(tree->child->valuestring[i] | inner->valuestring[i], 0);
}

/* Memory that was given back may be read here: on purpose, and behind the bytes that the allocator uses for itself. */
__attribute__((no_sanitize("address"))) static size_t bytes_left(uintptr_t at, size_t from, size_t len)
{
	const volatile char *bytes = (const volatile char *)at;
	size_t n = 0;

	for (size_t i = from; i < len; i++)
		n += bytes[i] == 'k';
	return n;
}

static void a_header_that_goes_is_wiped(void **state)
{
	_cleanup_azure_token_ struct azure_token *token = azure_token_new();
	char secret[128], *header;
	uintptr_t was_at;
	size_t len;

	(void)state;
	memset(secret, 'k', sizeof(secret) - 1);
	secret[sizeof(secret) - 1] = '\0';
	take_life(token, secret, 3600, 0);
	header = azure_token_header(token);
	was_at = (uintptr_t)header;
	len = strlen(header);
	assert_true(bytes_left(was_at, 32, len) > 100);
	azure_token_free_header(&header);
	assert_null(header);
	assert_int_equal(bytes_left(was_at, 32, len), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fact_test("R12", a_token_is_fit_for_a_header_or_is_refused),
		cmocka_unit_test(life_is_the_shorter_of_two_in_texts_or_numbers),
		fact_test("R12", half_way_is_time_for_the_next_one),
		cmocka_unit_test(short_lives_are_halved_too),
		cmocka_unit_test(a_renewal_that_failed_waits_while_the_old_one_lives),
		cmocka_unit_test(a_refused_one_is_known_again),
		cmocka_unit_test(every_text_of_an_answer_is_wiped),
		cmocka_unit_test(a_header_that_goes_is_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
