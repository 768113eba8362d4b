// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. See status.h. The texts in a report point into the daemon's own data, which does not change while one is made.
 */
#include "status.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "opened.h"
#include "orders.h"
#include "report_build.h"
#include "util.h"

/* The same set-up that the packet program sees: usage by the entry's slot, summed over the grant's protocols. */
static void fill_usage(struct daemon *d, const struct grant *grant, struct clock_pair now, struct report_grant *out)
{
	FOR_EACH_PROTO_BIT (bit) {
		struct gate_key key = entry_key(&grant->source, grant->port, proto_number(bit));
		struct gate_grant entry;

		if (grant->protos & bit && datapath_gate_ops.lookup(d->dp, &key, &entry) == 0)
			report_add_usage(d->dp, entry.slot, now, out);
	}
}

static void fill_grant(struct daemon *d, const struct grant_set *set, const struct grant *grant, struct clock_pair now,
		       struct report_grant *out)
{
	*out = (struct report_grant){.source = grant->source,
				     .port = grant->port,
				     .protos = grant->protos,
				     .until = grant->until,
				     .requestor = grant_set_text(set, grant->requestor),
				     .justification = grant_set_text(set, grant->justification),
				     .origin = grant_set_text(set, grant->origin),
				     .by_hand = set == &d->enforcer.opened};
	fill_usage(d, grant, now, out);
}

static int fill_grants(struct daemon *d, struct clock_pair now, struct report *report)
{
	const struct grant_set *set = &d->enforcer.current.grants, *opened = &d->enforcer.opened;

	report->grants = calloc(set->n + opened->n + 1, sizeof(*report->grants));
	report->waiting = calloc(opened->n + 1, sizeof(*report->waiting));
	if (!report->grants || !report->waiting)
		return -ENOMEM;
	for (size_t i = 0; i < opened->n; i++) {
		if (opened->grants[i].mark == GRANT_WAITS)
			fill_grant(d, opened, &opened->grants[i], now, &report->waiting[report->n_waiting++]);
		else if (opened_is_live(&opened->grants[i], now.wall))
			fill_grant(d, opened, &opened->grants[i], now, &report->grants[report->n_grants++]);
	}
	for (size_t i = 0; i < set->n; i++) {
		if (set->grants[i].mark == GRANT_LIVE)
			fill_grant(d, set, &set->grants[i], now, &report->grants[report->n_grants++]);
	}
	return 0;
}

/* Only a length can have come to fit since the grant was judged, and that counts from the next judgement on. */
static enum guard_verdict held_back_by(const struct guard *guard, const struct grant *grant, struct wall_time now)
{
	enum guard_verdict verdict = guard_check(guard, grant, now);

	return verdict == GUARD_OK ? GUARD_TOO_LONG : verdict;
}

/* What the guard rails hold back of what the feed grants. */
static int fill_refused(struct daemon *d, struct clock_pair now, struct report *report)
{
	const struct grant_set *set = &d->enforcer.current.grants;
	int r = 0;

	for (size_t i = 0; i < set->n && r == 0; i++) {
		const struct grant *grant = &set->grants[i];
		_cleanup_text_ struct text until = {0};
		char source[CIDR_TEXT_MAX];
		struct refused_texts texts = {.source = source,
					      .requestor = grant_set_text(set, grant->requestor),
					      .policy = grant_set_text(set, grant->origin)};

		if (grant->mark != GRANT_REFUSED)
			continue;
		cidr_format(&grant->source, source);
		text_rfc3339(&until, grant->until);
		texts.until = until.data;
		texts.why = guard_text(held_back_by(&d->conf.guard, grant, now.wall));
		r = until.failed ? -ENOMEM : refused_add(&report->refused_by_guard, grant->port, &texts);
	}
	return r;
}

/* As the guardian last saw it, which was just now. */
static void fill_interface(const struct guardian *g, const struct guarded_if *guarded, struct report_interface *out)
{
	const struct guardian_probe *probe = guardian_probe_of(g, guarded);

	*out = (struct report_interface){.ifindex = guarded->now.ifindex,
					 .program_id = guarded->now.xdp_program,
					 .holder_id = guarded->now.xdp_holder,
					 .verified = guarded->verified,
					 .guarded = true,
					 .verified_at = guarded->verified_at,
					 .probed_at = guarded->attached ? probe->good_at : (struct wall_time){0},
					 .lost = guarded->lost,
					 .reattached = guarded->reattached};
	memcpy(out->name, guarded->name, sizeof(out->name));
	snprintf(out->xdp_mode, sizeof(out->xdp_mode), "%s", netif_xdp_text(guarded->now.xdp_mode));
	if (!guarded->verified)
		memcpy(out->why, guarded->why, sizeof(out->why));
	else if (probe->result == PROBE_IMPOSSIBLE)
		memcpy(out->not_probed, probe->why, sizeof(out->not_probed));
}

static int fill_left(const struct guardian *g, struct report *report)
{
	report->left = calloc(g->n_left + 1, sizeof(*report->left));
	if (!report->left)
		return -ENOMEM;
	for (size_t i = 0; i < g->n_left; i++) {
		const struct guardian_left *left = &g->left[i];
		struct report_left *out = &report->left[report->n_left++];

		*out = (struct report_left){.ifindex = left->ifindex, .enforced = left->enforced, .lro = left->lro};
		memcpy(out->name, left->name, sizeof(out->name));
	}
	return 0;
}

static int fill_interfaces(struct daemon *d, struct report *report)
{
	const struct guardian *g = &d->guardian;

	report->interfaces = calloc(g->n + 1, sizeof(*report->interfaces));
	if (!report->interfaces)
		return -ENOMEM;
	for (size_t i = 0; i < g->n; i++)
		fill_interface(g, &g->v[i], &report->interfaces[report->n_interfaces++]);
	return fill_left(g, report);
}

static void fill_feed(struct daemon *d, struct clock_pair now, struct report *report)
{
	const struct enforcer *e = &d->enforcer;

	report->feed_name = e->feed_name;
	report->feed_connected = feed_server_connected(d->feed);
	report->last_good = e->current.taken;
	report->last_error = e->trouble;
	report->last_error_at = e->trouble_at;
	report->clock_known = e->current.clock_known;
	report->clock_offset_s = e->current.clock_offset_s;
	report->refused_by_feed = &e->current.refused;
	report->clock_floor = e->clock_floor.wall;
	enforcer_describe_unsaved(e, report->unsaved, sizeof(report->unsaved));
	report->only_protect = !e->answered && !e->restored;
	if (e->answered && now.boot.ns < e->fresh_until.ns)
		report->feed_state = REPORT_FEED_FRESH;
	else
		report->feed_state = e->current.taken.ns ? REPORT_FEED_STALE : REPORT_FEED_NEVER;
}

/* On error *ret_what is what could not be done. */
static int build_report(struct daemon *d, struct report *report, const char **ret_what)
{
	struct clock_pair now = clock_now();
	int r;

	*report = (struct report){
		.now = now.wall, .version = JITGATE_VERSION, .agent_running = true, .n_allow = d->conf.n_allow};
	report->end_sockets = d->conf.end_sockets == CONF_END_OFF ? "off" : end_means_text(end_sockets_means(d->ender));
	report->end_sockets_why = d->no_ending.text;
	fill_feed(d, now, report);
	report->conf_mode = d->conf.mode;
	report->arming = d->enforcer.arming;
	*ret_what = "read the maps";
	r = report_fill_maps(d->dp, &d->conf, report);
	if (r < 0)
		return r;
	*ret_what = "list what there is";
	if (r == 0)
		r = fill_interfaces(d, report);
	if (r == 0)
		r = fill_grants(d, now, report);
	if (r == 0)
		r = fill_refused(d, now, report);
	return r;
}

/* The first interface that is not verified, filled in; false when all are. */
static bool find_unverified(struct daemon *d, struct report_interface *ret)
{
	const struct guardian *g = &d->guardian;

	for (size_t i = 0; i < g->n; i++) {
		if (g->v[i].verified)
			continue;
		fill_interface(g, &g->v[i], ret);
		return true;
	}
	if (g->n)
		return false;
	*ret = (struct report_interface){.name = "any interface", .why = "no uplink is there"};
	return true;
}

static void answer_explain(struct daemon *d, const struct control_request *request,
			   const struct report_interface *unverified, struct text *out)
{
	struct enforcer_verdict verdict =
		enforcer_explain(&d->enforcer, &request->source, request->port, request->protos);
	struct clock_pair now = clock_now();
	struct report_explain explain = {.now = now.wall,
					 .source = request->source,
					 .port = request->port,
					 .proto_bit = request->protos,
					 .reason = verdict.reason,
					 .would_be = verdict.would_be,
					 .has_grant = verdict.has_entry,
					 .drain_ns = verdict.drain_ns,
					 .sessions = verdict.sessions,
					 .sessions_unknown =
						 verdict.sessions_error < 0 ? strerror(-verdict.sessions_error) : NULL,
					 .unverified = unverified ? unverified->name : NULL,
					 .unverified_why = unverified ? unverified->why : NULL};

	if (verdict.sessions_until_boot_ns != JITGATE_NO_DEADLINE)
		explain.sessions_until = clock_to_wall(now, (struct boot_time){.ns = verdict.sessions_until_boot_ns});
	explain.grant = (struct report_grant){.source = request->source,
					      .port = request->port,
					      .protos = request->protos,
					      .endless = verdict.entry.expires_boot_ns == JITGATE_NO_DEADLINE,
					      .requestor = "",
					      .justification = "",
					      .origin = ""};
	if (verdict.grant)
		fill_grant(d, verdict.set, verdict.grant, now, &explain.grant);
	else if (verdict.has_entry)
		explain.grant.until = clock_to_wall(now, (struct boot_time){.ns = verdict.entry.expires_boot_ns});
	if (request->json)
		report_explain_json(&explain, out);
	else
		report_explain_text(&explain, out);
}

int status_answer(struct daemon *d, const struct control_request *request, struct text *out)
{
	CLEANUP(report_clear) struct report report = {0};
	struct report_interface unverified;
	const char *what = NULL;
	bool open;
	int r;

	/* Now, not as of half a second ago; what is not as it has to be is set right on the way. */
	guardian_check(&d->guardian);
	open = find_unverified(d, &unverified);
	if (control_req_changes(request->kind))
		return orders_answer(d, request, open ? &unverified : NULL, out);
	if (request->kind == CONTROL_EXPLAIN) {
		answer_explain(d, request, open ? &unverified : NULL, out);
		return open;
	}
	r = build_report(d, &report, &what);
	if (r < 0) {
		text_printf(out, "cannot %s: %s", what, strerror(-r));
		return r;
	}
	if (request->kind == CONTROL_STATUS)
		(request->json ? report_status_json : report_status_text)(&report, out);
	else
		(request->json ? report_list_json : report_list_text)(&report, out);
	return open;
}
