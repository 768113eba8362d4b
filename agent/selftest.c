// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See selftest.h.
 */
#include "selftest.h"

#include <errno.h>
#include <string.h>

#include "reason.h"
#include "show.h"

void selftest_clear(struct selftest *test)
{
	free(test->frames);
	free(test->attached);
	free(test->unverified);
	*test = (struct selftest){0};
}

void selftest_tag(const uint8_t bytes[8], char ret[SELFTEST_TAG_MAX])
{
	for (size_t i = 0; i < 8; i++)
		snprintf(ret + 2 * i, SELFTEST_TAG_MAX - 2 * i, "%02x", bytes[i]);
}

static int keep_frame(struct selftest *test, const struct corpus_case *c, const char *why)
{
	struct selftest_frame *grown = reallocarray(test->frames, test->n_frames + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	test->frames = grown;
	grown += test->n_frames++;
	*grown = (struct selftest_frame){.kind = c->kind};
	memcpy(grown->name, c->name, sizeof(grown->name));
	snprintf(grown->why, sizeof(grown->why), "%s", why ? why : "");
	return 0;
}

int selftest_note(struct selftest *test, const struct corpus_case *c, const char *why, bool keep)
{
	test->kinds[c->kind].frames++;
	test->kinds[c->kind].passed += !why;
	return why || keep ? keep_frame(test, c, why) : 0;
}

int selftest_add_attached(struct selftest *test, const char *interface, const struct selftest_tags *tags)
{
	struct selftest_attached *grown = reallocarray(test->attached, test->n_attached + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	test->attached = grown;
	grown += test->n_attached++;
	snprintf(grown->interface, sizeof(grown->interface), "%s", interface);
	grown->tags = *tags;
	return 0;
}

int selftest_add_unverified(struct selftest *test, const char *interface, const char *why)
{
	struct selftest_unverified *grown = reallocarray(test->unverified, test->n_unverified + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	test->unverified = grown;
	grown += test->n_unverified++;
	snprintf(grown->interface, sizeof(grown->interface), "%s", interface);
	snprintf(grown->why, sizeof(grown->why), "%s", why);
	return 0;
}

static struct selftest_count add_up(const struct selftest *test)
{
	struct selftest_count total = {0};

	for (size_t i = 0; i < _CORPUS_KIND_MAX; i++) {
		total.frames += test->kinds[i].frames;
		total.passed += test->kinds[i].passed;
	}
	return total;
}

/* Those of the same hook. */
static const struct selftest_tags *tried_at(const struct selftest *test, const struct selftest_tags *tags)
{
	return tags->tc ? &test->tried_tc : &test->tried;
}

static bool is_same(const struct selftest *test, const struct selftest_tags *tags)
{
	const struct selftest_tags *tried = tried_at(test, tags);

	return strcmp(tags->gate, tried->gate) == 0 && strcmp(tags->root, tried->root) == 0;
}

static bool is_pinned_same(const struct selftest *test)
{
	return !*test->pinned_gate || strcmp(test->pinned_gate, test->tried.gate) == 0;
}

/* The program that was tried has the tags of the one in force, wherever one is. */
static bool has_tags_in_force(const struct selftest *test)
{
	for (size_t i = 0; i < test->n_attached; i++) {
		if (!is_same(test, &test->attached[i].tags))
			return false;
	}
	return is_pinned_same(test);
}

static bool is_unverified(const struct selftest *test, const char *interface)
{
	for (size_t i = 0; i < test->n_unverified; i++) {
		if (strcmp(test->unverified[i].interface, interface) == 0)
			return true;
	}
	return false;
}

/* Not by the tags alone: the same program with other maps is as good as none. */
static bool is_in_force(const struct selftest *test)
{
	return has_tags_in_force(test) && !test->n_unverified && !*test->unclear;
}

/* Pinned, but on no interface: then it holds nothing closed. */
static bool is_idle(const struct selftest *test)
{
	return (test->pinned || *test->pinned_gate) && !test->n_attached;
}

bool selftest_is_good(const struct selftest *test)
{
	struct selftest_count total = add_up(test);

	return total.frames > 0 && total.passed == total.frames && is_in_force(test) && !is_idle(test);
}

/* ---------------------------------------------------------------- for people */

static void put_paragraph(struct text *out, const struct text *words, size_t rest)
{
	show_paragraph(out, words, 0, rest);
}

/* Where what was tried is shown to be in force. */
static size_t add_interfaces(const struct selftest *test, struct text *words)
{
	size_t named = 0;

	for (size_t i = 0; i < test->n_attached; i++) {
		const char *interface = test->attached[i].interface;

		if (!is_unverified(test, interface))
			text_printf(words, "%s%s", named++ ? ", " : "the program tried is the one on ", interface);
	}
	return named;
}

/* Behind what was said before, if anything. */
static void add_unverified(const struct selftest *test, bool said, struct text *words)
{
	for (size_t i = 0; i < test->n_unverified; i++)
		text_printf(words, "%s%s (%s)",
			    i      ? ", "
			    : said ? "; NOT VERIFIED: "
				   : "NOT VERIFIED: ",
			    test->unverified[i].interface, test->unverified[i].why);
}

static void put_force(const struct selftest *test, struct text *words)
{
	bool said = true;

	if (*test->unclear)
		text_printf(words, "but what is in force CANNOT BE TOLD: %s; restart jitgated", test->unclear);
	else if (!has_tags_in_force(test))
		text_printf(words, "but that is NOT the program in force");
	else if (is_idle(test))
		text_printf(words, "the program tried is the one that is pinned, but it is ATTACHED TO NO INTERFACE");
	else if (!test->n_attached)
		text_printf(words, "not attached: tested the program in this binary");
	else
		said = add_interfaces(test, words) > 0;
	/* Why another program is not verified is told by its tags, below. */
	if (has_tags_in_force(test))
		add_unverified(test, said, words);
	if (test->audit)
		text_printf(words, "; AUDIT: nothing is dropped");
}

static void put_verdict(const struct selftest *test, struct text *out)
{
	struct selftest_count total = add_up(test);
	_cleanup_text_ struct text words = {0};

	show_count(&words, total.frames, "frame");
	if (total.passed == total.frames)
		text_printf(&words, ", no surprise; ");
	else
		text_printf(&words, ", %zu SURPRISE%s; ", total.frames - total.passed,
			    total.frames - total.passed == 1 ? "" : "S");
	put_force(test, &words);
	text_printf(&words, " (tag %s, root %s", test->tried.gate, test->tried.root);
	if (*test->tried_tc.gate)
		text_printf(&words, "; at tc %s, %s", test->tried_tc.gate, test->tried_tc.root);
	text_printf(&words, ")");
	put_paragraph(out, &words, 2);
}

static const char *tag_or_none(const char *tag)
{
	return *tag ? tag : "none";
}

static bool is_attached(const struct selftest *test, const char *interface)
{
	for (size_t i = 0; i < test->n_attached; i++) {
		if (strcmp(test->attached[i].interface, interface) == 0)
			return true;
	}
	return false;
}

/* Beside a program that is another one: interfaces that have none. */
static void put_unattached(const struct selftest *test, struct text *out)
{
	for (size_t i = 0; i < test->n_unverified && !has_tags_in_force(test); i++) {
		const struct selftest_unverified *at = &test->unverified[i];
		_cleanup_text_ struct text words = {0};

		if (is_attached(test, at->interface))
			continue;
		text_printf(&words, "%s: NOT VERIFIED: %s", at->interface, at->why);
		put_paragraph(out, &words, 2);
	}
}

/* Each program that is another one, with both tags, and what to do. */
static void put_differences(const struct selftest *test, struct text *out)
{
	for (size_t i = 0; i < test->n_attached; i++) {
		const struct selftest_attached *attached = &test->attached[i];
		_cleanup_text_ struct text words = {0};

		if (is_same(test, &attached->tags))
			continue;
		if (!*attached->tags.gate)
			text_printf(&words, "%s: the filter's slot is EMPTY, packets pass", attached->interface);
		else
			text_printf(&words, "%s: runs filter %s and root %s, this binary holds %s and %s",
				    attached->interface, attached->tags.gate, tag_or_none(attached->tags.root),
				    tried_at(test, &attached->tags)->gate, tried_at(test, &attached->tags)->root);
		text_printf(&words, "; restart jitgated: systemctl restart jitgated");
		put_paragraph(out, &words, 2);
	}
	put_unattached(test, out);
	if (!is_pinned_same(test)) {
		_cleanup_text_ struct text words = {0};

		text_printf(&words,
			    "the filter that is pinned has tag %s, this binary's has %s; restart jitgated: "
			    "systemctl restart jitgated",
			    test->pinned_gate, test->tried.gate);
		put_paragraph(out, &words, 2);
	}
}

static void put_row(struct show_table *table, const char *name, struct selftest_count count)
{
	text_printf(&table->cells, "%s", name);
	show_cell_end(table);
	text_printf(&table->cells, "%zu", count.frames);
	show_cell_end(table);
	text_printf(&table->cells, "%zu", count.passed);
	show_cell_end(table);
	text_printf(&table->cells, "%zu", count.frames - count.passed);
	show_cell_end(table);
}

static void put_table(const struct selftest *test, struct text *out)
{
	static const struct show_column columns[] = {
		{"KIND", false, 0}, {"FRAMES", true, 0}, {"PASSED", true, 0}, {"SURPRISES", true, 0}};
	_cleanup_show_table_ struct show_table table = {.columns = columns, .n_columns = ARRAY_SIZE(columns)};

	for (size_t i = 0; i < _CORPUS_KIND_MAX; i++)
		put_row(&table, corpus_kind_name((enum corpus_kind)i), test->kinds[i]);
	put_row(&table, "all", add_up(test));
	show_table(&table, out, 2);
}

static void put_frame(const struct selftest_frame *frame, struct text *out)
{
	_cleanup_text_ struct text words = {0};

	text_printf(&words, "%s %s: %s", *frame->why ? "SURPRISE" : "as due", corpus_kind_name(frame->kind),
		    frame->name);
	if (*frame->why)
		text_printf(&words, ": %s", frame->why);
	put_paragraph(out, &words, 2);
}

#define SURPRISES_SHOWN 20

/* The first surprises, unless all are asked for. */
static void put_frames(const struct selftest *test, bool all, struct text *out)
{
	size_t surprises = 0;

	for (size_t i = 0; i < test->n_frames; i++) {
		surprises += *test->frames[i].why != 0;
		if (all || (*test->frames[i].why && surprises <= SURPRISES_SHOWN))
			put_frame(&test->frames[i], out);
	}
	if (!all && surprises > SURPRISES_SHOWN)
		text_printf(out, "and %zu more surprises: --verbose shows them\n", surprises - SURPRISES_SHOWN);
}

void selftest_text(const struct selftest *test, bool all, struct text *out)
{
	put_verdict(test, out);
	put_differences(test, out);
	put_frames(test, all, out);
	put_table(test, out);
}

/* ---------------------------------------------------------------- for programs */

static void put_string_or_null(struct text *out, const char *s)
{
	if (*s)
		text_json_string(out, s);
	else
		text_printf(out, "null");
}

static void put_tag(struct text *out, const char *name, const char *tag)
{
	text_printf(out, ",\"%s\":", name);
	put_string_or_null(out, tag);
}

static void put_program(const struct selftest *test, struct text *out)
{
	text_printf(out, "\"program\":{\"in_force\":");
	/* A program that is pinned and attached nowhere holds nothing closed: nobody is to read "true" of it. */
	if (!test->n_attached && is_pinned_same(test))
		text_printf(out, "null");
	else
		text_printf(out, is_in_force(test) ? "true" : "false");
	put_tag(out, "tag", test->tried.gate);
	put_tag(out, "root_tag", test->tried.root);
	if (*test->tried_tc.gate) {
		put_tag(out, "tc_tag", test->tried_tc.gate);
		put_tag(out, "tc_root_tag", test->tried_tc.root);
	}
	put_tag(out, "pinned_tag", test->pinned_gate);
	text_printf(out, ",\"attached\":%s", test->n_attached ? "[" : "null");
	for (size_t i = 0; i < test->n_attached; i++) {
		text_printf(out, "%s{\"interface\":", i ? "," : "");
		text_json_string(out, test->attached[i].interface);
		put_tag(out, "tag", test->attached[i].tags.gate);
		put_tag(out, "root_tag", test->attached[i].tags.root);
		put_tag(out, "hook", test->attached[i].tags.tc ? "tc" : "xdp");
		text_printf(out, "}");
	}
	text_printf(out, "%s,\"not_verified\":[", test->n_attached ? "]" : "");
	for (size_t i = 0; i < test->n_unverified; i++) {
		text_printf(out, "%s{\"interface\":", i ? "," : "");
		text_json_string(out, test->unverified[i].interface);
		text_printf(out, ",\"why\":");
		text_json_string(out, test->unverified[i].why);
		text_printf(out, "}");
	}
	text_printf(out, "],\"unclear\":");
	put_string_or_null(out, test->unclear);
	text_printf(out, ",\"mode\":");
	put_string_or_null(out, !test->pinned || *test->unclear ? "" : test->audit ? "audit" : "enforce");
	text_printf(out, "}");
}

static void put_kinds(const struct selftest *test, struct text *out)
{
	text_printf(out, ",\"families\":[");
	for (size_t i = 0; i < _CORPUS_KIND_MAX; i++) {
		text_printf(out, "%s{\"name\":", i ? "," : "");
		text_json_string(out, corpus_kind_name((enum corpus_kind)i));
		text_printf(out, ",\"frames\":%zu,\"passed\":%zu}", test->kinds[i].frames, test->kinds[i].passed);
	}
	text_printf(out, "]");
}

static void put_json_frames(const struct selftest *test, const char *name, bool all, struct text *out)
{
	const char *comma = "";

	text_printf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < test->n_frames; i++) {
		const struct selftest_frame *frame = &test->frames[i];

		if (!all && !*frame->why)
			continue;
		text_printf(out, "%s{\"family\":", comma);
		text_json_string(out, corpus_kind_name(frame->kind));
		text_printf(out, ",\"name\":");
		text_json_string(out, frame->name);
		text_printf(out, ",\"why\":");
		if (*frame->why)
			text_json_string(out, frame->why);
		else
			text_printf(out, "null");
		text_printf(out, "}");
		comma = ",";
	}
	text_printf(out, "]");
}

void selftest_json(const struct selftest *test, bool all, struct text *out)
{
	struct selftest_count total = add_up(test);

	text_printf(out, "{");
	put_program(test, out);
	text_printf(out, ",\"frames\":%zu,\"passed\":%zu", total.frames, total.passed);
	put_kinds(test, out);
	put_json_frames(test, "surprises", false, out);
	if (all)
		put_json_frames(test, "all", true, out);
	text_printf(out, "}\n");
}
