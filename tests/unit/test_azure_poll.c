// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Whole polls, hours of them in no time: everything that asks Azure is here but HTTP itself, in the place of which is a
 * small service that notes what it was asked.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "azure_fixture.h"
#include "azure_http.h"
#include "azure_poll.h"

#define HOUR_S 3600
#define SUBSCRIPTION "/subscriptions/5f0c1c5e-0000-4000-8000-00000000000a"
#define MAIN SUBSCRIPTION "/resourceGroups/main"

/* ---------------------------------------------------------------- the service */

/* Statuses are what it answers with; 0: it does not answer. */
static struct {
	const char *vm_id;
	long compute_status, token_status, wide_status, region_status, main_status;
	uint64_t token_life_s;
	uint32_t retry_after_s;
	int token; /* the number in the token that it gives; one below `oldest_token` is refused */
	int oldest_token;
	bool main_revokes; /* asked for the other group it takes no token any more, and gives another */
	bool without_policies;

	int computes, tokens, wides, regions, mains;
	int last_token; /* that it was shown */
	bool wrong;     /* it was asked in a way in which it must not be */
} service;

static void start_service(void)
{
	memset(&service, 0, sizeof(service));
	service.vm_id = FIXTURE_VM;
	service.compute_status = service.token_status = service.wide_status = service.region_status =
		service.main_status = 200;
	service.token_life_s = 86400;
}

static const char *error_code(long status)
{
	return status == 403 ? "AuthorizationFailed" : status == 404 ? "ResourceGroupNotFound" : "Other";
}

static void write_policy(struct text *out, const char *group)
{
	text_printf(out, "{\"value\":[");
	if (!service.without_policies)
		text_printf(out,
			    "{\"id\":\"%s/x\",\"properties\":{\"virtualMachines\":[{\"id\":\"%s\",\"ports\":[{"
			    "\"number\":22,\"protocol\":\"TCP\",\"maxRequestAccessDuration\":\"PT1H\"}]}]}}",
			    group, service.vm_id);
	text_printf(out, "]}");
}

static long answer_imds(const char *url, struct text *out)
{
	if (strstr(url, "/instance/compute?")) {
		service.computes++;
		text_printf(out,
			    "{\"resourceId\":\"%s\",\"location\":\"westeurope\",\"azEnvironment\":"
			    "\"AzurePublicCloud\"}",
			    service.vm_id);
		return service.compute_status;
	}
	service.tokens++;
	text_printf(out, "{\"access_token\":\"t%d\",\"token_type\":\"Bearer\",\"expires_in\":\"%llu\"}", service.token,
		    (unsigned long long)service.token_life_s);
	return service.token_status;
}

/* Which token the request carries. */
static int shown_token(const struct azure_token *token)
{
	CLEANUP(azure_token_free_header) char *header = azure_token_header(token);

	return header ? atoi(header + strlen("Authorization: Bearer t")) : -1;
}

static long answer_arm(const struct azure_http_request *request, struct text *out)
{
	bool region = strstr(request->url, "/locations/westeurope/"), other = strstr(request->url, "/main/");
	long status = other ? service.main_status : region ? service.region_status : service.wide_status;

	*(other ? &service.mains : region ? &service.regions : &service.wides) += 1;
	if (other && service.main_revokes)
		service.oldest_token = ++service.token;
	service.last_token = shown_token(request->bearer);
	if (service.last_token < service.oldest_token)
		status = 401;
	if (status == 200)
		write_policy(out, other ? "main" : "own");
	else
		text_printf(out, "{\"error\":{\"code\":\"%s\",\"message\":\"\"}}", error_code(status));
	return status;
}

/* In the place of azure_http.c. */
int azure_http_get(const struct azure_http_request *request, struct azure_http_response *ret,
		   char error[AZURE_HTTP_ERROR_MAX])
{
	bool imds = strncmp(request->url, AZURE_IMDS_ENDPOINT "/", strlen(AZURE_IMDS_ENDPOINT "/")) == 0;
	_cleanup_text_ struct text body = {0};
	long status = imds ? answer_imds(request->url, &body) : answer_arm(request, &body);

	service.wrong |= imds == (request->bearer != NULL) || imds == request->gzip;
	service.wrong |= imds ? *request->proxy != '\0' : strcmp(request->proxy, "http://proxy") != 0;
	service.wrong |= imds != request->allow_http;
	if (!status) {
		snprintf(error, AZURE_HTTP_ERROR_MAX, "Connection refused");
		return -EIO;
	}
	*ret = (struct azure_http_response){
		.status = status, .remaining = 700, .retry_after_s = status == 200 ? 0 : service.retry_after_s};
	ret->len = body.len;
	ret->body = TAKE_PTR(body.data);
	return 0;
}

void azure_http_response_free(struct azure_http_response *response)
{
	free(response->body);
	response->body = NULL;
}

/* ---------------------------------------------------------------- the one that asks */

static struct conf_azure plain_conf = {
	.cloud = "auto",
	.identity = "",
	.audience = "",
	.arm_endpoint = "",
	.imds_endpoint = "",
	.ca_file = "",
	.proxy = "http://proxy",
};

static struct azure_asker new_asker(const struct conf_azure *conf)
{
	return (struct azure_asker){.conf = conf, .max_grants = 100, .stop_fd = -1};
}

/* A poll at that second; *ret starts anew. */
static int poll_at(struct azure_asker *asker, uint64_t s, struct azure_answer *ret)
{
	const struct clock_pair now = {.wall.ns = (1700000000 + (int64_t)s) * NS_PER_S,
				       .boot.ns = (1000 + s) * NS_PER_S};
	int r;

	azure_answer_free(ret);
	*ret = (struct azure_answer){0};
	r = azure_poll(asker, now, ret);
	assert_false(service.wrong);
	return r;
}

static bool says(const struct text *text, const char *words)
{
	return text->data && strstr(text->data, words);
}

/* ---------------------------------------------------------------- tests */

static void a_quiet_day_costs_one_read_a_poll(void **state)
{
	_cleanup_azure_asker_ struct azure_asker asker = new_asker(&plain_conf);
	_cleanup_azure_answer_ struct azure_answer answer = {0};

	(void)state;
	start_service();
	for (uint64_t s = 0; s < 24 * HOUR_S; s += 600) {
		assert_int_equal(poll_at(&asker, s, &answer), 0);
		assert_int_equal(answer.n_reads, 1);
		assert_int_equal(answer.status, 200);
		assert_int_equal(answer.remaining, 700);
		assert_int_equal(answer.jit.snapshot.n_ports, 1);
		assert_int_equal(answer.news.len, 0);
	}
	assert_int_equal(service.computes, 24);
	assert_int_equal(service.tokens, 2);
	assert_int_equal(service.wides, 144);
}

static void the_metadata_service_may_be_away_for_half_a_tokens_life(void **state)
{
	_cleanup_azure_asker_ struct azure_asker asker = new_asker(&plain_conf);
	_cleanup_azure_answer_ struct azure_answer answer = {0};
	int news = 0;

	(void)state;
	start_service();
	assert_int_equal(poll_at(&asker, 0, &answer), 0);
	service.compute_status = service.token_status = 0;
	for (uint64_t s = 600; s <= 24 * HOUR_S; s += 600) {
		assert_int_equal(poll_at(&asker, s, &answer), 0);
		news += answer.news.len > 0;
	}
	/* Once for who the VM is; at the half, three quarters, ... of the token's day. */
	assert_in_range(news, 6, 12);
	assert_int_not_equal(poll_at(&asker, 24 * HOUR_S + 1, &answer), 0);
	assert_true(says(&answer.why, "cannot get a token"));
	assert_int_equal(answer.n_reads, 0);
	service.compute_status = service.token_status = 200;
	service.token = 1;
	assert_int_equal(poll_at(&asker, 24 * HOUR_S + 2, &answer), 0);
	assert_int_equal(service.last_token, 1);
}

static void without_the_metadata_service_nothing_begins(void **state)
{
	_cleanup_azure_asker_ struct azure_asker asker = new_asker(&plain_conf);
	_cleanup_azure_answer_ struct azure_answer answer = {0};

	(void)state;
	start_service();
	service.compute_status = 429;
	service.retry_after_s = 17;
	assert_int_equal(poll_at(&asker, 0, &answer), -EREMOTEIO);
	assert_true(says(&answer.why, "cannot learn which VM this is"));
	assert_int_equal(answer.retry_after_s, 17);
	assert_int_equal(answer.status, 429);
	assert_int_equal(answer.n_reads, 0);
	assert_int_equal(service.tokens, 0);
}

static void a_forbidden_list_is_tried_again_each_hour(void **state)
{
	_cleanup_azure_asker_ struct azure_asker asker = new_asker(&plain_conf);
	_cleanup_azure_answer_ struct azure_answer answer = {0};

	(void)state;
	start_service();
	service.wide_status = 403;
	assert_int_equal(poll_at(&asker, 0, &answer), 0);
	assert_int_equal(answer.n_reads, 2);
	assert_true(says(&answer.news, "only JIT policies of region westeurope are seen"));
	for (uint64_t s = 600; s < HOUR_S; s += 600) {
		assert_int_equal(poll_at(&asker, s, &answer), 0);
		assert_int_equal(answer.n_reads, 1);
		assert_int_equal(answer.news.len, 0);
	}
	assert_int_equal(poll_at(&asker, HOUR_S, &answer), 0);
	assert_int_equal(answer.n_reads, 2);
	assert_int_equal(answer.news.len, 0);
	assert_int_equal(service.wides, 2);

	/* It is allowed, and then not any more: the list of one region would show less than is known. */
	service.wide_status = 200;
	assert_int_equal(poll_at(&asker, 2 * HOUR_S, &answer), 0);
	assert_int_equal(answer.n_reads, 1);
	service.wide_status = 403;
	for (uint64_t s = 2 * HOUR_S + 600; s < 5 * HOUR_S; s += 600) {
		int regions = service.regions;

		assert_int_equal(poll_at(&asker, s, &answer), -EREMOTEIO);
		assert_int_equal(answer.n_reads, 1);
		assert_int_equal(answer.status, 403);
		assert_int_equal(service.regions, regions);
	}
}

/* IMDS is asked at each poll then, which must not be taken for the hour. */
static void a_vm_without_policies_costs_no_more(void **state)
{
	_cleanup_azure_asker_ struct azure_asker asker = new_asker(&plain_conf);
	_cleanup_azure_answer_ struct azure_answer answer = {0};

	(void)state;
	start_service();
	service.wide_status = 403;
	service.without_policies = true;
	for (uint64_t s = 0; s < 3 * HOUR_S; s += 600)
		assert_int_equal(poll_at(&asker, s, &answer), 0);
	assert_int_equal(service.wides, 3);
	assert_int_equal(service.regions, 18);
	assert_int_equal(service.computes, 18);
}

static void that_no_policy_names_the_vm_takes_a_fresh_identity(void **state)
{
	_cleanup_azure_asker_ struct azure_asker asker = new_asker(&plain_conf);
	_cleanup_azure_answer_ struct azure_answer answer = {0};

	(void)state;
	start_service();
	assert_int_equal(poll_at(&asker, 0, &answer), 0);
	service.without_policies = true;
	service.compute_status = 500;
	assert_int_not_equal(poll_at(&asker, 60, &answer), 0);
	assert_true(says(&answer.why, "cannot learn which VM this is"));
	assert_int_equal(answer.n_reads, 1);
	service.compute_status = 200;
	assert_int_equal(poll_at(&asker, 120, &answer), 0);
	assert_int_equal(answer.jit.n_policies, 0);
	assert_int_equal(answer.n_reads, 1);
}

static void a_vm_that_was_moved_is_found_in_the_same_poll(void **state)
{
	static const long statuses[] = {200, 403, 404};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		_cleanup_azure_asker_ struct azure_asker asker = new_asker(&plain_conf);
		_cleanup_azure_answer_ struct azure_answer answer = {0};

		start_service();
		assert_int_equal(poll_at(&asker, 0, &answer), 0);
		service.vm_id = MAIN "/providers/Microsoft.Compute/virtualMachines/web-1";
		service.wide_status = statuses[i]; /* the list of its old group, and no policy there names it */
		assert_int_equal(poll_at(&asker, 60, &answer), 0);
		assert_string_equal(asker.vm.group, "main");
		assert_int_equal(service.mains, 1);
		assert_int_equal(answer.n_reads, 2);
		assert_int_equal(answer.jit.n_policies, 1);
		assert_int_equal(answer.why.len, 0);
	}
}

static void a_403_of_a_vm_that_was_not_moved_is_what_it_says(void **state)
{
	_cleanup_azure_asker_ struct azure_asker asker = new_asker(&plain_conf);
	_cleanup_azure_answer_ struct azure_answer answer = {0};

	(void)state;
	start_service();
	assert_int_equal(poll_at(&asker, 0, &answer), 0);
	service.wide_status = 403;
	assert_int_equal(poll_at(&asker, 60, &answer), -EREMOTEIO);
	assert_true(says(&answer.why, "403 AuthorizationFailed"));
	assert_int_equal(service.computes, 2);
	service.compute_status = 500; /* nor do its words change when nobody says who the VM is */
	assert_int_equal(poll_at(&asker, 120, &answer), -EREMOTEIO);
	assert_true(says(&answer.why, "403 AuthorizationFailed"));
}

static void a_token_is_renewed_once_in_a_poll(void **state)
{
	char *policies[] = {MAIN};
	struct conf_azure conf = plain_conf;
	_cleanup_azure_asker_ struct azure_asker asker = new_asker(&conf);
	_cleanup_azure_answer_ struct azure_answer answer = {0};

	(void)state;
	conf.policies = policies;
	conf.n_policies = 1;
	start_service();
	assert_int_equal(poll_at(&asker, 0, &answer), 0);
	assert_int_equal(answer.n_reads, 2);

	/* Refused, and the same one is all there is: ARM is not asked again. */
	service.oldest_token = 1;
	assert_int_equal(poll_at(&asker, 60, &answer), -EREMOTEIO);
	assert_true(says(&answer.why, "401"));
	assert_int_equal(answer.n_reads, 1);
	assert_int_equal(service.tokens, 2);
	assert_int_equal(poll_at(&asker, 120, &answer), -EREMOTEIO);
	assert_int_equal(answer.n_reads, 1);

	/* Another one. */
	service.token = 1;
	assert_int_equal(poll_at(&asker, 180, &answer), 0);
	service.token = service.oldest_token = 2;
	assert_int_equal(poll_at(&asker, 240, &answer), 0);
	assert_int_equal(answer.n_reads, 3);

	/* The second list takes no token at all: two tries, and no third. */
	service.main_revokes = true;
	assert_int_equal(poll_at(&asker, 300, &answer), -EREMOTEIO);
	assert_int_equal(answer.status, 401);
	assert_int_equal(answer.n_reads, 3);

	/* The first list has had the second try of this poll. */
	service.oldest_token = ++service.token;
	service.main_revokes = false;
	assert_int_equal(poll_at(&asker, 360, &answer), 0);
	service.oldest_token = ++service.token;
	service.main_revokes = true;
	assert_int_equal(poll_at(&asker, 420, &answer), -EREMOTEIO);
	assert_int_equal(answer.status, 401);
	assert_int_equal(answer.n_reads, 3);
}

static void one_source_that_fails_fails_the_poll(void **state)
{
	char *policies[] = {MAIN};
	struct conf_azure conf = plain_conf;
	_cleanup_azure_asker_ struct azure_asker asker = new_asker(&conf);
	_cleanup_azure_answer_ struct azure_answer answer = {0};

	(void)state;
	conf.policies = policies;
	conf.n_policies = 1;
	start_service();
	service.main_status = 503;
	service.retry_after_s = 40;
	assert_int_equal(poll_at(&asker, 0, &answer), -EREMOTEIO);
	assert_int_equal(answer.jit.snapshot.n_ports, 0);
	assert_int_equal(answer.n_reads, 2);
	assert_int_equal(answer.retry_after_s, 40);
	assert_int_equal(answer.status, 503);
	service.main_status = 0;
	assert_int_equal(poll_at(&asker, 60, &answer), -EIO);
	assert_int_equal(answer.status, 0);
	assert_true(says(&answer.why, "Connection refused"));
	service.main_status = 200;
	assert_int_equal(poll_at(&asker, 120, &answer), 0);
	assert_int_equal(answer.jit.n_policies, 2);
}

static void a_cloud_that_is_not_known_needs_an_address(void **state)
{
	struct conf_azure conf = plain_conf;
	_cleanup_azure_asker_ struct azure_asker asker = new_asker(&conf);
	_cleanup_azure_answer_ struct azure_answer answer = {0};

	(void)state;
	start_service();
	conf.cloud = "AzureElsewhere";
	assert_int_equal(poll_at(&asker, 0, &answer), -EINVAL);
	assert_true(says(&answer.why, "set azure.arm_endpoint"));
	conf.arm_endpoint = "https://arm.example";
	assert_int_equal(poll_at(&asker, 60, &answer), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quiet_day_costs_one_read_a_poll),
		cmocka_unit_test(the_metadata_service_may_be_away_for_half_a_tokens_life),
		cmocka_unit_test(without_the_metadata_service_nothing_begins),
		cmocka_unit_test(a_forbidden_list_is_tried_again_each_hour),
		cmocka_unit_test(a_vm_without_policies_costs_no_more),
		cmocka_unit_test(that_no_policy_names_the_vm_takes_a_fresh_identity),
		cmocka_unit_test(a_vm_that_was_moved_is_found_in_the_same_poll),
		cmocka_unit_test(a_403_of_a_vm_that_was_not_moved_is_what_it_says),
		cmocka_unit_test(a_token_is_renewed_once_in_a_poll),
		cmocka_unit_test(one_source_that_fails_fails_the_poll),
		cmocka_unit_test(a_cloud_that_is_not_known_needs_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
