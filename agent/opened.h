/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The grants that an operator gave by hand (`jitgate open`), apart from those of any feed: no answer adds, ends
 * or shortens one. Given for a length of time, so that a clock that is set moves the hour of their end and not their
 * length; one that was kept over a reboot waits while the clock is behind the moment when it was given.
 */
#ifndef OPENED_H
#define OPENED_H

#include "guard.h"

#define OPENED_MAX 64 /* at once */
#define OPENED_SHORTEST_S 60
#define OPENED_LONGEST_S (7 * 86400)
#define OPENED_REASON_MAX 201 /* with its NUL */

#define OPENED_ORIGIN "operator"
#define OPENED_ORIGIN_BEYOND "operator, past the guard rails"

#define OPENED_FILE_NAME "opened"
#define OPENED_BYTES_MAX 65536

/* Given (with start and until set), not over, and not one that waits for the clock (GRANT_WAITS). */
bool opened_is_live(const struct grant *grant, struct wall_time now);

/* The clock can judge those that waited for it: GRANT_NEW instead of GRANT_WAITS. True: there was one. */
bool opened_end_wait(struct grant_set *set);

/*
 * Why one that a file tells of is not believed, or NULL; `rail` as guard_check says with its start for now. A rail that
 * it breaks was put aside by name when its origin says so; what begins later than now was opened by nobody.
 */
const char *opened_disbelief(const struct grant *grant, const char *origin, enum guard_verdict rail,
			     struct wall_time now);

/* In a set: that of the same source, port and protocols; NULL. */
const struct grant *opened_find(const struct grant_set *set, const struct grant *like);

/*
 * *ret ({0} before) becomes `set` with *grant in place of the one of its key, or without that one when `origin` is
 * NULL. -ENOSPC: OPENED_MAX others are live; -ENOMEM; then *ret is {0}.
 */
int opened_change(const struct grant_set *set, const struct grant *grant, const char *requestor, const char *reason,
		  const char *origin, struct wall_time now, struct grant_set *ret);

/* The wall clock was set by so much, forward when positive: the live ones keep their length. How many those are. */
size_t opened_clock_stepped(struct grant_set *set, struct wall_time before, int64_t step_ns);

/* The bytes of the file, in the form of the state file (malloc, caller frees): those that have not ended. 0 or -ENOMEM.
 */
int opened_encode(const struct grant_set *set, struct wall_time now, void **ret_bytes, size_t *ret_len);

/*
 * 0 with *ret ({0} before) filled; -EINVAL, -EPROTO (another version), -ENOMEM with *ret untouched. What nobody could
 * have opened (no start, too long) is not taken, whatever the checksum says.
 */
int opened_decode(const void *bytes, size_t len, struct grant_set *ret, struct parse_error *err);

#endif
