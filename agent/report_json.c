// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. What programs read. Field names are a contract: a field may be added, none renamed or dropped. Texts for people
 * are in report.c.
 */
#include "report_parts.h"

#include <inttypes.h>
#include <string.h>

#include "reason.h"
#include "util.h"

/* A comma, unless something was just opened. Strings cannot look like that: they end in a quote. */
static void separate(struct text *out)
{
	if (out->len && !strchr("{[:", out->data[out->len - 1]))
		text_append(out, ",", 1);
}

static void put_name(struct text *out, const char *name)
{
	separate(out);
	text_json_string(out, name);
	text_append(out, ":", 1);
}

static void put_string(struct text *out, const char *name, const char *value)
{
	put_name(out, name);
	text_json_string(out, value);
}

static void put_number(struct text *out, const char *name, uint64_t value)
{
	put_name(out, name);
	text_printf(out, "%" PRIu64, value);
}

static void put_bool(struct text *out, const char *name, bool value)
{
	put_name(out, name);
	text_printf(out, value ? "true" : "false");
}

static void put_null(struct text *out, const char *name)
{
	put_name(out, name);
	text_printf(out, "null");
}

/* RFC 3339, or null for "never". */
static void put_time(struct text *out, const char *name, struct wall_time at)
{
	if (!at.ns) {
		put_null(out, name);
		return;
	}
	put_name(out, name);
	text_append(out, "\"", 1);
	text_rfc3339(out, at);
	text_append(out, "\"", 1);
}

static void put_traffic(struct text *out, uint64_t packets, uint64_t bytes)
{
	put_number(out, "packets", packets);
	put_number(out, "bytes", bytes);
}

/* ---------------------------------------------------------------- status */

static void put_interface(struct text *out, const struct report_interface *interface)
{
	separate(out);
	text_printf(out, "{");
	put_string(out, "name", interface->name);
	put_number(out, "ifindex", interface->ifindex);
	put_string(out, "xdp_mode", interface->xdp_mode);
	put_number(out, "program_id", interface->program_id);
	if (interface->holder_id)
		put_number(out, "xdp_held_by", interface->holder_id);
	put_bool(out, "verified", interface->verified);
	if (!interface->verified) {
		put_string(out, "why", interface->why);
	}
	if (interface->guarded) {
		put_time(out, "verified_at", interface->verified_at);
		put_number(out, "lost", interface->lost);
		put_number(out, "reattached", interface->reattached);
		put_time(out, "probed_at", interface->probed_at);
		if (*interface->not_probed)
			put_string(out, "not_probed", interface->not_probed);
	}
	text_printf(out, "}");
}

static void put_interfaces(struct text *out, const struct report *report)
{
	put_name(out, "interfaces");
	text_printf(out, "[");
	for (size_t i = 0; i < report->n_interfaces; i++) {
		put_interface(out, &report->interfaces[i]);
	}
	text_printf(out, "]");
}

/* What is left on interfaces that are not guarded any more. null: only the daemon knows. */
static void put_left(struct text *out, const struct report *report)
{
	if (!report->left) {
		put_null(out, "left");
		return;
	}
	put_name(out, "left");
	text_printf(out, "[");
	for (size_t i = 0; i < report->n_left; i++) {
		const struct report_left *left = &report->left[i];

		separate(out);
		text_printf(out, "{");
		put_string(out, "name", left->name);
		put_number(out, "ifindex", left->ifindex);
		if (left->enforced)
			put_string(out, "still_enforced", strerror(-left->enforced));
		else
			put_null(out, "still_enforced");
		if (left->lro)
			put_string(out, "lro_still_off", strerror(-left->lro));
		else
			put_null(out, "lro_still_off");
		text_printf(out, "}");
	}
	text_printf(out, "]");
}

static void put_clock_offset(struct text *out, const struct report *report)
{
	if (!report->clock_known) {
		put_null(out, "clock_offset_s");
		return;
	}
	put_name(out, "clock_offset_s");
	text_printf(out, "%" PRId32, report->clock_offset_s);
}

static void put_refused(struct text *out, const struct refused *refused, const char *by)
{
	separate(out);
	text_printf(out, "{");
	put_string(out, "why", refused->why);
	put_string(out, "by", by);
	put_number(out, "port", refused->port);
	put_string(out, "source", refused->source);
	put_string(out, "policy", refused->policy);
	put_string(out, "requestor", refused->requestor);
	put_string(out, "until", refused->until);
	text_printf(out, "}");
}

/* null: only the daemon knows. */
static void put_all_refused(struct text *out, const struct report *report)
{
	const struct refused_list *feed = report->refused_by_feed, *guard = &report->refused_by_guard;

	if (!feed) {
		put_null(out, "refused");
		put_null(out, "refused_more");
		return;
	}
	put_name(out, "refused");
	text_printf(out, "[");
	for (size_t i = 0; i < guard->n; i++)
		put_refused(out, &guard->items[i], "guard");
	for (size_t i = 0; i < feed->n; i++)
		put_refused(out, &feed->items[i], "feed");
	text_printf(out, "]");
	put_number(out, "refused_more", (uint64_t)feed->more + guard->more);
}

static void put_feed(struct text *out, const struct report *report)
{
	static const char *const states[] = {
		[REPORT_FEED_NEVER] = "never", [REPORT_FEED_FRESH] = "fresh", [REPORT_FEED_STALE] = "stale"};

	put_name(out, "feed");
	text_printf(out, "{");
	put_string(out, "name", report->feed_name);
	put_string(out, "state", states[report->feed_state]);
	put_bool(out, "connected", report->feed_connected);
	put_time(out, "last_good", report->last_good);
	if (*report->last_error)
		put_string(out, "last_error", report->last_error);
	else
		put_null(out, "last_error");
	put_time(out, "last_error_at", report->last_error_at);
	put_clock_offset(out, report);
	put_all_refused(out, report);
	text_printf(out, "}");
}

static void put_counters(struct text *out, const struct report *report)
{
	put_name(out, "counters");
	text_printf(out, "{");
	for (unsigned int i = 0; i < _REASON_MAX; i++) {
		put_name(out, reason_name(i));
		text_printf(out, "{");
		put_traffic(out, report->counters[i].packets, report->counters[i].bytes);
		text_printf(out, "}");
	}
	text_printf(out, "}");
}

/* null: there is no number to tell; see report.h. */
static void put_port_traffic(struct text *out, const char *name, bool counted, uint64_t packets, uint64_t bytes)
{
	put_name(out, name);
	if (!counted) {
		text_printf(out, "null");
		return;
	}
	text_printf(out, "{");
	put_traffic(out, packets, bytes);
	text_printf(out, "}");
}

/* The policy, and how many are known that go on by it. */
static void put_session(struct text *out, uint64_t drain_ns)
{
	char policy[SESSION_TEXT_MAX];

	session_format(drain_ns, policy);
	put_string(out, "session", policy);
}

static void put_port(struct text *out, const struct report_port *port)
{
	char proto[PROTOS_TEXT_MAX];

	separate(out);
	text_printf(out, "{");
	put_number(out, "port", port->port);
	put_string(out, "proto", protos_format(port->proto_bit, proto));
	put_string(out, "source", port->by_config ? "config" : "feed");
	put_session(out, port->drain_ns);
	put_number(out, "sessions", port->sessions);
	put_port_traffic(out, "granted", port->counted, port->counters.granted_packets, port->counters.granted_bytes);
	put_port_traffic(out, "ungranted", port->counted, port->counters.ungranted_packets,
			 port->counters.ungranted_bytes);
	text_printf(out, "}");
}

static void put_ports(struct text *out, const struct report *report)
{
	put_name(out, "ports");
	text_printf(out, "[");
	for (size_t i = 0; i < report->n_ports; i++) {
		put_port(out, &report->ports[i]);
	}
	text_printf(out, "]");
}

/* null: only the daemon knows. */
static void put_known(struct text *out, const char *name, bool value, bool known)
{
	if (known)
		put_bool(out, name, value);
	else
		put_null(out, name);
}

static void put_arming(struct text *out, const struct report *report)
{
	put_name(out, "arming");
	text_printf(out, "{");
	put_string(out, "config", report->conf_mode == JITGATE_AUDIT ? "audit" : "enforce");
	put_known(out, "confirmed", report->arming.confirmed, report->agent_running);
	put_time(out, "trial_until", report->trial_until);
	put_time(out, "not_confirmed_at", report->arming.lapsed);
	put_known(out, "waiting_for_first_answer", report->arming.waiting, report->agent_running);
	text_printf(out, "}");
}

void report_status_json(const struct report *report, struct text *out)
{
	text_printf(out, "{");
	put_string(out, "version", report->version);
	put_string(out, "agent", report->agent_running ? "running" : "not running");
	if (!report->agent_running && report->agent_why) {
		put_string(out, "agent_why", report->agent_why);
	}
	put_string(out, "mode", report->mode == JITGATE_AUDIT ? "audit" : "enforce");
	put_arming(out, report);
	put_interfaces(out, report);
	put_left(out, report);
	put_feed(out, report);
	if (report->agent_running)
		put_bool(out, "clock_set", report->clock_floor.ns == 0);
	else
		put_null(out, "clock_set");
	put_bool(out, "only_protect", report->only_protect);
	if (*report->unsaved)
		put_string(out, "unsaved", report->unsaved);
	else
		put_null(out, "unsaved");
	put_counters(out, report);
	put_ports(out, report);
	put_number(out, "grants", report->n_grants);
	if (report->agent_running)
		put_number(out, "by_hand", report_count_by_hand(report));
	else
		put_null(out, "by_hand");
	if (report->agent_running)
		put_number(out, "by_hand_waiting", report->n_waiting);
	else
		put_null(out, "by_hand_waiting");
	put_number(out, "allowed", report->n_allow);
	if (report->end_sockets)
		put_string(out, "end_sockets", report->end_sockets);
	else
		put_null(out, "end_sockets");
	if (report->end_sockets_why && *report->end_sockets_why)
		put_string(out, "end_sockets_why", report->end_sockets_why);
	text_printf(out, "}\n");
}

/* ---------------------------------------------------------------- list, explain */

static void put_deadline(struct text *out, const struct report_grant *grant, struct wall_time now)
{
	if (grant->endless) {
		put_null(out, "until");
		put_null(out, "seconds_left");
		return;
	}
	put_time(out, "until", grant->until);
	put_number(out, "seconds_left",
		   grant->until.ns > now.ns ? ((uint64_t)grant->until.ns - (uint64_t)now.ns) / NS_PER_S : 0);
}

static void put_grant(struct text *out, const struct report_grant *grant, struct wall_time now, bool agent_running)
{
	char source[CIDR_TEXT_MAX], proto[PROTOS_TEXT_MAX];

	cidr_format(&grant->source, source);
	separate(out);
	text_printf(out, "{");
	put_string(out, "source", source);
	put_number(out, "port", grant->port);
	put_string(out, "proto", protos_format(grant->protos, proto));
	put_deadline(out, grant, now);
	put_string(out, "requestor", grant->requestor);
	put_string(out, "justification", grant->justification);
	put_string(out, "origin", grant->origin);
	put_known(out, "by_hand", grant->by_hand, agent_running);
	put_traffic(out, grant->packets, grant->bytes);
	put_time(out, "last_seen", grant->last_seen);
	text_printf(out, "}");
}

void report_list_json(const struct report *report, struct text *out)
{
	text_printf(out, "[");
	for (size_t i = 0; i < report->n_grants; i++) {
		put_grant(out, &report->grants[i], report->now, report->agent_running);
	}
	text_printf(out, "]\n");
}

void report_explain_json(const struct report_explain *explain, struct text *out)
{
	char source[CIDR_TEXT_MAX], proto[PROTOS_TEXT_MAX];

	cidr_format(&explain->source, source);
	text_printf(out, "{");
	put_string(out, "source", source);
	put_number(out, "port", explain->port);
	put_string(out, "proto", protos_format(explain->proto_bit, proto));
	put_string(out, "verdict", reason_passes(explain->reason) ? "pass" : "drop");
	put_string(out, "reason", reason_name(explain->reason));
	put_string(out, "would_be", reason_name(explain->would_be));
	if (explain->unverified)
		put_string(out, "not_enforced_on", explain->unverified);
	else
		put_null(out, "not_enforced_on");
	put_session(out, explain->drain_ns);
	if (explain->sessions_unknown)
		put_null(out, "sessions");
	else
		put_number(out, "sessions", explain->sessions);
	put_time(out, "sessions_until",
		 explain->sessions && !explain->sessions_unknown ? explain->sessions_until : (struct wall_time){0});
	if (explain->has_grant) {
		put_name(out, "grant");
		put_grant(out, &explain->grant, explain->now, true);
	} else {
		put_null(out, "grant");
	}
	text_printf(out, "}\n");
}
