// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What policies mean: each rule of granting and refusing, and a fuzzer that must not gain a grant.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <cjson/cJSON.h>

#include "azure_fixture.h"
#include "azure_jit.h"
#include "azure_report.h"
#include "azure_judge.h"
#include "jitgate_abi.h"

static cJSON *dig(cJSON *tree, const char *a, const char *b, const char *c)
{
	cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, a);

	item = b ? cJSON_GetObjectItemCaseSensitive(item, b) : item;
	return c ? cJSON_GetObjectItemCaseSensitive(item, c) : item;
}

/* ---------------------------------------------------------------- rules of granting */

#define VM "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"
#define NOW "2026-03-14T09:30:00Z"
#define POLICY(id, rules, requests)                                                                                  \
	"{'id':'" id "','properties':{'virtualMachines':[{'id':'" VM "','ports':[" rules "]}],'requests':[" requests \
	"]}}"
#define LIST(policies) "{'value':[" policies "]}"
#define RULE(number, protocol, longest) \
	"{'number':" number ",'protocol':'" protocol "','maxRequestAccessDuration':'" longest "'}"
#define SSH RULE("22", "TCP", "PT3H")
#define REQUEST(start, port) "{'virtualMachines':[{'id':'" VM "','ports':[" port "]}],'startTimeUtc':'" start "'}"
#define PORT(number, source, end, status) \
	"{'number':" number ",'allowedSourceAddressPrefix':'" source "','endTimeUtc':'" end "','status':'" status "'}"
#define LIVE(source) REQUEST("2026-03-14T09:00:00Z", PORT("22", source, "2026-03-14T10:00:00Z", "Initiated"))
#define TEN "1773482400000000000" /* 2026-03-14T10:00:00Z */

static void judge(const char *json, const char *now, struct azure_jit *jit)
{
	_cleanup_free_ char *quoted = fixture_quoted(json);
	int r = judge_bytes(quoted, strlen(quoted), VM, at(now), jit);

	if (r)
		fail_msg("%d: %s", r, json);
}

static void assert_judged(const char *json, const char *ports, const char *grants, const char *refused)
{
	_cleanup_azure_jit_ struct azure_jit jit = {0};

	judge(json, NOW, &jit);
	assert_jit(&jit, ports, grants, refused);
}

/* One request against one TCP rule for port 22. */
static void assert_request(const char *request, const char *grants, const char *refused)
{
	_cleanup_free_ char *json = NULL;

	assert_true(asprintf(&json,
			     LIST("{'id':'p','properties':{'virtualMachines':[{'id':'" VM "','ports':[" SSH
				  "]}],'requests':[%s]}}"),
			     request) > 0);
	assert_judged(json, "22/tcp 10800\n", grants, refused);
}

static void our_own_list_gives_what_it_says(void **state)
{
	_cleanup_azure_jit_ struct azure_jit jit = {0};
	_cleanup_free_ char *json = NULL;
	const struct grant_set *set = &jit.snapshot.grants;
	size_t len = 0;

	(void)state;
	json = fixture_own("azure_list.json", &len);
	assert_non_null(json);
	assert_int_equal(judge_bytes(json, len, FIXTURE_VM, at(NOW), &jit), 0);
	assert_jit(&jit, "22/tcp+udp 86400\n3389/* 5400\n5986/tcp 1800\n",
		   "203.0.113.7 22/tcp 1773484198250000000\n"
		   "198.51.100.64/28 3389/* 1773483300000000000\n"
		   "2001:db8:0:7::/64 22/udp 1773518400000000000\n"
		   "10.20.0.0/16 22/udp 1773518400000000000\n",
		   "");
	assert_int_equal(jit.n_policies, 2);
	assert_string_equal(grant_set_text(set, set->grants[0].requestor), "ana@example.com");
	assert_string_equal(grant_set_text(set, set->grants[0].justification), "deploy \"spring\"");
	assert_non_null(strstr(grant_set_text(set, set->grants[2].origin), "/Other-Group/"));
	assert_string_equal(grant_set_text(set, set->grants[2].requestor), "");
}

static void only_initiated_and_not_over_is_granted(void **state)
{
	(void)state;
	assert_request(LIVE("203.0.113.7"), "203.0.113.7 22/tcp " TEN "\n", "");
#define STATUS(s) REQUEST("2026-03-14T09:00:00Z", PORT("22", "203.0.113.7", "2026-03-14T10:00:00Z", s))
	assert_request(STATUS("INITIATED"), "203.0.113.7 22/tcp " TEN "\n", "");
	assert_request(STATUS("initiated"), "203.0.113.7 22/tcp " TEN "\n", "");
	assert_request(STATUS("Revoked"), "", "");
	assert_request(STATUS("revoked"), "", "");
	assert_request(STATUS("Initiating"), "", "");
	assert_request(STATUS("Denied"), "", "22 '203.0.113.7' status not understood\n");
	assert_request(STATUS("Initiated "), "", "22 '203.0.113.7' status not understood\n");
	assert_request(STATUS(""), "", "22 '203.0.113.7' status not understood\n");
	/* what is over is not worth a word, whatever it says */
	assert_request(REQUEST("2026-03-14T08:00:00Z", PORT("22", "203.0.113.7", "2026-03-14T09:30:00Z", "Initiated")),
		       "", "");
	assert_request(REQUEST("x", PORT("22", "Internet", "2026-03-14T09:29:59Z", "Denied")), "", "");
	assert_request(REQUEST("x", PORT("22", "203.0.113.7", "0001-01-01T00:00:00", "Revoked")), "", "");
}

static void initiating_asks_again_while_it_is_not_over(void **state)
{
	_cleanup_azure_jit_ struct azure_jit soon = {0}, over = {0};
	const char *json = LIST(POLICY("p", SSH, STATUS("initiating")));

	(void)state;
	judge(json, NOW, &soon);
	assert_true(soon.initiating && !soon.snapshot.grants.n);
	judge(json, "2026-03-14T10:00:00Z", &over);
	assert_false(over.initiating);
}

static void an_end_beyond_the_rules_limit_is_refused_not_clipped(void **state)
{
#define ENDS(end) REQUEST("2026-03-14T09:00:00Z", PORT("22", "203.0.113.7", end, "Initiated"))
	static const char *const refused = "22 '203.0.113.7' ends later than the policy allows\n";

	(void)state;
	assert_request(ENDS("2026-03-14T12:00:00Z"), "203.0.113.7 22/tcp 1773489600000000000\n", "");
	assert_request(ENDS("2026-03-14T12:01:00Z"), "203.0.113.7 22/tcp 1773489660000000000\n", "");
	assert_request(ENDS("2026-03-14T12:01:00.0000001Z"), "", refused);
	assert_request(ENDS("2262-04-11T00:00:00Z"), "", refused);
	assert_request(REQUEST("1970-01-01T00:00:00Z", PORT("22", "203.0.113.7", "2026-03-14T10:00:00Z", "Initiated")),
		       "", refused);
}

static void times_that_are_not_understood_are_refused(void **state)
{
	(void)state;
	assert_request(ENDS("2026-03-14T10:00:00"), "", "22 '203.0.113.7' endTimeUtc not understood\n");
	assert_request(ENDS(""), "", "22 '203.0.113.7' endTimeUtc not understood\n");
	assert_request("{'virtualMachines':[{'id':'" VM "','ports':[{'number':22,'status':'Initiated',"
		       "'allowedSourceAddressPrefix':'203.0.113.7'}]}],'startTimeUtc':'2026-03-14T09:00:00Z'}",
		       "", "22 '203.0.113.7' endTimeUtc not understood\n");
	assert_request(REQUEST("yesterday", PORT("22", "203.0.113.7", "2026-03-14T10:00:00Z", "Initiated")), "",
		       "22 '203.0.113.7' startTimeUtc not understood\n");
	assert_request("{'virtualMachines':[{'id':'" VM
		       "','ports':[" PORT("22", "203.0.113.7", "2026-03-14T10:00:00Z", "Initiated") "]}]}",
		       "", "22 '203.0.113.7' startTimeUtc not understood\n");
}

static void a_start_ahead_of_our_clock_is_refused_beyond_a_minute(void **state)
{
#define BEGINS(start) REQUEST(start, PORT("22", "203.0.113.7", "2026-03-14T10:00:00Z", "Initiated"))
	(void)state;
	assert_request(BEGINS("2026-03-14T09:31:00Z"), "203.0.113.7 22/tcp " TEN "\n", "");
	assert_request(BEGINS("2026-03-14T09:31:01Z"), "",
		       "22 '203.0.113.7' begins in the future: this machine's clock may be wrong\n");
}

static void sources_are_addresses_prefixes_and_star(void **state)
{
	static const char *const bad[] = {
		"VirtualNetwork",
		"Internet",
		"AzureLoadBalancer",
		"203.0.113.7,203.0.113.8",
		"203.0.113.7 ",
		"203.0.113.7-9",
		"any",
		"**",
		"203.0.113.300",
		"203.0.113.7/33",
		"203.0.113.7/",
		"::ffff:203.0.113.7",
		"010.0.0.1",
		"example.com",
		"0.0.0.0/0,*",
		"203.0.113.7/24/24",
	};

	(void)state;
	assert_request(LIVE("*"), "0.0.0.0/0 22/tcp " TEN "\n::/0 22/tcp " TEN "\n", "");
	assert_request(LIVE("0.0.0.0/0"), "0.0.0.0/0 22/tcp " TEN "\n", "");
	assert_request(LIVE("10.1.2.3/8"), "10.0.0.0/8 22/tcp " TEN "\n", "");
	assert_request(LIVE("2001:db8::1"), "2001:db8::1 22/tcp " TEN "\n", "");
	assert_request(LIVE("2001:DB8:0:1::9/64"), "2001:db8:0:1::/64 22/tcp " TEN "\n", "");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char request[512], refused[256];

		snprintf(request, sizeof(request), LIVE("%s"), bad[i]);
		snprintf(refused, sizeof(refused), "22 '%s' source not understood: only an address, a CIDR or * is\n",
			 bad[i]);
		assert_request(request, "", refused);
	}
}

static void arrays_of_sources_are_judged_one_by_one(void **state)
{
#define SOURCES(members)                \
	REQUEST("2026-03-14T09:00:00Z", \
		"{'number':22,'endTimeUtc':'2026-03-14T10:00:00Z','status':'Initiated'" members "}")
	(void)state;
	assert_request(SOURCES(",'allowedSourceAddressPrefixes':['203.0.113.7','10.0.0.0/8']"),
		       "203.0.113.7 22/tcp " TEN "\n10.0.0.0/8 22/tcp " TEN "\n", "");
	assert_request(SOURCES(",'allowedSourceAddressPrefix':'203.0.113.7','allowedSourceAddressPrefixes':null"),
		       "203.0.113.7 22/tcp " TEN "\n", "");
	assert_request(SOURCES(",'allowedSourceAddressPrefix':null,'allowedSourceAddressPrefixes':['203.0.113.7']"),
		       "203.0.113.7 22/tcp " TEN "\n", "");
	assert_request(SOURCES(",'allowedSourceAddressPrefixes':['203.0.113.7','VirtualNetwork','']"),
		       "203.0.113.7 22/tcp " TEN "\n",
		       "22 'VirtualNetwork' source not understood: only an address, a CIDR or * is\n"
		       "22 '' source not understood: only an address, a CIDR or * is\n");
	assert_request(SOURCES(""), "", "22 '' no source address\n");
	assert_request(SOURCES(",'allowedSourceAddressPrefixes':[]"), "", "22 '' no source address\n");
	assert_request(SOURCES(",'allowedSourceAddressPrefix':''"), "", "22 '' no source address\n");
}

static void the_protocol_comes_from_the_rule_of_the_same_policy(void **state)
{
	(void)state;
	assert_judged(LIST(POLICY("a", RULE("22", "UDP", "PT3H"), LIVE("203.0.113.7"))), "22/udp 10800\n",
		      "203.0.113.7 22/udp " TEN "\n", "");
	assert_judged(LIST(POLICY("a", RULE("22", "*", "PT3H"), LIVE("203.0.113.7"))), "22/* 10800\n",
		      "203.0.113.7 22/* " TEN "\n", "");
	/* two policies: the port has both, each grant its own */
	assert_judged(LIST(POLICY("a", RULE("22", "tcp", "PT3H"),
				  LIVE("203.0.113.7")) "," POLICY("b", RULE("22", "Udp", "P1D"), LIVE("203.0.113.8"))),
		      "22/tcp+udp 86400\n", "203.0.113.7 22/tcp " TEN "\n203.0.113.8 22/udp " TEN "\n", "");
	/* a rule of another policy does not count */
	assert_judged(LIST(POLICY("a", SSH, "") "," POLICY("b", RULE("80", "TCP", "PT3H"), LIVE("203.0.113.7"))),
		      "22/tcp 10800\n80/tcp 10800\n", "", "22 '203.0.113.7' the policy has no such port for this VM\n");
	/* the same number twice in one policy: both protocols, the shorter limit */
	assert_judged(LIST(POLICY("a", SSH "," RULE("22", "UDP", "PT1H"), LIVE("203.0.113.7"))), "22/tcp+udp 10800\n",
		      "203.0.113.7 22/tcp+udp " TEN "\n", "");
	assert_judged(LIST(POLICY("a", SSH "," RULE("22", "UDP", "PT30M"), LIVE("203.0.113.7"))), "22/tcp+udp 10800\n",
		      "", "22 '203.0.113.7' ends later than the policy allows\n");
}

static void a_rule_that_is_not_understood_closes_and_grants_nothing(void **state)
{
	(void)state;
	assert_judged(LIST(POLICY("a", RULE("22", "ESP", "PT3H"), LIVE("203.0.113.7"))), "22/* 10800\n", "",
		      "22 '' protocol of the port not understood: it is closed for all protocols\n"
		      "22 '203.0.113.7' protocol of the port not understood\n");
	assert_judged(LIST(POLICY("a", RULE("22", "TCP", "P1Y"), LIVE("203.0.113.7"))), "22/tcp 0\n", "",
		      "22 '203.0.113.7' maxRequestAccessDuration of the port not understood\n");
	assert_judged(LIST(POLICY("a", "{'number':22,'protocol':'TCP'}", LIVE("203.0.113.7"))), "22/tcp 0\n", "",
		      "22 '203.0.113.7' maxRequestAccessDuration of the port not understood\n");
	assert_judged(LIST(POLICY("a", RULE("0", "TCP", "PT3H") "," SSH,
				  REQUEST("2026-03-14T09:00:00Z",
					  PORT("0", "203.0.113.7", "2026-03-14T10:00:00Z", "Initiated")))),
		      "22/tcp 10800\n", "",
		      "0 '' port 0 cannot be protected\n0 '203.0.113.7' port 0 cannot be granted\n");
}

static void several_requests_for_one_key_are_all_kept(void **state)
{
	(void)state;
	assert_request(
		LIVE("203.0.113.7") "," ENDS("2026-03-14T11:00:00Z") "," LIVE("203.0.113.7"),
		"203.0.113.7 22/tcp " TEN "\n203.0.113.7 22/tcp 1773486000000000000\n203.0.113.7 22/tcp " TEN "\n", "");
}

/* A request names no protocol, so it is one of all rules for its port. */
static void of_several_rules_for_one_port_the_shortest_limit_counts(void **state)
{
	(void)state;
#define TWO(a, b) LIST(POLICY("p", RULE("22", "TCP", a) "," RULE("22", "UDP", b), LIVE("203.0.113.7")))
	assert_judged(TWO("PT1H", "PT3H"), "22/tcp+udp 10800\n", "203.0.113.7 22/tcp+udp " TEN "\n", "");
	assert_judged(TWO("PT30M", "PT3H"), "22/tcp+udp 10800\n", "",
		      "22 '203.0.113.7' ends later than the policy allows\n");
	assert_judged(TWO("PT3H", "PT30M"), "22/tcp+udp 10800\n", "",
		      "22 '203.0.113.7' ends later than the policy allows\n");
}

static void an_answer_without_this_vm_is_an_empty_snapshot(void **state)
{
	_cleanup_azure_jit_ struct azure_jit jit = {0};

	(void)state;
	judge("{'value':[]}", NOW, &jit);
	assert_jit(&jit, "", "", "");
	assert_true(jit.n_policies == 0 && jit.snapshot.taken.ns == at(NOW).ns);
}

static void more_grants_than_fit_are_an_error(void **state)
{
	struct azure_rule rule = {.number = 22, .protocol = "TCP", .longest = "PT3H"};
	struct azure_request request = {.number = 22,
					.status = "Initiated",
					.start = "2026-03-14T09:00:00Z",
					.end = "2026-03-14T10:00:00Z",
					.n_sources = JITGATE_GRANTS_MAX};
	struct azure_policy policy = {.id = "p", .rules = &rule, .n_rules = 1, .requests = &request, .n_requests = 1};
	const struct azure_listing listing = {.policies = &policy, .n = 1};
	const struct cidr firewall = {.family = JITGATE_IPV4, .prefix_len = 8, .addr = {10}};
	struct azure_basis basis = {.now = at(NOW)};
	_cleanup_azure_jit_ struct azure_jit jit = {0};
	_cleanup_free_ char **sources = calloc(JITGATE_GRANTS_MAX + 1, sizeof(*sources));

	(void)state;
	assert_non_null(sources);
	for (size_t i = 0; i <= JITGATE_GRANTS_MAX; i++)
		sources[i] = "203.0.113.7";
	request.sources = sources;
	assert_int_equal(azure_jit_snapshot(&listing, &basis, &jit), 0);
	assert_int_equal(jit.snapshot.grants.n, JITGATE_GRANTS_MAX);
	request.n_sources++;
	assert_int_equal(azure_jit_snapshot(&listing, &basis, &jit), -E2BIG);
	assert_int_equal(jit.snapshot.grants.n, JITGATE_GRANTS_MAX); /* as it was */
	request.n_sources = JITGATE_GRANTS_MAX;
	basis.translate = &firewall;
	basis.n_translate = 1;
	assert_int_equal(azure_jit_snapshot(&listing, &basis, &jit), -E2BIG);
}

static void more_ports_than_fit_are_an_error(void **state)
{
	_cleanup_text_ struct text json = {0};
	_cleanup_azure_jit_ struct azure_jit jit = {0};

	(void)state;
	text_printf(&json,
		    "{\"value\":[{\"id\":\"p\",\"properties\":{\"virtualMachines\":[{\"id\":\"" VM "\",\"ports\":[");
	for (int i = 1; i <= JITGATE_PORT_RULES_MAX + 1; i++)
		text_printf(&json, "%s{\"number\":%d,\"protocol\":\"TCP\"}", i > 1 ? "," : "", i);
	text_printf(&json, "]}]}}]}");
	assert_int_equal(judge_bytes(json.data, json.len, VM, at(NOW), &jit), -E2BIG);
	assert_null(jit.snapshot.ports);
}

/* What fits into one answer: each request must not read all rules anew. */
static void thousands_of_requests_and_rules_are_judged_within_a_second(void **state)
{
	enum { N_RULES = 4096, N_REQUESTS = 40000 };
	struct azure_policy policy = {.id = "p", .n_rules = N_RULES, .n_requests = N_REQUESTS};
	struct azure_listing listing = {.policies = &policy, .n = 1, .n_seen = 1};
	struct azure_jit jit = {0};
	clock_t begin;

	(void)state;
	policy.rules = calloc(N_RULES, sizeof(*policy.rules));
	policy.requests = calloc(N_REQUESTS, sizeof(*policy.requests));
	assert_true(policy.rules && policy.requests);
	for (size_t i = 0; i < N_RULES; i++)
		policy.rules[i] = (struct azure_rule){(uint16_t)(i % 1000 + 1), "UDP", "PT1H"};
	for (size_t i = 0; i < N_REQUESTS; i++)
		policy.requests[i] = (struct azure_request){
			.number = 60000, .status = "Initiated", .start = NOW, .end = "2262-01-01T00:00:00Z"};
	begin = clock();
	assert_int_equal(azure_jit_snapshot(&listing, &(struct azure_basis){.now = at(NOW)}, &jit), 0);
	assert_true(clock() - begin < CLOCKS_PER_SEC);
	assert_int_equal(jit.n_refused, N_REQUESTS);
	azure_jit_free(&jit);
	free(policy.rules);
	free(policy.requests);
}

static void the_report_is_json_with_the_promised_names(void **state)
{
	static const char *const lists[] = {"ports", "grants", "refused"};
	static const char *const grant_names[] = {"source", "until", "requestor", "justification", "policy", "proto"};
	_cleanup_azure_jit_ struct azure_jit jit = {0};
	_cleanup_text_ struct text out = {0};
	cJSON *tree, *grant, *refused;

	(void)state;
	judge(LIST(POLICY("p\\n\\\"", SSH, LIVE("203.0.113.7") "," LIVE("Internet\\u001b[2J"))), NOW, &jit);
	azure_report(&jit, VM, &out);
	tree = cJSON_Parse(out.data);
	assert_non_null(tree);
	assert_string_equal(dig(tree, "vm", NULL, NULL)->valuestring, VM);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		assert_int_equal(cJSON_GetArraySize(dig(tree, lists[i], NULL, NULL)), 1);
	assert_int_equal(dig(cJSON_GetArrayItem(dig(tree, "ports", NULL, NULL), 0), "longest_s", NULL, NULL)->valueint,
			 10800);
	grant = cJSON_GetArrayItem(dig(tree, "grants", NULL, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(grant_names); i++)
		assert_true(cJSON_IsString(dig(grant, grant_names[i], NULL, NULL)));
	assert_string_equal(dig(grant, "until", NULL, NULL)->valuestring, "2026-03-14T10:00:00Z");
	refused = cJSON_GetArrayItem(dig(tree, "refused", NULL, NULL), 0);
	assert_string_equal(dig(refused, "source", NULL, NULL)->valuestring, "Internet\x1b[2J");
	assert_true(dig(refused, "port", NULL, NULL)->valueint == 22 && dig(refused, "why", NULL, NULL));
	assert_null(memchr(out.data, '\x1b', out.len));
	cJSON_Delete(tree);
}

/* ---------------------------------------------------------------- mutated answers */

/* Marks the bytes of values that say who, when and which port: a change there is another grant, rightly. */
static void mark_values(const char *json, size_t len, char *marks)
{
	static const char *const keys[] = {"\"allowedSourceAddressPrefix\":", "\"allowedSourceAddressPrefixes\":",
					   "\"endTimeUtc\":", "\"startTimeUtc\":", "\"maxRequestAccessDuration\":"};

	for (size_t i = 0; i < len; i++)
		marks[i] |= json[i] >= '0' && json[i] <= '9';
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		for (const char *p = json; (p = strstr(p, keys[k])); p++) {
			const char *from = p + strlen(keys[k]), *to = from + strcspn(from, *from == '[' ? "]" : ",}");

			memset(marks + (from - json), 1, (size_t)(to - from));
		}
	}
}

static bool holds_line(const char *lines, const char *line, size_t len)
{
	for (const char *p = lines; *p; p += strcspn(p, "\n") + 1) {
		if (strncmp(p, line, len) == 0)
			return true;
	}
	return false;
}

static void assert_nothing_gained(const char *json, size_t len, const char *original)
{
	_cleanup_azure_jit_ struct azure_jit jit = {0};
	_cleanup_free_ char *seen = NULL;

	if (judge_bytes(json, len, FIXTURE_VM, at(NOW), &jit))
		return;
	seen = grants_text(&jit);
	for (const char *p = seen; *p; p += strcspn(p, "\n") + 1) {
		size_t n = strcspn(p, "\n") + 1;

		if (!holds_line(original, p, n))
			fail_msg("gained %.*sfrom %.*s", (int)n, p, (int)len, json);
	}
}

static uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*seed >> 33) % below;
}

static char draw_byte(uint64_t *seed)
{
	static const char likely[] = "{}[],:\"\\ tfn*IR/";
	char c;

	do
		c = draw(seed, 3) ? likely[draw(seed, sizeof(likely) - 1)] : (char)draw(seed, 256);
	while (c >= '0' && c <= '9');
	return c;
}

/* Every unmarked byte changed, dropped and doubled, several ways. */
static void one_wrong_byte_never_gains_a_grant(void **state)
{
	uint64_t seed = 0x6a6974;
	_cleanup_azure_jit_ struct azure_jit jit = {0};
	_cleanup_free_ char *json = NULL, *marks = NULL, *copy = NULL, *original = NULL;
	size_t len = 0;

	(void)state;
	print_message("# seed %#llx\n", (unsigned long long)seed);
	json = fixture_own("azure_list.json", &len);
	assert_non_null(json);
	marks = calloc(1, len);
	copy = malloc(len + 1);
	assert_int_equal(judge_bytes(json, len, FIXTURE_VM, at(NOW), &jit), 0);
	original = grants_text(&jit);
	assert_true(*original);
	mark_values(json, len, marks);
	for (size_t i = 0; i < len; i++) {
		if (marks[i])
			continue;
		memcpy(copy, json, len);
		copy[i] = draw_byte(&seed);
		assert_nothing_gained(copy, len, original);
		memcpy(copy + i, json + i + 1, len - i - 1);
		assert_nothing_gained(copy, len - 1, original);
		memcpy(copy, json, i);
		copy[i] = draw_byte(&seed);
		memcpy(copy + i + 1, json + i, len - i);
		assert_nothing_gained(copy, len + 1, original);
	}
}

/* Pieces cut out, doubled and moved: anything may come of it but a crash. */
static void mangled_answers_are_survived(void **state)
{
	uint64_t seed = 0x67617465;
	_cleanup_free_ char *json = NULL, *copy = NULL;
	size_t len = 0;

	(void)state;
	print_message("# seed %#llx\n", (unsigned long long)seed);
	json = fixture_own("azure_list.json", &len);
	assert_non_null(json);
	copy = malloc(2 * len);
	for (int i = 0; i < 4000; i++) {
		size_t from = draw(&seed, (uint32_t)len), n = draw(&seed, (uint32_t)(len - from)) % 400;
		size_t to = draw(&seed, (uint32_t)(len - n)), size = len;
		_cleanup_azure_jit_ struct azure_jit jit = {0};

		memcpy(copy, json, len);
		if (i % 3 == 0) {
			memmove(copy + to, json + from, n);
		} else if (i % 3 == 1) {
			memcpy(copy + from, json + from + n, len - from - n);
			size = len - n;
		} else {
			memcpy(copy + to, json + from, n);
			memcpy(copy + to + n, json + to, len - to);
			size = len + n;
		}
		for (int flips = (int)draw(&seed, 4); flips > 0; flips--)
			copy[draw(&seed, (uint32_t)size)] = (char)draw(&seed, 256);
		judge_bytes(copy, size, FIXTURE_VM, at(NOW), &jit);
	}
}

/* ---------------------------------------------------------------- addresses */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own_list_gives_what_it_says),
		cmocka_unit_test(only_initiated_and_not_over_is_granted),
		cmocka_unit_test(initiating_asks_again_while_it_is_not_over),
		cmocka_unit_test(an_end_beyond_the_rules_limit_is_refused_not_clipped),
		cmocka_unit_test(times_that_are_not_understood_are_refused),
		cmocka_unit_test(a_start_ahead_of_our_clock_is_refused_beyond_a_minute),
		cmocka_unit_test(sources_are_addresses_prefixes_and_star),
		cmocka_unit_test(arrays_of_sources_are_judged_one_by_one),
		cmocka_unit_test(the_protocol_comes_from_the_rule_of_the_same_policy),
		cmocka_unit_test(a_rule_that_is_not_understood_closes_and_grants_nothing),
		cmocka_unit_test(several_requests_for_one_key_are_all_kept),
		cmocka_unit_test(an_answer_without_this_vm_is_an_empty_snapshot),
		cmocka_unit_test(more_ports_than_fit_are_an_error),
		cmocka_unit_test(more_grants_than_fit_are_an_error),
		cmocka_unit_test(of_several_rules_for_one_port_the_shortest_limit_counts),
		cmocka_unit_test(thousands_of_requests_and_rules_are_judged_within_a_second),
		cmocka_unit_test(the_report_is_json_with_the_promised_names),
		cmocka_unit_test(one_wrong_byte_never_gains_a_grant),
		cmocka_unit_test(mangled_answers_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
