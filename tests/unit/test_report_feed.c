// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The status's words about the feed: how far the clocks are apart, and what is refused, by the feed and by the rails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "util.h"

#define NOW_S 1795368600LL /* 2026-11-22T17:30:00Z */

struct sample {
	struct report_interface interface;
	struct report_port port;
	struct refused_list by_feed;
	struct report report;
};

static void fill_sample(struct sample *s)
{
	*s = (struct sample){
		.interface = {.name = "eth0", .ifindex = 2, .xdp_mode = "native", .program_id = 41, .verified = true},
		.port = {.port = 22, .proto_bit = PROTO_BIT_TCP, .counted = true},
		.report = {.now = {NOW_S * NS_PER_S},
			   .version = "0.1.0",
			   .agent_running = true,
			   .n_interfaces = 1,
			   .feed_state = REPORT_FEED_FRESH,
			   .feed_name = "azure",
			   .feed_connected = true,
			   .last_good = {(NOW_S - 20) * NS_PER_S},
			   .last_error = "",
			   .n_ports = 1,
			   .n_allow = 2},
	};
	s->report.interfaces = &s->interface;
	s->report.ports = &s->port;
	s->report.refused_by_feed = &s->by_feed;
}

static void free_sample(struct sample *s)
{
	refused_free(&s->by_feed);
	refused_free(&s->report.refused_by_guard);
}

static void add(struct refused_list *list, const char *source, const char *why)
{
	const struct refused_texts texts = {why, source, "2026-11-22T18:00:00.5Z", "alice@example.com", "ops/default"};

	assert_int_equal(refused_add(list, 22, &texts), 0);
}

static void assert_text(const struct report *report, const char *wanted, bool there)
{
	_cleanup_text_ struct text t = {0};

	report_status_text(report, &t);
	assert_int_equal(t.failed, 0);
	if (!strstr(t.data, wanted) == there)
		fail_msg("\"%s\" is %s:\n%s", wanted, there ? "not in" : "in", t.data);
}

static cJSON *feed_json(const struct report *report, cJSON **ret_tree)
{
	_cleanup_text_ struct text t = {0};

	report_status_json(report, &t);
	*ret_tree = cJSON_Parse(t.data);
	assert_non_null(*ret_tree);
	return cJSON_GetObjectItemCaseSensitive(*ret_tree, "feed");
}

/* ---------------------------------------------------------------- clock */

static void clock_that_is_off_comes_first_with_its_sign(void **state)
{
	static const struct {
		int32_t offset_s;
		const char *first, *below; /* NULL: nothing is said */
	} cases[] = {
		{0, NULL, NULL},
		{30, NULL, NULL},
		{-30, NULL, NULL},
		{31, "jitgate 0.1.0: this machine's CLOCK IS WRONG, 31 s ahead of feed azure's\n",
		 "\n  this machine's clock is 31 s ahead of its, so grants end too early; set it right\n"},
		{-431, "jitgate 0.1.0: this machine's CLOCK IS WRONG, 431 s behind feed azure's\n",
		 "\n  this machine's clock is 431 s behind its, so grants end too late; set it right\n"},
		{-INT32_MAX, "2147483647 s behind feed", NULL},
	};
	struct sample s;

	(void)state;
	fill_sample(&s);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		s.report.clock_known = true;
		s.report.clock_offset_s = cases[i].offset_s;
		if (!cases[i].first)
			assert_text(&s.report, "CLOCK", false);
		if (cases[i].first)
			assert_text(&s.report, cases[i].first, true);
		if (cases[i].below)
			assert_text(&s.report, cases[i].below, true);
		s.report.clock_known = false; /* what is not known is not said */
		assert_text(&s.report, "CLOCK", false);
		assert_text(&s.report, "set it right", false);
	}
}

static void clock_in_json_is_a_number_or_null(void **state)
{
	static const int32_t offsets[] = {0, 12, -431};
	struct sample s;
	cJSON *tree, *item;

	(void)state;
	fill_sample(&s);
	item = cJSON_GetObjectItemCaseSensitive(feed_json(&s.report, &tree), "clock_offset_s");
	assert_true(cJSON_IsNull(item));
	cJSON_Delete(tree);
	s.report.clock_known = true;
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		s.report.clock_offset_s = offsets[i];
		item = cJSON_GetObjectItemCaseSensitive(feed_json(&s.report, &tree), "clock_offset_s");
		assert_true(cJSON_IsNumber(item));
		assert_true(item->valuedouble == offsets[i]);
		cJSON_Delete(tree);
	}
}

/* ---------------------------------------------------------------- refused */

static void refused_entries_have_a_table_of_their_own(void **state)
{
	struct sample s;

	(void)state;
	fill_sample(&s);
	assert_text(&s.report, "REFUSED", false);
	add(&s.by_feed, "Internet", "source not understood");
	add(&s.report.refused_by_guard, "10.0.0.0/8", "wider than guard.widest_ipv4");
	assert_text(&s.report,
		    "\n"
		    "REFUSED  SOURCE      REQUESTOR          WHY\n"
		    "22       10.0.0.0/8  alice@example.com  wider than guard.widest_ipv4\n"
		    "22       Internet    alice@example.com  source not understood\n",
		    true);
	assert_text(&s.report, "more", false);
	s.by_feed.more = 3;
	assert_text(&s.report, "source not understood\nand 3 more\n", true);
	free_sample(&s);
}

static void long_list_is_cut_and_counted(void **state)
{
	struct sample s;

	(void)state;
	fill_sample(&s);
	for (int i = 0; i < REFUSED_MAX + 5; i++) {
		char source[32];

		snprintf(source, sizeof(source), "tag%d", i);
		add(&s.by_feed, source, "source not understood");
	}
	assert_text(&s.report, "\n22       tag15   alice", true);
	assert_text(&s.report, "tag16", false);
	assert_text(&s.report, "and 53 more\n", true); /* 64 + 5 - 16 */
	free_sample(&s);
}

static void refused_json_says_who_refused_what_and_why(void **state)
{
	struct sample s;
	cJSON *tree, *feed, *list, *item;

	(void)state;
	fill_sample(&s);
	add(&s.by_feed, "Inter\"net", "source not understood");
	add(&s.report.refused_by_guard, "10.0.0.0/8", "wider than guard.widest_ipv4");
	s.by_feed.more = 7;
	s.report.refused_by_guard.more = 2;
	feed = feed_json(&s.report, &tree);
	list = cJSON_GetObjectItemCaseSensitive(feed, "refused");
	assert_int_equal(cJSON_GetArraySize(list), 2);
	item = cJSON_GetArrayItem(list, 1);
	assert_string_equal(cJSON_GetObjectItemCaseSensitive(item, "by")->valuestring, "feed");
	assert_string_equal(cJSON_GetObjectItemCaseSensitive(item, "why")->valuestring, "source not understood");
	assert_string_equal(cJSON_GetObjectItemCaseSensitive(item, "source")->valuestring, "Inter\"net");
	assert_string_equal(cJSON_GetObjectItemCaseSensitive(item, "policy")->valuestring, "ops/default");
	assert_string_equal(cJSON_GetObjectItemCaseSensitive(item, "requestor")->valuestring, "alice@example.com");
	assert_string_equal(cJSON_GetObjectItemCaseSensitive(item, "until")->valuestring, "2026-11-22T18:00:00.5Z");
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(item, "port")->valueint, 22);
	item = cJSON_GetArrayItem(list, 0);
	assert_string_equal(cJSON_GetObjectItemCaseSensitive(item, "by")->valuestring, "guard");
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(feed, "refused_more")->valueint, 9);
	cJSON_Delete(tree);
	s.report.refused_by_feed = NULL; /* without the daemon nobody knows */
	feed = feed_json(&s.report, &tree);
	assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(feed, "refused")));
	cJSON_Delete(tree);
	free_sample(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_that_is_off_comes_first_with_its_sign),
		cmocka_unit_test(clock_in_json_is_a_number_or_null),
		cmocka_unit_test(refused_entries_have_a_table_of_their_own),
		cmocka_unit_test(long_list_is_cut_and_counted),
		cmocka_unit_test(refused_json_says_who_refused_what_and_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
