// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The corpus as a whole: every case has a frame and a name of its own, says something that can be, and no combination
 * that the verdict table is to be shown with is missing. What the gate says to the frames is the packet tests'
 * business.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "corpus.h"
#include "grant.h"
#include "reason.h"
#include "util.h"

#define CASES_MAX 20000

static struct corpus_case *cases;
static size_t n_cases;

static int read_corpus(void **state)
{
	(void)state;
	cases = calloc(CASES_MAX, sizeof(*cases));
	if (!cases)
		return -1;
	for (struct corpus_at at = {0}; n_cases < CASES_MAX && corpus_next(&at, &cases[n_cases]);)
		n_cases++;
	return 0;
}

static int free_corpus(void **state)
{
	(void)state;
	free(cases);
	return 0;
}

static void the_corpus_ends(void **state)
{
	(void)state;
	assert_in_range(n_cases, 5000, CASES_MAX - 1);
}

/* What is tried before a start: little, but of each verdict, and in everything that can stand in front of the ports. */
static void the_brief_part_has_every_verdict_framing_and_header(void **state)
{
	bool reasons[_REASON_MAX] = {0}, tags[5] = {0}, kinds[_CORPUS_KIND_MAX] = {0};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < n_cases; i++) {
		size_t vlans = 0;

		if (!corpus_is_brief(&cases[i]))
			continue;
		for (size_t j = 0; j < FRAME_LAYERS_MAX; j++)
			vlans += cases[i].rule.frame[j].kind == LAYER_VLAN;
		reasons[cases[i].rule.reason] = kinds[cases[i].kind] = true;
		if (vlans < ARRAY_SIZE(tags))
			tags[vlans] = true;
		n++;
	}
	assert_in_range(n, 1000, 2500);
	for (size_t i = 0; i < _REASON_MAX; i++)
		assert_true(reasons[i] == (i != REASON_AUDIT && i != REASON_ESTABLISHED && i != REASON_PROBE));
	for (size_t i = 0; i < _CORPUS_KIND_MAX; i++)
		assert_true(kinds[i] == (i != CORPUS_CUT));
	assert_true(tags[0] && tags[1] && tags[2] && tags[4]);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void each_case_has_a_name_of_its_own(void **state)
{
	const char **names = calloc(n_cases, sizeof(*names));

	(void)state;
	assert_non_null(names);
	for (size_t i = 0; i < n_cases; i++) {
		names[i] = cases[i].name;
		/* One byte less than there is: nothing was cut off. */
		assert_in_range(strlen(cases[i].name), 4, CORPUS_NAME_MAX - 2);
		assert_in_range(strlen(cases[i].set), 4, CORPUS_NAME_MAX - 2);
	}
	qsort(names, n_cases, sizeof(*names), compare_names);
	for (size_t i = 1; i < n_cases; i++) {
		if (strcmp(names[i - 1], names[i]) == 0)
			fail_msg("two cases are called \"%s\"", names[i]);
	}
	free(names);
}

static void each_case_makes_a_frame_with_any_ports(void **state)
{
	struct frame frame;

	(void)state;
	for (size_t i = 0; i < n_cases; i++) {
		for (size_t j = 0; j < n_case_ports; j++) {
			if (corpus_build(&cases[i], &case_ports[j], &frame) < 0)
				fail_msg("no frame: %s", cases[i].name);
			assert_in_range(frame.len, 14, FRAME_BYTES_MAX);
			if (cases[i].cut)
				assert_int_equal(frame.len, cases[i].cut);
		}
	}
}

static void verdict_and_reason_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_cases; i++) {
		const struct packet_case *rule = &cases[i].rule;

		assert_true(rule->reason != REASON_AUDIT && rule->reason != REASON_ESTABLISHED);
		if (rule->verdict != (reason_passes((unsigned int)rule->reason) ? XDP_PASS : XDP_DROP))
			fail_msg("verdict %d for %s: %s", rule->verdict, reason_name((unsigned int)rule->reason),
				 cases[i].name);
	}
}

static size_t count(bool (*fits)(const struct corpus_case *c, int reason, int family, uint8_t proto), int reason,
		    int family, uint8_t proto)
{
	size_t n = 0;

	for (size_t i = 0; i < n_cases; i++)
		n += fits(&cases[i], reason, family, proto);
	return n;
}

static size_t tags_of(const struct corpus_case *c)
{
	size_t n = 0;

	while (c->rule.frame[n].kind == LAYER_VLAN)
		n++;
	return n;
}

static bool has_l4(const struct corpus_case *c, uint8_t proto)
{
	for (size_t i = 0; i < FRAME_LAYERS_MAX; i++) {
		if (c->rule.frame[i].kind == LAYER_L4 && c->rule.frame[i].a == proto)
			return true;
	}
	return false;
}

static bool is_whole(const struct corpus_case *c, int reason, int family, uint8_t proto)
{
	return !c->cut && c->rule.reason == reason && c->family == family && has_l4(c, proto);
}

static bool is_untagged(const struct corpus_case *c, int reason, int family, uint8_t proto)
{
	return is_whole(c, reason, family, proto) && tags_of(c) == 0;
}

static bool is_in_vlan(const struct corpus_case *c, int reason, int family, uint8_t proto)
{
	return is_whole(c, reason, family, proto) && tags_of(c) == 1;
}

static bool is_in_two(const struct corpus_case *c, int reason, int family, uint8_t proto)
{
	return is_whole(c, reason, family, proto) && tags_of(c) == 2 && c->rule.frame[0].a == 0x88a8;
}

/* Every line of the table that a packet with ports can end on. */
static void no_combination_is_missing(void **state)
{
	static const int reasons[] = {REASON_LATER_FRAGMENT, REASON_SHORT_L4, REASON_UNPROTECTED,
				      REASON_GRANTED,        REASON_EXPIRED,  REASON_NO_GRANT};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		FOR_EACH_PROTO_BIT (bit) {
			for (int family = 4; family <= 6; family += 2) {
				assert_true(count(is_untagged, reasons[i], family, proto_number(bit)) > 0);
				assert_true(count(is_in_vlan, reasons[i], family, proto_number(bit)) > 0);
				assert_true(count(is_in_two, reasons[i], family, proto_number(bit)) > 0);
			}
		}
	}
}

/* From the Ethernet header to the last byte, and no other. */
static void what_is_cut_is_cut_after_every_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_cases; i++) {
		struct corpus_case whole = cases[i];
		struct frame frame;
		bool is_last = i + 1 == n_cases || strcmp(cases[i + 1].set, cases[i].set) != 0;

		if (!cases[i].cut)
			continue;
		whole.cut = 0;
		assert_int_equal(corpus_build(&whole, &case_ports[0], &frame), 0);
		if (is_last)
			assert_int_equal(cases[i].cut, frame.len);
		if (i == 0 || strcmp(cases[i - 1].set, cases[i].set) != 0)
			assert_int_equal(cases[i].cut, 14);
		else
			assert_int_equal(cases[i].cut, cases[i - 1].cut + 1);
	}
}

static void each_kind_has_a_name_and_cases(void **state)
{
	size_t n[_CORPUS_KIND_MAX] = {0};

	(void)state;
	for (size_t i = 0; i < n_cases; i++)
		n[cases[i].kind]++;
	for (size_t i = 0; i < _CORPUS_KIND_MAX; i++) {
		assert_non_null(corpus_kind_name((enum corpus_kind)i));
		assert_true(n[i] > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_corpus_ends),
		cmocka_unit_test(the_brief_part_has_every_verdict_framing_and_header),
		cmocka_unit_test(each_case_has_a_name_of_its_own),
		cmocka_unit_test(each_case_makes_a_frame_with_any_ports),
		cmocka_unit_test(verdict_and_reason_agree),
		cmocka_unit_test(no_combination_is_missing),
		cmocka_unit_test(what_is_cut_is_cut_after_every_byte),
		cmocka_unit_test(each_kind_has_a_name_and_cases),
	};

	return cmocka_run_group_tests(tests, read_corpus, free_corpus);
}
