/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What the files behind report.h share.
 */
#ifndef REPORT_PARTS_H
#define REPORT_PARTS_H

#include "report.h"

/* report_feed.c: the feed's paragraph, and the table of what is refused. */
void report_feed_text(const struct report *report, struct text *out);
void report_refused_text(const struct report *report, struct text *out);

/* "431 s ahead of"; only for a clock that is known. */
void report_clock_words(const struct report *report, struct text *out);

/* How many of the grants an operator gave. */
size_t report_count_by_hand(const struct report *report);

/* Worth a warning. */
bool report_clock_is_off(const struct report *report);

#endif
