/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What the files of the enforcer share, and nobody else uses.
 */
#ifndef ENFORCER_INTERNAL_H
#define ENFORCER_INTERNAL_H

#include "enforcer.h"

void enforcer_say(struct enforcer *e, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Now. The wall time is that of the base, so that a grant ends by its mark at the very moment it ends in the program.
 */
struct clock_pair enforcer_sample_clock(struct enforcer *e);

/* What `in` wants, into the maps, at enforcer_sample_clock(); 0 or -errno with the maps unchanged. */
int enforcer_run_apply(struct enforcer *e, struct apply_input in);

/* One line of the audit trail about a grant. */
void enforcer_audit(struct enforcer *e, const char *what, const struct grant_set *set, const struct grant *grant,
		    const char *why);

/* Say what is news about each grant, and forget those that ended a while ago. */
void enforcer_update_marks(struct enforcer *e, struct grant_set *set, struct wall_time now);

#endif
