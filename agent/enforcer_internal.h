/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What the files of the enforcer share, and nobody else uses.
 */
#ifndef ENFORCER_INTERNAL_H
#define ENFORCER_INTERNAL_H

#include "enforcer.h"

/* One line of the log, by the hook. */
void enforcer_say(struct enforcer *e, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* enforcer_explain's reason alone, which looks at no flow. */
enum reason enforcer_judge(struct enforcer *e, const struct cidr *source, uint16_t port, uint8_t proto_bit);

/* Now. The wall time is that of the base, so that a grant ends by its mark at the very moment it ends in the program.
 */
struct clock_pair enforcer_sample_clock(struct enforcer *e);

/* What `in` wants, into the maps, at enforcer_sample_clock(); 0 or -errno with the maps unchanged. */
int enforcer_run_apply(struct enforcer *e, struct apply_input in);

/* What is known, under a config; 0 or -errno with the maps unchanged. */
int enforcer_apply_current(struct enforcer *e, const struct conf *conf);

/* Say that the trial is over, once it is. */
void enforcer_notice_lapse(struct enforcer *e, struct clock_pair now);
/* Save that arming was confirmed, or that this is over: 0 or -errno, logged. */
int enforcer_save_armed(struct enforcer *e, bool armed);
/* At a start under mode = "audit": what is in force instead of what a record would say. It may not be what is wanted.
 */
void enforcer_say_record_unknown(struct enforcer *e);

/*
 * What an operator opened before this start and the clock can judge now (GRANT_NEW): the file says no more than what
 * `open` would have let be opened then. The rest is dropped, with a line each, and by enforcer_settle the file's word
 * for it.
 */
void enforcer_judge_opened(struct enforcer *e, struct wall_time now);

/* Say what an operator opened and has ended, and forget it a while later. */
void enforcer_update_opened(struct enforcer *e, struct wall_time now);
/* 0 or -errno, logged. */
int enforcer_save_opened(struct enforcer *e);

/* One line of the audit trail about a grant. */
void enforcer_audit(struct enforcer *e, const char *what, const struct grant_set *set, const struct grant *grant,
		    const char *why);
/* The same about what an operator does: a warning. */
void enforcer_audit_by_hand(struct enforcer *e, const char *what, const struct grant_set *set,
			    const struct grant *grant, const char *why);

/* Save what is known: failures are logged, shown and tried again. */
void enforcer_save_state(struct enforcer *e, const struct snapshot *snapshot, const struct learned *learned);
/* Note that a file was saved (0) or not (-errno): said in the log when that changes, and tried again. */
void enforcer_note_saved(struct enforcer *e, enum enforcer_file file, int error);
/* Try again what is due. */
void enforcer_retry_saving(struct enforcer *e, struct boot_time now);

/* Say what is news about each grant, and forget those that ended a while ago. */
void enforcer_update_marks(struct enforcer *e, struct grant_set *set, struct wall_time now);

#endif
