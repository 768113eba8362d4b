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

enum takeover_note {
	TAKEOVER_PLAIN = 0,
	TAKEOVER_CLOCK_BEHIND, /* the saved grants were not used: nobody can tell whether they have ended */
};

/*
 * saved: NULL when there is no state; its grants are moved out. opened: what an operator opened before, by its own
 * file; as with `saved`, those that the maps do not hold are taken out, unless their time has yet to come. *ret_current
 * and *ret_learned are {0} before. 0, -ENOMEM, -ENOSPC (more than JITGATE_PORT_RULES_MAX ports), or errno of reading
 * the maps.
 */
int takeover_build(const struct gate_ops *gate, void *gate_ctx, const struct guard *guard, struct clock_pair now,
		   struct snapshot *saved, struct grant_set *opened, struct snapshot *ret_current,
		   struct learned *ret_learned, enum takeover_note *ret_note);

#endif
