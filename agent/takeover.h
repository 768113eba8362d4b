/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What a start begins with: the maps of a former run, the state file, or both.
 *
 * Maps that were in force before are the truth: the state may be older (a save that failed), so a grant of the state
 * counts only where the maps hold it, and gives it its names. After a reboot the maps are empty and the state is all
 * there is. Ports that a feed taught are closed if either knows them.
 */
#ifndef TAKEOVER_H
#define TAKEOVER_H

#include "gate.h"
#include "guard.h"
#include "learned.h"

/* A wall clock this far behind the saved state is wrong: the state was saved when it showed more. */
#define TAKEOVER_CLOCK_SLACK_NS (60 * NS_PER_S)
/* A wall clock before 2024-01-01 was never set: it is older than this program. */
#define TAKEOVER_CLOCK_FLOOR_NS (1704067200 * NS_PER_S)

/* What a start begins with. */
struct takeover {
	struct snapshot current;
	struct learned learned;
	bool anew; /* the maps were empty: after a reboot every saved grant counts */
	/* The wall clock has not been set: only from here on it can be right. 0: it can be right as it is. While it is
	 * wrong nobody can tell which saved grants have ended, and none is used. */
	struct wall_time clock_floor;
};

/*
 * saved: NULL when there is no state; its grants are moved out when they are used. opened: what an operator opened
 * before, by its own file; as with `saved`, those that the maps do not hold are taken out; the others are marked
 * GRANT_NEW, to be judged by enforcer_judge_opened, or GRANT_WAITS when the clock is wrong. *ret is {0} before. 0,
 * -ENOMEM, -ENOSPC (more than JITGATE_PORT_RULES_MAX ports), or errno of reading the maps.
 */
int takeover_build(const struct gate_ops *gate, void *gate_ctx, const struct guard *guard, struct clock_pair now,
		   struct snapshot *saved, struct grant_set *opened, struct takeover *ret);

/*
 * The grants once more, after the wall clock was set: those of the maps, whose ends no clock has moved, and what is
 * saved and can be judged now (its grants are moved out then). What is opened stays, and is not adopted a second time.
 * `anew`: as takeover_build said. *ret is {0} before.
 */
int takeover_judge(const struct gate_ops *gate, void *gate_ctx, const struct guard *guard, struct clock_pair now,
		   struct snapshot *saved, struct grant_set *opened, bool anew, struct snapshot *ret);

/* From when on a wall clock can be right that meets a state of `taken` (0: there is none); 0: it can be right now. */
struct wall_time takeover_clock_floor(struct wall_time now, struct wall_time taken);

#endif
