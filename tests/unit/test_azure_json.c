// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Answers of IMDS and ARM as bytes: every trap of the JSON library, shape errors, and hostile input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "azure_fixture.h"
#include "azure_compute.h"
#include "azure_json.h"

#define VM "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"

/* Parse `len` bytes that lie at the end of their own block, so that a read behind them is seen. */
static int read_page(const char *json, size_t len, const char *vm, struct azure_listing *listing, char **next,
		     struct parse_error *err)
{
	char *block = test_malloc(len + 1);
	int r;

	memcpy(block + 1, json, len);
	r = azure_json_page(block + 1, len, vm, listing, next, err);
	test_free(block);
	return r;
}

static void assert_refused_bytes(const char *json, size_t len)
{
	struct azure_listing listing = {0};
	struct parse_error err = {0};
	char *next = (char *)1;

	if (read_page(json, len, VM, &listing, &next, &err) != -22)
		fail_msg("taken: %.*s", (int)(len < 200 ? len : 200), json);
	assert_true(!listing.policies && !listing.n && !listing.n_seen && next == (char *)1 && err.why);
}

static void assert_refused(const char *json)
{
	char *quoted = fixture_quoted(json);

	assert_refused_bytes(quoted, strlen(quoted));
	free(quoted);
}

static void take(const char *json, struct azure_listing *listing)
{
	char *quoted = fixture_quoted(json), *next = NULL;
	struct parse_error err = {0};

	if (read_page(quoted, strlen(quoted), VM, listing, &next, &err))
		fail_msg("%s: %s", err.why, quoted);
	assert_null(next);
	free(quoted);
}

/* A page with one policy for VM; `rules` and `requests` are the elements of the arrays. */
#define PAGE(rules, requests)                                                                    \
	"{'value':[{'id':'/p/1','properties':{'virtualMachines':[{'id':'" VM "','ports':[" rules \
	"]}],'requests':[" requests "]}}]}"
#define RULE "{'number':22,'protocol':'TCP','maxRequestAccessDuration':'PT3H'}"
#define REQUEST(port) "{'virtualMachines':[{'id':'" VM "','ports':[" port "]}],'startTimeUtc':'S','requestor':'R'}"

/* The first request is odd and says so, the second is read as if it stood alone. */
static void assert_odd(const char *request, const char *odd)
{
	struct azure_listing listing = {0};
	const struct azure_policy *policy;
	char json[2048];

	snprintf(json, sizeof(json), PAGE(RULE, "%s,%s"), request, REQUEST("{'number':22,'status':'Initiated'}"));
	take(json, &listing);
	policy = &listing.policies[0];
	assert_int_equal(policy->n_rules, 1);
	assert_int_equal(policy->n_requests, 2);
	if (!policy->requests[0].odd || strcmp(policy->requests[0].odd, odd) != 0)
		fail_msg("%s: said \"%s\", not \"%s\"", request, policy->requests[0].odd, odd);
	assert_null(policy->requests[1].odd);
	assert_int_equal(policy->requests[1].number, 22);
	assert_string_equal(policy->requests[1].status, "Initiated");
	azure_listing_free(&listing);
}

static void a_real_page_is_read_whole(void **state)
{
	struct azure_listing listing = {0};
	struct parse_error err = {0};
	size_t len = 0;
	char *json = fixture_own("azure_list.json", &len), *next = NULL;
	const struct azure_policy *p;

	(void)state;
	assert_non_null(json);
	assert_int_equal(read_page(json, len, FIXTURE_VM, &listing, &next, &err), 0);
	assert_null(next);
	assert_int_equal(listing.n, 2);
	assert_int_equal(listing.n_seen, 2);
	p = &listing.policies[0];
	assert_int_equal(p->n_rules, 2);
	assert_int_equal(p->n_requests, 4); /* not the other VM's */
	assert_int_equal(p->rules[1].number, 3389);
	assert_string_equal(p->rules[1].protocol, "*");
	assert_string_equal(p->rules[1].longest, "PT1H30M");
	assert_int_equal(p->requests[2].number, 3389);
	assert_string_equal(p->requests[2].sources[0], "198.51.100.77/28");
	assert_string_equal(p->requests[2].start, "2026-03-14T08:59:59.0000001Z");
	assert_string_equal(p->requests[2].justification, "deploy \"spring\"");
	p = &listing.policies[1];
	assert_int_equal(p->requests[0].n_sources, 2);
	assert_string_equal(p->requests[0].sources[1], "10.20.0.0/16");
	assert_null(p->requests[0].justification);
	azure_listing_free(&listing);
	free(json);
}

static void the_look_up_is_case_sensitive(void **state)
{
	struct azure_listing listing = {0};

	(void)state;
	take(PAGE(RULE, REQUEST("{'number':22,'Status':'Revoked','STATUS':'x','status':'Initiated','endTimeUtc':'E'}")),
	     &listing);
	assert_string_equal(listing.policies[0].requests[0].status, "Initiated");
	azure_listing_free(&listing);
	take(PAGE(RULE, REQUEST("{'number':22,'Status':'Initiated','endTimeUtc':'E'}")), &listing);
	assert_null(listing.policies[0].requests[0].status);
	azure_listing_free(&listing);
}

static void duplicate_keys_are_refused_in_objects_that_are_read(void **state)
{
	struct azure_listing listing = {0};

	(void)state;
	assert_refused(PAGE(RULE, REQUEST("{'number':22,'status':'Initiated','status':'Revoked'}")));
	assert_refused(PAGE(RULE, "{'virtualMachines':[],'requestor':'a','requestor':'b'}"));
	assert_refused(PAGE(RULE, "{'virtualMachines':[{'id':'x','id':'" VM "','ports':[]}]}"));
	assert_refused(PAGE("{'number':22,'number':23,'protocol':'TCP'}", ""));
	assert_refused("{'value':[],'value':[]}");
	assert_refused("{'value':[{'id':'a','properties':{'virtualMachines':[],'virtualMachines':[]}}]}");
	assert_refused("{'value':[{'id':'a','properties':{'virtualMachines':[{'id':'x','id':'" VM "'}]}}]}");
	/* in an object that nobody reads they do no harm */
	take("{'value':[{'id':'a','other':{'k':1,'k':2},'properties':{'virtualMachines':[]}}]}", &listing);
	azure_listing_free(&listing);
}

static void port_numbers_are_whole_and_in_range(void **state)
{
	static const char *const bad[] = {"22.9", "-1",      "65536", "1e9",    "1e400", "4294967318", "'022'", "'22 '",
					  "'-1'", "'65536'", "''",    "'22.0'", "null",  "true",       "[22]",  "0.5"};
	struct azure_listing listing = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char json[512];

		snprintf(json, sizeof(json), PAGE("{'number':%s,'protocol':'TCP'}", ""), bad[i]);
		assert_refused(json);
		snprintf(json, sizeof(json), REQUEST("{'number':%s,'status':'Initiated'}"), bad[i]);
		assert_odd(json, "a request's number is not a whole number from 0 to 65535");
	}
	take(PAGE("{'number':65535,'protocol':'TCP'},{'number':22.0,'protocol':'TCP'},{'number':0,'protocol':'TCP'},"
		  "{'number':'22','protocol':'TCP'},{'number':'0','protocol':'TCP'}",
		  ""),
	     &listing);
	assert_int_equal(listing.policies[0].rules[0].number, 65535);
	assert_int_equal(listing.policies[0].rules[1].number, 22);
	assert_int_equal(listing.policies[0].rules[3].number, 22); /* as templates write it */
	assert_int_equal(listing.policies[0].rules[4].number, 0);
	azure_listing_free(&listing);
}

static void wrong_types_make_the_page_fail(void **state)
{
	static const char *const bad[] = {
		"[]",
		"null",
		"'text'",
		"{}",
		"{'value':null}",
		"{'value':{}}",
		"{'value':[1]}",
		"{'value':[null]}",
		"{'value':[{}]}",
		"{'value':[{'properties':[]}]}",
		"{'value':[{'properties':{}}]}",
		"{'value':[{'properties':{'virtualMachines':null}}]}",
		"{'value':[{'properties':{'virtualMachines':[1]}}]}",
		"{'value':[{'properties':{'virtualMachines':[{}]}}]}",
		"{'value':[{'properties':{'virtualMachines':[{'id':1}]}}]}",
		"{'value':[{'properties':{'virtualMachines':[],'requests':{}}}]}",
		"{'value':[],'nextLink':5}",
		"{'value':[{'properties':{'virtualMachines':[{'id':'" VM "','ports':[" RULE
		"]}]}}]}", /* no policy id */
		"{'value':[{'id':7,'properties':{'virtualMachines':[{'id':'" VM "','ports':[" RULE "]}]}}]}",
		"{'value':[{'id':'p','properties':{'virtualMachines':[{'id':'" VM "'}]}}]}",
		"{'value':[{'id':'p','properties':{'virtualMachines':[{'id':'" VM "','ports':{}}]}}]}",
		PAGE("1", ""),
		PAGE("{'number':22}", ""),
		PAGE("{'number':22,'protocol':6}", ""),
		PAGE("{'number':22,'protocol':'TCP','maxRequestAccessDuration':3}", ""),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_refused(bad[i]);
}

/* What is wrong with one request is said of it, and the one behind it is read as ever. */
static void wrong_shape_of_a_request_is_its_own_affair(void **state)
{
	static const struct {
		const char *request, *odd;
	} cases[] = {
		{"1", "an element of requests is not an object"},
		{"null", "an element of requests is not an object"},
		{"{}", "a request's virtualMachines is not an array"},
		{"{'virtualMachines':{}}", "a request's virtualMachines is not an array"},
		{"{'virtualMachines':[7]}", "an element of virtualMachines is not an object"},
		{"{'virtualMachines':[{'id':7}]}", "virtualMachines[].id is not a text"},
		{"{'virtualMachines':[{'id':'" VM "'}]}", "a request's ports is not an array"},
		{"{'virtualMachines':[{'id':'" VM "','ports':[22]}]}",
		 "an element of a request's ports is not an object"},
		{REQUEST("{'status':'Initiated'}"), "a request's number is not a whole number from 0 to 65535"},
		{REQUEST("{'number':22,'status':1}"), "a request's status is not a text"},
		{REQUEST("{'number':22,'endTimeUtc':1}"), "a request's endTimeUtc is not a text"},
		{REQUEST("{'number':22,'allowedSourceAddressPrefix':['1.2.3.4']}"),
		 "allowedSourceAddressPrefix is not a text"},
		{REQUEST("{'number':22,'allowedSourceAddressPrefixes':'1.2.3.4'}"),
		 "allowedSourceAddressPrefixes is not an array"},
		{REQUEST("{'number':22,'allowedSourceAddressPrefixes':['1.2.3.4',1]}"),
		 "an element of allowedSourceAddressPrefixes is not a text"},
		{REQUEST("{'number':22,'allowedSourceAddressPrefixes':[null]}"),
		 "an element of allowedSourceAddressPrefixes is not a text"},
		{"{'virtualMachines':[{'id':'" VM "','ports':[{'number':22}]}],'startTimeUtc':1}",
		 "a request's startTimeUtc is not a text"},
		{"{'virtualMachines':[{'id':'" VM "','ports':[{'number':22}]}],'requestor':{}}",
		 "a request's requestor is not a text"},
		{"{'virtualMachines':[{'id':'" VM "','ports':[{'number':22}]}],'justification':[]}",
		 "a request's justification is not a text"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_odd(cases[i].request, cases[i].odd);
}

/* What could be read of it is there for people. */
static void odd_request_keeps_what_could_be_read(void **state)
{
	struct azure_listing listing = {0};
	const struct azure_request *r;

	(void)state;
	take(PAGE(RULE, "{'virtualMachines':[{'id':'" VM "','ports':[{'number':22,'status':[],'endTimeUtc':'E',"
			"'allowedSourceAddressPrefix':'1.2.3.4'}]}],'requestor':'ann'}"),
	     &listing);
	r = &listing.policies[0].requests[0];
	assert_string_equal(r->odd, "a request's status is not a text");
	assert_int_equal(r->number, 22);
	assert_string_equal(r->end, "E");
	assert_string_equal(r->requestor, "ann");
	assert_string_equal(r->sources[0], "1.2.3.4");
	azure_listing_free(&listing);
}

/* A policy of other machines is no policy of this one for what nobody can read in it. */
static void odd_request_among_those_of_other_machines_is_passed_by(void **state)
{
	struct azure_listing listing = {0};

	(void)state;
	take("{'value':[{'id':'p','properties':{'virtualMachines':[],'requests':[{},1,{'virtualMachines':[{}]}]}}]}",
	     &listing);
	assert_int_equal(listing.n, 0);
	assert_int_equal(listing.n_seen, 1);
	azure_listing_free(&listing);
}

static void null_and_missing_members_are_not_there(void **state)
{
	struct azure_listing listing = {0};
	const struct azure_request *r;

	(void)state;
	take("{'value':[{'id':'p','properties':{'virtualMachines':[],'requests':null}}],'nextLink':''}", &listing);
	take("{'value':[{'id':'p','properties':{'virtualMachines':[]}}],'nextLink':null}", &listing);
	assert_int_equal(listing.n, 0);
	assert_int_equal(listing.n_seen, 2);
	take(PAGE(RULE, REQUEST("{'number':22,'allowedSourceAddressPrefixes':null,'allowedSourceAddressPrefix':'',"
				"'endTimeUtc':null,'unheardOf':[{'of':1}]}")),
	     &listing);
	r = &listing.policies[0].requests[0];
	assert_true(!r->n_sources && !r->status && !r->end && !r->justification);
	azure_listing_free(&listing);
}

static void other_machines_are_passed_by(void **state)
{
	struct azure_listing listing = {0};

	(void)state;
	/* what a policy says about others does not matter, nor does an id that only begins like ours */
	take("{'value':[{'properties':{'virtualMachines':[{'id':'" VM "2','ports':7},{'id':'" VM
	     "/','ports':7},{'id':''}],"
	     "'requests':[{'virtualMachines':[{'id':'x','ports':null}]}]}}]}",
	     &listing);
	assert_int_equal(listing.n, 0);
	/* a request names us, the rules do not any more */
	take("{'value':[{'id':'p','properties':{'virtualMachines':[],'requests':[" REQUEST("{'number':22}") "]}}]}",
	     &listing);
	assert_int_equal(listing.n, 1);
	assert_int_equal(listing.policies[0].n_rules, 0);
	azure_listing_free(&listing);
}

static void a_nul_is_refused_however_it_is_written(void **state)
{
	static const char raw[] = "{\"value\":[]\0}";
	static const char in_text[] = "{\"value\":[],\"x\":\"a\0b\"}";

	(void)state;
	assert_refused_bytes(raw, sizeof(raw) - 1);
	assert_refused_bytes(in_text, sizeof(in_text) - 1);
	assert_refused_bytes("{\"value\":[]}", sizeof("{\"value\":[]}")); /* behind the end */
	assert_refused(PAGE(RULE, "") "\\u0000");
	/* cJSON would hand out "…/vm" for this id */
	assert_refused("{'value':[{'id':'p','properties':{'virtualMachines':[{'id':'" VM "\\u0000x','ports':[" RULE
		       "]}]}}]}");
	assert_refused("{'value':[],'\\u0000':1}");
}

static void only_white_space_may_follow(void **state)
{
	struct azure_listing listing = {0};

	(void)state;
	take("\r\n\t {'value':[]} \n\r\t", &listing);
	assert_refused("{'value':[]}{'value':[]}");
	assert_refused("{'value':[]}]");
	assert_refused("{'value':[]},");
	assert_refused("{'value':[]}x");
	assert_refused("{'value':[]}\x0b");
	assert_refused("\xef\xbb\xbf{'value':[]}");
	assert_refused("");
	assert_refused("   ");
	azure_listing_free(&listing);
}

static void every_prefix_of_a_page_is_refused(void **state)
{
	size_t len = 0;
	char *json = fixture_own("azure_list.json", &len);

	(void)state;
	assert_non_null(json);
	while (len && json[len - 1] != '}')
		len--;
	for (size_t n = 0; n < len; n += n < len - 200 ? 7 : 1)
		assert_refused_bytes(json, n);
	free(json);
}

static void text_that_is_not_utf8_is_refused(void **state)
{
	static const char *const bad[] = {
		"\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80",
		"\xff", "\x01", "\n"};
	struct azure_listing listing = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char json[64];

		snprintf(json, sizeof(json), "{'value':[],'x':'%s'}", bad[i]);
		assert_refused(json);
	}
	take("{'value':[],'x':'h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x92 \\u00e9 \\ud83d\\ude00'}", &listing);
	azure_listing_free(&listing);
}

static char *repeat(const char *before, const char *unit, size_t n, const char *after, size_t *ret_len)
{
	size_t u = strlen(unit), b = strlen(before), a = strlen(after);
	char *out = malloc(b + n * u + a);

	assert_non_null(out);
	memcpy(out, before, b);
	for (size_t i = 0; i < n; i++)
		memcpy(out + b + i * u, unit, u);
	memcpy(out + b + n * u, after, a);
	*ret_len = b + n * u + a;
	return out;
}

static void bombs_are_refused_before_they_are_parsed(void **state)
{
	static const struct {
		const char *before, *unit, *after;
		size_t n;
	} bombs[] = {
		{"", "[", "", 33},
		{"", "[", "", 2000000},
		{"", "{\"a\":", "", 500000},
		{"{\"value\":[],\"x\":[0", ",0", "]}", JSON_SCAN_VALUES_MAX},
		{"{\"value\":[],\"x\":\"", "aaaaaaaa", "\"}", AZURE_JSON_BYTES_MAX / 8},
		{"{\"value\":[],\"x\":\"", "\\", "\"}", 100001},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bombs); i++) {
		size_t len;
		char *json = repeat(bombs[i].before, bombs[i].unit, bombs[i].n, bombs[i].after, &len);

		assert_refused_bytes(json, len);
		free(json);
	}
}

/* Well formed, so that only the depth can be what is refused. */
static void nesting_has_an_exact_limit(void **state)
{
	struct azure_listing listing = {0};
	char json[512], *next = NULL;

	(void)state;
	for (int inner = JSON_SCAN_DEPTH_MAX - 1; inner <= JSON_SCAN_DEPTH_MAX; inner++) {
		int len = snprintf(json, sizeof(json), "{\"value\":[],\"x\":");

		memset(json + len, '[', (size_t)inner);
		memset(json + len + inner, ']', (size_t)inner);
		len += 2 * inner;
		json[len++] = '}';
		if (inner < JSON_SCAN_DEPTH_MAX)
			assert_int_equal(azure_json_page(json, (size_t)len, VM, &listing, &next, NULL), 0);
		else
			assert_refused_bytes(json, (size_t)len);
	}
	azure_listing_free(&listing);
}

static void an_object_with_thousands_of_members_is_refused(void **state)
{
	char *json = malloc(1 << 20);
	size_t len = 0;

	(void)state;
	len += (size_t)sprintf(json, "{\"value\":[]");
	for (int i = 0; i < 50000; i++)
		len += (size_t)sprintf(json + len, ",\"k%d\":1", i);
	len += (size_t)sprintf(json + len, "}");
	assert_refused_bytes(json, len);
	free(json);
}

static void pages_add_up_and_name_the_next(void **state)
{
	char *json = fixture_quoted("{'value':[{'id':'p2','properties':{'virtualMachines':[{'id':'" VM
				    "','ports':[" RULE "]}]}}],'nextLink':'https://x/y?z'}");
	struct azure_listing listing = {0};
	char *next = NULL;

	(void)state;
	take(PAGE(RULE, ""), &listing);
	assert_int_equal(azure_json_page(json, strlen(json), VM, &listing, &next, NULL), 0);
	assert_string_equal(next, "https://x/y?z");
	assert_int_equal(listing.n, 2);
	assert_string_equal(listing.policies[1].id, "p2");
	azure_listing_free(&listing);
	free(next);
	free(json);
}

/* A page of `n` ports of one request, each `port`; the request's texts are as long as wanted. */
static char *make_page(const char *id, size_t texts, size_t n, const char *port)
{
	char *fill = calloc(1, texts + 1), *page = NULL;
	char *ports = calloc(n, strlen(port) + 1), *at = ports;

	assert_true(fill && ports);
	memset(fill, 'x', texts);
	for (size_t i = 0; i < n; i++)
		at += sprintf(at, "%s%s", i ? "," : "", port);
	assert_true(asprintf(&page,
			     "{\"value\":[{\"id\":\"%s\",\"properties\":{\"virtualMachines\":[],\"requests\":[{"
			     "\"requestor\":\"%s\",\"justification\":\"%s\",\"startTimeUtc\":\"%s\","
			     "\"virtualMachines\":[{\"id\":\"" VM "\",\"ports\":[%s]}]}]}}]}",
			     id, fill, fill, fill, ports) > 0);
	free(fill);
	free(ports);
	return page;
}

static void a_long_text_is_not_multiplied_by_the_ports(void **state)
{
	char *page = make_page("p", 1000000, 2, "{\"number\":22}"), *next = NULL;
	struct azure_listing listing = {0};
	const struct azure_request *request;

	(void)state;
	assert_int_equal(azure_json_page(page, strlen(page), VM, &listing, &next, NULL), 0);
	request = &listing.policies[0].requests[1];
	assert_true(strlen(request->requestor) <= 256 && strlen(request->justification) <= 256);
	assert_true(strlen(request->start) <= 256);
	azure_listing_free(&listing);
	free(page);
}

static void what_one_machine_can_have_is_bounded(void **state)
{
	static const struct {
		const char *port;
		size_t n, left;
	} cases[] = {
		{"{\"number\":22}", AZURE_ENTRIES_MAX, 0},
		{"{\"number\":22}", AZURE_ENTRIES_MAX + 1, 1},
		{"{\"number\":22,\"allowedSourceAddressPrefixes\":[\"1\",\"2\",\"3\"]}", AZURE_ENTRIES_MAX / 4 + 1, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *page = make_page("p", 1, cases[i].n, cases[i].port), *next = NULL;
		struct azure_listing listing = {0};
		struct parse_error err = {0};

		assert_int_equal(azure_json_page(page, strlen(page), VM, &listing, &next, &err),
				 cases[i].left ? -22 : 0);
		if (cases[i].left)
			assert_non_null(strstr(err.why, "more requests"));
		else /* and not on the next page either */
			assert_int_equal(azure_json_page(page, strlen(page), VM, &listing, &next, &err), -22);
		azure_listing_free(&listing);
		free(page);
	}
}

static void an_endless_policy_id_is_refused(void **state)
{
	char id[AZURE_POLICY_ID_MAX + 2] = {0}, *page;

	(void)state;
	memset(id, 'p', sizeof(id) - 1);
	page = make_page(id, 1, 1, "{\"number\":22}");
	assert_refused_bytes(page, strlen(page));
	free(page);
}

static void an_odd_request_that_names_this_vm_is_kept(void **state)
{
	static const char odd[] = "{'value':[{'id':'p','properties':{'virtualMachines':[],'requests':["
				  "{'virtualMachines':[{'id':'" VM "','ports':[{'number':'x'}]}]}]}}]}";
	struct azure_listing listing = {0};

	(void)state;
	take(odd, &listing);
	assert_int_equal(listing.n, 1);
	assert_non_null(listing.policies[0].requests[0].odd);
	azure_listing_free(&listing);
}

static void compute_says_who_the_vm_is(void **state)
{
	static const char *const bad[] = {"{}",
					  "{\"resourceId\":\"\"}",
					  "{\"resourceId\":5}",
					  "[]",
					  "{\"resourceId\":\"a\",\"resourceId\":\"b\"}",
					  "<html></html>"};
	struct azure_compute compute = {0};
	size_t len = 0;
	char *json = fixture_own("imds_compute.json", &len);

	(void)state;
	assert_non_null(json);
	assert_int_equal(azure_compute_parse(json, len, &compute, NULL), 0);
	assert_string_equal(compute.resource_id, FIXTURE_VM);
	assert_string_equal(compute.environment, "AZUREPUBLICCLOUD");
	assert_string_equal(compute.location, "westeurope");
	azure_compute_free(&compute);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(azure_compute_parse(bad[i], strlen(bad[i]), &compute, NULL), -22);
	free(json);
}

static void errors_of_both_services_are_read(void **state)
{
	struct azure_error error;
	char *json = fixture_quoted("{'error':{'code':'AuthorizationFailed','message':'no'}}");
	size_t len = 0;

	(void)state;
	assert_int_equal(azure_json_error(json, strlen(json), &error), 0);
	assert_string_equal(error.code, "AuthorizationFailed");
	assert_string_equal(error.message, "no");
	free(json);
	json = fixture_quoted("{'error':'invalid_request','error_description':'Identity not found'}");
	assert_int_equal(azure_json_error(json, strlen(json), &error), 0);
	assert_string_equal(error.code, "invalid_request");
	assert_string_equal(error.message, "Identity not found");
	free(json);
	json = repeat("{\"error\":{\"code\":\"", "\xc3\xa9", 5000, "\"}}", &len);
	assert_int_equal(azure_json_error(json, len, &error), 0);
	assert_int_equal(strlen(error.code), 62); /* 63 would cut a character */
	free(json);
	assert_int_equal(azure_json_error("<html>", 6, &error), -22);
	assert_int_equal(azure_json_error("", 0, &error), -22);
	assert_int_equal(azure_json_error("{\"error\":{}}", 12, &error), -22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_real_page_is_read_whole),
		cmocka_unit_test(the_look_up_is_case_sensitive),
		cmocka_unit_test(duplicate_keys_are_refused_in_objects_that_are_read),
		cmocka_unit_test(port_numbers_are_whole_and_in_range),
		cmocka_unit_test(wrong_types_make_the_page_fail),
		cmocka_unit_test(wrong_shape_of_a_request_is_its_own_affair),
		cmocka_unit_test(odd_request_keeps_what_could_be_read),
		cmocka_unit_test(odd_request_among_those_of_other_machines_is_passed_by),
		cmocka_unit_test(null_and_missing_members_are_not_there),
		cmocka_unit_test(other_machines_are_passed_by),
		cmocka_unit_test(a_nul_is_refused_however_it_is_written),
		cmocka_unit_test(only_white_space_may_follow),
		cmocka_unit_test(every_prefix_of_a_page_is_refused),
		cmocka_unit_test(text_that_is_not_utf8_is_refused),
		cmocka_unit_test(bombs_are_refused_before_they_are_parsed),
		cmocka_unit_test(nesting_has_an_exact_limit),
		cmocka_unit_test(an_object_with_thousands_of_members_is_refused),
		cmocka_unit_test(pages_add_up_and_name_the_next),
		cmocka_unit_test(a_long_text_is_not_multiplied_by_the_ports),
		cmocka_unit_test(what_one_machine_can_have_is_bounded),
		cmocka_unit_test(an_endless_policy_id_is_refused),
		cmocka_unit_test(an_odd_request_that_names_this_vm_is_kept),
		cmocka_unit_test(compute_says_who_the_vm_is),
		cmocka_unit_test(errors_of_both_services_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
