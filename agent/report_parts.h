/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What the files behind report.h share.
 */
#ifndef REPORT_PARTS_H
#define REPORT_PARTS_H

#include "report.h"

/* report_verdict.c: the verdict for the hurried: the summary when all is well, else what is wrong. */
void report_verdict_text(const struct report *report, struct text *out);

/* report_grants.c: how many grants are an operator's. */
size_t report_count_by_hand(const struct report *report);
/* The line of one of these, behind what is to be said of it; a line for each that waits for the clock. */
void report_by_hand_text(const char *what, const struct report_grant *grant, struct wall_time now, struct text *out);
void report_waiting_text(const struct report *report, struct text *out);

/* report_feed.c: the feed's paragraph, and the table of what is refused. */
void report_feed_text(const struct report *report, struct text *out);
void report_refused_text(const struct report *report, struct text *out);

/* "431 s ahead of"; only for a clock that is known. */
void report_clock_words(const struct report *report, struct text *out);

/* Worth a warning. */
bool report_clock_is_off(const struct report *report);

#endif
