// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The feed as people read of it: when it answered, how far the clocks are apart, what is asked for and refused.
 */
#include "report_parts.h"

#include <inttypes.h>

#include "show.h"
#include "util.h"

#define REFUSED_LINES_MAX 16

bool report_clock_is_off(const struct report *report)
{
	return report->clock_known &&
	       (report->clock_offset_s > CLOCK_OFFSET_SHOWN_S || report->clock_offset_s < -CLOCK_OFFSET_SHOWN_S);
}

void report_clock_words(const struct report *report, struct text *out)
{
	int64_t offset_s = report->clock_offset_s;

	text_printf(out, "%" PRId64 " s %s", offset_s < 0 ? -offset_s : offset_s, offset_s < 0 ? "behind" : "ahead of");
}

void report_feed_text(const struct report *report, struct text *out)
{
	_cleanup_text_ struct text good = {0}, clock = {0}, error = {0};

	text_printf(&good, "feed %s: ", *report->feed_name ? report->feed_name : "(none)");
	if (report->agent_running)
		text_printf(&good, "%s, ", report->feed_connected ? "connected" : "not connected");
	text_printf(&good, "last good answer ");
	if (report->last_good.ns)
		show_time(&good, report->last_good, report->now);
	else
		text_printf(&good, "never");
	show_paragraph(out, &good, 0, 2);
	if (report_clock_is_off(report)) {
		text_printf(&clock, "this machine's clock is ");
		report_clock_words(report, &clock);
		text_printf(&clock, " its, so grants end too %s; set it right",
			    report->clock_offset_s < 0 ? "late" : "early");
		show_paragraph(out, &clock, 2, 4);
	}
	if (!*report->last_error)
		return;
	text_printf(&error, "last error ");
	if (report->last_error_at.ns) {
		show_time(&error, report->last_error_at, report->now);
		text_printf(&error, ": ");
	}
	text_printf(&error, "%s", report->last_error);
	show_paragraph(out, &error, 2, 4);
}

/* ---------------------------------------------------------------- refused */

static void add_cell(struct show_table *table, const char *text)
{
	show_cut(&table->cells, *text ? text : "-", SHOW_WIDTH);
	show_cell_end(table);
}

static void add_refused(struct show_table *table, const struct refused *refused)
{
	if (refused->port)
		text_printf(&table->cells, "%u", refused->port);
	else
		text_printf(&table->cells, "-");
	show_cell_end(table);
	add_cell(table, refused->source);
	add_cell(table, refused->requestor);
	add_cell(table, refused->why);
}

/* As many as there is room for; returns how many are left. */
static uint64_t add_list(struct show_table *table, const struct refused_list *list, size_t *room)
{
	size_t n = list->n < *room ? list->n : *room;

	for (size_t i = 0; i < n; i++)
		add_refused(table, &list->items[i]);
	*room -= n;
	return list->n - n + (uint64_t)list->more;
}

void report_refused_text(const struct report *report, struct text *out)
{
	static const struct show_column columns[] = {
		{"REFUSED", false, 0}, {"SOURCE", false, 12}, {"REQUESTOR", false, 10}, {"WHY", false, 30}};
	_cleanup_show_table_ struct show_table table = {.columns = columns, .n_columns = ARRAY_SIZE(columns)};
	size_t room = REFUSED_LINES_MAX;
	uint64_t left = add_list(&table, &report->refused_by_guard, &room);

	if (report->refused_by_feed)
		left += add_list(&table, report->refused_by_feed, &room);
	if (table.n_cells)
		text_printf(out, "\n");
	show_table(&table, out, 0);
	if (left)
		text_printf(out, "and %" PRIu64 " more%s\n", left, table.n_cells ? "" : " refused");
}
