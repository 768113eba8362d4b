// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. Break-glass: what an operator opens and closes by hand. See enforcer.h.
 *
 * It opens before it is saved, since an emergency does not wait for a disk that is full; and it closes before it is
 * saved, since what the file still says and the maps no longer hold is not believed at a start.
 */
#include <errno.h>
#include <string.h>

#include "audit.h"
#include "enforcer.h"
#include "enforcer_internal.h"
#include "opened.h"
#include "util.h"

int enforcer_save_opened(struct enforcer *e)
{
	int r = e->hooks->save_opened(e->hooks_ctx, &e->opened,
				      clock_to_wall(e->clock, e->hooks->now(e->hooks_ctx).boot));

	enforcer_note_saved(e, ENFORCER_FILE_OPENED, r);
	return r;
}

/* True: it is believed. */
static bool judge_opened(struct enforcer *e, struct grant *grant, struct wall_time now)
{
	enum guard_verdict rail = guard_check(&e->conf->guard, grant, grant->start);
	const char *why = opened_disbelief(grant, grant_set_text(&e->opened, grant->origin), rail, now);
	char line[128];

	if (why) {
		enforcer_audit_by_hand(e, "refused", &e->opened, grant, why);
		return false;
	}
	snprintf(line, sizeof(line), "before this start%s%s", rail == GUARD_OK ? "" : "; ",
		 rail == GUARD_OK ? "" : guard_text(rail));
	enforcer_audit_by_hand(e, "opened", &e->opened, grant, line);
	grant->mark = GRANT_LIVE;
	return true;
}

void enforcer_judge_opened(struct enforcer *e, struct wall_time now)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->opened.n; i++) {
		struct grant *grant = &e->opened.grants[i];

		if (grant->mark == GRANT_NEW && grant->until.ns > now.ns && !judge_opened(e, grant, now))
			enforcer_note_ended(e, &e->opened, grant);
		else
			e->opened.grants[kept++] = *grant;
	}
	e->stale_opened |= kept != e->opened.n;
	e->opened.n = kept;
}

void enforcer_update_opened(struct enforcer *e, struct wall_time now)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->opened.n; i++) {
		struct grant *grant = &e->opened.grants[i];

		if (grant->until.ns <= now.ns && grant->mark != GRANT_ENDED) {
			enforcer_audit_by_hand(e, "expired", &e->opened, grant, NULL);
			enforcer_note_ended(e, &e->opened, grant);
			grant->mark = GRANT_ENDED;
		}
		if (grant->mark != GRANT_ENDED || !apply_is_forgotten(grant, now))
			e->opened.grants[kept++] = *grant;
	}
	if (kept == e->opened.n)
		return;
	e->opened.n = kept;
	enforcer_save_opened(e);
}

/* `changed` in place of what is opened: all or nothing. */
static int install(struct enforcer *e, struct grant_set *changed, struct failure *failure)
{
	int r = enforcer_run_apply(
		e, (struct apply_input){
			   .conf = e->conf, .snapshot = &e->current, .learned = &e->learned, .opened = changed});

	if (r == -ENOSPC)
		return failure_set(failure, r,
				   "the table of grants is full (max_grants = %u): jitgate close what is no longer "
				   "needed; in an emergency jitgate disarm, or jitgated --detach",
				   e->conf->max_grants);
	if (r < 0)
		return failure_set(failure, r, "cannot write the maps: %s; nothing has changed", strerror(-r));
	grant_set_free(&e->opened);
	e->opened = *changed;
	*changed = (struct grant_set){0};
	return 0;
}

/* What is said to be done is done: a map write that failed is no matter for the log alone. */
static int save(struct enforcer *e, const char *what, struct failure *failure)
{
	int r = enforcer_save_opened(e);

	if (e->retry_at.ns)
		return failure_set(
			failure, ENFORCER_UNSAVED,
			"NOT DONE YET: the kernel refused some map writes, which are tried again each second; "
			"jitgate explain shows what is in force");
	return r == 0 ? 0 : failure_set(failure, ENFORCER_UNSAVED, "NOT SAVED (%s): %s", strerror(-r), what);
}

static int check_opening(struct enforcer *e, const struct enforcer_opening *opening, const struct grant *grant,
			 enum guard_verdict *ret_verdict, struct failure *failure)
{
	char protos[PROTOS_TEXT_MAX];

	*ret_verdict = guard_check(&e->conf->guard, grant, grant->start);
	if (!(e->gate->get_protected(e->gate_ctx, opening->port) & opening->protos))
		return failure_set(failure, -EINVAL, "%u/%s is not protected: it is open to everybody already",
				   opening->port, protos_format(opening->protos, protos));
	if (*ret_verdict == GUARD_NOT_A_SOURCE)
		return failure_set(failure, -EINVAL,
				   "no packet can have this source: give the address that the client "
				   "comes from");
	if (*ret_verdict != GUARD_OK && !opening->beyond)
		return failure_set(failure, -EPERM,
				   "%s, says the config; ask for less, or add --override (the log says so then)",
				   guard_text(*ret_verdict));
	return 0;
}

int enforcer_open(struct enforcer *e, const struct enforcer_opening *opening, struct wall_time *ret_until,
		  struct failure *failure)
{
	CLEANUP(grant_set_free) struct grant_set changed = {0};
	struct wall_time now = enforcer_sample_clock(e).wall;
	struct grant grant = {.source = opening->source,
			      .port = opening->port,
			      .protos = opening->protos,
			      .mark = GRANT_LIVE,
			      .start = now,
			      .until.ns = now.ns + (int64_t)opening->seconds * NS_PER_S};
	enum guard_verdict verdict;
	int r = check_opening(e, opening, &grant, &verdict, failure);

	if (r < 0)
		return r;
	r = opened_change(&e->opened, &grant, opening->requestor, opening->reason,
			  verdict == GUARD_OK ? OPENED_ORIGIN : OPENED_ORIGIN_BEYOND, now, &changed);
	if (r < 0)
		return failure_set(failure, r,
				   r == -ENOSPC ? "%d sources are opened by hand already: jitgate close one of them "
						  "(jitgate list)"
						: "out of memory (%d are opened)",
				   OPENED_MAX);
	r = install(e, &changed, failure);
	if (r < 0)
		return r;
	enforcer_audit_by_hand(e, "opened", &e->opened, opened_find(&e->opened, &grant),
			       verdict == GUARD_OK ? NULL : guard_text(verdict));
	*ret_until = grant.until;
	return save(e, "it is open, but a restart or reboot may close it", failure);
}

int enforcer_close(struct enforcer *e, const struct cidr *source, uint16_t port, uint8_t protos,
		   struct failure *failure)
{
	CLEANUP(grant_set_free) struct grant_set changed = {0};
	struct wall_time now = enforcer_sample_clock(e).wall;
	const struct grant like = {.source = *source, .port = port, .protos = protos};
	const struct grant *grant = opened_find(&e->opened, &like);
	_cleanup_text_ struct text line = {0};
	int r;

	if (!grant || grant->until.ns <= now.ns)
		return failure_set(
			failure, -ENOENT,
			"that is not open by hand; jitgate list shows what is, and it takes the same source, "
			"port and protocol. What a feed granted ends where it was granted");
	audit_line(&line, "closed", &e->opened, grant, NULL);
	r = opened_change(&e->opened, &like, NULL, NULL, NULL, now, &changed);
	if (r < 0)
		return failure_set(failure, r, "out of memory");
	enforcer_note_ended(e, &e->opened, grant); /* which is gone after the next line */
	r = install(e, &changed, failure);
	if (r < 0)
		return r;
	e->hooks->log(e->hooks_ctx, LOG_LEVEL_WARNING, line.failed ? "closed by hand" : line.data);
	enforcer_end_sessions(e);
	return save(e, "it is closed, but a reboot before its end would open it again", failure);
}
