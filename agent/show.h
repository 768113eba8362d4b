/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Text for people: strings from strangers made harmless, cut or wrapped to the width of a terminal, and columns.
 * Whatever is printed through here is at most SHOW_WIDTH characters wide, but for show_line, and a line of ours stays
 * one line.
 */
#ifndef SHOW_H
#define SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"
#include "util.h"

#define SHOW_WIDTH 100
#define SHOW_COLUMNS_MAX 8

/* Terminal columns that `s` takes when shown: East Asian wide characters take two. */
size_t show_width(const char *s);

/*
 * Append `s`, at most `max` columns of it; what is longer ends in "…". Line breaks and tabs become spaces; other
 * control characters, what turns the direction of writing or has no width, and bytes that are not UTF-8
 * become U+FFFD. Returns the columns used.
 */
size_t show_cut(struct text *out, const char *s, size_t max);

/*
 * A paragraph: the words, the first line indented by `first` columns, the others by `rest`. A command in backquotes is
 * one word, if a line can hold it; longer words are split. A failure of `words` becomes the output's.
 */
void show_paragraph(struct text *out, const struct text *words, size_t first, size_t rest);

/* A verdict: one line, however wide it is, so that whoever takes the first line has all of it. Failure as above. */
void show_line(struct text *out, const struct text *words);

/* "1 grant", "2 grants". */
void show_count(struct text *out, uint64_t n, const char *noun);

/* "812 B", "1.4 kB", "18.4 EB". */
void show_bytes(struct text *out, uint64_t bytes);

/* "15:04:05Z (in 42 min)" */
void show_time(struct text *out, struct wall_time at, struct wall_time now);

struct show_column {
	const char *title; /* NULL in the first column: no line of titles */
	bool right;
	size_t least; /* may be cut down to this; 0: only when nothing else is left to cut */
};

/* Rows are written cell by cell: text into `cells`, then show_cell_end. Starts with columns and n_columns set. */
struct show_table {
	const struct show_column *columns;
	size_t n_columns; /* at most SHOW_COLUMNS_MAX */
	struct text cells;
	size_t n_cells;
};

/* What was written into `cells` since the last call is a cell. */
void show_cell_end(struct show_table *table);

/* Append the table, each line indented; a row that is not complete is left out. Nothing when it has no row. */
void show_table(const struct show_table *table, struct text *out, size_t indent);

void show_table_free(struct show_table *table);
#define _cleanup_show_table_ CLEANUP(show_table_free)

#endif
