// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. What becomes of one answer of a feed: checked against what is in force, applied and saved as a whole, or
 * refused as a whole. See enforcer.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "enforcer.h"
#include "enforcer_internal.h"
#include "grant_list.h"
#include "opened.h"
#include "takeover.h"
#include "util.h"

static int copy_learned(const struct learned *from, struct learned *to)
{
	to->ports = calloc(from->n + 1, sizeof(*to->ports));
	if (!to->ports)
		return -ENOMEM;
	if (from->n)
		memcpy(to->ports, from->ports, from->n * sizeof(*to->ports));
	to->n = from->n;
	return 0;
}

/* The newcomer, while it is not in force yet. */
struct candidate {
	struct enforcer *enforcer;
	struct snapshot *snapshot;
	struct wall_time taken_as_said;
	struct learned learned;
};

/* One rule a port: learned ports are sorted, so equal ports are neighbours. */
static int collect_rules(const struct learned *learned, struct snapshot *out)
{
	for (size_t i = 0; i < learned->n; i++) {
		struct port_rule rule = {.port = learned->ports[i].port, .protos = learned->ports[i].proto_bit};
		int r = 0;

		if (out->n_ports && out->ports[out->n_ports - 1].port == rule.port)
			out->ports[out->n_ports - 1].protos |= rule.protos;
		else
			r = snapshot_add_port(out, &rule);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The grants that have not ended, in an array of their own; the texts are borrowed. */
static int collect_unended(const struct grant_set *from, struct wall_time now, struct grant_set *out)
{
	out->grants = calloc(from->n + 1, sizeof(*out->grants));
	if (!out->grants)
		return -ENOMEM;
	out->n = 0;
	for (size_t i = 0; i < from->n; i++) {
		if (from->grants[i].until.ns > now.ns)
			out->grants[out->n++] = from->grants[i];
	}
	return 0;
}

void enforcer_save_state(struct enforcer *e, const struct snapshot *snapshot, const struct learned *learned)
{
	struct snapshot out = *snapshot;
	int r;

	out.ports = NULL;
	out.n_ports = 0;
	out.grants.grants = NULL;
	r = collect_rules(learned, &out);
	if (r == 0)
		r = collect_unended(&snapshot->grants, enforcer_sample_clock(e).wall, &out.grants);
	if (r == 0)
		r = e->hooks->save(e->hooks_ctx, &out);
	free(out.ports);
	free(out.grants.grants);
	enforcer_note_saved(e, ENFORCER_FILE_STATE, r);
}

/*
 * The state file is written when it is certain that the snapshot fits: one that was refused never becomes the state of
 * the next start. What it opens is open by then and does not wait for a disk; what it closes is closed after it.
 */
static void save_candidate(void *ctx)
{
	const struct candidate *candidate = ctx;

	enforcer_save_state(candidate->enforcer, candidate->snapshot, &candidate->learned);
}

void enforcer_keep(struct enforcer *e)
{
	struct snapshot found = e->current;

	found.fresh_for_s = 1; /* no feed said it: whoever reads it may not call it fresh */
	if (e->learned.n || found.grants.n)
		enforcer_save_state(e, &found, &e->learned);
}

static void refuse_snapshot(struct enforcer *e, int error, struct wall_time now)
{
	if (error == -ENOSPC)
		snprintf(e->trouble, sizeof(e->trouble),
			 "snapshot refused: it needs more entries than max_grants = %u, or more than %d protected "
			 "ports; "
			 "what was in force stays",
			 e->conf->max_grants, JITGATE_PORT_RULES_MAX);
	else
		snprintf(e->trouble, sizeof(e->trouble), "snapshot refused: %s; what was in force stays",
			 strerror(-error));
	e->trouble_at = now;
	enforcer_say(e, LOG_LEVEL_ERR, "%s", e->trouble);
}

static void note_answer(struct enforcer *e, struct wall_time now)
{
	e->answered = true;
	/* It knows more than what was saved. Whether the clock is right, it says itself, unless that was never set. */
	snapshot_free(&e->withheld);
	e->clock_floor.wall = takeover_clock_floor(e->clock.wall, (struct wall_time){0});
	if (!e->clock_floor.wall.ns && opened_end_wait(&e->opened)) {
		enforcer_judge_opened(e, now);
		enforcer_settle(e);
		e->retry_at = e->clock.boot; /* the maps do not have it yet: at the next tick */
	}
	e->stale_said = false;
	e->trouble_at.ns = 0;
	e->trouble[0] = '\0';
	/* From when the feed learned it, not from when it came. */
	e->fresh_until = clock_to_boot(e->clock, e->current.taken);
	e->fresh_until.ns += (uint64_t)e->current.fresh_for_s * NS_PER_S;
}

/* Sorted, with the ended grants of before, the marks of before, and the ports that it teaches. */
static int prepare_candidate(struct enforcer *e, struct candidate *candidate, struct clock_pair now)
{
	struct snapshot *snapshot = candidate->snapshot;
	struct learned_when when = {.now = now.boot, .again = snapshot->taken.ns == e->taken_as_said.ns};
	int r;

	if (snapshot->taken.ns > now.wall.ns)
		snapshot->taken = now.wall; /* nobody learns in the future */
	enforcer_update_marks(e, &e->current.grants,
			      now.wall); /* what ended meanwhile is said before it is carried over */
	grant_list_sort(&e->current.grants, &e->conf->guard, now.wall); /* time moves grants inside the rails */
	grant_list_sort(&snapshot->grants, &e->conf->guard, now.wall);
	r = snapshot->keeps_grants ? grant_list_keep(&e->current.grants, &snapshot->grants, now.wall) : 0;
	if (r == 0)
		r = grant_list_carry_ended(&e->current.grants, &snapshot->grants, &e->conf->guard, now.wall);
	if (r == 0)
		r = copy_learned(&e->learned, &candidate->learned);
	if (r == 0)
		r = learned_update(&candidate->learned, snapshot->ports, snapshot->n_ports, when,
				   JITGATE_PORT_RULES_MAX);
	if (r == 0)
		grant_list_carry_marks(&e->current.grants, &snapshot->grants);
	return r;
}

/* The changes that marks do not show: a live grant with another end, or gone before its end. */
static void audit_changes(struct enforcer *e, const struct grant_set *old, const struct grant_set *new,
			  struct wall_time now)
{
	for (size_t i = 0; i < old->n; i++) {
		const struct grant *before = &old->grants[i];
		const struct grant *after = grant_list_find(new, before);

		if (before->mark != GRANT_LIVE)
			continue;
		if (!after && before->until.ns > now.ns) {
			enforcer_audit(e, "revoked", old, before, NULL);
			enforcer_note_ended(e, old, before);
		} else if (after && after->until.ns > before->until.ns)
			enforcer_audit(e, "renewed", new, after, NULL);
		else if (after && after->until.ns < before->until.ns)
			enforcer_audit(e, "shortened", new, after, NULL);
	}
}

/* A feed's word closes ports and, after a while, lets them go: that belongs into the trail as grants do. */
static void audit_ports(struct enforcer *e, const char *what, const struct learned *of, const struct learned *not_of)
{
	char protos[PROTOS_TEXT_MAX];

	for (size_t i = 0; i < of->n; i++) {
		if (!learned_has(not_of, &of->ports[i]))
			enforcer_say(e, LOG_LEVEL_NOTICE, "%s port=%u/%s by=feed", what, of->ports[i].port,
				     protos_format(of->ports[i].proto_bit, protos));
	}
}

static void install_candidate(struct enforcer *e, struct candidate *candidate, struct clock_pair now)
{
	_cleanup_snapshot_ struct snapshot old = e->current;

	e->current = *candidate->snapshot;
	*candidate->snapshot = (struct snapshot){0};
	audit_ports(e, "protected", &candidate->learned, &e->learned);
	audit_ports(e, "released", &e->learned, &candidate->learned);
	learned_free(&e->learned);
	e->learned = candidate->learned;
	e->taken_as_said = candidate->taken_as_said;
	note_answer(e, now.wall);
	audit_changes(e, &old.grants, &e->current.grants, now.wall);
	enforcer_update_marks(e, &e->current.grants, now.wall);
}

int enforcer_take_snapshot(struct enforcer *e, struct snapshot *snapshot)
{
	struct candidate candidate = {.enforcer = e, .snapshot = snapshot, .taken_as_said = snapshot->taken};
	struct clock_pair now = enforcer_sample_clock(e);
	bool waiting = e->arming.waiting;
	int r = prepare_candidate(e, &candidate, now);

	e->arming.waiting = false; /* in the same step as what it closes is closed */
	if (r == 0)
		r = enforcer_run_apply(e, (struct apply_input){.conf = e->conf,
							       .snapshot = snapshot,
							       .learned = &candidate.learned,
							       .commit = save_candidate,
							       .commit_ctx = &candidate});
	if (r < 0) {
		learned_free(&candidate.learned);
		e->arming.waiting = waiting;
		refuse_snapshot(e, r, now.wall);
		return r;
	}
	install_candidate(e, &candidate, now);
	enforcer_end_sessions(e);
	return 0;
}
