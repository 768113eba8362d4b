// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What is to be read: the sources and their addresses, what an answer makes of the next question, and one listing out
 * of many answers.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "azure_fixture.h"
#include "azure_listing.h"
#include "azure_plan.h"
#include "fact_test.h"

#define SUBSCRIPTION "/subscriptions/5f0c1c5e-0000-4000-8000-00000000000a"
#define SECURITY "/providers/Microsoft.Security"
#define JIT "/jitNetworkAccessPolicies"
#define VERSION "?api-version=2020-01-01"

static void init_vm(struct azure_vm *vm)
{
	assert_int_equal(azure_vm_parse(FIXTURE_VM, "westeurope", vm, NULL), 0);
}

/* All addresses of the plan, a line each. */
static char *plan_text(const struct azure_plan *plan, const struct azure_vm *vm)
{
	_cleanup_text_ struct text out = {0};

	for (size_t i = 0; i < plan->n; i++) {
		azure_plan_url(&plan->sources[i], "", vm, &out);
		text_printf(&out, "\n");
	}
	return TAKE_PTR(out.data);
}

static void assert_plan(const struct azure_plan *plan, const struct azure_vm *vm, const char *wanted)
{
	_cleanup_free_ char *text = plan_text(plan, vm);

	assert_string_equal(text, wanted);
}

static void make(struct azure_plan *plan, const struct azure_vm *vm, char *const *policies, size_t n)
{
	assert_int_equal(azure_plan_make(plan, vm, policies, n), 0);
}

static void the_vms_own_group_is_always_read(void **state)
{
	CLEANUP(azure_plan_free) struct azure_plan plan = {0};
	CLEANUP(azure_vm_free) struct azure_vm vm = {0};

	(void)state;
	init_vm(&vm);
	make(&plan, &vm, NULL, 0);
	assert_plan(&plan, &vm, SUBSCRIPTION "/resourceGroups/Shop" SECURITY JIT VERSION "\n");
}

static void configured_places_come_behind_and_none_twice(void **state)
{
	static char *const policies[] = {
		"/SUBSCRIPTIONS/5F0C1C5E-0000-4000-8000-00000000000A/resourcegroups/SHOP", /* the VM's own */
		SUBSCRIPTION "/resourceGroups/Main" SECURITY "/locations/northeurope" JIT "/default",
		SUBSCRIPTION "/resourceGroups/main" SECURITY "/locations/NorthEurope" JIT "/Default",
		SUBSCRIPTION "/resourceGroups/main",
		"/subscriptions/other",
	};
	CLEANUP(azure_plan_free) struct azure_plan plan = {0};
	CLEANUP(azure_vm_free) struct azure_vm vm = {0};

	(void)state;
	init_vm(&vm);
	make(&plan, &vm, policies, ARRAY_SIZE(policies));
	assert_plan(&plan, &vm,
		    SUBSCRIPTION "/resourceGroups/Shop" SECURITY JIT VERSION "\n" SUBSCRIPTION
				 "/resourceGroups/Main" SECURITY "/locations/northeurope" JIT "/default" VERSION
				 "\n" SUBSCRIPTION "/resourceGroups/main" SECURITY JIT VERSION
				 "\n/subscriptions/other" SECURITY JIT VERSION "\n");
}

static void as_many_as_the_config_takes_fit(void **state)
{
	char *policies[CONF_POLICIES_MAX];
	char texts[CONF_POLICIES_MAX][32];
	CLEANUP(azure_plan_free) struct azure_plan plan = {0};
	CLEANUP(azure_vm_free) struct azure_vm vm = {0};

	(void)state;
	init_vm(&vm);
	for (size_t i = 0; i < CONF_POLICIES_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "/subscriptions/s%zu", i);
		policies[i] = texts[i];
	}
	make(&plan, &vm, policies, CONF_POLICIES_MAX);
	assert_int_equal(plan.n, CONF_POLICIES_MAX + 1);
}

static void a_forbidden_list_becomes_that_of_the_region(void **state)
{
	CLEANUP(azure_plan_free) struct azure_plan plan = {0};
	CLEANUP(azure_vm_free) struct azure_vm vm = {0};
	struct azure_source *own = &plan.sources[0];

	(void)state;
	init_vm(&vm);
	make(&plan, &vm, NULL, 0);
	assert_int_equal(azure_plan_judge(own, &vm, 403, "AuthorizationFailed"), AZURE_NARROWER);
	assert_plan(&plan, &vm, SUBSCRIPTION "/resourceGroups/Shop" SECURITY "/locations/westeurope" JIT VERSION "\n");
	assert_int_equal(azure_plan_judge(own, &vm, 200, ""), AZURE_READ);
	assert_true(own->one_region); /* and the next poll begins there */
	assert_false(own->ever_wide);

	/* Both forbidden: a failure, and the next poll begins with the better one. */
	assert_int_equal(azure_plan_judge(own, &vm, 403, ""), AZURE_FAILED);
	assert_plan(&plan, &vm, SUBSCRIPTION "/resourceGroups/Shop" SECURITY JIT VERSION "\n");
}

static void what_was_forbidden_is_tried_again_later(void **state)
{
	CLEANUP(azure_plan_free) struct azure_plan plan = {0};
	CLEANUP(azure_vm_free) struct azure_vm vm = {0};
	struct azure_source *own = &plan.sources[0];

	(void)state;
	init_vm(&vm);
	make(&plan, &vm, NULL, 0);
	azure_plan_judge(own, &vm, 403, "");
	azure_plan_hope(&plan);
	assert_plan(&plan, &vm, SUBSCRIPTION "/resourceGroups/Shop" SECURITY JIT VERSION "\n");
	assert_int_equal(azure_plan_judge(own, &vm, 403, ""), AZURE_NARROWER);
	azure_plan_hope(&plan);
	assert_int_equal(azure_plan_judge(own, &vm, 200, ""), AZURE_READ);
	assert_int_equal(azure_plan_judge(own, &vm, 403, ""), AZURE_FAILED);
}

/* Policies of other regions would seem gone, and their ports would be let go. */
static void a_list_that_was_read_once_never_shrinks(void **state)
{
	CLEANUP(azure_plan_free) struct azure_plan plan = {0};
	CLEANUP(azure_vm_free) struct azure_vm vm = {0};

	(void)state;
	init_vm(&vm);
	make(&plan, &vm, NULL, 0);
	assert_int_equal(azure_plan_judge(&plan.sources[0], &vm, 200, ""), AZURE_READ);
	assert_int_equal(azure_plan_judge(&plan.sources[0], &vm, 403, ""), AZURE_FAILED);
	azure_plan_hope(&plan);
	make(&plan, &vm, NULL, 0); /* the identity was asked for again */
	assert_int_equal(azure_plan_judge(&plan.sources[0], &vm, 403, ""), AZURE_FAILED);
	assert_plan(&plan, &vm, SUBSCRIPTION "/resourceGroups/Shop" SECURITY JIT VERSION "\n");
}

static void without_a_region_there_is_nothing_narrower(void **state)
{
	CLEANUP(azure_plan_free) struct azure_plan plan = {0};
	CLEANUP(azure_vm_free) struct azure_vm vm = {0};

	(void)state;
	assert_int_equal(azure_vm_parse(FIXTURE_VM, "", &vm, NULL), 0);
	make(&plan, &vm, NULL, 0);
	assert_int_equal(azure_plan_judge(&plan.sources[0], &vm, 403, ""), AZURE_FAILED);
}

static void a_policy_is_gone_only_by_arms_own_word(void **state)
{
	static char *const policies[] = {SUBSCRIPTION "/resourceGroups/Main" SECURITY "/locations/northeurope" JIT
						      "/default"};
	static const struct {
		size_t source;
		long status;
		const char *code;
		enum azure_next next;
	} cases[] = {
		{1, 404, "PolicyNotFound", AZURE_GONE},
		{1, 404, "ResourceNotFound", AZURE_GONE},
		{1, 404, "policynotfound", AZURE_GONE},
		{1, 404, "ResourceGroupNotFound", AZURE_FAILED},
		{1, 404, "SubscriptionNotFound", AZURE_FAILED},
		{1, 404, "NotFound", AZURE_FAILED},
		{1, 404, "", AZURE_FAILED},
		{1, 403, "PolicyNotFound", AZURE_FAILED},
		{1, 200, "", AZURE_READ},
		{0, 404, "PolicyNotFound", AZURE_FAILED}, /* a list cannot be gone */
		{0, 404, "ResourceNotFound", AZURE_FAILED},
		{0, 404, "ResourceGroupNotFound", AZURE_FAILED},
		{0, 404, "", AZURE_FAILED},
		{0, 204, "", AZURE_FAILED},
		{0, 302, "", AZURE_FAILED},
		{0, 401, "", AZURE_FAILED},
		{0, 429, "", AZURE_FAILED},
		{0, 500, "", AZURE_FAILED},
	};
	CLEANUP(azure_plan_free) struct azure_plan plan = {0};
	CLEANUP(azure_vm_free) struct azure_vm vm = {0};

	(void)state;
	init_vm(&vm);
	make(&plan, &vm, policies, ARRAY_SIZE(policies));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum azure_next next =
			azure_plan_judge(&plan.sources[cases[i].source], &vm, cases[i].status, cases[i].code);

		if (next != cases[i].next)
			fail_msg("case %zu: %d", i, next);
	}
}

static void a_moved_vm_has_another_plan_and_the_rest_is_remembered(void **state)
{
	static char *const policies[] = {"/subscriptions/other"};
	CLEANUP(azure_plan_free) struct azure_plan plan = {0};
	CLEANUP(azure_vm_free) struct azure_vm vm = {0};
	CLEANUP(azure_vm_free) struct azure_vm moved = {0};

	(void)state;
	init_vm(&vm);
	assert_int_equal(azure_vm_parse("/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/"
					"virtualMachines/v",
					"eastus", &moved, NULL),
			 0);
	make(&plan, &vm, policies, 1);
	azure_plan_judge(&plan.sources[0], &vm, 200, "");
	azure_plan_judge(&plan.sources[1], &vm, 200, "");
	make(&plan, &moved, policies, 1);
	assert_plan(&plan, &moved,
		    "/subscriptions/s/resourceGroups/g" SECURITY JIT VERSION
		    "\n/subscriptions/other" SECURITY JIT VERSION "\n");
	assert_int_equal(azure_plan_judge(&plan.sources[0], &moved, 403, ""), AZURE_NARROWER);
	assert_int_equal(azure_plan_judge(&plan.sources[1], &moved, 403, ""), AZURE_FAILED);
}

/* ---------------------------------------------------------------- one listing */

/* Add a policy with one rule, for `port`. */
static void add_policy(struct azure_listing *listing, const char *id, unsigned int port)
{
	_cleanup_text_ struct text json = {0};

	text_printf(&json,
		    "{\"id\":\"%s\",\"properties\":{\"virtualMachines\":[{\"id\":\"" FIXTURE_VM
		    "\",\"ports\":[{\"number\":%u,\"protocol\":\"*\",\"maxRequestAccessDuration\":\"PT1H\"}]}]}}",
		    id, port);
	assert_int_equal(azure_json_policy(json.data, json.len, FIXTURE_VM, listing, NULL), 0);
}

static void a_policy_counts_once_as_it_was_read_last(void **state)
{
	_cleanup_azure_listing_ struct azure_listing listing = {0};

	(void)state;
	add_policy(&listing, "/p/a", 1);
	add_policy(&listing, "/p/b", 2);
	add_policy(&listing, "/P/A", 3);
	add_policy(&listing, "/p/c", 4);
	add_policy(&listing, "/p/a", 5);
	assert_int_equal(listing.n_seen, 5);
	assert_int_equal(azure_listing_unique(&listing), 0);
	assert_int_equal(listing.n, 3);
	assert_int_equal(listing.n_seen, 3);
	assert_string_equal(listing.policies[0].id, "/p/b");
	assert_string_equal(listing.policies[1].id, "/p/c");
	assert_string_equal(listing.policies[2].id, "/p/a");
	assert_int_equal(listing.policies[2].rules[0].number, 5);
}

static void an_empty_listing_stays_one(void **state)
{
	_cleanup_azure_listing_ struct azure_listing listing = {0};

	(void)state;
	assert_int_equal(azure_listing_unique(&listing), 0);
	add_policy(&listing, "/p/a", 1);
	assert_int_equal(azure_listing_unique(&listing), 0);
	assert_int_equal(listing.n, 1);
}

static void an_answer_for_one_policy_is_no_list(void **state)
{
	static const char *const bad[] = {
		"", "{}", "{\"value\":[]}", "[]", "{\"error\":{\"code\":\"x\"}}", "{\"properties\":{}}"};
	_cleanup_azure_listing_ struct azure_listing listing = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (azure_json_policy(bad[i], strlen(bad[i]), FIXTURE_VM, &listing, NULL) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
	}
	assert_int_equal(listing.n_seen, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fact_test("A25, R3", the_vms_own_group_is_always_read),
		fact_test("R3", configured_places_come_behind_and_none_twice),
		cmocka_unit_test(as_many_as_the_config_takes_fit),
		fact_test("R3", a_forbidden_list_becomes_that_of_the_region),
		cmocka_unit_test(what_was_forbidden_is_tried_again_later),
		cmocka_unit_test(a_list_that_was_read_once_never_shrinks),
		cmocka_unit_test(without_a_region_there_is_nothing_narrower),
		fact_test("R4", a_policy_is_gone_only_by_arms_own_word),
		cmocka_unit_test(a_moved_vm_has_another_plan_and_the_rest_is_remembered),
		cmocka_unit_test(a_policy_counts_once_as_it_was_read_last),
		cmocka_unit_test(an_empty_listing_stays_one),
		cmocka_unit_test(an_answer_for_one_policy_is_no_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
