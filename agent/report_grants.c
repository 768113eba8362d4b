// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. Grants as people read them: the list, and the verdict on one source. Strings from a feed are hostile: they
 * reach the output only through show_*.
 */
#include "report_parts.h"

#include <string.h>

#include "reason.h"
#include "show.h"
#include "util.h"

static void print_until(struct text *out, const struct report_grant *grant, struct wall_time now)
{
	if (grant->endless)
		text_printf(out, "without end");
	else
		show_time(out, grant->until, now);
}

static void print_source(struct text *out, const struct cidr *source)
{
	char buf[CIDR_TEXT_MAX];

	cidr_format(source, buf);
	text_printf(out, "%s", buf);
}

static void print_port(struct text *out, uint16_t port, uint8_t protos)
{
	char buf[PROTOS_TEXT_MAX];

	text_printf(out, "%u/%s", port, protos_format(protos, buf));
}

/* Of a policy's resource id people want the name and the region, which stand at its end; other origins as they are. */
static void print_origin(const char *origin, size_t room, struct text *out)
{
	const char *location = strcasestr(origin, "/locations/");
	const char *name = strrchr(origin, '/');
	_cleanup_text_ struct text words = {0};

	if (location && name > location + strlen("/locations/")) {
		location += strlen("/locations/");
		text_printf(&words, "policy %s, %.*s", name + 1, (int)strcspn(location, "/"), location);
	} else {
		text_printf(&words, "%s", origin);
	}
	if (words.failed)
		out->failed = 1;
	else
		show_cut(out, words.data, room);
}

/* Who asked and why: `alice@example.com: "deploy" (policy)`. Each part has its share: none can push out another. */
static void print_grant_origin(const struct report_grant *grant, struct text *out, size_t indent)
{
	const size_t room = SHOW_WIDTH - indent - strlen(": \"\" ()");
	size_t used;

	text_printf(out, "%*s", (int)indent, "");
	used = show_cut(out, *grant->requestor ? grant->requestor : "requestor not given", 40);
	if (*grant->justification) {
		text_printf(out, ": \"");
		used += show_cut(out, grant->justification, room - used - (*grant->origin ? 24 : 0));
		text_printf(out, "\"");
	}
	if (*grant->origin) {
		text_printf(out, " (");
		print_origin(grant->origin, room - used, out);
		text_printf(out, ")");
	}
	text_printf(out, "\n");
}

static void print_grant_usage(const struct report_grant *grant, struct wall_time now, struct text *out, size_t indent)
{
	_cleanup_text_ struct text words = {0};

	if (!grant->packets) {
		text_printf(&words, "not used yet");
	} else {
		show_count(&words, grant->packets, "packet");
		text_printf(&words, ", ");
		show_bytes(&words, grant->bytes);
	}
	if (grant->last_seen.ns) {
		text_printf(&words, ", last seen ");
		show_time(&words, grant->last_seen, now);
	}
	show_paragraph(out, &words, indent, indent);
}

static void add_grant_row(struct show_table *table, const struct report_grant *grant, struct wall_time now)
{
	print_source(&table->cells, &grant->source);
	show_cell_end(table);
	print_port(&table->cells, grant->port, grant->protos);
	show_cell_end(table);
	print_until(&table->cells, grant, now);
	show_cell_end(table);
}

/* The rows are aligned by a table of all of them; what belongs to a grant is put in behind its row. */
static void print_grants(const struct report *report, struct text *out)
{
	static const struct show_column columns[] = {{"SOURCE", false, 0}, {"PORT", false, 13}, {"UNTIL", false, 0}};
	_cleanup_show_table_ struct show_table table = {.columns = columns, .n_columns = ARRAY_SIZE(columns)};
	_cleanup_text_ struct text rows = {0};
	const char *row, *end;

	for (size_t i = 0; i < report->n_grants; i++)
		add_grant_row(&table, &report->grants[i], report->now);
	show_table(&table, &rows, 0);
	if (rows.failed || !rows.data) {
		out->failed |= rows.failed;
		return;
	}
	row = rows.data;
	for (size_t i = 0; i <= report->n_grants && (end = strchr(row, '\n')); i++, row = end + 1) {
		text_append(out, row, (size_t)(end - row) + 1);
		if (i == 0)
			continue; /* the titles */
		print_grant_origin(&report->grants[i - 1], out, 4);
		print_grant_usage(&report->grants[i - 1], report->now, out, 4);
	}
}

static void print_dead_agent(const struct report *report, struct text *out)
{
	_cleanup_text_ struct text words = {0};

	text_printf(&words, "jitgated is not running");
	if (report->agent_why && *report->agent_why)
		text_printf(&words, " (%s)", report->agent_why);
	text_printf(&words, ": these grants end on time, nothing new is granted");
	show_line(out, &words);
}

/* Bad news first: what follows is what the maps say, and on this interface nobody asks them. */
static void print_unverified(const char *interface, const char *why, struct text *out)
{
	_cleanup_text_ struct text words = {0};

	text_printf(&words, "NOT ENFORCED on %s: %s. By the maps:", interface, why);
	show_line(out, &words);
}

void report_by_hand_text(const char *what, const struct report_grant *grant, struct wall_time now, struct text *out)
{
	_cleanup_text_ struct text words = {0};
	char source[CIDR_TEXT_MAX], protos[PROTOS_TEXT_MAX];

	cidr_format(&grant->source, source);
	text_printf(&words, "%s: %u/%s from %s until ", what, grant->port, protos_format(grant->protos, protos),
		    source);
	show_time(&words, grant->until, now);
	text_printf(&words, ", ");
	show_cut(&words, grant->requestor, 40);
	text_printf(&words, ": \"");
	show_cut(&words, grant->justification, 200);
	text_printf(&words, "\"");
	show_paragraph(out, &words, 0, 2);
}

void report_waiting_text(const struct report *report, struct text *out)
{
	for (size_t i = 0; i < report->n_waiting; i++)
		report_by_hand_text("opened by hand, CLOSED until the clock is set", &report->waiting[i], report->now,
				    out);
}

void report_list_text(const struct report *report, struct text *out)
{
	uint64_t sessions = 0;

	if (report->mode == JITGATE_AUDIT && report->arming.waiting)
		text_printf(out, "WAITING for the first answer of a feed: nothing is dropped yet\n");
	else if (report->mode == JITGATE_AUDIT)
		text_printf(out, "AUDIT: nothing is dropped, with or without a grant\n");
	if (!report->agent_running)
		print_dead_agent(report, out);
	for (size_t i = 0; i < report->n_interfaces; i++) {
		if (!report->interfaces[i].verified)
			print_unverified(report->interfaces[i].name, report->interfaces[i].why, out);
	}
	if (report->n_grants == 0)
		text_printf(out, "no grants\n");
	print_grants(report, out);
	report_waiting_text(report, out);
	if (report->n_allow) {
		show_count(out, report->n_allow, "source");
		text_printf(out, " always allowed (`allow`, and the Azure platform's own)\n");
	}
	for (size_t i = 0; i < report->n_ports; i++)
		sessions += report->ports[i].sessions;
	if (sessions) {
		show_count(out, sessions, "session");
		text_printf(out, " known that may go on after its grant, see `jitgate status`\n");
	}
}

/* ---------------------------------------------------------------- explain */

static void print_sessions(const struct report_explain *explain, struct text *out)
{
	_cleanup_text_ struct text words = {0};
	char policy[SESSION_TEXT_MAX];

	if (explain->drain_ns == SESSION_CUT)
		return;
	session_format(explain->drain_ns, policy);
	text_printf(&words, "sessions of this port: %s; ", policy);
	if (explain->sessions_unknown) {
		text_printf(&words, "which of this source go on is NOT KNOWN, the table of sessions cannot be read: %s",
			    explain->sessions_unknown);
		show_paragraph(out, &words, 2, 4);
		return;
	}
	show_count(&words, explain->sessions, "session");
	text_printf(&words, " of this source known");
	if (explain->sessions && !explain->sessions_until.ns) {
		text_printf(&words, " that may go on without a grant for as long as it lives");
	} else if (explain->sessions) {
		text_printf(&words, " that may go on without a grant until ");
		show_time(&words, explain->sessions_until, explain->now);
	}
	show_paragraph(out, &words, 2, 4);
}

static void print_remedy(const struct report_explain *explain, struct text *out)
{
	_cleanup_text_ struct text words = {0};

	text_printf(&words, "what would open it: a just-in-time access request for port %u from ", explain->port);
	print_source(&words, &explain->source);
	text_printf(
		&words,
		", made by a person in Azure and approved there (jitgate then looks by itself as soon as a packet is "
		"dropped), or `allow` in the config, for sources that must never be cut off, or in an emergency, as "
		"root, `jitgate open`; a grant that the guard "
		"rails refuse is named in jitgated's log");
	show_paragraph(out, &words, 2, 4);
}

static void print_behind(const struct report_explain *explain, struct text *out)
{
	const struct report_grant *grant = &explain->grant;
	_cleanup_text_ struct text words = {0};

	text_printf(&words, "the entry behind it: ");
	print_source(&words, &grant->source);
	text_printf(&words, " to ");
	print_port(&words, grant->port, grant->protos);
	if (grant->endless) {
		text_printf(&words, ", always allowed by `allow`");
		show_paragraph(out, &words, 2, 4);
		return;
	}
	text_printf(&words, grant->until.ns > explain->now.ns ? ", until " : ", ended ");
	show_time(&words, grant->until, explain->now);
	show_paragraph(out, &words, 2, 4);
	print_grant_origin(grant, out, 4);
	print_grant_usage(grant, explain->now, out, 4);
}

void report_explain_text(const struct report_explain *explain, struct text *out)
{
	_cleanup_text_ struct text words = {0};
	unsigned int reason = explain->reason;

	print_source(&words, &explain->source);
	text_printf(&words, " to ");
	print_port(&words, explain->port, explain->proto_bit);
	text_printf(&words, ": %s (%s: %s)", reason_passes(reason) ? "PASS" : "DROP", reason_name(reason),
		    reason_meaning(reason));
	if (explain->unverified)
		print_unverified(explain->unverified, explain->unverified_why, out);
	show_paragraph(out, &words, 0, 2);
	if (explain->would_be != explain->reason)
		text_printf(out, "  audit mode: enforcing would say %s (%s)\n",
			    reason_passes(explain->would_be) ? "PASS" : "DROP", reason_name(explain->would_be));
	if (explain->has_grant)
		print_behind(explain, out);
	print_sessions(explain, out);
	if (reason == REASON_UNPROTECTED)
		text_printf(out, "  open to everybody: neither `protect` nor a policy names the port\n");
	else if (!reason_passes(explain->would_be))
		print_remedy(explain, out);
}

size_t report_count_by_hand(const struct report *report)
{
	size_t n = 0;

	for (size_t i = 0; report->grants && i < report->n_grants; i++)
		n += report->grants[i].by_hand;
	return n;
}
