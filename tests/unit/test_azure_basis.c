// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What a judgement goes by besides the answer: the clocks, what was granted before, the networks that stand in place of
 * a client. And what is refused of an answer, as it is told on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "azure_judge.h"
#include "fact_test.h"
#include "jitgate_abi.h"

#define NOW "2026-03-14T09:30:00Z"
#define START "2026-03-14T09:00:00Z"
#define END "2026-03-14T10:00:00Z"
#define TOO_FAR "this machine's clock and Azure's are too far apart for a new grant to be believed"

/* A policy of port 22, with the requests of a test. */
struct sample {
	struct azure_rule rule;
	struct azure_request requests[3];
	char *sources[3];
	struct azure_policy policy;
	struct azure_listing listing;
	struct azure_basis basis;
};

static struct azure_request request_of(char **source)
{
	return (struct azure_request){.number = 22,
				      .status = "Initiated",
				      .start = START,
				      .end = END,
				      .sources = source,
				      .n_sources = 1,
				      .requestor = "ann"};
}

static void fill_sample(struct sample *s)
{
	*s = (struct sample){.rule = {22, "TCP", "PT3H"},
			     .sources = {"203.0.113.7", "203.0.113.8", "2001:db8::9"},
			     .policy = {.id = "ops/default", .n_rules = 1, .n_requests = 1},
			     .listing = {.n = 1, .n_seen = 1},
			     .basis = {.now = at(NOW)}};
	for (size_t i = 0; i < ARRAY_SIZE(s->requests); i++)
		s->requests[i] = request_of(&s->sources[i]);
	s->policy.rules = &s->rule;
	s->policy.requests = s->requests;
	s->listing.policies = &s->policy;
}

static void judge(const struct sample *s, struct azure_jit *ret)
{
	assert_int_equal(azure_jit_snapshot(&s->listing, &s->basis, ret), 0);
}

static void assert_judged(const struct sample *s, const char *grants, const char *refused)
{
	_cleanup_azure_jit_ struct azure_jit jit = {0};

	judge(s, &jit);
	assert_jit(&jit, "22/tcp 10800\n", grants, refused);
}

#define TEN "1773482400000000000"

/* ---------------------------------------------------------------- clock */

static void new_grants_wait_until_the_clock_is_right(void **state)
{
	static const struct {
		int32_t offset_s;
		uint32_t tolerance_s;
		bool believed;
	} cases[] = {
		{0, 300, true},   {300, 300, true}, {-300, 300, true}, {301, 300, false}, {-301, 300, false},
		{-1200, 0, true}, {1200, 0, true},  {61, 60, false},   {-61, 60, false},
	};
	struct sample s;

	(void)state;
	fill_sample(&s);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		s.basis.clock = (struct azure_clock){true, cases[i].offset_s};
		s.basis.clock_tolerance_s = cases[i].tolerance_s;
		assert_judged(&s, cases[i].believed ? "203.0.113.7 22/tcp " TEN "\n" : "",
			      cases[i].believed ? "" : "22 '203.0.113.7' " TOO_FAR "\n");
	}
	s.basis.clock = (struct azure_clock){false, 0}; /* nobody said what time it is */
	s.basis.clock_tolerance_s = 300;
	assert_judged(&s, "203.0.113.7 22/tcp " TEN "\n", "");
}

/* In force when the clock went wrong; a longer end is news, and so is another source, port or protocol. */
static void what_was_granted_before_stays(void **state)
{
	_cleanup_azure_jit_ struct azure_jit before = {0}, again = {0}, other = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	judge(&s, &before);
	s.basis.before = &before;
	s.basis.clock = (struct azure_clock){true, -900};
	s.basis.clock_tolerance_s = 300;
	s.policy.n_requests = 2;
	assert_judged(&s, "203.0.113.7 22/tcp " TEN "\n", "22 '203.0.113.8' " TOO_FAR "\n");
	judge(&s, &again); /* and is what was granted before of the next answer */
	s.basis.before = &again;
	s.policy.n_requests = 1;
	assert_judged(&s, "203.0.113.7 22/tcp " TEN "\n", "");
	s.requests[0].end = "2026-03-14T10:00:00.000000001Z";
	assert_judged(&s, "", "22 '203.0.113.7' " TOO_FAR "\n");
	s.requests[0].end = END;
	s.rule.protocol = "*";
	judge(&s, &other);
	assert_int_equal(other.snapshot.grants.n, 0);
}

/* Started with a wrong clock: nothing is known of before, not in the second answer either. */
static void without_an_answer_of_before_jitgated_keeps_what_it_holds(void **state)
{
	_cleanup_azure_jit_ struct azure_jit first = {0}, second = {0}, cured = {0}, wrong_again = {0}, none = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.basis.clock = (struct azure_clock){true, 900};
	s.basis.clock_tolerance_s = 300;
	judge(&s, &first);
	assert_jit(&first, "22/tcp 10800\n", "", "22 '203.0.113.7' " TOO_FAR "\n");
	assert_true(first.snapshot.keeps_grants);
	s.basis.before = &first;
	judge(&s, &second);
	assert_jit(&second, "22/tcp 10800\n", "", "22 '203.0.113.7' " TOO_FAR "\n");
	assert_true(second.snapshot.keeps_grants);
	s.basis.before = &second;
	s.basis.clock.offset_s = 0;
	judge(&s, &cured);
	assert_jit(&cured, "22/tcp 10800\n", "203.0.113.7 22/tcp " TEN "\n", "");
	assert_false(cured.snapshot.keeps_grants);
	s.basis.before = &cured;
	s.basis.clock.offset_s = -900;
	judge(&s, &wrong_again); /* now it is known */
	assert_jit(&wrong_again, "22/tcp 10800\n", "203.0.113.7 22/tcp " TEN "\n", "");
	assert_false(wrong_again.snapshot.keeps_grants);
	s.policy.n_requests = 0;
	s.basis.before = &wrong_again;
	judge(&s, &none); /* that nothing is granted is knowledge, too */
	assert_false(none.snapshot.keeps_grants);
	azure_jit_free(&wrong_again);
	s.basis.before = &none;
	s.policy.n_requests = 1;
	judge(&s, &wrong_again);
	assert_jit(&wrong_again, "22/tcp 10800\n", "", "22 '203.0.113.7' " TOO_FAR "\n");
	assert_false(wrong_again.snapshot.keeps_grants);
}

static void everybody_is_believed_whole_or_not_at_all(void **state)
{
	_cleanup_azure_jit_ struct azure_jit before = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.sources[0] = "0.0.0.0/0"; /* half of "*" */
	judge(&s, &before);
	s.basis.before = &before;
	s.basis.clock = (struct azure_clock){true, 900};
	s.basis.clock_tolerance_s = 300;
	s.sources[0] = "*";
	assert_judged(&s, "", "22 '*' " TOO_FAR "\n");
	s.sources[0] = "0.0.0.0/0";
	assert_judged(&s, "0.0.0.0/0 22/tcp " TEN "\n", "");
}

/* The ports are closed whatever the clock says, and what is over is over by our clock. */
static void wrong_clock_changes_nothing_else(void **state)
{
	_cleanup_azure_jit_ struct azure_jit jit = {0};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.basis.clock = (struct azure_clock){true, 900};
	s.basis.clock_tolerance_s = 300;
	s.requests[0].status = "Initiating";
	judge(&s, &jit);
	assert_true(jit.clock_wrong && jit.initiating && jit.snapshot.n_ports == 1);
	assert_true(jit.snapshot.clock_known && jit.snapshot.clock_offset_s == 900);
	s.requests[0].status = "Initiated";
	s.basis.now = at(END);
	assert_judged(&s, "", "");
}

/* The start is the service's: with a clock that is two minutes behind, a fresh grant does not begin in the future. */
static void start_is_held_against_azures_clock(void **state)
{
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.basis.now = at("2026-03-14T08:58:00Z");
	s.basis.clock_tolerance_s = 300;
	assert_judged(&s, "", "22 '203.0.113.7' begins in the future: this machine's clock may be wrong\n");
	s.basis.clock = (struct azure_clock){true, -120};
	assert_judged(&s, "203.0.113.7 22/tcp " TEN "\n", "");
	s.basis.clock = (struct azure_clock){true, -59};
	assert_judged(&s, "", "22 '203.0.113.7' begins in the future: this machine's clock may be wrong\n");
	/* the Date that a proxy kept is behind all that has been granted since, and takes nothing away */
	s.basis.now = at("2026-03-14T09:01:00Z");
	s.basis.clock = (struct azure_clock){true, 200};
	assert_judged(&s, "203.0.113.7 22/tcp " TEN "\n", "");
}

/* ---------------------------------------------------------------- length */

static void nothing_is_longer_than_a_day(void **state)
{
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.rule.longest = "P1D";
	s.requests[0].end = "2026-03-15T09:01:00Z"; /* a day and the slack */
	_cleanup_azure_jit_ struct azure_jit jit = {0};
	judge(&s, &jit);
	assert_int_equal(jit.snapshot.grants.n, 1);
	s.requests[0].end = "2026-03-15T09:01:00.1Z";
	azure_jit_free(&jit);
	judge(&s, &jit);
	assert_string_equal(jit.refused[0].why, "ends later than the policy allows");
	s.rule.longest = "P30D"; /* Azure has none such */
	azure_jit_free(&jit);
	judge(&s, &jit);
	assert_int_equal(jit.snapshot.grants.n, 0);
	assert_string_equal(jit.refused[0].why, "longer than a day");
}

/* As recorded: the end by the caller's clock, the start by the service's a second later. */
static void end_by_the_callers_clock_is_within_the_limit(void **state)
{
	static const struct {
		const char *end;
		bool granted;
	} cases[] = {
		{"2026-03-14T11:59:58.7Z", true}, /* slightly under three hours */
		{"2026-03-14T12:00:00Z", true},
		{"2026-03-14T12:00:59.9999999Z", true}, /* a caller whose clock is a minute ahead */
		{"2026-03-14T12:01:00Z", true},
		{"2026-03-14T12:01:00.0000001Z", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_azure_jit_ struct azure_jit jit = {0};
		struct sample s;

		fill_sample(&s);
		s.requests[0].end = (char *)cases[i].end;
		judge(&s, &jit);
		assert_int_equal(jit.snapshot.grants.n, cases[i].granted);
		assert_int_equal(jit.n_refused, !cases[i].granted);
	}
}

/* ---------------------------------------------------------------- translation */

static struct cidr cidr_of(const char *text)
{
	struct cidr cidr;

	assert_int_equal(cidr_parse(text, strlen(text), &cidr, NULL), 0);
	return cidr;
}

static void translated_networks_are_granted_besides(void **state)
{
	const struct cidr networks[] = {cidr_of("10.0.9.0/26"), cidr_of("fd00:9::/64")};
	_cleanup_azure_jit_ struct azure_jit jit = {0};
	const struct grant_set *set = &jit.snapshot.grants;
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.basis.translate = networks;
	s.basis.n_translate = 2;
	s.requests[0].justification = "deploy";
	judge(&s, &jit);
	assert_jit(&jit, "22/tcp 10800\n",
		   "203.0.113.7 22/tcp " TEN "\n10.0.9.0/26 22/tcp " TEN "\nfd00:9::/64 22/tcp " TEN "\n", "");
	assert_string_equal(grant_set_text(set, set->grants[0].justification), "deploy");
	assert_string_equal(grant_set_text(set, set->grants[1].justification), "translated from 203.0.113.7: deploy");
	assert_string_equal(grant_set_text(set, set->grants[1].requestor), "ann");
	assert_string_equal(grant_set_text(set, set->grants[1].origin), "ops/default");
	assert_true(set->grants[1].start.ns == at(START).ns);
}

static void translation_is_once_a_request_and_says_how_many(void **state)
{
	const struct cidr networks[] = {cidr_of("10.0.9.0/26")};
	_cleanup_azure_jit_ struct azure_jit jit = {0};
	const struct grant_set *set = &jit.snapshot.grants;
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.basis.translate = networks;
	s.basis.n_translate = 1;
	s.requests[0].n_sources = 3;
	judge(&s, &jit);
	assert_int_equal(set->n, 4);
	assert_string_equal(grant_set_text(set, set->grants[3].justification),
			    "translated from 203.0.113.7 and 2 more");
}

/* Nothing is granted to a network in place of a client that is not let in. */
static void what_is_refused_is_not_translated(void **state)
{
	const struct cidr networks[] = {cidr_of("10.0.9.0/26")};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.basis.translate = networks;
	s.basis.n_translate = 1;
	s.sources[0] = "Internet";
	assert_judged(&s, "", "22 'Internet' source not understood: only an address, a CIDR or * is\n");
	s.sources[0] = "203.0.113.7";
	s.requests[0].status = "Revoked";
	assert_judged(&s, "", "");
	s.requests[0].status = "Initiated";
	s.basis.clock = (struct azure_clock){true, 900};
	s.basis.clock_tolerance_s = 300;
	assert_judged(&s, "", "22 '203.0.113.7' " TOO_FAR "\n");
	/* and what stays of before stays with its networks */
	_cleanup_azure_jit_ struct azure_jit before = {0};
	s.basis.clock = (struct azure_clock){0};
	judge(&s, &before);
	s.basis.clock = (struct azure_clock){true, 900};
	s.basis.before = &before;
	assert_judged(&s, "203.0.113.7 22/tcp " TEN "\n10.0.9.0/26 22/tcp " TEN "\n", "");
}

/* Or anybody beyond the guard rails would come in through the firewall. */
static void whom_the_guard_keeps_out_is_not_translated(void **state)
{
	const struct cidr networks[] = {cidr_of("10.0.9.0/26")};
	struct cidr allowed[] = {cidr_of("203.0.113.0/24"), cidr_of("10.0.9.0/26")};
	const struct guard sources = {.longest_s = 86400, .sources = allowed, .n_sources = 2};
	const struct guard wide = {.longest_s = 86400, .widest_ipv4 = 24, .widest_ipv6 = 48};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.basis.translate = networks;
	s.basis.n_translate = 1;
	s.basis.guard = &sources;
	assert_judged(&s, "203.0.113.7 22/tcp " TEN "\n10.0.9.0/26 22/tcp " TEN "\n", "");
	s.sources[0] = "198.51.100.7"; /* still told: it is jitgated that refuses it, and says so */
	assert_judged(&s, "198.51.100.7 22/tcp " TEN "\n", "");
	s.basis.guard = &wide;
	assert_judged(&s, "198.51.100.7 22/tcp " TEN "\n10.0.9.0/26 22/tcp " TEN "\n", "");
	s.sources[0] = "*";
	assert_judged(&s, "0.0.0.0/0 22/tcp " TEN "\n::/0 22/tcp " TEN "\n", "");
	s.requests[0].n_sources = 2; /* one that is refused stands in for nobody */
	assert_judged(&s,
		      "0.0.0.0/0 22/tcp " TEN "\n::/0 22/tcp " TEN "\n203.0.113.8 22/tcp " TEN
		      "\n10.0.9.0/26 22/tcp " TEN "\n",
		      "");
}

static void network_that_is_let_in_already_is_not_granted_again(void **state)
{
	const struct cidr networks[] = {cidr_of("10.0.9.0/26"), cidr_of("fd00:9::/64"), cidr_of("10.0.9.0/28")};
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.basis.translate = networks;
	s.basis.n_translate = 3;
	s.sources[0] = "10.0.0.0/8";
	assert_judged(&s, "10.0.0.0/8 22/tcp " TEN "\nfd00:9::/64 22/tcp " TEN "\n", "");
	s.sources[0] = "*";
	assert_judged(&s, "0.0.0.0/0 22/tcp " TEN "\n::/0 22/tcp " TEN "\n", "");
	s.sources[0] = "10.0.9.1";
	assert_judged(&s, "10.0.9.1 22/tcp " TEN "\n10.0.9.0/26 22/tcp " TEN "\nfd00:9::/64 22/tcp " TEN "\n", "");
}

/* ---------------------------------------------------------------- refused */

/* Loud while it lasts, without a word once it is over, and its neighbour is granted. */
static void odd_request_is_refused_alone(void **state)
{
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.policy.n_requests = 2;
	s.requests[0].odd = "a request's status is not a text";
	s.requests[0].status = NULL;
	assert_judged(&s, "203.0.113.8 22/tcp " TEN "\n", "22 '203.0.113.7' a request's status is not a text\n");
	s.requests[0].status = "Initiated"; /* what is odd may be anything else */
	assert_judged(&s, "203.0.113.8 22/tcp " TEN "\n", "22 '203.0.113.7' a request's status is not a text\n");
	s.requests[0].end = NULL;
	assert_judged(&s, "203.0.113.8 22/tcp " TEN "\n", "22 '203.0.113.7' a request's status is not a text\n");
	s.requests[0].end = "2026-03-14T09:29:59Z";
	assert_judged(&s, "203.0.113.8 22/tcp " TEN "\n", "");
	s.requests[0].end = END;
	s.requests[0].status = "Revoked";
	assert_judged(&s, "203.0.113.8 22/tcp " TEN "\n", "");
}

static void refused_entries_go_into_the_snapshot(void **state)
{
	_cleanup_azure_jit_ struct azure_jit jit = {0};
	const struct refused *told;
	struct sample s;

	(void)state;
	fill_sample(&s);
	s.sources[0] = "Internet";
	judge(&s, &jit);
	assert_int_equal(jit.snapshot.refused.n, 1);
	told = &jit.snapshot.refused.items[0];
	assert_int_equal(told->port, 22);
	assert_string_equal(told->why, "source not understood: only an address, a CIDR or * is");
	assert_string_equal(told->source, "Internet");
	assert_string_equal(told->until, END);
	assert_string_equal(told->requestor, "ann");
	assert_string_equal(told->policy, "ops/default");
	assert_int_equal(jit.snapshot.refused.more, 0);
}

static struct azure_refused *many_refused(size_t n, size_t from)
{
	struct azure_refused *all = NULL;
	size_t have = 0;

	for (size_t i = 0; i < n; i++) {
		char source[32];
		const struct refused_texts texts = {"no", source, "", "ann", "p"};

		snprintf(source, sizeof(source), "tag%zu", from + i);
		assert_int_equal(azure_refused_add(&all, &have, 22, &texts), 0);
	}
	return all;
}

/* At every poll, and there may be as many as an answer holds. */
static void news_among_thousands_are_found_at_once(void **state)
{
	enum { N = 40000, NEW = 3 };
	struct azure_refused *before = many_refused(N, NEW), *now = many_refused(N, 0);
	clock_t begin = clock();
	_cleanup_free_ bool *news = azure_refused_news(before, N, now, N);

	(void)state;
	assert_true(clock() - begin < CLOCKS_PER_SEC);
	assert_non_null(news);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(news[i], i < NEW);
	azure_refused_free(before, N);
	azure_refused_free(now, N);
}

/* Each member of an entry makes it another one. */
static void news_are_told_by_every_member(void **state)
{
	static const struct {
		const char *why;
		uint16_t port;
		const char *texts[4];
		bool news;
	} cases[] = {
		{"no", 22, {"s", "u", "r", "p"}, false}, {"never", 22, {"s", "u", "r", "p"}, true},
		{"no", 23, {"s", "u", "r", "p"}, true},  {"no", 22, {"S", "u", "r", "p"}, true},
		{"no", 22, {"s", "U", "r", "p"}, true},  {"no", 22, {"s", "u", "R", "p"}, true},
		{"no", 22, {"s", "u", "r", "P"}, true},
	};
	const struct refused_texts old = {"no", "s", "u", "r", "p"};
	struct azure_refused *before = NULL;
	size_t n_before = 0;

	(void)state;
	assert_int_equal(azure_refused_add(&before, &n_before, 22, &old), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct refused_texts texts = {cases[i].why, cases[i].texts[0], cases[i].texts[1],
						    cases[i].texts[2], cases[i].texts[3]};
		struct azure_refused *now = NULL;
		size_t n = 0;
		bool *news;

		assert_int_equal(azure_refused_add(&now, &n, cases[i].port, &texts), 0);
		news = azure_refused_news(before, n_before, now, n);
		assert_int_equal(news[0], cases[i].news);
		free(news);
		news = azure_refused_news(NULL, 0, now, n); /* the first answer */
		assert_true(news[0]);
		free(news);
		azure_refused_free(now, n);
	}
	azure_refused_free(before, n_before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fact_test("R2", new_grants_wait_until_the_clock_is_right),
		cmocka_unit_test(what_was_granted_before_stays),
		cmocka_unit_test(without_an_answer_of_before_jitgated_keeps_what_it_holds),
		cmocka_unit_test(everybody_is_believed_whole_or_not_at_all),
		cmocka_unit_test(wrong_clock_changes_nothing_else),
		cmocka_unit_test(start_is_held_against_azures_clock),
		fact_test("R2", nothing_is_longer_than_a_day),
		fact_test("A5, R2", end_by_the_callers_clock_is_within_the_limit),
		fact_test("R8", translated_networks_are_granted_besides),
		cmocka_unit_test(translation_is_once_a_request_and_says_how_many),
		cmocka_unit_test(what_is_refused_is_not_translated),
		cmocka_unit_test(whom_the_guard_keeps_out_is_not_translated),
		cmocka_unit_test(network_that_is_let_in_already_is_not_granted_again),
		cmocka_unit_test(odd_request_is_refused_alone),
		cmocka_unit_test(refused_entries_go_into_the_snapshot),
		cmocka_unit_test(news_among_thousands_are_found_at_once),
		cmocka_unit_test(news_are_told_by_every_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
