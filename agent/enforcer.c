// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See enforcer.h. Start, reload, time and events; what becomes of a feed's answer is in enforcer_take.c.
 *
 * The order inside one apply is what keeps doors from flickering: entries are put, then new ports are closed, then
 * entries are deleted, then old ports are opened.
 */
#include "enforcer.h"

#include <errno.h>
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "enforcer_internal.h"
#include "grant_list.h"
#include "opened.h"
#include "takeover.h"
#include "util.h"

void enforcer_init(struct enforcer *e, const struct conf *conf, const struct gate_ops *gate, void *gate_ctx,
		   const struct enforcer_hooks *hooks, void *hooks_ctx)
{
	*e = (struct enforcer){
		.conf = conf, .gate = gate, .gate_ctx = gate_ctx, .hooks = hooks, .hooks_ctx = hooks_ctx};
	e->clock = hooks->now(hooks_ctx);
}

void enforcer_free(struct enforcer *e)
{
	snapshot_free(&e->current);
	grant_set_free(&e->opened);
	snapshot_free(&e->withheld);
	learned_free(&e->learned);
	ended_free(&e->ended);
}

void enforcer_say(struct enforcer *e, enum log_level level, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	e->hooks->log(e->hooks_ctx, level, line);
}

uint8_t enforcer_wanted_protos(const struct enforcer *e, uint16_t port, uint8_t *ret_by_config)
{
	uint8_t by_config = 0, all;

	for (size_t i = 0; i < e->conf->n_protect; i++) {
		if (e->conf->protect[i].port == port)
			by_config |= e->conf->protect[i].protos;
	}
	all = by_config;
	for (size_t i = 0; i < e->learned.n; i++) {
		if (e->learned.ports[i].port == port)
			all |= e->learned.ports[i].proto_bit;
	}
	*ret_by_config = by_config;
	return all;
}

/* ------------------------------------------------------------ clock */

/* Ends that were read from the maps were translated by a wrong clock, so they are read again. */
static int judge_again(struct enforcer *e, struct snapshot *saved)
{
	struct snapshot current = {0};
	int r = takeover_judge(e->gate, e->gate_ctx, &e->conf->guard, e->clock, saved, &e->opened, e->anew, &current);

	if (r < 0) {
		enforcer_say(e, LOG_LEVEL_ERR, "cannot judge the grants again: %s; ports stay closed", strerror(-r));
		return r;
	}
	snapshot_free(&e->current);
	e->current = current;
	e->taken_as_said = e->current.taken;
	return 0;
}

/*
 * The clock was not set at the start, and has been moved. Once it can be right, what was saved is judged as a start
 * would have done, unless a feed has answered meanwhile. That it runs is no proof: the start's moment has to have been
 * possible, too.
 */
static void doubt_clock(struct enforcer *e)
{
	bool is_set = e->clock.wall.ns >= clock_to_wall(e->clock_floor, e->clock.boot).ns;

	if (is_set)
		opened_end_wait(&e->opened);
	if (!e->answered && judge_again(e, is_set ? &e->withheld : NULL) < 0)
		return;
	if (!is_set)
		return;
	e->clock_floor.wall.ns = 0;
	enforcer_judge_opened(e, e->clock.wall);
	enforcer_settle(e);
	snapshot_free(&e->withheld);
	enforcer_say(e, LOG_LEVEL_NOTICE, "the clock is set; %zu grants are judged by it", e->current.grants.n);
}

static void follow_clock(struct enforcer *e, struct clock_pair now)
{
	int64_t step = clock_step(e->clock, now);
	struct wall_time before = clock_to_wall(e->clock, now.boot);

	if (step < CLOCK_STEP_MIN_NS && step > -CLOCK_STEP_MIN_NS)
		return;
	enforcer_say(e, LOG_LEVEL_WARNING, "the wall clock was set %s by %lld ms; deadlines are stamped anew",
		     step > 0 ? "forward" : "back", (long long)(step > 0 ? step : -step) / NS_PER_MS);
	snapshot_clock_stepped(&e->current, step);
	e->clock = now;
	if (opened_clock_stepped(&e->opened, before, step))
		enforcer_save_opened(e);
	if (e->clock_floor.wall.ns)
		doubt_clock(e);
}

struct clock_pair enforcer_sample_clock(struct enforcer *e)
{
	struct clock_pair now = e->hooks->now(e->hooks_ctx);

	follow_clock(e, now);
	now.wall = clock_to_wall(e->clock, now.boot);
	return now;
}

int enforcer_run_apply(struct enforcer *e, struct apply_input in)
{
	size_t failed = 0;
	int r;

	in.gate = e->gate;
	in.gate_ctx = e->gate_ctx;
	in.now = enforcer_sample_clock(e);
	in.again = !e->applied || e->retry_at.ns;
	in.opened = in.opened ? in.opened : &e->opened;
	in.mode = arming_mode(&e->arming, in.conf->mode);
	in.confirm_until = e->arming.confirm_until;
	r = apply_wanted(&in, &failed);
	if (r < 0)
		return r;
	e->applied = true;
	e->retry_at.ns = failed ? in.now.boot.ns + ENFORCER_RETRY_NS : 0;
	if (failed)
		enforcer_say(e, LOG_LEVEL_ERR, "%zu map writes failed; trying again in %lld s", failed,
			     ENFORCER_RETRY_NS / NS_PER_S);
	return 0;
}

int enforcer_apply_current(struct enforcer *e, const struct conf *conf)
{
	return enforcer_run_apply(e,
				  (struct apply_input){.conf = conf, .snapshot = &e->current, .learned = &e->learned});
}

/* ------------------------------------------------------------ marks and the audit trail */

static void audit_at(struct enforcer *e, enum log_level level, const char *what, const struct grant_set *set,
		     const struct grant *grant, const char *why)
{
	_cleanup_text_ struct text line = {0};

	audit_line(&line, what, set, grant, why);
	if (!line.failed)
		e->hooks->log(e->hooks_ctx, level, line.data);
}

void enforcer_audit(struct enforcer *e, const char *what, const struct grant_set *set, const struct grant *grant,
		    const char *why)
{
	audit_at(e, LOG_LEVEL_NOTICE, what, set, grant, why);
}

void enforcer_audit_by_hand(struct enforcer *e, const char *what, const struct grant_set *set,
			    const struct grant *grant, const char *why)
{
	audit_at(e, LOG_LEVEL_WARNING, what, set, grant, why);
}

void enforcer_update_marks(struct enforcer *e, struct grant_set *set, struct wall_time now)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++) {
		struct grant *grant = &set->grants[i];
		enum guard_verdict verdict;
		enum grant_mark mark = apply_judge(grant, e->conf, now, &verdict);

		if (mark != grant->mark) {
			if (mark == GRANT_LIVE)
				enforcer_audit(e, "granted", set, grant, NULL);
			else if (mark == GRANT_REFUSED)
				enforcer_audit(e, grant->mark == GRANT_LIVE ? "revoked" : "refused", set, grant,
					       guard_text(verdict));
			else if (grant->mark == GRANT_LIVE)
				enforcer_audit(e, "expired", set, grant, NULL);
			if (mark == GRANT_ENDED || (mark == GRANT_REFUSED && grant->mark == GRANT_LIVE))
				enforcer_note_ended(e, set, grant);
		}
		/* The clock was set back behind the end of a grant that only we still remember: that is over too. */
		if (mark == GRANT_OVER || (mark == GRANT_ENDED && apply_is_forgotten(grant, now)))
			continue;
		if (grant->mark != GRANT_OVER)
			grant->mark = (uint8_t)mark;
		set->grants[kept++] = *grant;
	}
	set->n = kept;
}

/* ------------------------------------------------------------ start, reload */

/* Once: what was not set then. */
static void say_clock_is_wrong(struct enforcer *e, bool has_saved)
{
	_cleanup_text_ struct text now = {0};
	_cleanup_text_ struct text floor = {0};

	text_rfc3339(&now, e->clock.wall);
	text_rfc3339(&floor, e->clock_floor.wall);
	if (now.failed || floor.failed)
		return;
	enforcer_say(e, LOG_LEVEL_ERR,
		     "THE CLOCK IS NOT SET: it shows %s, and %s %s; ports stay closed, and %zu saved grants wait until "
		     "it is set or a feed answers",
		     now.data, has_saved ? "the state was saved after" : "cannot be right before", floor.data,
		     e->withheld.grants.n);
}

static int take_over(struct enforcer *e, struct snapshot *saved)
{
	struct takeover found = {0};
	int r = takeover_build(e->gate, e->gate_ctx, &e->conf->guard, e->clock, saved, &e->opened, &found);

	e->current = found.current; /* also to be freed when it failed */
	e->learned = found.learned;
	e->anew = found.anew;
	e->clock_floor = (struct clock_pair){.wall = found.clock_floor, .boot = e->clock.boot};
	if (r < 0)
		return r;
	enforcer_judge_opened(e, e->clock.wall);
	e->taken_as_said = e->current.taken;
	e->restored = saved || e->learned.n || e->current.grants.n;
	if (saved) {
		e->withheld = *saved;
		*saved = (struct snapshot){0};
	}
	if (e->clock_floor.wall.ns)
		say_clock_is_wrong(e, e->withheld.taken.ns > TAKEOVER_CLOCK_FLOOR_NS);
	else
		snapshot_free(&e->withheld);
	return 0;
}

void enforcer_restore(struct enforcer *e, struct grant_set *opened, enum arming_record armed)
{
	e->opened = *opened;
	*opened = (struct grant_set){0};
	arming_restore(&e->arming, armed);
}

/* What an operator did before this start. */
static void say_restored(struct enforcer *e)
{
	for (size_t i = 0; i < e->opened.n; i++) {
		if (e->opened.grants[i].mark == GRANT_WAITS)
			enforcer_audit_by_hand(e, "opened", &e->opened, &e->opened.grants[i],
					       "before this start; waits, the clock is behind");
	}
	if (e->arming.lapsed.ns)
		enforcer_say(e, LOG_LEVEL_WARNING,
			     "arming was not confirmed in time: AUDIT again, nothing is dropped (jitgate arm)");
	if (e->arming.confirm_until.ns)
		enforcer_say(e, LOG_LEVEL_WARNING, "enforcing on trial goes on; jitgate confirm makes it last");
	if (e->arming.record_unknown && e->conf->mode == JITGATE_AUDIT)
		enforcer_say_record_unknown(e);
	else if (e->arming.confirmed)
		enforcer_say(e, LOG_LEVEL_WARNING,
			     "enforcing, as armed and confirmed, although the config says audit: put mode = "
			     "\"enforce\" into it");
	if (e->arming.waiting)
		enforcer_say(e, LOG_LEVEL_WARNING,
			     "nothing is known to close yet: waiting for a feed's first answer, nothing is dropped");
}

/* Of a run before, by its maps: all was let pass though there was something to close, so it did not wait for that. */
static bool was_audit(const struct gate_state *before)
{
	return before->generation > 0 && before->mode == JITGATE_AUDIT && before->protected_ports > 0;
}

int enforcer_start(struct enforcer *e, struct snapshot *saved)
{
	bool closes_nothing;
	struct gate_state before;
	int r = take_over(e, saved);

	if (r < 0)
		return r;
	closes_nothing = !e->restored && !e->conf->n_protect;
	e->gate->get_state(e->gate_ctx, &before);
	arming_take_over(&e->arming, e->conf->mode, &before, e->clock, closes_nothing);
	enforcer_note_flows(e);
	r = enforcer_apply_current(e, e->conf);
	if (r == -ENOSPC && e->current.grants.n) {
		enforcer_say(e, LOG_LEVEL_ERR,
			     "%zu grants of before do not fit max_grants = %u; none is restored, the ports stay closed "
			     "until a "
			     "feed answers",
			     e->current.grants.n, e->conf->max_grants);
		grant_set_free(&e->current.grants);
		r = enforcer_apply_current(e, e->conf);
	}
	if (r == -ENOSPC && e->opened.n) {
		enforcer_say(e, LOG_LEVEL_ERR,
			     "%zu grants opened by hand do not fit max_grants = %u, none is restored; jitgate open",
			     e->opened.n, e->conf->max_grants);
		grant_set_free(&e->opened);
		r = enforcer_apply_current(e, e->conf);
	}
	if (r == 0) {
		enforcer_update_marks(e, &e->current.grants, enforcer_sample_clock(e).wall);
		if (was_audit(&before) && arming_lasts(&e->arming, e->conf->mode))
			enforcer_note_all(e);
		say_restored(e);
	}
	return r;
}

void enforcer_take_trouble(struct enforcer *e, struct wall_time at, const char *text)
{
	e->trouble_at = at;
	snprintf(e->trouble, sizeof(e->trouble), "%s", text);
}

int enforcer_reload(struct enforcer *e, const struct conf *conf)
{
	struct wall_time now = enforcer_sample_clock(e).wall;
	const struct arming before = e->arming;
	/* What waited for its first answer has shown nobody who would be cut: see enforcer_note_all. */
	bool lasted = before.waiting || arming_lasts(&before, e->conf->mode);
	const struct conf *old;
	int r;

	arming_reconfigure(&e->arming, e->conf->mode, conf->mode);
	e->arming.waiting &= !conf->n_protect;
	enforcer_note_flows(e);
	r = enforcer_apply_current(e, conf);
	if (r < 0) {
		e->arming = before;
		return r;
	}
	old = e->conf;
	e->conf = conf;
	enforcer_settle(e);
	enforcer_update_marks(e, &e->current.grants, now);
	grant_list_sort(&e->current.grants, &conf->guard, now);
	enforcer_note_disallowed(e, old);
	enforcer_note_cut(e, old);
	if (!lasted && arming_lasts(&e->arming, conf->mode))
		enforcer_note_all(e);
	enforcer_end_sessions(e);
	return 0;
}

/* ------------------------------------------------------------ time */

static void notice_staleness(struct enforcer *e, struct boot_time now)
{
	size_t live = 0;

	if (!e->answered || e->stale_said || now.ns < e->fresh_until.ns)
		return;
	e->stale_said = true;
	for (size_t i = 0; i < e->current.grants.n; i++)
		live += e->current.grants.grants[i].mark == GRANT_LIVE;
	enforcer_say(e, LOG_LEVEL_WARNING,
		     "no good answer from feed %s in time; %zu grants go on to their own end, none is added",
		     e->feed_name[0] ? e->feed_name : "(none)", live);
}

void enforcer_tick(struct enforcer *e)
{
	struct clock_pair now = enforcer_sample_clock(e);
	int r;

	e->ticked_at = now.boot;
	notice_staleness(e, now.boot);
	enforcer_notice_lapse(e, now);
	enforcer_update_marks(e, &e->current.grants, now.wall);
	enforcer_update_opened(e, now.wall);
	r = enforcer_apply_current(e, e->conf);
	if (r < 0) {
		e->retry_at.ns = now.boot.ns + ENFORCER_RETRY_NS;
		enforcer_say(e, LOG_LEVEL_ERR, "cannot bring the maps up to date: %s; trying again", strerror(-r));
	}
	enforcer_end_sessions(e);
	enforcer_retry_saving(e, now.boot);
}

static void earlier(struct boot_time *best, uint64_t ns)
{
	if (ns < best->ns)
		best->ns = ns;
}

static struct boot_time forget_at(const struct enforcer *e, const struct grant *grant)
{
	struct boot_time at = clock_to_boot(e->clock, grant->until);

	at.ns += APPLY_KEEP_ENDED_NS; /* an ended grant's boot time is at most now */
	return at;
}

struct boot_time enforcer_next(const struct enforcer *e)
{
	struct boot_time next = {.ns = UINT64_MAX};

	for (size_t i = 0; i < e->current.grants.n; i++) {
		const struct grant *grant = &e->current.grants.grants[i];

		if (grant->mark == GRANT_LIVE || grant->mark == GRANT_REFUSED)
			earlier(&next, clock_to_boot(e->clock, grant->until).ns);
		else if (grant->mark == GRANT_ENDED || grant->mark == GRANT_OVER)
			earlier(&next, forget_at(e, grant).ns);
	}
	for (size_t i = 0; i < e->opened.n; i++) {
		const struct grant *grant = &e->opened.grants[i];

		earlier(&next,
			grant->mark == GRANT_ENDED ? forget_at(e, grant).ns : clock_to_boot(e->clock, grant->until).ns);
	}
	if (e->arming.confirm_until.ns)
		earlier(&next, e->arming.confirm_until.ns);
	if (e->retry_at.ns)
		earlier(&next, e->retry_at.ns);
	if (e->save_at.ns)
		earlier(&next, e->save_at.ns);
	earlier(&next, enforcer_end_due(e).ns);
	if (e->answered && !e->stale_said)
		earlier(&next, e->fresh_until.ns);
	/* The program ends grants by itself: here many ends that lie close together are one round of work. */
	if (next.ns < e->ticked_at.ns + ENFORCER_TICK_NS)
		next.ns = e->ticked_at.ns + ENFORCER_TICK_NS;
	return next;
}

/* ------------------------------------------------------------ events */

/* Whether one more line about packets may be written now. Who came in is told however many did not. */
static bool take_event_line(struct enforcer *e, struct boot_time now, bool admitted)
{
	uint32_t *lines = &e->event_lines[admitted];

	if (now.ns - e->event_window.ns >= ENFORCER_EVENT_WINDOW_NS) {
		if (e->event_unsaid)
			enforcer_say(e, LOG_LEVEL_INFO, "%u more packet events were not logged", e->event_unsaid);
		e->event_window = now;
		memset(e->event_lines, 0, sizeof(e->event_lines));
		e->event_unsaid = 0;
	}
	if (*lines < ENFORCER_EVENT_LINES) {
		(*lines)++;
		return true;
	}
	e->event_unsaid++;
	return false;
}

void enforcer_take_event(struct enforcer *e, const struct event *event)
{
	struct boot_time now = e->hooks->now(e->hooks_ctx).boot;
	struct knock knock;

	if (knock_take(&e->knocks, event, now, &knock))
		e->hooks->ask(e->hooks_ctx, &knock);
	if (take_event_line(e, now, event->reason == REASON_GRANTED)) {
		_cleanup_text_ struct text line = {0};

		audit_event(&line, event);
		if (!line.failed)
			e->hooks->log(e->hooks_ctx, LOG_LEVEL_INFO, line.data);
	}
}
