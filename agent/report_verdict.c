// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The first lines of the status: what is wrong, the worst first, or that all is well and what that is.
 */
#include "report_parts.h"

#include "show.h"

#define REPORT_NAMES_MAX 3 /* interfaces named in the first line */

/* ---------------------------------------------------------------- bad news */

static void begin_clause(struct text *line)
{
	if (line->len)
		text_append(line, "; ", 2);
}

static size_t count_verified(const struct report *report)
{
	size_t n = 0;

	for (size_t i = 0; i < report->n_interfaces; i++)
		n += report->interfaces[i].verified;
	return n;
}

static void warn_interfaces(const struct report *report, struct text *line)
{
	size_t bad = report->n_interfaces - count_verified(report), named = 0;

	if (report->n_interfaces && !bad)
		return;
	begin_clause(line);
	if (report->n_interfaces == 0)
		text_printf(line, "NOTHING IS FILTERED: no interface");
	for (size_t i = 0; i < report->n_interfaces && named < REPORT_NAMES_MAX; i++) {
		const struct report_interface *interface = &report->interfaces[i];

		if (interface->verified)
			continue;
		text_printf(line, "%s%s (%s)", named++ ? ", " : "NOT VERIFIED: ", interface->name,
			    *interface->why ? interface->why : "reason not known");
	}
	if (bad > named)
		text_printf(line, " and %zu more", bad - named);
}

static void say_no_answer(const struct report *report, struct text *line)
{
	if (*report->feed_name)
		text_printf(line, "no good answer from feed %s yet", report->feed_name);
	else
		text_printf(line, "no feed has connected yet");
}

static void warn_ports(const struct report *report, struct text *line)
{
	if (report->n_ports && !report->only_protect)
		return;
	begin_clause(line);
	if (report->mode == JITGATE_AUDIT && !report->arming.waiting)
		text_printf(line,
			    report->n_ports ? "ONLY `protect` PORTS WOULD BE CLOSED: " : "NO PORT WOULD BE CLOSED: ");
	else
		text_printf(line, report->n_ports ? "ONLY `protect` PORTS ARE CLOSED: " : "NO PORT IS CLOSED: ");
	if (report->only_protect)
		say_no_answer(report, line);
	if (report->only_protect && !report->n_ports)
		text_printf(line, ", and `protect` is empty");
	if (!report->only_protect)
		text_printf(line, "neither `protect` nor a policy names one");
}

/* Its last answer still counts, and there will be no next one as things are. */
static void warn_fresh_feed(const struct report *report, struct text *line)
{
	if (report->feed_connected && !*report->last_error)
		return;
	begin_clause(line);
	if (!report->feed_connected)
		text_printf(line, "feed %s is NOT CONNECTED", report->feed_name);
	else
		text_printf(line, "feed %s FAILS, see its last error", report->feed_name);
}

/* Without the agent nobody knows how the feed is; that it never answered may have been said already. */
static void warn_feed(const struct report *report, struct text *line)
{
	if (!report->agent_running)
		return;
	if (report->feed_state == REPORT_FEED_FRESH) {
		warn_fresh_feed(report, line);
		return;
	}
	if (report->feed_state == REPORT_FEED_NEVER && report->only_protect)
		return;
	begin_clause(line);
	if (report->feed_state == REPORT_FEED_NEVER) {
		say_no_answer(report, line);
		return;
	}
	/* For how long an answer counts is not saved: after a start nobody knows whether the last one still does. */
	if (*report->feed_name)
		text_printf(line, "feed %s is STALE (last good answer ", report->feed_name);
	else
		text_printf(line, "no feed has connected since jitgated started (last good answer ");
	text_relative(line, report->last_good, report->now);
	text_printf(line, ")");
}

/* What it shows is in the line, so that the reader needs no other command to believe it. */
static void warn_unset_clock(const struct report *report, struct text *line)
{
	if (!report->clock_floor.ns)
		return;
	begin_clause(line);
	text_printf(line, "the CLOCK IS NOT SET (it shows ");
	text_rfc3339(line, report->now);
	text_printf(line, ", not before ");
	text_rfc3339(line, report->clock_floor);
	text_printf(line, " can it be right): grants wait for it");
}

static void warn_clock(const struct report *report, struct text *line)
{
	if (!report->agent_running || !report_clock_is_off(report))
		return;
	begin_clause(line);
	text_printf(line, "this machine's CLOCK IS WRONG, ");
	report_clock_words(report, line);
	text_printf(line, " feed %s's", report->feed_name);
}

/* Not open, but closed where nobody wants it. */
static void warn_left(const struct report *report, struct text *line)
{
	for (size_t i = 0; i < report->n_left; i++) {
		if (!report->left[i].enforced)
			continue;
		begin_clause(line);
		text_printf(line, "STILL ENFORCED on %s, which is not in `interfaces`: restart jitgated",
			    report->left[i].name);
	}
}

/* That nothing is dropped, or that it may be so soon. */
static void warn_mode(const struct report *report, struct text *line)
{
	if (report->mode != JITGATE_AUDIT && !report->trial_until.ns)
		return;
	begin_clause(line);
	if (report->trial_until.ns) {
		text_printf(line, "ON TRIAL: audit again at ");
		text_clock(line, report->trial_until, report->now);
		text_printf(line, " unless confirmed (jitgate confirm)");
	} else if (report->arming.waiting) {
		text_printf(line, "WAITING for the first answer: nothing is dropped");
	} else {
		text_printf(line, "AUDIT: nothing is dropped");
		if (report->arming.lapsed.ns)
			text_printf(line, ", arming was NOT CONFIRMED in time");
	}
}

static void warn_unsaved(const struct report *report, struct text *line)
{
	if (!*report->unsaved)
		return;
	begin_clause(line);
	text_printf(line, "NOT SAVED for the next start: %s", report->unsaved);
}

/* Everything that is wrong, in one line, the worst first. Empty: nothing is. */
static void collect_warnings(const struct report *report, struct text *line)
{
	warn_interfaces(report, line);
	warn_mode(report, line);
	warn_left(report, line);
	if (!report->agent_running) {
		begin_clause(line);
		text_printf(line, "jitgated is NOT RUNNING: systemctl start jitgated");
	}
	warn_unset_clock(report, line);
	warn_ports(report, line);
	warn_feed(report, line);
	warn_clock(report, line);
	warn_unsaved(report, line);
}

/* It outlives the agent, but that is said only of what was verified. */
static void explain_dead_agent(const struct report *report, struct text *out, size_t indent)
{
	_cleanup_text_ struct text words = {0};
	size_t verified = count_verified(report);

	if (report->agent_running)
		return;
	text_printf(&words, "jitgated is not running");
	if (report->agent_why && *report->agent_why)
		text_printf(&words, " (%s)", report->agent_why);
	if (verified)
		text_printf(&words, ": %senforcement goes on by the kernel, grants end on time, nothing new is granted",
			    verified < report->n_interfaces ? "where it is verified, " : "");
	else
		text_printf(&words, ": nothing new is granted, and NO INTERFACE IS SHOWN TO BE FILTERED; start it");
	show_paragraph(out, &words, indent, indent + 2);
}

/* ---------------------------------------------------------------- the summary */

static void summarize_interfaces(const struct report *report, struct text *line)
{
	size_t verified = count_verified(report), named = 0;

	if (report->mode != JITGATE_AUDIT)
		text_printf(line, "enforcing on ");
	else
		text_printf(line, report->arming.waiting ? "waiting on " : "auditing on ");
	if (!verified)
		text_printf(line, "no verified interface");
	for (size_t i = 0; i < report->n_interfaces && named < REPORT_NAMES_MAX; i++) {
		const struct report_interface *interface = &report->interfaces[i];

		if (interface->verified)
			text_printf(line, "%s%s (%s, verified)", named++ ? ", " : "", interface->name,
				    interface->xdp_mode);
	}
	if (verified > named)
		text_printf(line, " and %zu more", verified - named);
}

static void summarize_feed(const struct report *report, struct text *line, bool with_age)
{
	static const char *const states[] = {"never answered", "fresh", "stale"};

	if (!report->agent_running)
		return;
	if (*report->feed_name)
		text_printf(line, "; feed %s %s", report->feed_name, states[report->feed_state]);
	else
		text_printf(line, "; no feed yet");
	if (with_age && report->last_good.ns) {
		text_printf(line, *report->feed_name ? " (" : " (last good answer ");
		text_relative(line, report->last_good, report->now);
		text_printf(line, ")");
	}
}

static void summarize(const struct report *report, struct text *line, bool with_age)
{
	size_t by_hand = report_count_by_hand(report);

	summarize_interfaces(report, line);
	text_printf(line, "; ");
	show_count(line, report->n_ports, "port");
	text_printf(line, ", ");
	show_count(line, report->n_grants, "grant");
	if (by_hand)
		text_printf(line, " (%zu BY HAND)", by_hand);
	summarize_feed(report, line, with_age);
}

void report_verdict_text(const struct report *report, struct text *out)
{
	_cleanup_text_ struct text warnings = {0}, line = {0}, shorter = {0};

	collect_warnings(report, &warnings);
	if (warnings.len) {
		text_printf(&line, "jitgate %s: %s", report->version, warnings.data);
		show_line(out, &line);
		explain_dead_agent(report, out, 2);
		summarize(report, &shorter, true);
		show_paragraph(out, &shorter, 2, 4);
		return;
	}
	text_printf(&line, "jitgate %s: ", report->version);
	summarize(report, &line, true);
	text_printf(&shorter, "jitgate %s: ", report->version);
	summarize(report, &shorter, false);
	if (warnings.failed || line.failed || shorter.failed)
		out->failed = 1;
	else
		show_line(out, show_width(line.data) <= SHOW_WIDTH ? &line : &shorter);
}
