// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What people and programs read: golden texts, JSON with cJSON as the referee, and for random reports full of hostile
 * strings: no line over 100 columns, no forged line, no terminal sequence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "reason.h"
#include "random.h"
#include "report.h"
#include "show.h"
#include "util.h"

#define NOW_S 1795368600LL /* 2026-11-22T17:30:00Z */
#define AT(s) ((struct wall_time){(s)*NS_PER_S})

static struct cidr cidr_of(const char *text)
{
	struct cidr cidr = {0};

	assert_int_equal(cidr_parse(text, strlen(text), &cidr, NULL), 0);
	return cidr;
}

/* ---------------------------------------------------------------- a report that is well, to be spoiled by each test */

struct sample {
	struct report_interface interfaces[2];
	struct report_port ports[2];
	struct report_grant grants[2];
	struct report report;
};

static void fill_sample(struct sample *s)
{
	*s = (struct sample){
		.interfaces = {{.name = "eth0", .ifindex = 2, .xdp_mode = "native", .program_id = 41, .verified = true},
			       {.name = "eth1", .ifindex = 3, .xdp_mode = "none", .why = "nothing is attached"}},
		.ports = {{.port = 22,
			   .proto_bit = PROTO_BIT_TCP,
			   .by_config = true,
			   .counted = true,
			   .counters = {1204, 130200, 33, 2178}},
			  {.port = 3389, .proto_bit = PROTO_BIT_UDP, .counted = true}},
		.grants = {{.source = cidr_of("203.0.113.7"),
			    .port = 22,
			    .protos = PROTO_BIT_TCP,
			    .until = AT(NOW_S + 42 * 60),
			    .requestor = "alice@example.com",
			    .justification = "deploy the fix",
			    .origin = "ops/default",
			    .packets = 1204,
			    .bytes = 130200,
			    .last_seen = AT(NOW_S - 15)},
			   {.source = cidr_of("2001:db8:1234:5678::/64"),
			    .port = 3389,
			    .protos = PROTO_BITS_ALL,
			    .until = AT(NOW_S + 7 * 3600),
			    .requestor = "",
			    .justification = "",
			    .origin = "ops/default"}},
		.report = {.now = AT(NOW_S),
			   .version = "0.1.0",
			   .agent_running = true,
			   .n_interfaces = 1,
			   .feed_state = REPORT_FEED_FRESH,
			   .feed_name = "azure",
			   .feed_connected = true,
			   .last_good = AT(NOW_S - 20),
			   .last_error = "",
			   .n_ports = 2,
			   .n_grants = 1,
			   .n_allow = 3},
	};
	s->report.interfaces = s->interfaces;
	s->report.ports = s->ports;
	s->report.grants = s->grants;
	s->report.counters[REASON_GRANTED] = (struct gate_counter){1204, 130200};
	s->report.counters[REASON_NO_GRANT] = (struct gate_counter){33, 2178};
}

static void assert_first_line(const struct report *report, const char *expected)
{
	_cleanup_text_ struct text t = {0};

	report_status_text(report, &t);
	assert_int_equal(t.failed, 0);
	*strchr(t.data, '\n') = '\0';
	assert_string_equal(t.data, expected);
}

static void assert_says(const struct report *report, const char *expected)
{
	_cleanup_text_ struct text t = {0};

	report_status_text(report, &t);
	if (!strstr(t.data, expected))
		fail_msg("\"%s\" is not in:\n%s", expected, t.data);
}

/* ---------------------------------------------------------------- golden texts */

static void status_of_a_healthy_gate(void **state)
{
	_cleanup_text_ struct text t = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	report_status_text(&s.report, &t);
	assert_string_equal(
		t.data,
		"jitgate 0.1.0: enforcing on eth0 (native, verified); 2 ports, 1 grant; feed azure fresh (20 s ago)\n"
		"\n"
		"INTERFACE  INDEX  XDP     PROGRAM  VERIFIED\n"
		"eth0           2  native       41  yes\n"
		"\n"
		"PORT      CLOSED BY  SESSION  GRANTED            DROPPED\n"
		"22/tcp    config     cut         1204  130.2 kB       33  2.2 kB\n"
		"3389/udp  feed       cut            0       0 B        0     0 B\n"
		"\n"
		"1 grant, the next one ends 18:12:00Z (in 42 min); 3 sources always allowed\n"
		"feed azure: connected, last good answer 17:29:40Z (20 s ago)\n"
		"\n"
		"REASON    VERDICT  PACKETS     BYTES  MEANING\n"
		"granted   pass        1204  130.2 kB  a live grant covers the source\n"
		"no_grant  drop          33    2.2 kB  no grant covers the source\n");
}

static void sessions_that_go_on_are_counted_and_explained(void **state)
{
	_cleanup_text_ struct text list = {0}, json = {0}, explained = {0}, kept = {0};
	_cleanup_text_ struct text unknown = {0}, unknown_json = {0};
	struct sample s;
	struct report_explain explain = {.port = 22,
					 .proto_bit = PROTO_BIT_TCP,
					 .reason = REASON_EXPIRED,
					 .would_be = REASON_EXPIRED,
					 .drain_ns = 1800 * (uint64_t)NS_PER_S,
					 .sessions = 2};

	(void)state;
	fill_sample(&s);
	s.ports[0].drain_ns = SESSION_KEEP;
	s.ports[0].sessions = 3;
	assert_says(&s.report, "22/tcp    config     keep (3)");
	report_list_text(&s.report, &list);
	assert_non_null(strstr(list.data, "\n3 sessions known that may go on after its grant"));
	report_status_json(&s.report, &json);
	assert_non_null(strstr(json.data, "\"session\":\"keep\",\"sessions\":3"));
	assert_non_null(strstr(json.data, "\"session\":\"cut\",\"sessions\":0"));

	explain.now = s.report.now;
	explain.source = s.grants[0].source;
	explain.sessions_until.ns = s.report.now.ns + 60 * NS_PER_S;
	report_explain_text(&explain, &explained);
	assert_non_null(strstr(explained.data,
			       "\n  sessions of this port: drain=30m; 2 sessions of this source known that may go on "
			       "without a grant\n    until 17:31:00Z (in 1 min)\n"));
	explain.drain_ns = SESSION_KEEP;
	explain.sessions_until.ns = 0;
	report_explain_text(&explain, &kept);
	assert_non_null(strstr(kept.data, "sessions of this port: keep; 2 sessions of this source known"));
	assert_non_null(strstr(kept.data, "as it lives\n"));

	/* None is another answer than: it is not known. */
	explain.sessions = 0;
	explain.sessions_unknown = "Cannot allocate memory";
	report_explain_text(&explain, &unknown);
	report_explain_json(&explain, &unknown_json);
	assert_non_null(strstr(unknown.data, "is NOT KNOWN, the table of sessions"));
	assert_null(strstr(unknown.data, "0 sessions"));
	assert_non_null(strstr(unknown_json.data, "\"session\":\"keep\",\"sessions\":null,\"sessions_until\":null"));
}

static void status_says_why_an_interface_is_at_tc(void **state)
{
	_cleanup_text_ struct text t = {0}, json = {0}, free_hook = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	snprintf(s.interfaces[0].xdp_mode, sizeof(s.interfaces[0].xdp_mode), "tc");
	s.interfaces[0].holder_id = 7;
	report_status_text(&s.report, &t);
	assert_non_null(strstr(t.data, "enforcing on eth0 (tc, verified);"));
	assert_non_null(strstr(t.data,
			       "eth0           2  tc        41  yes\n"
			       "  eth0: XDP program 7 is another's, so jitgate judges behind it, at the tc ingress "
			       "hook\n"));
	report_status_json(&s.report, &json);
	assert_non_null(strstr(json.data, "\"xdp_mode\":\"tc\",\"program_id\":41,\"xdp_held_by\":7,\"verified\":true"));
	s.interfaces[0].holder_id = 0;
	report_status_text(&s.report, &free_hook);
	assert_non_null(strstr(free_hook.data,
			       "  eth0: judged at the tc ingress hook; the XDP hook is free now, a restart "
			       "of jitgated takes it\n"));
}

static void list_says_source_port_deadline_who_and_why(void **state)
{
	_cleanup_text_ struct text t = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.n_grants = 2;
	report_list_text(&s.report, &t);
	assert_string_equal(t.data, "SOURCE                   PORT    UNTIL\n"
				    "203.0.113.7              22/tcp  18:12:00Z (in 42 min)\n"
				    "    alice@example.com: \"deploy the fix\" (ops/default)\n"
				    "    1204 packets, 130.2 kB, last seen 17:29:45Z (15 s ago)\n"
				    "2001:db8:1234:5678::/64  3389/*  2026-11-23 00:30:00Z (in 7 h)\n"
				    "    requestor not given (ops/default)\n"
				    "    not used yet\n"
				    "3 sources always allowed (`allow`, and the Azure platform's own)\n");
}

static void empty_list_says_so(void **state)
{
	_cleanup_text_ struct text t = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.n_grants = 0;
	s.report.n_allow = 0;
	report_list_text(&s.report, &t);
	assert_string_equal(t.data, "no grants\n");
}

/* ---------------------------------------------------------------- the first line, when something is wrong */

static void dead_agent_comes_first_and_what_goes_on_is_said(void **state)
{
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.agent_running = false;
	s.report.agent_why = "cannot connect to /run/jitgate/control.sock: Connection refused";
	assert_first_line(&s.report, "jitgate 0.1.0: jitgated is NOT RUNNING: systemctl start jitgated");
	assert_says(&s.report, "enforcement goes on by the kernel, grants");
	assert_says(&s.report, "\n  enforcing on eth0 (native, verified); 2 ports, 1 grant\n");
}

static void without_agent_nothing_is_said_to_go_on_unless_verified(void **state)
{
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.agent_running = false;
	s.report.interfaces[0].verified = false;
	assert_says(&s.report, "nothing new is granted, and NO INTERFACE IS SHOWN TO BE FILTERED");
	s.report.n_interfaces = 0;
	assert_says(&s.report, "nothing new is granted, and NO INTERFACE IS SHOWN TO BE FILTERED");
}

static void unverified_interface_comes_first_with_its_reason(void **state)
{
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.n_interfaces = 2;
	assert_first_line(&s.report, "jitgate 0.1.0: NOT VERIFIED: eth1 (nothing is attached)");
	assert_says(&s.report, "eth1           3  none          -  NO: nothing is attached\n");
	s.report.n_interfaces = 0;
	assert_first_line(&s.report, "jitgate 0.1.0: NOTHING IS FILTERED: no interface");
}

static void what_was_amiss_is_told_also_when_it_is_not_any_more(void **state)
{
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.interfaces[0].guarded = s.interfaces[1].guarded = true;
	s.interfaces[0].verified_at = AT(NOW_S - 3);
	s.interfaces[0].lost = s.interfaces[0].reattached = 1;
	assert_says(&s.report,
		    "\neth0: was not verified 1 time since jitgated started, set right 1; last verified 3 s ago\n");
	s.interfaces[0].lost = 0;
	s.report.n_interfaces = 2;
	assert_says(&s.report, "\neth1: never verified\n");
	s.interfaces[1].verified_at = AT(NOW_S - 60);
	s.interfaces[1].lost = 2;
	assert_says(&s.report, "\neth1: was not verified 2 times since jitgated started, set right 0; last verified ");
}

/* On one line: where it breaks is of no matter here. */
static void assert_says_somewhere(const struct report *report, const char *expected)
{
	_cleanup_text_ struct text t = {0};
	char *to;

	report_status_text(report, &t);
	to = t.data;
	for (const char *from = t.data; *from; from++) {
		bool blank = *from == ' ' || *from == '\n';

		if (!blank || (to > t.data && to[-1] != ' '))
			*to++ = blank ? ' ' : *from;
	}
	*to = '\0';
	if (!strstr(t.data, expected))
		fail_msg("\"%s\" is not in:\n%s", expected, t.data);
}

static void what_was_not_tried_with_a_packet_is_told(void **state)
{
	_cleanup_text_ struct text t = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.interfaces[0].guarded = true;
	report_status_text(&s.report, &t);
	assert_null(strstr(t.data, "not tried"));
	snprintf(s.interfaces[0].not_probed, sizeof(s.interfaces[0].not_probed), "no such call");
	assert_says_somewhere(&s.report,
			      "eth0: verified by what the kernel says that it runs, not tried with a packet: no "
			      "such call");
}

static void what_jitgated_tries_the_filter_with_is_no_packet_that_was_seen(void **state)
{
	struct sample s;

	(void)state;
	fill_sample(&s);
	memset(s.report.counters, 0, sizeof(s.report.counters));
	s.report.counters[REASON_PROBE] = (struct gate_counter){7, 238};
	assert_says(&s.report, "\nno packet seen yet\n");
	assert_says_somewhere(&s.report, "probe drop 7 238 B jitgated tried the filter with it");
	s.report.counters[REASON_GRANTED].packets = 1;
	assert_says(&s.report, "\nREASON");
}

static void what_is_left_on_an_interface_is_told_with_the_way_out(void **state)
{
	struct report_left left[] = {{.name = "eth5", .ifindex = 5, .enforced = -EPERM},
				     {.name = "eth6", .ifindex = 6, .lro = -EPERM}};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.left = left;
	s.report.n_left = 2;
	assert_first_line(&s.report,
			  "jitgate 0.1.0: STILL ENFORCED on eth5, which is not in `interfaces`: restart jitgated");
	assert_says_somewhere(&s.report, "eth5: not guarded any more; its filter cannot be taken off (Operation not "
					 "permitted): restart jitgated");
	assert_says_somewhere(&s.report,
			      "eth6: not guarded any more; its large receive offload, switched off for native "
			      "mode, stays off (Operation not permitted): `ethtool -K eth6 lro on`, or restart");
}

static void audit_mode_comes_first(void **state)
{
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.mode = JITGATE_AUDIT;
	assert_first_line(&s.report, "jitgate 0.1.0: AUDIT: nothing is dropped");
	assert_says(&s.report, "auditing on eth0");
	assert_says(&s.report, "WOULD DROP");
	s.report.only_protect = true;
	s.report.feed_state = REPORT_FEED_NEVER;
	s.report.feed_name = "";
	assert_first_line(&s.report, "jitgate 0.1.0: AUDIT: nothing is dropped; ONLY `protect` PORTS WOULD BE CLOSED: "
				     "no feed has connected yet");
	s.report.n_ports = 0;
	assert_first_line(&s.report, "jitgate 0.1.0: AUDIT: nothing is dropped; NO PORT WOULD BE CLOSED: "
				     "no feed has connected yet, and `protect` is empty");
}

static void a_trial_comes_first_with_its_end(void **state)
{
	_cleanup_text_ struct text t = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.conf_mode = JITGATE_AUDIT;
	s.report.trial_until = AT(NOW_S + 270);
	assert_first_line(&s.report,
			  "jitgate 0.1.0: ON TRIAL: audit again at 17:34:30Z unless confirmed (jitgate confirm)");
	assert_says(&s.report, "enforcing on eth0");
	assert_says(&s.report, "DROPPED");
	report_status_json(&s.report, &t);
	assert_non_null(strstr(t.data, "\"mode\":\"enforce\",\"arming\":{\"config\":\"audit\",\"confirmed\":false,"
				       "\"trial_until\":\"2026-11-22T17:34:30Z\",\"not_confirmed_at\":null,"
				       "\"waiting_for_first_answer\":false}"));
	s.report.trial_until.ns = 0;
	s.report.mode = JITGATE_AUDIT;
	s.report.arming.lapsed = AT(NOW_S - 60);
	assert_first_line(&s.report, "jitgate 0.1.0: AUDIT: nothing is dropped, arming was NOT CONFIRMED in time");
}

static void what_was_confirmed_is_no_bad_news_but_the_config_is_named(void **state)
{
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.conf_mode = JITGATE_AUDIT;
	s.report.arming.confirmed = true;
	assert_first_line(&s.report,
			  "jitgate 0.1.0: enforcing on eth0 (native, verified); 2 ports, 1 grant; feed azure "
			  "fresh (20 s ago)");
	assert_says(&s.report, "the config says mode = \"audit\"");
}

static void waiting_for_the_first_answer_is_not_called_audit(void **state)
{
	const char *first = "WAITING for the first answer of a feed: nothing is dropped yet\n";
	const char *audit = "AUDIT: nothing is dropped, with or without a grant\n";
	_cleanup_text_ struct text list = {0}, audit_list = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.mode = JITGATE_AUDIT;
	s.report.arming.waiting = true;
	assert_first_line(&s.report, "jitgate 0.1.0: WAITING for the first answer: nothing is dropped");
	assert_says(&s.report, "\n  waiting on eth0");
	report_list_text(&s.report, &list);
	assert_memory_equal(list.data, first, strlen(first));
	assert_null(strstr(list.data, "AUDIT"));
	s.report.arming.waiting = false;
	report_list_text(&s.report, &audit_list);
	assert_memory_equal(audit_list.data, audit, strlen(audit));
}

static void what_is_opened_by_hand_is_told_from_what_a_feed_grants(void **state)
{
	_cleanup_text_ struct text t = {0}, list = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.n_grants = 2;
	s.grants[0].origin = "operator"; /* a feed may say so */
	s.grants[1] = s.grants[0];
	s.grants[1].source = cidr_of("198.51.100.7");
	s.grants[1].by_hand = true;
	s.grants[1].requestor = "root, by sudo from uid 1000";
	s.grants[1].justification = "Azure\nis down";
	assert_first_line(&s.report,
			  "jitgate 0.1.0: enforcing on eth0 (native, verified); 2 ports, 2 grants (1 BY HAND); "
			  "feed azure fresh");
	assert_says(&s.report,
		    "opened by hand: 22/tcp from 198.51.100.7 until 18:12:00Z (in 42 min), root, by sudo from "
		    "uid 1000:\n  \"Azure is down\"\n");
	report_status_json(&s.report, &t);
	assert_non_null(strstr(t.data, "\"by_hand\":1"));
	report_list_json(&s.report, &list);
	assert_non_null(strstr(list.data, "\"origin\":\"operator\",\"by_hand\":false"));
	assert_non_null(strstr(list.data, "\"origin\":\"operator\",\"by_hand\":true"));
}

static void what_waits_for_the_clock_is_shown_and_counts_as_no_grant(void **state)
{
	static const char line[] = "opened by hand, CLOSED until the clock is set: 22/tcp from 198.51.100.7 until";
	_cleanup_text_ struct text t = {0}, list = {0};
	struct report_grant waiting;
	struct sample s;

	(void)state;
	fill_sample(&s);
	waiting = s.grants[0];
	waiting.source = cidr_of("198.51.100.7");
	waiting.by_hand = true;
	s.report.waiting = &waiting;
	report_list_text(&s.report, &list);
	assert_null(strstr(list.data, line));
	s.report.n_waiting = 1;
	assert_first_line(
		&s.report,
		"jitgate 0.1.0: enforcing on eth0 (native, verified); 2 ports, 1 grant; feed azure fresh (20 s ago)");
	assert_says(&s.report, line);
	report_list_text(&s.report, &list);
	assert_non_null(strstr(list.data, line));
	report_status_json(&s.report, &t);
	assert_non_null(strstr(t.data, "\"by_hand\":0,\"by_hand_waiting\":1"));
}

static void stale_feed_comes_first_with_its_last_error_below(void **state)
{
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.feed_state = REPORT_FEED_STALE;
	s.report.last_good = AT(NOW_S - 7200);
	s.report.last_error = "ARM answered 429";
	s.report.last_error_at = AT(NOW_S - 60);
	assert_first_line(&s.report, "jitgate 0.1.0: feed azure is STALE (last good answer 2 h ago)");
	assert_says(&s.report, "\n  last error 17:29:00Z (1 min ago): ARM answered 429\n");
}

/* For how long the last answer counts is not saved: JSON cannot call it fresh. */
static void a_feed_that_has_not_connected_since_the_start_is_not_called_a_failure(void **state)
{
	_cleanup_text_ struct text json = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.feed_state = REPORT_FEED_STALE;
	s.report.feed_name = "";
	s.report.feed_connected = false;
	s.report.last_good = AT(NOW_S - 13);
	assert_first_line(&s.report, "jitgate 0.1.0: no feed has connected since jitgated started (last good answer "
				     "13 s ago)");
	assert_says(&s.report, "\n  enforcing on eth0 (native, verified); 2 ports, 1 grant; no feed yet (last good "
			       "answer 13 s ago)\n");
	report_status_json(&s.report, &json);
	assert_non_null(strstr(json.data, "\"feed\":{\"name\":\"\",\"state\":\"stale\",\"connected\":false"));
	s.report.feed_name = "azure";
	assert_first_line(&s.report, "jitgate 0.1.0: feed azure is STALE (last good answer 13 s ago)");
}

static void the_verdict_is_one_line_however_long(void **state)
{
	static const char *const why = "another XDP program (id 4711) is on it, which jitgate neither may nor will "
				       "take off";
	_cleanup_text_ struct text list = {0};
	char line[256];
	struct sample s;

	(void)state;
	fill_sample(&s);
	snprintf(s.interfaces[0].why, sizeof(s.interfaces[0].why), "%s", why);
	s.interfaces[0].verified = false;
	s.report.feed_connected = false;
	snprintf(line, sizeof(line), "jitgate 0.1.0: NOT VERIFIED: eth0 (%s); feed azure is NOT CONNECTED", why);
	assert_true(strlen(line) > SHOW_WIDTH);
	assert_first_line(&s.report, line);
	snprintf(line, sizeof(line), "NOT ENFORCED on eth0: %s. By the maps:\n", why);
	assert_true(strlen(line) > SHOW_WIDTH);
	report_list_text(&s.report, &list);
	assert_memory_equal(list.data, line, strlen(line));
	text_free(&list);
	s.interfaces[0].verified = true;
	s.report.agent_running = false;
	s.report.agent_why = "cannot connect to /run/jitgate/control.sock: Connection refused";
	snprintf(line, sizeof(line), "jitgated is not running (%s): these grants end on time, nothing new is granted\n",
		 s.report.agent_why);
	report_list_text(&s.report, &list);
	assert_memory_equal(list.data, line, strlen(line));
}

static void assert_paragraph(const char *words, const char *expected)
{
	_cleanup_text_ struct text in = {0}, out = {0};

	text_printf(&in, "%s", words);
	show_paragraph(&out, &in, 0, 2);
	assert_string_equal(out.data, expected);
}

static void a_command_in_backquotes_is_not_torn_apart(void **state)
{
#define LONG "ten chars ten chars ten chars ten chars ten chars ten chars ten chars ten chars ten chars"
	(void)state;
	assert_paragraph(LONG " do jitgate confirm, now", LONG " do jitgate\n  confirm, now\n");
	assert_paragraph(LONG " do `jitgate confirm`, now", LONG " do\n  `jitgate confirm`, now\n");
	assert_paragraph(LONG " (`jitgate confirm`) now", LONG "\n  (`jitgate confirm`) now\n");
	/* What nothing closes, or closes too late for a line, is torn as ever. */
	assert_paragraph(LONG " do `jitgate confirm, now", LONG " do\n  `jitgate confirm, now\n");
	assert_paragraph(LONG " a `" LONG " ten chars`", LONG " a `ten\n  chars " LONG "`\n");
#undef LONG
}

static void a_feed_that_is_gone_or_fails_comes_first_while_its_last_answer_is_fresh(void **state)
{
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.feed_connected = false;
	assert_first_line(&s.report, "jitgate 0.1.0: feed azure is NOT CONNECTED");
	s.report.feed_connected = true;
	s.report.last_error = "ARM answers 403";
	assert_first_line(&s.report, "jitgate 0.1.0: feed azure FAILS, see its last error");
}

static void a_list_of_an_open_machine_says_so_first(void **state)
{
	const char *first = "NOT ENFORCED on eth1: nothing is attached. By the maps:\n";
	_cleanup_text_ struct text t = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.n_interfaces = 2;
	report_list_text(&s.report, &t);
	assert_memory_equal(t.data, first, strlen(first));
}

static void a_policy_is_shown_by_name_and_region(void **state)
{
	_cleanup_text_ struct text t = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.grants[0].origin = "/subscriptions/487bb485-b5b0-471e-9c0d-10717612f869/resourceGroups/ops/providers/"
			     "Microsoft.Security/locations/westeurope/jitNetworkAccessPolicies/default";
	report_list_text(&s.report, &t);
	assert_non_null(strstr(t.data, "\"deploy the fix\" (policy default, westeurope)\n"));
	text_free(&t);
	s.grants[0].origin = "/locations/";
	report_list_text(&s.report, &t);
	assert_non_null(strstr(t.data, "(/locations/)\n"));
}

static void no_good_answer_yet_says_which_ports_are_closed(void **state)
{
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.report.feed_state = REPORT_FEED_NEVER;
	s.report.feed_name = "";
	s.report.last_good = (struct wall_time){0};
	s.report.only_protect = true;
	assert_first_line(&s.report, "jitgate 0.1.0: ONLY `protect` PORTS ARE CLOSED: no feed has connected yet");
	s.report.feed_name = "azure";
	assert_first_line(&s.report,
			  "jitgate 0.1.0: ONLY `protect` PORTS ARE CLOSED: no good answer from feed azure yet");
	s.report.n_ports = 0;
	s.report.feed_name = "";
	assert_first_line(&s.report,
			  "jitgate 0.1.0: NO PORT IS CLOSED: no feed has connected yet, and `protect` is empty");
}

/* ---------------------------------------------------------------- explain */

static void explain_names_verdict_reason_entry_and_remedy(void **state)
{
	struct report_explain explain = {.now = AT(NOW_S),
					 .source = cidr_of("203.0.113.7"),
					 .port = 22,
					 .proto_bit = PROTO_BIT_TCP,
					 .reason = REASON_GRANTED,
					 .would_be = REASON_GRANTED,
					 .has_grant = true};
	_cleanup_text_ struct text granted = {0}, expired = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	explain.grant = s.grants[0];
	report_explain_text(&explain, &granted);
	assert_string_equal(granted.data, "203.0.113.7 to 22/tcp: PASS (granted: a live grant covers the source)\n"
					  "  the entry behind it: 203.0.113.7 to 22/tcp, until 18:12:00Z (in 42 min)\n"
					  "    alice@example.com: \"deploy the fix\" (ops/default)\n"
					  "    1204 packets, 130.2 kB, last seen 17:29:45Z (15 s ago)\n");
	explain.reason = explain.would_be = REASON_EXPIRED;
	explain.grant.until = AT(NOW_S - 120);
	report_explain_text(&explain, &expired);
	assert_non_null(strstr(expired.data, "203.0.113.7 to 22/tcp: DROP (expired: the grant has ended)\n"));
	assert_non_null(strstr(expired.data, ", ended 17:28:00Z (2 min ago)\n"));
	assert_non_null(strstr(expired.data, "what would open it: a just-in-time access request for port 22 from"));
}

static void explain_in_audit_mode_says_what_enforcing_would_do(void **state)
{
	struct report_explain explain = {.now = AT(NOW_S),
					 .source = cidr_of("2001:db8::1"),
					 .port = 22,
					 .proto_bit = PROTO_BIT_TCP,
					 .reason = REASON_AUDIT,
					 .would_be = REASON_NO_GRANT};
	_cleanup_text_ struct text t = {0};

	(void)state;
	report_explain_text(&explain, &t);
	assert_non_null(strstr(t.data, "2001:db8::1 to 22/tcp: PASS (audit: enforcing would drop it)\n"));
	assert_non_null(strstr(t.data, "\n  audit mode: enforcing would say DROP (no_grant)\n"));
	assert_non_null(strstr(t.data, "what would open it"));
}

/* ---------------------------------------------------------------- JSON */

static cJSON *parse(const struct text *t)
{
	cJSON *json;

	assert_int_equal(t->failed, 0);
	json = cJSON_ParseWithLengthOpts(t->data, t->len + 1, NULL, 1);
	if (!json)
		fail_msg("not JSON: %s", t->data);
	return json;
}

static void assert_string_at(const cJSON *object, const char *name, const char *expected)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!item)
		fail_msg("no member \"%s\"", name);
	if (!expected) {
		assert_true(cJSON_IsNull(item));
		return;
	}
	assert_true(cJSON_IsString(item));
	assert_string_equal(item->valuestring, expected);
}

static void assert_number_at(const cJSON *object, const char *name, double expected)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!cJSON_IsNumber(item))
		fail_msg("no number \"%s\"", name);
	assert_true(item->valuedouble == expected);
}

static void list_json_has_the_fields_of_the_contract(void **state)
{
	_cleanup_text_ struct text t = {0};
	const cJSON *first, *second;
	struct sample s;
	cJSON *json;

	(void)state;
	fill_sample(&s);
	s.report.n_grants = 2;
	s.grants[1].until = AT(NOW_S - 1);
	report_list_json(&s.report, &t);
	json = parse(&t);
	assert_true(cJSON_IsArray(json));
	assert_int_equal(cJSON_GetArraySize(json), 2);
	first = cJSON_GetArrayItem(json, 0);
	second = cJSON_GetArrayItem(json, 1);
	assert_string_at(first, "source", "203.0.113.7");
	assert_number_at(first, "port", 22);
	assert_string_at(first, "proto", "tcp");
	assert_string_at(first, "until", "2026-11-22T18:12:00Z");
	assert_number_at(first, "seconds_left", 42 * 60);
	assert_string_at(first, "requestor", "alice@example.com");
	assert_string_at(first, "justification", "deploy the fix");
	assert_string_at(first, "origin", "ops/default");
	assert_number_at(first, "packets", 1204);
	assert_number_at(first, "bytes", 130200);
	assert_string_at(first, "last_seen", "2026-11-22T17:29:45Z");
	assert_string_at(second, "source", "2001:db8:1234:5678::/64");
	assert_string_at(second, "proto", "*");
	assert_number_at(second, "seconds_left", 0);
	assert_string_at(second, "last_seen", NULL);
	cJSON_Delete(json);
}

/* One blank for each run of blanks and ends of lines. */
static void unwrap(struct text *text)
{
	size_t to = 0;

	for (size_t at = 0; at < text->len; at++) {
		char c = text->data[at] == '\n' ? ' ' : text->data[at];

		if (c != ' ' || !to || text->data[to - 1] != ' ')
			text->data[to++] = c;
	}
	text->data[to] = '\0';
	text->len = to;
}

static void status_says_what_a_grants_end_leaves_over(void **state)
{
	static const struct {
		const char *means, *why, *text;
	} cases[] = {{NULL, NULL, NULL},
		     {"bpf", "", "sockets end with their grant, by bpf"},
		     {"netlink", "", "sockets end with their grant, by netlink"},
		     {"off", "", "sockets outlive their grant, cut off (end_sockets is off)"},
		     {"none", "too old", "sockets outlive their grant, cut off: too old"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_text_ struct text text = {0}, json_text = {0};
		struct sample s;
		cJSON *json;

		fill_sample(&s);
		s.report.end_sockets = cases[i].means;
		s.report.end_sockets_why = cases[i].why;
		report_status_text(&s.report, &text);
		report_status_json(&s.report, &json_text);
		unwrap(&text);
		json = parse(&json_text);
		assert_string_at(json, "end_sockets", cases[i].means);
		if (cases[i].text)
			assert_non_null(strstr(text.data, cases[i].text));
		else
			assert_null(strstr(text.data, "sockets"));
		if (cases[i].why && *cases[i].why)
			assert_string_at(json, "end_sockets_why", cases[i].why);
		else
			assert_null(cJSON_GetObjectItemCaseSensitive(json, "end_sockets_why"));
		cJSON_Delete(json);
	}
}

static void status_json_has_the_fields_of_the_contract(void **state)
{
	_cleanup_text_ struct text t = {0};
	const cJSON *item, *counters;
	struct sample s;
	cJSON *json;

	(void)state;
	fill_sample(&s);
	s.report.n_interfaces = 2;
	report_status_json(&s.report, &t);
	json = parse(&t);
	assert_string_at(json, "version", "0.1.0");
	assert_string_at(json, "agent", "running");
	assert_string_at(json, "mode", "enforce");
	assert_number_at(json, "grants", 1);
	item = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "interfaces"), 0);
	assert_string_at(item, "name", "eth0");
	assert_number_at(item, "ifindex", 2);
	assert_string_at(item, "xdp_mode", "native");
	assert_number_at(item, "program_id", 41);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "verified")));
	item = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "interfaces"), 1);
	assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(item, "verified")));
	assert_string_at(item, "why", "nothing is attached");
	assert_null(cJSON_GetObjectItemCaseSensitive(item, "lost"));
	cJSON_Delete(json);
	s.interfaces[0].guarded = s.interfaces[1].guarded = true;
	s.interfaces[0].verified_at = AT(NOW_S);
	s.interfaces[0].lost = 4;
	s.interfaces[0].reattached = 3;
	s.interfaces[0].probed_at = AT(NOW_S - 3);
	memcpy(s.interfaces[0].not_probed, "not permitted", sizeof("not permitted"));
	text_free(&t);
	report_status_json(&s.report, &t);
	json = parse(&t);
	item = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "interfaces"), 0);
	assert_number_at(item, "lost", 4);
	assert_number_at(item, "reattached", 3);
	assert_string_at(item, "probed_at", "2026-11-22T17:29:57Z");
	assert_string_at(item, "not_probed", "not permitted");
	assert_non_null(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "verified_at")));
	item = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "interfaces"), 1);
	assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(item, "verified_at")));
	item = cJSON_GetObjectItemCaseSensitive(json, "feed");
	assert_string_at(item, "name", "azure");
	assert_string_at(item, "state", "fresh");
	assert_string_at(item, "last_good", "2026-11-22T17:29:40Z");
	assert_string_at(item, "last_error", NULL);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "connected")));
	item = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "ports"), 0);
	assert_number_at(item, "port", 22);
	assert_string_at(item, "proto", "tcp");
	assert_string_at(item, "source", "config");
	assert_number_at(cJSON_GetObjectItemCaseSensitive(item, "granted"), "packets", 1204);
	assert_number_at(cJSON_GetObjectItemCaseSensitive(item, "ungranted"), "bytes", 2178);
	counters = cJSON_GetObjectItemCaseSensitive(json, "counters");
	assert_int_equal(cJSON_GetArraySize(counters), _REASON_MAX);
	for (unsigned int i = 0; i < _REASON_MAX; i++)
		assert_number_at(cJSON_GetObjectItemCaseSensitive(counters, reason_name(i)), "packets",
				 (double)s.report.counters[i].packets);
	cJSON_Delete(json);
}

static void status_json_has_what_is_left_or_null(void **state)
{
	_cleanup_text_ struct text t = {0};
	struct report_left left[] = {{.name = "eth5", .ifindex = 5, .enforced = -EPERM},
				     {.name = "eth6", .ifindex = 6, .lro = -EPERM}};
	struct sample s;
	cJSON *json, *item;

	(void)state;
	fill_sample(&s);
	report_status_json(&s.report, &t);
	json = parse(&t);
	assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "left")));
	cJSON_Delete(json);
	text_free(&t);
	s.report.left = left;
	s.report.n_left = 2;
	report_status_json(&s.report, &t);
	json = parse(&t);
	item = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "left"), 0);
	assert_string_at(item, "name", "eth5");
	assert_string_at(item, "still_enforced", "Operation not permitted");
	assert_string_at(item, "lro_still_off", NULL);
	item = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "left"), 1);
	assert_string_at(item, "still_enforced", NULL);
	assert_string_at(item, "lro_still_off", "Operation not permitted");
	cJSON_Delete(json);
}

/* A number that is not known is not shown as 0. */
static void a_port_without_counters_of_its_own_shows_none(void **state)
{
	_cleanup_text_ struct text json_text = {0};
	struct sample s;
	cJSON *json, *item;

	(void)state;
	fill_sample(&s);
	s.ports[1].counted = false;
	assert_says(&s.report, "3389/udp  feed       cut            -                  -\n");
	report_status_json(&s.report, &json_text);
	json = cJSON_Parse(json_text.data);
	item = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "ports"), 1);
	assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(item, "granted")));
	assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(item, "ungranted")));
	cJSON_Delete(json);
}

static void json_of_nothing_is_still_json(void **state)
{
	_cleanup_text_ struct text status = {0}, list = {0};
	struct report report = {.version = "0", .feed_name = "", .last_error = "", .agent_why = "gone"};
	cJSON *json;

	(void)state;
	report_status_json(&report, &status);
	json = parse(&status);
	assert_string_at(json, "agent", "not running");
	assert_string_at(cJSON_GetObjectItemCaseSensitive(json, "feed"), "state", "never");
	assert_string_at(cJSON_GetObjectItemCaseSensitive(json, "feed"), "last_good", NULL);
	cJSON_Delete(json);
	report_list_json(&report, &list);
	assert_string_equal(list.data, "[]\n");
}

static void explain_json_has_verdict_reason_and_grant(void **state)
{
	struct report_explain explain = {.now = AT(NOW_S),
					 .source = cidr_of("203.0.113.7"),
					 .port = 22,
					 .proto_bit = PROTO_BIT_TCP,
					 .reason = REASON_NO_GRANT,
					 .would_be = REASON_NO_GRANT};
	_cleanup_text_ struct text none = {0}, some = {0};
	struct sample s;
	cJSON *json;

	(void)state;
	report_explain_json(&explain, &none);
	json = parse(&none);
	assert_string_at(json, "verdict", "drop");
	assert_string_at(json, "reason", "no_grant");
	assert_string_at(json, "grant", NULL);
	cJSON_Delete(json);
	fill_sample(&s);
	explain.reason = explain.would_be = REASON_GRANTED;
	explain.has_grant = true;
	explain.grant = s.grants[0];
	report_explain_json(&explain, &some);
	json = parse(&some);
	assert_string_at(json, "verdict", "pass");
	assert_string_at(cJSON_GetObjectItemCaseSensitive(json, "grant"), "requestor", "alice@example.com");
	cJSON_Delete(json);
}

/* ---------------------------------------------------------------- hostile strings, any numbers */

static const char *const hostile[] = {
	"eve\n203.0.113.9  22/tcp  23:59:59Z (in 6 h)",
	"\033]0;owned\007\033[2J\033[1;31mroot\033[0m",
	"\r\x1b[A\x7f\b\b\b\xc2\x9b"
	"31m",
	"\"}],\"mode\":\"enforce\",\"x\":[{\"y\":\"",
	"\xff\xfe\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80 bytes that are not UTF-8 \xe2\x80",
	"user\xe2\x80\xae"
	"gnp.exe\xe2\x80\x8b\xef\xbb\xbf",
	"\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2"
	"\xe5\xad\x97",
	"J\xc3\xb6rg \xe2\x80\x9c"
	"deploy\xe2\x80\x9d",
	"",
	" ",
};

/* One of the above, or up to 255 bytes of anything. `out` takes 256. */
static const char *random_string(char out[256])
{
	size_t len = random_below(256);

	if (random_below(3) == 0)
		return hostile[random_below(ARRAY_SIZE(hostile))];
	for (size_t i = 0; i < len; i++)
		out[i] = (char)(random_below(2) ? 'a' + random_below(26) : 1 + random_below(255));
	out[len] = '\0';
	return out;
}

static uint64_t random_number(void)
{
	return random_bits() >> random_below(64);
}

static struct wall_time random_time(void)
{
	switch (random_below(4)) {
	case 0:
		return (struct wall_time){0};
	case 1:
		return AT(NOW_S + (int64_t)random_below(200000) - 100000);
	default:
		return (struct wall_time){(int64_t)random_bits()};
	}
}

static struct cidr random_cidr(void)
{
	struct cidr cidr = {.family = random_below(2) ? JITGATE_IPV4 : JITGATE_IPV6};
	size_t bytes = cidr.family == JITGATE_IPV4 ? 4 : 16;

	cidr.prefix_len = (uint8_t)(bytes * 8 - random_below(2));
	for (size_t i = 0; i < bytes; i++)
		cidr.addr[i] = (uint8_t)random_below(256);
	cidr.addr[bytes - 1] &= 0xfe;
	return cidr;
}

struct random_report {
	char texts[16][256];
	struct report_interface interfaces[6];
	struct report_port ports[4];
	struct report_grant grants[4];
	struct refused refused[6];
	struct refused_list refused_by_feed;
	struct report report;
};

static void fill_refused(struct refused *refused)
{
	char text[256];

	refused->port = (uint16_t)random_below(65536);
	snprintf(refused->why, sizeof(refused->why), "%s", random_string(text));
	snprintf(refused->source, sizeof(refused->source), "%s", random_string(text));
	snprintf(refused->until, sizeof(refused->until), "%s", random_string(text));
	snprintf(refused->requestor, sizeof(refused->requestor), "%s", random_string(text));
	snprintf(refused->policy, sizeof(refused->policy), "%s", random_string(text));
}

static void fill_grant(struct report_grant *grant, char texts[3][256])
{
	*grant = (struct report_grant){
		.source = random_cidr(),
		.port = (uint16_t)(1 + random_below(65535)),
		.protos = (uint8_t)(1 + random_below(PROTO_BITS_ALL)),
		.endless = random_below(8) == 0,
		.by_hand = random_below(4) == 0,
		.until = random_time(),
		.requestor = random_string(texts[0]),
		.justification = random_string(texts[1]),
		.origin = random_string(texts[2]),
		.packets = random_number(),
		.bytes = random_number(),
		.last_seen = random_time(),
	};
}

static void fill_random(struct random_report *r)
{
	*r = (struct random_report){
		.report = {
			.now = random_time(),
			.version = "0.1.0",
			.mode = random_below(2),
			.trial_until = random_time(),
			.arming = {.confirmed = random_below(2), .waiting = random_below(2), .lapsed = random_time()},
			.agent_running = random_below(2),
			.feed_state = random_below(3),
			.feed_connected = random_below(2),
			.last_good = random_time(),
			.last_error_at = random_time(),
			.only_protect = random_below(2),
			.n_allow = random_below(100)}};
	r->report.agent_why = random_string(r->texts[12]);
	r->report.feed_name = random_string(r->texts[13]);
	r->report.last_error = random_string(r->texts[14]);
	r->report.interfaces = r->interfaces;
	r->report.n_interfaces = random_below(ARRAY_SIZE(r->interfaces) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(r->interfaces); i++) {
		struct report_interface *interface = &r->interfaces[i];

		snprintf(interface->name, sizeof(interface->name), "%s", random_string(r->texts[15]));
		snprintf(interface->why, sizeof(interface->why), "%s", random_string(r->texts[15]));
		snprintf(interface->xdp_mode, sizeof(interface->xdp_mode), "generic");
		interface->ifindex = interface->program_id = (uint32_t)random_number();
		interface->verified = random_below(2);
		interface->guarded = random_below(2);
		interface->verified_at = AT(random_below(2) * NOW_S);
		interface->lost = (uint32_t)random_number();
		interface->reattached = (uint32_t)random_number();
	}
	r->report.ports = r->ports;
	r->report.n_ports = random_below(ARRAY_SIZE(r->ports) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(r->ports); i++)
		r->ports[i] = (struct report_port){(uint16_t)random_below(65536),
						   PROTO_BIT_UDPLITE,
						   random_below(2),
						   random_below(2),
						   {random_number(), random_number(), random_number(), random_number()},
						   random_number(),
						   random_number()};
	r->report.grants = r->grants;
	r->report.n_grants = random_below(ARRAY_SIZE(r->grants) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(r->grants); i++)
		fill_grant(&r->grants[i], &r->texts[3 * i]);
	for (size_t i = 0; i < ARRAY_SIZE(r->refused); i++)
		fill_refused(&r->refused[i]);
	r->refused_by_feed = (struct refused_list){r->refused, random_below(4), (uint32_t)random_number()};
	r->report.refused_by_feed = random_below(4) ? &r->refused_by_feed : NULL;
	r->report.refused_by_guard = (struct refused_list){r->refused + 3, random_below(4), (uint32_t)random_number()};
	r->report.clock_known = random_below(2);
	r->report.clock_offset_s = (int32_t)random_bits();
	for (size_t i = 0; i < _REASON_MAX; i++)
		r->report.counters[i] = (struct gate_counter){random_number(), random_number()};
}

/* As wide as it takes. Nothing else begins so: other lines begin with an address, a space, or other words of ours. */
static bool is_verdict(const char *line)
{
	static const char *const begins[] = {"jitgate 0.1.0: ", "NOT ENFORCED on ", "jitgated is not running"};

	for (size_t i = 0; i < ARRAY_SIZE(begins); i++) {
		if (strncmp(line, begins[i], strlen(begins[i])) == 0)
			return true;
	}
	return false;
}

/* Valid UTF-8 by mbrtowc's judgement is not needed: characters are counted as bytes that continue none. */
static void assert_fit_for_a_terminal(const struct text *t)
{
	size_t line_characters = 0;
	const char *line = t->data;

	assert_int_equal(t->failed, 0);
	assert_int_equal(t->data[t->len - 1], '\n');
	for (const char *at = t->data; *at; at++) {
		unsigned char c = (unsigned char)*at;

		if (c == '\n') {
			if (line_characters > SHOW_WIDTH && !is_verdict(line))
				fail_msg("a line of %zu characters in:\n%s", line_characters, t->data);
			line_characters = 0;
			line = at + 1;
			continue;
		}
		line_characters += (c & 0xc0) != 0x80;
		if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)at[1] < 0xa0))
			fail_msg("control character \\x%02x in:\n%s", c, t->data);
	}
	/* No character is wider than counted: show_width on the clean text changes nothing. */
	assert_null(strstr(t->data, "\xe2\x80\xae"));
}

static void no_line_but_the_verdict_is_wider_than_100_columns_whatever_comes_in(void **state)
{
	static struct random_report r;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		_cleanup_text_ struct text status = {0}, list = {0}, explain_text = {0}, json = {0}, list_json = {0};
		struct report_explain explain;

		fill_random(&r);
		report_status_text(&r.report, &status);
		report_list_text(&r.report, &list);
		explain = (struct report_explain){.now = r.report.now,
						  .source = random_cidr(),
						  .port = 65535,
						  .proto_bit = PROTO_BIT_UDPLITE,
						  .reason = random_below(_REASON_MAX),
						  .would_be = random_below(_REASON_MAX),
						  .has_grant = true,
						  .grant = r.grants[0]};
		if (random_below(2)) {
			explain.unverified = r.interfaces[0].name;
			explain.unverified_why = r.interfaces[0].why;
		}
		report_explain_text(&explain, &explain_text);
		assert_fit_for_a_terminal(&status);
		assert_fit_for_a_terminal(&list);
		assert_fit_for_a_terminal(&explain_text);
		report_status_json(&r.report, &json);
		report_list_json(&r.report, &list_json);
		cJSON_Delete(parse(&json));
		cJSON_Delete(parse(&list_json));
	}
}

/* Lines are counted: with a name full of line breaks there are as many as with an ordinary one. */
static void name_with_line_breaks_forges_no_line(void **state)
{
	_cleanup_text_ struct text t = {0};
	struct sample s;
	size_t lines = 0;

	(void)state;
	fill_sample(&s);
	s.grants[0].requestor = hostile[0];
	s.grants[0].justification = "a\nb\r\nc";
	report_list_text(&s.report, &t);
	for (const char *at = t.data; *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 1 + 3 + 1);
	assert_non_null(strstr(t.data, "\n    eve 203.0.113.9  22/tcp"));
}

static void long_texts_are_cut_with_an_ellipsis_and_leave_room_for_each_other(void **state)
{
	char requestor[256], justification[256];
	_cleanup_text_ struct text t = {0};
	struct sample s;
	char *line;

	(void)state;
	memset(requestor, 'r', 255);
	memset(justification, 'j', 255);
	requestor[255] = justification[255] = '\0';
	fill_sample(&s);
	s.grants[0].requestor = requestor;
	s.grants[0].justification = justification;
	report_list_text(&s.report, &t);
	line = strstr(t.data, "    rrr");
	assert_non_null(line);
	*strchr(line, '\n') = '\0';
	assert_non_null(strstr(line, "r…: \"j"));
	assert_non_null(strstr(line, "j…\" (ops/default)"));
}

static void json_strings_survive_hostile_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		_cleanup_text_ struct text t = {0};
		struct sample s;
		cJSON *json;

		fill_sample(&s);
		s.grants[0].requestor = hostile[i];
		report_list_json(&s.report, &t);
		assert_int_equal(strcspn(t.data, "\n"), t.len - 1);
		assert_int_equal(strcspn(t.data, "\033\r\b\x7f"), t.len);
		json = parse(&t);
		assert_int_equal(cJSON_GetArraySize(json), 1);
		assert_int_equal(cJSON_GetArraySize(cJSON_GetArrayItem(json, 0)), 12);
		cJSON_Delete(json);
	}
}

/* ---------------------------------------------------------------- names, small forms */

static void every_reason_has_its_own_name_and_the_verdict_of_the_table(void **state)
{
	const unsigned int drops = 1u << REASON_MALFORMED | 1u << REASON_TOO_DEEP | 1u << REASON_SHORT_L4 |
				   1u << REASON_EXPIRED | 1u << REASON_NO_GRANT | 1u << REASON_PROBE;

	(void)state;
	for (unsigned int i = 0; i < _REASON_MAX; i++) {
		assert_int_equal(reason_passes(i), !(drops & 1u << i));
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(reason_name(i), reason_name(j));
	}
	assert_string_equal(reason_name(REASON_LATER_FRAGMENT), "later_fragment");
	assert_string_equal(reason_name(_REASON_MAX), "unknown");
	assert_false(reason_passes(_REASON_MAX));
}

static void assert_bytes(uint64_t bytes, const char *expected)
{
	_cleanup_text_ struct text t = {0};

	show_bytes(&t, bytes);
	assert_string_equal(t.data, expected);
}

static void bytes_are_said_in_three_or_four_digits(void **state)
{
	(void)state;
	assert_bytes(0, "0 B");
	assert_bytes(999, "999 B");
	assert_bytes(1000, "1.0 kB");
	assert_bytes(999949, "999.9 kB");
	assert_bytes(999999, "1.0 MB");
	assert_bytes(1500000000, "1.5 GB");
	assert_bytes(UINT64_MAX, "18.4 EB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_of_a_healthy_gate),
		cmocka_unit_test(sessions_that_go_on_are_counted_and_explained),
		cmocka_unit_test(status_says_why_an_interface_is_at_tc),
		cmocka_unit_test(list_says_source_port_deadline_who_and_why),
		cmocka_unit_test(empty_list_says_so),
		cmocka_unit_test(dead_agent_comes_first_and_what_goes_on_is_said),
		cmocka_unit_test(without_agent_nothing_is_said_to_go_on_unless_verified),
		cmocka_unit_test(unverified_interface_comes_first_with_its_reason),
		cmocka_unit_test(what_was_amiss_is_told_also_when_it_is_not_any_more),
		cmocka_unit_test(what_was_not_tried_with_a_packet_is_told),
		cmocka_unit_test(what_jitgated_tries_the_filter_with_is_no_packet_that_was_seen),
		cmocka_unit_test(what_is_left_on_an_interface_is_told_with_the_way_out),
		cmocka_unit_test(audit_mode_comes_first),
		cmocka_unit_test(a_trial_comes_first_with_its_end),
		cmocka_unit_test(what_was_confirmed_is_no_bad_news_but_the_config_is_named),
		cmocka_unit_test(waiting_for_the_first_answer_is_not_called_audit),
		cmocka_unit_test(what_waits_for_the_clock_is_shown_and_counts_as_no_grant),
		cmocka_unit_test(what_is_opened_by_hand_is_told_from_what_a_feed_grants),
		cmocka_unit_test(stale_feed_comes_first_with_its_last_error_below),
		cmocka_unit_test(a_feed_that_has_not_connected_since_the_start_is_not_called_a_failure),
		cmocka_unit_test(the_verdict_is_one_line_however_long),
		cmocka_unit_test(a_command_in_backquotes_is_not_torn_apart),
		cmocka_unit_test(a_feed_that_is_gone_or_fails_comes_first_while_its_last_answer_is_fresh),
		cmocka_unit_test(a_list_of_an_open_machine_says_so_first),
		cmocka_unit_test(a_policy_is_shown_by_name_and_region),
		cmocka_unit_test(no_good_answer_yet_says_which_ports_are_closed),
		cmocka_unit_test(explain_names_verdict_reason_entry_and_remedy),
		cmocka_unit_test(explain_in_audit_mode_says_what_enforcing_would_do),
		cmocka_unit_test(list_json_has_the_fields_of_the_contract),
		cmocka_unit_test(status_says_what_a_grants_end_leaves_over),
		cmocka_unit_test(status_json_has_the_fields_of_the_contract),
		cmocka_unit_test(status_json_has_what_is_left_or_null),
		cmocka_unit_test(a_port_without_counters_of_its_own_shows_none),
		cmocka_unit_test(json_of_nothing_is_still_json),
		cmocka_unit_test(explain_json_has_verdict_reason_and_grant),
		cmocka_unit_test(no_line_but_the_verdict_is_wider_than_100_columns_whatever_comes_in),
		cmocka_unit_test(name_with_line_breaks_forges_no_line),
		cmocka_unit_test(long_texts_are_cut_with_an_ellipsis_and_leave_room_for_each_other),
		cmocka_unit_test(json_strings_survive_hostile_bytes),
		cmocka_unit_test(every_reason_has_its_own_name_and_the_verdict_of_the_table),
		cmocka_unit_test(bytes_are_said_in_three_or_four_digits),
	};

	return cmocka_run_group_tests(tests, seed_random, NULL);
}
