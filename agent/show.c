// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. Owns how text looks on a terminal: widths, cutting, wrapping, columns, and which characters may get there at
 * all. Must not know what the text is about, nor ask the locale: a daemon renders for people elsewhere.
 */
#include "show.h"

#include <inttypes.h>
#include <string.h>

#include "utf8.h"
#include "util.h"

#define SHOW_GAP 2 /* between columns */

/* One character as it will be shown. */
struct glyph {
	size_t len; /* bytes of the source it stands for; 0: the end */
	const char *shown;
	size_t shown_len;
	size_t width;
};

struct range {
	uint32_t first, last;
};

/* No width, invisible, or turning the direction of writing: what a name could hide behind. Sorted. */
static const struct range hidden[] = {
	{0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad}, {0x061c, 0x061c},   {0x115f, 0x1160},    {0x180e, 0x180e},
	{0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164},   {0xfe00, 0xfe0f},    {0xfeff, 0xfeff},
	{0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff},
};

/* Two columns wide, coarsely: a character wrongly taken for wide costs a column, no more. Sorted. */
static const struct range wide[] = {
	{0x1100, 0x115f},   {0x231a, 0x231b},   {0x2e80, 0xa4cf},   {0xa960, 0xa97f}, {0xac00, 0xd7a3},
	{0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6}, {0x16fe0, 0x18aff},
	{0x1b000, 0x1b2ff}, {0x1f000, 0x1faff}, {0x20000, 0x3fffd},
};

static bool is_in(const struct range *ranges, size_t n, uint32_t code)
{
	for (size_t i = 0; i < n && code >= ranges[i].first; i++) {
		if (code <= ranges[i].last)
			return true;
	}
	return false;
}

static struct glyph next_glyph(const char *s)
{
	uint32_t code = 0;
	size_t len = utf8_decode(s, UTF8_BYTES_MAX, &code);

	if (*s == '\0')
		return (struct glyph){0};
	if (*s == '\n' || *s == '\r' || *s == '\t')
		return (struct glyph){1, " ", 1, 1};
	if (len == 0 || is_in(hidden, ARRAY_SIZE(hidden), code))
		return (struct glyph){len ? len : 1, "\xef\xbf\xbd", 3, 1};
	return (struct glyph){len, s, len, is_in(wide, ARRAY_SIZE(wide), code) ? 2 : 1};
}

static bool is_space(const struct glyph *g)
{
	return g->shown_len == 1 && *g->shown == ' ';
}

size_t show_width(const char *s)
{
	size_t width = 0;

	for (struct glyph g = next_glyph(s); g.len; s += g.len, g = next_glyph(s))
		width += g.width;
	return width;
}

static void append_spaces(struct text *out, size_t n)
{
	text_printf(out, "%*s", (int)n, "");
}

/* As many characters as fit into `max` columns; *s moves behind them. */
static size_t append_fitting(struct text *out, const char **s, size_t max)
{
	size_t width = 0;

	for (struct glyph g = next_glyph(*s); g.len && width + g.width <= max; g = next_glyph(*s)) {
		text_append(out, g.shown, g.shown_len);
		width += g.width;
		*s += g.len;
	}
	return width;
}

size_t show_cut(struct text *out, const char *s, size_t max)
{
	size_t width = 0;

	if (show_width(s) <= max)
		return append_fitting(out, &s, max);
	if (max == 0)
		return 0;
	width = append_fitting(out, &s, max - 1);
	text_append(out, "…", strlen("…"));
	return width + 1;
}

/* Bytes and columns of the word at `s`, up to a space or the end; with `quotes` a space in backquotes is none. */
static size_t measure_until_space(const char *s, bool quotes, size_t max, size_t *ret_width)
{
	const char *at = s;
	size_t width = 0;
	bool quoted = false;

	for (struct glyph g = next_glyph(at); g.len && (quoted || !is_space(&g)); at += g.len, g = next_glyph(at)) {
		quoted ^= quotes && *at == '`';
		width += g.width;
		if (quoted && width > max)
			break;
	}
	*ret_width = width;
	return quoted ? 0 : (size_t)(at - s);
}

/* A backquote that nothing closes, or too late for a line, holds nothing together. */
static size_t measure_word(const char *s, size_t max, size_t *ret_width)
{
	size_t len = measure_until_space(s, true, max, ret_width);

	if (len && *ret_width <= max)
		return len;
	return measure_until_space(s, false, max, ret_width);
}

/* One word, over as many lines as it takes. Returns the column behind it. */
static size_t append_word(struct text *out, const char *word, size_t len, size_t column, size_t rest)
{
	const char *at = word;

	while (at < word + len) {
		struct glyph g = next_glyph(at);

		if (column + g.width > SHOW_WIDTH) {
			text_append(out, "\n", 1);
			append_spaces(out, rest);
			column = rest;
		}
		text_append(out, g.shown, g.shown_len);
		column += g.width;
		at += g.len;
	}
	return column;
}

static void wrap_words(struct text *out, const char *s, size_t first, size_t rest)
{
	size_t column = first;
	bool fresh = true; /* nothing on this line yet */

	append_spaces(out, first);
	for (struct glyph g = next_glyph(s); g.len; g = next_glyph(s)) {
		size_t width, len = measure_word(s, SHOW_WIDTH - rest, &width);

		if (is_space(&g)) {
			s += g.len;
			continue;
		}
		if (!fresh && column + 1 + width > SHOW_WIDTH) {
			text_append(out, "\n", 1);
			append_spaces(out, rest);
			column = rest;
		} else if (!fresh) {
			text_append(out, " ", 1);
			column++;
		}
		column = append_word(out, s, len, column, rest);
		fresh = false;
		s += len;
	}
	text_append(out, "\n", 1);
}

void show_paragraph(struct text *out, const struct text *words, size_t first, size_t rest)
{
	if (words->failed)
		out->failed = 1;
	wrap_words(out, words->data ? words->data : "", first, rest);
}

void show_line(struct text *out, const struct text *words)
{
	if (words->failed)
		out->failed = 1;
	show_cut(out, words->data ? words->data : "", SIZE_MAX);
	text_append(out, "\n", 1);
}

void show_count(struct text *out, uint64_t n, const char *noun)
{
	text_printf(out, "%" PRIu64 " %s%s", n, noun, n == 1 ? "" : "s");
}

void show_bytes(struct text *out, uint64_t bytes)
{
	static const char units[] = "kMGTPE";
	uint64_t tenths = bytes / 100 + (bytes % 100 >= 50); /* of a kB */
	size_t unit = 0;

	if (bytes < 1000) {
		text_printf(out, "%" PRIu64 " B", bytes);
		return;
	}
	for (; tenths >= 10000 && units[unit + 1]; unit++)
		tenths = tenths / 1000 + (tenths % 1000 >= 500);
	text_printf(out, "%" PRIu64 ".%u %cB", tenths / 10, (unsigned int)(tenths % 10), units[unit]);
}

void show_time(struct text *out, struct wall_time at, struct wall_time now)
{
	text_clock(out, at, now);
	text_printf(out, " (");
	text_relative(out, at, now);
	text_printf(out, ")");
}

void show_cell_end(struct show_table *table)
{
	text_append(&table->cells, "", 1);
	table->n_cells++;
}

void show_table_free(struct show_table *table)
{
	text_free(&table->cells);
	table->n_cells = 0;
}

/* What each column would like to have. */
static void measure_columns(const struct show_table *table, size_t n_rows, size_t widths[SHOW_COLUMNS_MAX])
{
	const char *cell = table->cells.data;

	for (size_t i = 0; i < table->n_columns; i++)
		widths[i] = table->columns[0].title ? show_width(table->columns[i].title) : 0;
	for (size_t i = 0; i < n_rows * table->n_columns; i++, cell += strlen(cell) + 1) {
		size_t width = show_width(cell), *widest = &widths[i % table->n_columns];

		if (width > *widest)
			*widest = width;
	}
}

/* The column to take from next: the widest of those that may be cut, else the widest of all. */
static size_t pick_column(const struct show_table *table, const size_t widths[SHOW_COLUMNS_MAX])
{
	size_t widest = 0, pick = table->n_columns;

	for (size_t i = 0; i < table->n_columns; i++) {
		size_t least = table->columns[i].least;

		if (widths[i] > widths[widest])
			widest = i;
		if (least && widths[i] > least && (pick == table->n_columns || widths[i] > widths[pick]))
			pick = i;
	}
	return pick == table->n_columns ? widest : pick;
}

static void fit_columns(const struct show_table *table, size_t room, size_t widths[SHOW_COLUMNS_MAX])
{
	size_t total = SHOW_GAP * (table->n_columns - 1);

	for (size_t i = 0; i < table->n_columns; i++)
		total += widths[i];
	for (; total > room; total--)
		widths[pick_column(table, widths)]--;
}

/* A cell and what stands before it; the last one of a row is not filled up with spaces. */
static void print_cell(const struct show_table *table, struct text *out, size_t i, const char *cell, size_t width,
		       size_t *pending)
{
	size_t shown = show_width(cell), fill = shown < width ? width - shown : 0;

	if (table->columns[i].right)
		*pending += fill;
	if (*cell != '\0') {
		append_spaces(out, *pending);
		*pending = 0;
		show_cut(out, cell, width);
	}
	if (!table->columns[i].right)
		*pending += fill;
	*pending += SHOW_GAP;
}

void show_table(const struct show_table *table, struct text *out, size_t indent)
{
	size_t widths[SHOW_COLUMNS_MAX], n_rows = table->n_cells / table->n_columns;
	const char *cell = table->cells.data;
	size_t pending = indent;

	if (table->cells.failed)
		out->failed = 1;
	if (n_rows == 0 || out->failed)
		return;
	measure_columns(table, n_rows, widths);
	fit_columns(table, SHOW_WIDTH - indent, widths);
	for (size_t i = 0; table->columns[0].title && i < table->n_columns; i++)
		print_cell(table, out, i, table->columns[i].title, widths[i], &pending);
	if (table->columns[0].title)
		text_append(out, "\n", 1);
	for (size_t row = 0; row < n_rows; row++) {
		pending = indent;
		for (size_t i = 0; i < table->n_columns; i++, cell += strlen(cell) + 1)
			print_cell(table, out, i, cell, widths[i], &pending);
		text_append(out, "\n", 1);
	}
}
