// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. See status.h. The texts in a report point into the daemon's own data, which does not change while one is made.
 */
#include "status.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
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

static void fill_grant(struct daemon *d, const struct grant *grant, struct clock_pair now, struct report_grant *out)
{
	const struct grant_set *set = &d->enforcer.current.grants;

	*out = (struct report_grant){.source = grant->source,
				     .port = grant->port,
				     .protos = grant->protos,
				     .until = grant->until,
				     .requestor = grant_set_text(set, grant->requestor),
				     .justification = grant_set_text(set, grant->justification),
				     .origin = grant_set_text(set, grant->origin)};
	fill_usage(d, grant, now, out);
}

static int fill_grants(struct daemon *d, struct clock_pair now, struct report *report)
{
	const struct grant_set *set = &d->enforcer.current.grants;

	report->grants = calloc(set->n + 1, sizeof(*report->grants));
	if (!report->grants)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++) {
		if (set->grants[i].mark == GRANT_LIVE)
			fill_grant(d, &set->grants[i], now, &report->grants[report->n_grants++]);
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

static int fill_interfaces(struct daemon *d, struct report *report)
{
	report->interfaces = calloc(d->n_interfaces + 1, sizeof(*report->interfaces));
	if (!report->interfaces)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_interfaces; i++)
		report_fill_interface(d->dp, &d->interfaces[i], &report->interfaces[report->n_interfaces++]);
	return 0;
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
	fill_feed(d, now, report);
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
	for (size_t i = 0; i < d->n_interfaces; i++) {
		report_fill_interface(d->dp, &d->interfaces[i], ret);
		if (!ret->verified)
			return true;
	}
	return false;
}

static void answer_explain(struct daemon *d, const struct control_request *request,
			   const struct report_interface *unverified, struct text *out)
{
	struct enforcer_verdict verdict =
		enforcer_explain(&d->enforcer, &request->source, request->port, request->proto_bit);
	struct clock_pair now = clock_now();
	struct report_explain explain = {.now = now.wall,
					 .source = request->source,
					 .port = request->port,
					 .proto_bit = request->proto_bit,
					 .reason = verdict.reason,
					 .would_be = verdict.would_be,
					 .has_grant = verdict.has_entry,
					 .unverified = unverified ? unverified->name : NULL,
					 .unverified_why = unverified ? unverified->why : NULL};

	explain.grant = (struct report_grant){.source = request->source,
					      .port = request->port,
					      .protos = request->proto_bit,
					      .endless = verdict.entry.expires_boot_ns == JITGATE_NO_DEADLINE,
					      .requestor = "",
					      .justification = "",
					      .origin = ""};
	if (verdict.grant)
		fill_grant(d, verdict.grant, now, &explain.grant);
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
	bool open = find_unverified(d, &unverified);
	const char *what = NULL;
	int r;

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
