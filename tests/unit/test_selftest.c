// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The result of a self-test: when it is good, and how it is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "selftest.h"

#define TRIED "0011223344556677"
#define TRIED_ROOT "8899aabbccddeeff"
#define TRIED_TC "2233445566778899"
#define TRIED_TC_ROOT "aabbccddeeff0011"
#define STALE "1111111111111111"

static const struct corpus_case frame = {.name = "one VLAN tag, IPv4", .kind = CORPUS_NO_GRANT};
static const struct selftest_tags same = {.gate = TRIED, .root = TRIED_ROOT};

static struct selftest tried(size_t passed, size_t surprises)
{
	struct selftest test = {.tried = {TRIED, TRIED_ROOT}};

	for (size_t i = 0; i < passed; i++)
		assert_int_equal(selftest_note(&test, &frame, NULL, false), 0);
	for (size_t i = 0; i < surprises; i++)
		assert_int_equal(selftest_note(&test, &frame, "verdict pass (2), not drop", false), 0);
	return test;
}

static void attach(struct selftest *test, const char *interface, const char *gate, const char *root)
{
	struct selftest_tags tags = {0};

	snprintf(tags.gate, sizeof(tags.gate), "%s", gate);
	snprintf(tags.root, sizeof(tags.root), "%s", root);
	assert_int_equal(selftest_add_attached(test, interface, &tags), 0);
}

/* With line breaks and indents as one blank: where lines break is not the point. */
static void said(const struct selftest *test, bool all, char *out, size_t size)
{
	_cleanup_text_ struct text text = {0};
	size_t n = 0;

	selftest_text(test, all, &text);
	assert_int_equal(text.failed, 0);
	for (const char *c = text.data; *c && n + 1 < size; c++) {
		char blank = *c == '\n' ? ' ' : *c;

		if (blank != ' ' || (n && out[n - 1] != ' '))
			out[n++] = blank;
	}
	out[n] = '\0';
}

static void expect_text(struct selftest *test, bool good, const char *expected)
{
	char text[8192];

	assert_int_equal(selftest_is_good(test), good);
	said(test, false, text, sizeof(text));
	if (!strstr(text, expected))
		fail_msg("\"%s\" is not in \"%s\"", expected, text);
	selftest_clear(test);
}

static void expect_json(const struct selftest *test, bool all, const char *expected)
{
	_cleanup_text_ struct text text = {0};

	selftest_json(test, all, &text);
	assert_int_equal(text.failed, 0);
	if (!strstr(text.data, expected))
		fail_msg("'%s' is not in '%s'", expected, text.data);
}

static void tags_are_hexadecimal(void **state)
{
	const uint8_t bytes[8] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77};
	char tag[SELFTEST_TAG_MAX];

	(void)state;
	selftest_tag(bytes, tag);
	assert_string_equal(tag, TRIED);
}

static void nothing_attached_is_good_and_said(void **state)
{
	struct selftest test = tried(2, 0);

	(void)state;
	expect_text(&test, true,
		    "2 frames, no surprise; not attached: tested the program in this binary (tag " TRIED
		    ", root " TRIED_ROOT ") ");
}

static void pinned_and_not_attached_is_said(void **state)
{
	struct selftest test = tried(2, 0);

	(void)state;
	memcpy(test.pinned_gate, TRIED, sizeof(TRIED));
	expect_text(&test, false, "the one that is pinned, but it is ATTACHED TO NO INTERFACE");
	test = tried(2, 0);
	test.pinned = true;
	assert_int_equal(selftest_add_unverified(&test, "eth0", "no program"), 0);
	expect_text(&test, false, "ATTACHED TO NO INTERFACE; NOT VERIFIED: eth0 (no program) (tag");
}

static void the_same_program_with_other_maps_is_not_good(void **state)
{
	struct selftest test = tried(1, 0);

	(void)state;
	attach(&test, "eth0", TRIED, TRIED_ROOT);
	assert_int_equal(selftest_add_unverified(&test, "eth0", "other maps"), 0);
	expect_json(&test, false, "\"in_force\":false,");
	expect_json(&test, false, "\"not_verified\":[{\"interface\":\"eth0\",\"why\":\"other maps\"}]");
	expect_text(&test, false, "1 frame, no surprise; NOT VERIFIED: eth0 (other maps) (tag");
}

static void an_interface_without_it_is_not_good(void **state)
{
	struct selftest test = tried(1, 0);

	(void)state;
	attach(&test, "eth0", TRIED, TRIED_ROOT);
	assert_int_equal(selftest_add_unverified(&test, "eth1", "no program"), 0);
	expect_text(&test, false, "the program tried is the one on eth0; NOT VERIFIED: eth1 (no program) (tag");
	test = tried(1, 0);
	attach(&test, "eth0", STALE, TRIED_ROOT);
	assert_int_equal(selftest_add_unverified(&test, "eth0", "another filter"), 0);
	assert_int_equal(selftest_add_unverified(&test, "eth1", "no program"), 0);
	expect_text(&test, false, "restart jitgated: systemctl restart jitgated eth1: NOT VERIFIED: no program KIND");
}

static void pins_that_cannot_be_judged_are_not_good(void **state)
{
	struct selftest test = tried(1, 0);

	(void)state;
	attach(&test, "eth0", TRIED, TRIED_ROOT);
	snprintf(test.unclear, sizeof(test.unclear), "the pin x is missing");
	expect_json(&test, false, "\"in_force\":false,");
	expect_json(&test, false, "\"unclear\":\"the pin x is missing\",\"mode\":null}");
	expect_text(&test, false, "but what is in force CANNOT BE TOLD: the pin x is missing; restart jitgated (tag");
}

static void audit_is_said(void **state)
{
	struct selftest test = tried(1, 0);

	(void)state;
	test.pinned = test.audit = true;
	attach(&test, "eth0", TRIED, TRIED_ROOT);
	expect_json(&test, false, "\"mode\":\"audit\"");
	expect_text(&test, true, "the program tried is the one on eth0; AUDIT: nothing is dropped (tag");
}

static void interfaces_are_named(void **state)
{
	struct selftest test = tried(1, 0);

	(void)state;
	attach(&test, "eth0", TRIED, TRIED_ROOT);
	attach(&test, "eth1", TRIED, TRIED_ROOT);
	memcpy(test.pinned_gate, TRIED, sizeof(TRIED));
	expect_text(&test, true, "1 frame, no surprise; the program tried is the one on eth0, eth1 (tag " TRIED);
}

static void a_surprise_is_not_good(void **state)
{
	struct selftest test = tried(5, 1);

	(void)state;
	expect_text(&test, false, "6 frames, 1 SURPRISE; not attached");
	test = tried(0, 30);
	expect_text(&test, false, "30 frames, 30 SURPRISES; ");
	test = tried(1, 1);
	expect_text(&test, false, "SURPRISE no grant: one VLAN tag, IPv4: verdict pass (2), not drop");
	test = tried(0, 30);
	expect_text(&test, false, "and 10 more surprises: --verbose shows them");
	test = tried(7, 2);
	expect_text(&test, false, "all 9 7 2 ");
}

static void no_frame_at_all_is_not_good(void **state)
{
	struct selftest test = tried(0, 0);

	(void)state;
	assert_false(selftest_is_good(&test));
}

static void another_program_is_not_good_whichever(void **state)
{
	struct selftest test = tried(1, 0);

	(void)state;
	attach(&test, "eth0", TRIED, TRIED_ROOT);
	attach(&test, "eth1", STALE, TRIED_ROOT);
	expect_text(&test, false,
		    "eth1: runs filter " STALE " and root " TRIED_ROOT ", this binary holds " TRIED " and " TRIED_ROOT
		    "; restart jitgated: systemctl restart jitgated");
	test = tried(1, 0);
	attach(&test, "eth0", TRIED, STALE);
	expect_text(&test, false, "1 frame, no surprise; but that is NOT the program in force");
	test = tried(1, 0);
	attach(&test, "eth0", "", TRIED_ROOT);
	expect_text(&test, false, "eth0: the filter's slot is EMPTY, packets pass; restart jitgated");
	test = tried(1, 0);
	attach(&test, "eth0", TRIED, TRIED_ROOT);
	memcpy(test.pinned_gate, STALE, sizeof(STALE));
	expect_text(&test, false, "the filter that is pinned has tag " STALE ", this binary's has " TRIED);
}

static void verbose_has_every_frame_that_was_kept(void **state)
{
	struct selftest test = {.tried = same};
	char text[8192];

	(void)state;
	assert_int_equal(selftest_note(&test, &frame, NULL, true), 0);
	said(&test, true, text, sizeof(text));
	assert_non_null(strstr(text, "as due no grant: one VLAN tag, IPv4 "));
	said(&test, false, text, sizeof(text));
	assert_null(strstr(text, "as due"));
	selftest_clear(&test);
}

static void json_names_the_programs(void **state)
{
	struct selftest test = tried(1, 0);

	(void)state;
	expect_json(&test, false,
		    "{\"program\":{\"in_force\":null,\"tag\":\"" TRIED "\",\"root_tag\":\"" TRIED_ROOT
		    "\",\"pinned_tag\":null,\"attached\":null,\"not_verified\":[],\"unclear\":null,\"mode\":null},"
		    "\"frames\":1,\"passed\":1,\"families\":[{");
	memcpy(test.pinned_gate, TRIED, sizeof(TRIED));
	expect_json(&test, false, "{\"program\":{\"in_force\":null,");
	memcpy(test.pinned_gate, STALE, sizeof(STALE));
	expect_json(&test, false, "{\"program\":{\"in_force\":false,");
	test.pinned_gate[0] = '\0';
	attach(&test, "eth0", "", TRIED_ROOT);
	expect_json(
		&test, false,
		"\"in_force\":false,\"tag\":\"" TRIED "\",\"root_tag\":\"" TRIED_ROOT
		"\",\"pinned_tag\":null,\"attached\":[{\"interface\":\"eth0\",\"tag\":null,\"root_tag\":\"" TRIED_ROOT
		"\",\"hook\":\"xdp\"}],\"not_verified\":[]");
	selftest_clear(&test);
}

/* Each hook has a pair of its own, and its tags are compared with those of that pair alone. */
static void tags_are_those_of_the_hook(void **state)
{
	struct selftest_tags at_tc = {.gate = TRIED_TC, .root = TRIED_TC_ROOT, .tc = true};
	struct selftest test = tried(1, 0);

	(void)state;
	test.tried_tc = at_tc;
	assert_int_equal(selftest_add_attached(&test, "eth0", &at_tc), 0);
	attach(&test, "eth1", TRIED, TRIED_ROOT);
	expect_json(&test, true, "\"tc_tag\":\"" TRIED_TC "\",\"tc_root_tag\":\"" TRIED_TC_ROOT "\",");
	expect_json(&test, true, "\"hook\":\"tc\"},{\"interface\":\"eth1\",");
	expect_text(&test, true,
		    "the program tried is the one on eth0, eth1 (tag " TRIED ", root " TRIED_ROOT "; at tc " TRIED_TC
		    ", " TRIED_TC_ROOT ") ");
	test = tried(1, 0);
	test.tried_tc = at_tc;
	at_tc.tc = false;
	assert_int_equal(selftest_add_attached(&test, "eth0", &at_tc), 0);
	expect_text(&test, false,
		    "eth0: runs filter " TRIED_TC " and root " TRIED_TC_ROOT ", this binary holds " TRIED);
	test = tried(1, 0);
	test.tried_tc = (struct selftest_tags){.gate = TRIED_TC, .root = TRIED_TC_ROOT, .tc = true};
	assert_int_equal(selftest_add_attached(&test, "eth0",
					       &(struct selftest_tags){.gate = TRIED, .root = TRIED_ROOT, .tc = true}),
			 0);
	expect_text(&test, false, "eth0: runs filter " TRIED " and root " TRIED_ROOT ", this binary holds " TRIED_TC);
}

static void json_lists_frames(void **state)
{
	struct selftest test = tried(0, 1);

	(void)state;
	assert_int_equal(selftest_note(&test, &frame, NULL, true), 0);
	expect_json(&test, false, "{\"name\":\"no grant\",\"frames\":2,\"passed\":1}");
	expect_json(&test, false,
		    "\"surprises\":[{\"family\":\"no grant\",\"name\":\"one VLAN tag, IPv4\",\"why\":\"verdict pass "
		    "(2), not drop\"}]}\n");
	expect_json(&test, true,
		    "\"why\":\"verdict pass (2), not drop\"},{\"family\":\"no grant\",\"name\":\"one VLAN "
		    "tag, IPv4\",\"why\":null}]}\n");
	selftest_clear(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_are_hexadecimal),
		cmocka_unit_test(nothing_attached_is_good_and_said),
		cmocka_unit_test(pinned_and_not_attached_is_said),
		cmocka_unit_test(the_same_program_with_other_maps_is_not_good),
		cmocka_unit_test(an_interface_without_it_is_not_good),
		cmocka_unit_test(pins_that_cannot_be_judged_are_not_good),
		cmocka_unit_test(audit_is_said),
		cmocka_unit_test(interfaces_are_named),
		cmocka_unit_test(a_surprise_is_not_good),
		cmocka_unit_test(no_frame_at_all_is_not_good),
		cmocka_unit_test(another_program_is_not_good_whichever),
		cmocka_unit_test(verbose_has_every_frame_that_was_kept),
		cmocka_unit_test(json_names_the_programs),
		cmocka_unit_test(tags_are_those_of_the_hook),
		cmocka_unit_test(json_lists_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
