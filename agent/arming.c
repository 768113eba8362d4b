// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See arming.h.
 */
#include "arming.h"

#include "util.h"

void arming_restore(struct arming *arming, enum arming_record record)
{
	arming->confirmed = record == ARMING_RECORDED;
	arming->record_unknown = record == ARMING_RECORD_UNKNOWN;
}

uint32_t arming_mode(const struct arming *arming, uint32_t conf_mode)
{
	if (arming->waiting)
		return JITGATE_AUDIT;
	return arming->confirmed ? JITGATE_ENFORCE : conf_mode;
}

bool arming_lasts(const struct arming *arming, uint32_t conf_mode)
{
	return arming_mode(arming, conf_mode) != JITGATE_AUDIT;
}

const char *arming_text(const struct arming *arming, uint32_t conf_mode)
{
	if (arming->waiting)
		return "enforce (waiting for the first answer)";
	if (arming->confirmed)
		return "enforce (armed and confirmed, the config says audit)";
	if (arming->confirm_until.ns)
		return "enforce (on trial, the config says audit)";
	return conf_mode == JITGATE_AUDIT ? "audit" : "enforce";
}

uint32_t arming_in_force(const struct gate_state *state, struct boot_time now)
{
	if (state->mode == JITGATE_AUDIT && now.ns < state->confirm_until_boot_ns)
		return JITGATE_ENFORCE;
	return state->mode;
}

void arming_reconfigure(struct arming *arming, uint32_t old_mode, uint32_t new_mode)
{
	if (old_mode == new_mode)
		return;
	arming->stale_record |= arming->confirmed;
	arming->confirmed = false;
	arming->confirm_until.ns = 0;
	arming->lapsed.ns = 0;
	arming->waiting = false; /* audit waits for nothing */
}

/* A mode that enforced is not taken back for want of an answer: only maps that are new, or that waited before, wait. */
static bool may_wait(const struct gate_state *before)
{
	return before->generation == 0 || before->mode == JITGATE_AUDIT;
}

/* Nobody can have begun a trial that ends later: the map holds what nobody asked for. */
static bool is_trial_end(uint64_t until_boot_ns, struct boot_time now)
{
	return until_boot_ns <= now.ns + ARMING_LONGEST_S * (uint64_t)NS_PER_S;
}

void arming_take_over(struct arming *arming, uint32_t conf_mode, const struct gate_state *before, struct clock_pair now,
		      bool nothing_known)
{
	if (conf_mode != JITGATE_AUDIT) {
		arming->stale_record |= arming->confirmed || arming->record_unknown;
		arming->confirmed = false;
		arming->waiting = nothing_known && may_wait(before);
		return;
	}
	/* A map that is new says enforce as well: that is nothing which was in force. */
	if (arming->record_unknown && before->generation > 0)
		arming->confirmed = before->mode != JITGATE_AUDIT;
	if (arming->confirmed || before->mode != JITGATE_AUDIT ||
	    !is_trial_end(before->confirm_until_boot_ns, now.boot))
		return;
	arming->confirm_until.ns = before->confirm_until_boot_ns;
	if (arming->confirm_until.ns && arming->confirm_until.ns <= now.boot.ns) {
		arming->lapsed = clock_to_wall(now, arming->confirm_until);
		arming->confirm_until.ns = 0;
	}
}

bool arming_lapse(struct arming *arming, struct clock_pair now)
{
	if (!arming->confirm_until.ns || now.boot.ns < arming->confirm_until.ns)
		return false;
	arming->lapsed = clock_to_wall(now, arming->confirm_until);
	arming->confirm_until.ns = 0;
	return true;
}
