// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Recorded answers of the service and the official examples, each at its own time and moved to the present, with what
 * this VM must get of it. They are read from $JITGATE_AZURE_API (default ../shared/azure-api) and skipped without that
 * folder. A file there that is not in the table below fails: what it teaches has to be written down first.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <cjson/cJSON.h>

#include "azure_fixture.h"
#include "azure_judge.h"
#include "calendar.h"

#define RECORDED_VM(name)                                                                         \
	"/subscriptions/487bb485-b5b0-471e-9c0d-10717612f869/resourceGroups/myService1/providers" \
	"/Microsoft.Compute/virtualMachines/" name
#define EXAMPLE_IN(subscription) \
	"/subscriptions/" subscription "/resourceGroups/myRg1/providers/Microsoft.Compute/virtualMachines/vm1"
#define EXAMPLE_VM EXAMPLE_IN("20ff7fc3-e762-44dd-bd96-b71116dcdc23")
#define FOUR_PORTS "22/* 10800\n3389/* 10800\n5985/* 10800\n5986/* 10800\n"
#define TWO_PORTS "22/* 10800\n3389/* 10800\n"

struct replay {
	const char *name; /* of the test: the facts of docs/azure.md that it holds, and what is in the file */
	const char *file, *vm;
	const char *at;             /* when an example was answered; NULL: as the Date header says */
	const char *into;           /* the answer is a request, and belongs into this policy */
	const char *ports;          /* NULL: no answer about policies, it has to be refused as a page */
	const char *grants;         /* "source port/proto seconds": how long after the answer it ends */
	const char *once_initiated; /* the grants when the request is through; NULL: none is on its way;
				     * "": refused */
};

static const struct replay replays[] = {
	{"A4, A5, A6, A7, A8, A9: one live grant among five old requests, fourth of six",
	 "recordings/get-policy-2018-07-22.json", .vm = RECORDED_VM("testService"), .ports = FOUR_PORTS,
	 .grants = "167.220.196.64 3389/* 10797.21337\n"},
	{"A23: the same answer, this VM's id in other letters", "recordings/get-policy-2018-07-22.json",
	 .vm = "/SUBSCRIPTIONS/487BB485-b5b0-471e-9c0d-10717612f869/resourcegroups/MYSERVICE1/providers"
	       "/microsoft.compute/virtualmachines/TESTSERVICE",
	 .ports = FOUR_PORTS, .grants = "167.220.196.64 3389/* 10797.21337\n"},
	{"A6, A7: the same policy in the subscription's list", "recordings/list-subscription-2018-07-22.json",
	 .vm = RECORDED_VM("testService"), .ports = FOUR_PORTS, .grants = "167.220.196.64 3389/* 10795.21337\n"},
	{"R16: a name that only begins like the VM's", "recordings/list-subscription-2018-07-22.json",
	 .vm = RECORDED_VM("testServic"), .ports = "", .grants = ""},
	{"A5, A12: a request is Initiating, its end by the caller's clock", "recordings/initiate-2018-07-22.json",
	 .vm = RECORDED_VM("testService"), .into = "recordings/get-policy-2018-07-22.json", .ports = FOUR_PORTS,
	 .grants = "", .once_initiated = "167.220.196.64 3389/* 10799.21337\n"},
	{"A12: a request is Initiating, four years later", "recordings/initiate-2022-11-17.json",
	 .vm = RECORDED_VM("testService1"), .into = "recordings/put-policy-2022-11-17.json", .ports = "22/tcp 10800\n",
	 .grants = "", .once_initiated = "127.0.0.1 22/tcp 7196.5921811\n"},
	{"A15, R3, R5: one VM in policies of two regions; the grant has its own policy's protocol",
	 "recordings/list-subscription-two-policies-2019-03-13.json", .vm = RECORDED_VM("testService"),
	 .ports = FOUR_PORTS, .grants = "127.0.0.1 22/tcp 7194.3215666\n"},
	{"A10, R4: a live grant while the policy is Updating, and appendMode",
	 "recordings/list-subscription-updating-2023-09-28.json", .vm = RECORDED_VM("testService1"),
	 .ports = "22/tcp 10800\n", .grants = "127.0.0.1 22/tcp 7191.2185974\n"},
	{"A14: the answer to a PUT shows no requests", "recordings/put-policy-2022-11-17.json",
	 .vm = RECORDED_VM("testService1"), .ports = "22/tcp 10800\n", .grants = ""},
	{"A16, A22: a policy in another resource group than its VM, for five hours",
	 "recordings/put-policy-other-rg-2018-07-22.json", .vm = RECORDED_VM("syslogmyservice1vm"),
	 .ports = "8080/tcp 18000\n", .grants = ""},
	{"R4, R16: the empty list", "recordings/list-subscription-empty-2020-06-17.json", .vm = EXAMPLE_VM, .ports = "",
	 .grants = ""},
	{"R4: a deleted policy has no body", "recordings/delete-policy-2022-11-17.json",
	 .vm = RECORDED_VM("testService1")},
	{"R4: the answer about a price is no list", "recordings/put-pricing-2022-11-17.json",
	 .vm = RECORDED_VM("testService1")},
	{"A17: example, a policy made", "examples/CreateJitNetworkAccessPolicy_example.json", .vm = EXAMPLE_VM,
	 .at = "2018-05-17T08:30:00Z", .ports = TWO_PORTS, .grants = "192.127.0.2 3389/* 2205.5691611\n"},
	{"A17: example, a policy read", "examples/GetJitNetworkAccessPolicy_example.json", .vm = EXAMPLE_VM,
	 .at = "2018-05-17T08:06:46Z", .ports = TWO_PORTS, .grants = "192.127.0.2 3389/* 3599.5691611\n"},
	{"A17: example, the list of a resource group and location",
	 "examples/GetJitNetworkAccessPoliciesResourceGroupLocation_example.json", .vm = EXAMPLE_VM,
	 .at = "2018-05-17T08:30:00Z", .ports = TWO_PORTS, .grants = "192.127.0.2 3389/* 2205.5691611\n"},
	{"A17: example, the list of a subscription", "examples/GetJitNetworkAccessPoliciesSubscription_example.json",
	 .vm = EXAMPLE_VM, .at = "2018-05-17T08:30:00Z", .ports = TWO_PORTS,
	 .grants = "192.127.0.2 3389/* 2205.5691611\n"},
	/* the example's answer names another subscription than its request: a request, but no rule for it */
	{"R5: example, a request for a machine that no rule names",
	 "examples/InitiateJitNetworkAccessPolicy_example.json",
	 .vm = EXAMPLE_IN("3eeab341-f466-499c-a8be-85427e154baf"), .at = "2018-07-12T08:53:05Z",
	 .into = "examples/GetJitNetworkAccessPolicy_example.json", .ports = "", .grants = "", .once_initiated = ""},
	{"R4: example, a policy deleted", "examples/DeleteJitNetworkAccessPolicy_example.json", .vm = EXAMPLE_VM,
	 .at = "2018-05-17T08:30:00Z"},
	{"R4: example, a price read", "examples/GetPricingByNameVirtualMachines_example.json", .vm = EXAMPLE_VM,
	 .at = "2018-05-17T08:30:00Z"},
	{"R4: example, a price set", "examples/PutPricingVMsByName_example.json", .vm = EXAMPLE_VM,
	 .at = "2018-05-17T08:30:00Z"},
};

/* ---------------------------------------------------------------- files */

static const char *api_root(void)
{
	const char *root = getenv("JITGATE_AZURE_API");

	return root && *root ? root : "../shared/azure-api";
}

static cJSON *read_api(const char *name)
{
	_cleanup_text_ struct text path = {0};
	_cleanup_free_ char *bytes = NULL;
	cJSON *tree;

	text_printf(&path, "%s/%s", api_root(), name);
	bytes = fixture_read(path.data, NULL);
	tree = bytes ? cJSON_Parse(bytes) : NULL;
	if (!tree)
		fail_msg("cannot read %s", path.data);
	return tree;
}

static cJSON *dig(const cJSON *tree, const char *a, const char *b)
{
	return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(tree, a), b);
}

/* The body that was answered, taken out of `tree`; NULL: none. An example has one for each status, often the same. */
static cJSON *take_body(cJSON *tree)
{
	cJSON *answer = cJSON_GetObjectItemCaseSensitive(tree, "response");
	cJSON *body;

	if (!answer)
		answer = cJSON_GetObjectItemCaseSensitive(tree, "responses")->child;
	body = cJSON_DetachItemFromObjectCaseSensitive(answer, "body");
	if (!cJSON_IsNull(body))
		return body;
	cJSON_Delete(body);
	return NULL;
}

/* When it was answered. HTTP knows no case of header names, and one recording has its own. */
static struct wall_time answered(const struct replay *replay, const cJSON *tree)
{
	const cJSON *date = cJSON_GetObjectItem(dig(tree, "response", "headers"), "date");
	struct wall_time t;

	if (replay->at)
		return at(replay->at);
	if (!date || timefmt_parse_http_date(date->valuestring, strlen(date->valuestring), &t, NULL))
		fail_msg("%s: no date", replay->file);
	return t;
}

/* ---------------------------------------------------------------- to the present */

/* A date later by whole seconds; its fraction stays as it was written. Not a date: unchanged. */
static char *date_moved(const char *text, int64_t by_s)
{
	const size_t whole = strlen("2018-07-22T15:51:55");
	struct calendar_date date;
	struct wall_time t;
	char *moved = NULL;
	int64_t s, day_s;

	if (timefmt_parse_rfc3339(text, strlen(text), &t, NULL))
		return strdup(text);
	s = t.ns / NS_PER_S + by_s;
	day_s = s % 86400;
	date = calendar_from_days(s / 86400);
	assert_true(asprintf(&moved, "%04d-%02d-%02dT%02d:%02d:%02d%s", date.year, date.month, date.day,
			     (int)(day_s / 3600), (int)(day_s / 60 % 60), (int)(day_s % 60), text + whole) > 0);
	return moved;
}

static void move_dates(cJSON *item, int64_t by_s)
{
	if (cJSON_IsString(item)) {
		_cleanup_free_ char *moved = date_moved(item->valuestring, by_s);

		assert_non_null(cJSON_SetValuestring(item, moved));
	}
	for (cJSON *child = item->child; child; child = child->next)
		move_dates(child, by_s);
}

/* ---------------------------------------------------------------- one answer */

static cJSON *list_of(cJSON *policy)
{
	cJSON *list = cJSON_CreateObject();

	cJSON_AddItemToArray(cJSON_AddArrayToObject(list, "value"), policy);
	return list;
}

/* The request as the only one of its policy: where the service keeps it. */
static cJSON *put_into(const char *file, cJSON *request)
{
	cJSON *tree = read_api(file), *policy = take_body(tree), *requests = cJSON_CreateArray();

	cJSON_AddItemToArray(requests, request);
	cJSON_ReplaceItemInObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(policy, "properties"), "requests",
					       requests);
	cJSON_Delete(tree);
	return policy;
}

static void set_status(cJSON *item, const char *status)
{
	cJSON *member = cJSON_GetObjectItemCaseSensitive(item, "status");

	if (member)
		assert_non_null(cJSON_SetValuestring(member, status));
	for (cJSON *child = item->child; child; child = child->next)
		set_status(child, status);
}

static void judge_list(const cJSON *list, const char *vm, struct wall_time now, struct azure_jit *ret)
{
	_cleanup_free_ char *bytes = cJSON_PrintUnformatted(list);

	assert_int_equal(judge_bytes(bytes, strlen(bytes), vm, now, ret), 0);
}

/* At the answer, at the last nanosecond of each grant, and at its end. */
static void expect_grants(const struct replay *replay, const cJSON *list, struct wall_time now, const char *grants)
{
	_cleanup_azure_jit_ struct azure_jit jit = {0};

	judge_list(list, replay->vm, now, &jit);
	assert_text(ports_text(&jit), replay->ports);
	assert_text(grants_after(&jit, now), grants);
	assert_text(refused_text(&jit), "");
	for (size_t i = 0; i < jit.snapshot.grants.n; i++) {
		_cleanup_azure_jit_ struct azure_jit last = {0}, over = {0};
		struct wall_time end = jit.snapshot.grants.grants[i].until;

		judge_list(list, replay->vm, (struct wall_time){end.ns - 1}, &last);
		judge_list(list, replay->vm, end, &over);
		assert_int_equal(last.snapshot.grants.n, over.snapshot.grants.n + 1);
		assert_text(ports_text(&over), replay->ports);
	}
}

static void expect_initiating(const struct replay *replay, const cJSON *list, struct wall_time now, bool initiating)
{
	_cleanup_azure_jit_ struct azure_jit jit = {0};

	judge_list(list, replay->vm, now, &jit);
	assert_int_equal(jit.initiating, initiating);
}

/* Through, and yet it grants nothing, which is said. */
static void expect_refused(const struct replay *replay, const cJSON *list, struct wall_time now)
{
	_cleanup_azure_jit_ struct azure_jit jit = {0};

	judge_list(list, replay->vm, now, &jit);
	assert_true(!jit.snapshot.grants.n && jit.n_refused == 1);
}

/* Nothing of it is taken, and what was there before stays. */
static void expect_no_page(const struct replay *replay, const cJSON *body)
{
	_cleanup_azure_listing_ struct azure_listing listing = {.n_seen = 7};
	_cleanup_free_ char *bytes = body ? cJSON_PrintUnformatted(body) : strdup("");
	char *next = NULL;

	assert_int_equal(azure_json_page(bytes, strlen(bytes), replay->vm, &listing, &next, NULL), -EINVAL);
	assert_true(!next && !listing.n && listing.n_seen == 7);
}

/* `by_s`: how much later than it happened. */
static void replay_moved(const struct replay *replay, int64_t by_s)
{
	cJSON *tree = read_api(replay->file), *body = take_body(tree), *list;
	struct wall_time now = answered(replay, tree);

	cJSON_Delete(tree);
	if (!replay->ports) {
		expect_no_page(replay, body);
		cJSON_Delete(body);
		return;
	}
	if (replay->into)
		body = put_into(replay->into, body);
	list = cJSON_HasObjectItem(body, "value") ? body : list_of(body);
	move_dates(list, by_s);
	now.ns += by_s * NS_PER_S;
	expect_grants(replay, list, now, replay->grants);
	expect_initiating(replay, list, now, replay->once_initiated);
	if (replay->once_initiated) {
		set_status(list, "Initiated");
		if (*replay->once_initiated)
			expect_grants(replay, list, now, replay->once_initiated);
		else
			expect_refused(replay, list, now);
	}
	cJSON_Delete(list);
}

static void replay_one(void **state)
{
	const struct replay *replay = *state;
	cJSON *tree = read_api(replay->file);
	int64_t then_s = answered(replay, tree).ns / NS_PER_S;

	cJSON_Delete(tree);
	replay_moved(replay, 0);
	replay_moved(replay, time(NULL) - then_s);
}

/* ---------------------------------------------------------------- all of them */

static bool is_expected(const char *folder, const char *name)
{
	_cleanup_text_ struct text file = {0};

	text_printf(&file, "%s/%s", folder, name);
	for (size_t i = 0; i < ARRAY_SIZE(replays); i++) {
		if (strcmp(replays[i].file, file.data) == 0)
			return true;
	}
	return false;
}

static void every_file_has_its_expectation(void **state)
{
	static const char *const folders[] = {"recordings", "examples"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		_cleanup_text_ struct text path = {0};
		struct dirent *entry;
		size_t n = 0;
		DIR *dir;

		text_printf(&path, "%s/%s", api_root(), folders[i]);
		dir = opendir(path.data);
		assert_non_null(dir);
		while ((entry = readdir(dir))) {
			if (entry->d_name[0] == '.')
				continue;
			n++;
			if (!is_expected(folders[i], entry->d_name))
				fail_msg("%s/%s: what it must give is not written down", folders[i], entry->d_name);
		}
		closedir(dir);
		assert_true(n);
	}
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(replays) + 1] = {cmocka_unit_test(every_file_has_its_expectation)};
	DIR *dir = opendir(api_root());

	if (!dir) {
		printf("1..0 # SKIP no examples and recordings in %s (JITGATE_AZURE_API)\n", api_root());
		return 0;
	}
	closedir(dir);
	for (size_t i = 0; i < ARRAY_SIZE(replays); i++) {
		tests[i + 1].name = replays[i].name;
		tests[i + 1].test_func = replay_one;
		tests[i + 1].initial_state = (void *)&replays[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
