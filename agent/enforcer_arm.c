// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. Arming without lock-out: enforcing on trial, which the packet program ends by itself, and making it last. See
 * enforcer.h.
 */
#include <errno.h>
#include <string.h>

#include "enforcer.h"
#include "enforcer_internal.h"
#include "util.h"

int enforcer_save_armed(struct enforcer *e, bool armed)
{
	int r = e->hooks->save_armed(e->hooks_ctx, armed);

	/* One file is both: what is wanted now is all that can be missing. */
	enforcer_note_saved(e, armed ? ENFORCER_FILE_DISARMED : ENFORCER_FILE_ARMED, 0);
	enforcer_note_saved(e, armed ? ENFORCER_FILE_ARMED : ENFORCER_FILE_DISARMED, r);
	return r;
}

void enforcer_settle(struct enforcer *e)
{
	if (e->stale_opened) {
		e->stale_opened = false;
		enforcer_save_opened(e);
	}
	if (e->arming.stale_record && enforcer_save_armed(e, false) == 0)
		e->arming.stale_record = false;
}

void enforcer_say_record_unknown(struct enforcer *e)
{
	if (e->arming.confirmed)
		enforcer_say(e, LOG_LEVEL_ERR,
			     "whether arming was confirmed cannot be read: ENFORCING goes on, as before this start, "
			     "although the config says audit; set mode = \"enforce\" in it, or jitgate disarm");
	else if (e->arming.confirm_until.ns)
		enforcer_say(e, LOG_LEVEL_ERR,
			     "whether arming was confirmed cannot be read: the trial of before this start goes on");
	else
		enforcer_say(e, LOG_LEVEL_ERR,
			     "whether arming was confirmed cannot be read: AUDIT, as the config says, nothing is "
			     "dropped; was it, then jitgate arm and jitgate confirm, or set mode = \"enforce\"");
}

void enforcer_notice_lapse(struct enforcer *e, struct clock_pair now)
{
	if (arming_lapse(&e->arming, now))
		enforcer_say(e, LOG_LEVEL_WARNING,
			     "arming was not confirmed in time: AUDIT again, nothing is dropped (jitgate arm)");
}

/* All or nothing. */
static int apply_arming(struct enforcer *e, const struct arming *arming, struct failure *failure)
{
	const struct arming before = e->arming;
	int r;

	e->arming = *arming;
	r = enforcer_apply_current(e, e->conf);
	if (r == 0)
		return 0;
	e->arming = before;
	return failure_set(failure, r, "cannot write the maps: %s; nothing has changed", strerror(-r));
}

static int refuse_config(const struct enforcer *e, const char *what, struct failure *failure)
{
	return failure_set(failure, ENFORCER_NOTHING, "the config says mode = \"enforce\"%s: %s",
			   e->arming.waiting ? ", which begins with the feed's first answer" : ", which is in force",
			   what);
}

int enforcer_arm(struct enforcer *e, uint32_t seconds, struct failure *failure)
{
	struct clock_pair now = enforcer_sample_clock(e);
	struct arming arming = e->arming;
	int r;

	if (e->conf->mode != JITGATE_AUDIT)
		return refuse_config(e, "there is nothing to arm", failure);
	if (arming.confirmed)
		return failure_set(failure, ENFORCER_NOTHING, "armed and confirmed before: there is nothing to arm");
	arming.confirm_until.ns = now.boot.ns + (uint64_t)seconds * NS_PER_S;
	arming.lapsed.ns = 0;
	r = apply_arming(e, &arming, failure);
	if (r == 0)
		enforcer_say(e, LOG_LEVEL_WARNING,
			     "armed on trial for %u s: ENFORCING; without jitgate confirm it is audit again after that",
			     seconds);
	return r;
}

int enforcer_confirm(struct enforcer *e, struct failure *failure)
{
	struct arming arming;
	int r, saved;

	enforcer_notice_lapse(e, enforcer_sample_clock(e));
	arming = e->arming;
	if (e->conf->mode != JITGATE_AUDIT)
		return refuse_config(e, "there is nothing to confirm", failure);
	if (!arming.confirmed && !arming.confirm_until.ns)
		return failure_set(failure, -EINVAL, "%s: run jitgate arm, and confirm in time",
				   arming.lapsed.ns ? "too late, the trial is over and it is audit again"
						    : "nothing is on trial");
	/* Recorded first: an agent that is killed in between leaves what is still on trial, or confirmed at the next
	   start; never what enforces for good and is forgotten by then. */
	saved = enforcer_save_armed(e, true);
	if (!arming.confirmed) {
		arming.confirmed = true;
		arming.confirm_until.ns = 0;
		r = apply_arming(e, &arming, failure);
		if (r < 0) {
			enforcer_save_armed(e, false);
			return r;
		}
		enforcer_say(e, LOG_LEVEL_WARNING,
			     "arming is confirmed: ENFORCING from now on; put mode = \"enforce\" into the config");
		enforcer_note_all(e);
		enforcer_end_sessions(e);
	}
	e->arming.stale_record = false;
	return saved == 0 ? 0
			  : failure_set(failure, ENFORCER_UNSAVED,
					"NOT SAVED (%s): the next start would be audit again; make room in the state "
					"folder, then jitgate confirm once more",
					strerror(-saved));
}

int enforcer_disarm(struct enforcer *e, struct failure *failure)
{
	struct arming arming;
	bool was_confirmed;
	int r;

	if (e->conf->mode != JITGATE_AUDIT)
		return failure_set(failure, -EINVAL,
				   "the config says mode = \"enforce\": set mode = \"audit\", then systemctl reload "
				   "jitgated");
	enforcer_notice_lapse(e, enforcer_sample_clock(e));
	arming = e->arming;
	was_confirmed = arming.confirmed;
	if (!was_confirmed && !arming.confirm_until.ns)
		return failure_set(failure, ENFORCER_NOTHING, "nothing is armed: it is audit already");
	arming.confirmed = false;
	arming.confirm_until.ns = 0;
	r = apply_arming(e, &arming, failure);
	if (r < 0)
		return r;
	enforcer_say(e, LOG_LEVEL_WARNING, "disarmed: AUDIT, nothing is dropped");
	r = was_confirmed ? enforcer_save_armed(e, false) : 0;
	return r == 0 ? 0
		      : failure_set(failure, ENFORCER_UNSAVED,
				    "NOT SAVED (%s): the next start would enforce again; remove the file \"armed\" "
				    "from the state folder",
				    strerror(-r));
}
