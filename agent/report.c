// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The status as people read it: its order, and the tables. Strings from a feed are hostile: they reach the output
 * only through show_*. The first lines are in report_verdict.c, grants in report_grants.c, the feed is in
 * report_feed.c, JSON in report_json.c.
 */
#include "report_parts.h"

#include <inttypes.h>
#include <string.h>

#include "reason.h"
#include "show.h"
#include "util.h"

/* What was amiss, and is no longer or still is. */
static void print_losses(const struct report *report, struct text *out)
{
	for (size_t i = 0; i < report->n_interfaces; i++) {
		const struct report_interface *interface = &report->interfaces[i];
		_cleanup_text_ struct text words = {0};

		if (!interface->guarded || (interface->verified && !interface->lost))
			continue;
		text_printf(&words, "%s: ", interface->name);
		if (interface->lost) {
			text_printf(&words, "was not verified ");
			show_count(&words, interface->lost, "time");
			text_printf(&words, " since jitgated started, set right %" PRIu32 "; ", interface->reattached);
		}
		if (interface->verified_at.ns) {
			text_printf(&words, "last verified ");
			text_relative(&words, interface->verified_at, report->now);
		} else {
			text_printf(&words, "never verified");
		}
		show_paragraph(out, &words, 0, 2);
	}
}

/* Why an interface is guarded at its second hook, and what that means. */
static void explain_tc(const struct report_interface *interface, struct text *out)
{
	_cleanup_text_ struct text words = {0};

	if (strcmp(interface->xdp_mode, "tc") != 0)
		return;
	if (interface->holder_id)
		text_printf(&words,
			    "%s: XDP program %" PRIu32
			    " is another's, so jitgate judges behind it, at the tc ingress hook",
			    interface->name, interface->holder_id);
	else
		text_printf(&words,
			    "%s: judged at the tc ingress hook; the XDP hook is free now, a restart of jitgated "
			    "takes it",
			    interface->name);
	show_paragraph(out, &words, 2, 4);
}

/* That it is verified says less where nothing can be tried. */
static void explain_no_probe(const struct report_interface *interface, struct text *out)
{
	_cleanup_text_ struct text words = {0};

	if (!interface->verified || !*interface->not_probed)
		return;
	text_printf(&words, "%s: verified by what the kernel says that it runs, not tried with a packet: %s",
		    interface->name, interface->not_probed);
	show_paragraph(out, &words, 2, 4);
}

static void print_left(const struct report *report, struct text *out)
{
	for (size_t i = 0; i < report->n_left; i++) {
		const struct report_left *left = &report->left[i];
		_cleanup_text_ struct text words = {0};

		text_printf(&words, "%s: not guarded any more; ", left->name);
		if (left->enforced)
			text_printf(&words, "its filter cannot be taken off (%s): restart jitgated",
				    strerror(-left->enforced));
		else
			text_printf(&words,
				    "its large receive offload, switched off for native mode, stays off (%s): "
				    "`ethtool -K %s lro on`, or restart jitgated",
				    strerror(-left->lro), left->name);
		show_paragraph(out, &words, 0, 2);
	}
}

static void print_interfaces(const struct report *report, struct text *out)
{
	static const struct show_column columns[] = {
		{"INTERFACE", false, 0}, {"INDEX", true, 0},     {"XDP", false, 0},
		{"PROGRAM", true, 0},    {"VERIFIED", false, 8},
	};
	_cleanup_show_table_ struct show_table table = {.columns = columns, .n_columns = ARRAY_SIZE(columns)};

	for (size_t i = 0; i < report->n_interfaces; i++) {
		const struct report_interface *interface = &report->interfaces[i];

		text_printf(&table.cells, "%s", interface->name);
		show_cell_end(&table);
		text_printf(&table.cells, "%" PRIu32, interface->ifindex);
		show_cell_end(&table);
		text_printf(&table.cells, "%s", interface->xdp_mode);
		show_cell_end(&table);
		if (interface->program_id)
			text_printf(&table.cells, "%" PRIu32, interface->program_id);
		else
			text_printf(&table.cells, "-");
		show_cell_end(&table);
		text_printf(&table.cells, "%s%s",
			    interface->verified ? "yes" : "NO: ", interface->verified ? "" : interface->why);
		show_cell_end(&table);
	}
	if (report->n_interfaces)
		text_printf(out, "\n");
	show_table(&table, out, 0);
	for (size_t i = 0; i < report->n_interfaces; i++)
		explain_tc(&report->interfaces[i], out);
	for (size_t i = 0; i < report->n_interfaces; i++)
		explain_no_probe(&report->interfaces[i], out);
	print_losses(report, out);
	print_left(report, out);
}

static void add_traffic(struct show_table *table, uint64_t packets, uint64_t bytes)
{
	text_printf(&table->cells, "%" PRIu64, packets);
	show_cell_end(table);
	show_bytes(&table->cells, bytes);
	show_cell_end(table);
}

/* "-": the port shares its counters with others or they cannot be read, so there is no number to tell. */
static void add_port_traffic(struct show_table *table, bool counted, uint64_t packets, uint64_t bytes)
{
	if (counted) {
		add_traffic(table, packets, bytes);
		return;
	}
	text_printf(&table->cells, "-");
	show_cell_end(table);
	show_cell_end(table);
}

/* The policy, and how many sessions are known that go on by it. */
static void add_session(struct show_table *table, const struct report_port *port)
{
	char policy[SESSION_TEXT_MAX];

	session_format(port->drain_ns, policy);
	text_printf(&table->cells, "%s", policy);
	if (port->drain_ns != SESSION_CUT)
		text_printf(&table->cells, " (%zu)", port->sessions);
	show_cell_end(table);
}

static void print_ports(const struct report *report, struct text *out)
{
	const struct show_column columns[] = {
		{"PORT", false, 0},    {"CLOSED BY", false, 0},
		{"SESSION", false, 0}, {"GRANTED", true, 0},
		{"", true, 0},         {report->mode == JITGATE_AUDIT ? "WOULD DROP" : "DROPPED", true, 0},
		{"", true, 0},
	};
	_cleanup_show_table_ struct show_table table = {.columns = columns, .n_columns = ARRAY_SIZE(columns)};

	for (size_t i = 0; i < report->n_ports; i++) {
		const struct report_port *port = &report->ports[i];
		char proto[PROTOS_TEXT_MAX];

		text_printf(&table.cells, "%u/%s", port->port, protos_format(port->proto_bit, proto));
		show_cell_end(&table);
		text_printf(&table.cells, "%s", port->by_config ? "config" : "feed");
		show_cell_end(&table);
		add_session(&table, port);
		add_port_traffic(&table, port->counted, port->counters.granted_packets, port->counters.granted_bytes);
		add_port_traffic(&table, port->counted, port->counters.ungranted_packets,
				 port->counters.ungranted_bytes);
	}
	if (report->n_ports)
		text_printf(out, "\n");
	show_table(&table, out, 0);
}

static void print_counters(const struct report *report, struct text *out)
{
	static const struct show_column columns[] = {
		{"REASON", false, 0}, {"VERDICT", false, 0},  {"PACKETS", true, 0},
		{"BYTES", true, 0},   {"MEANING", false, 12},
	};
	_cleanup_show_table_ struct show_table table = {.columns = columns, .n_columns = ARRAY_SIZE(columns)};
	bool seen = false;

	for (size_t i = 0; i < _REASON_MAX; i++) {
		if (!report->counters[i].packets)
			continue;
		seen |= i != REASON_PROBE;
		text_printf(&table.cells, "%s", reason_name(i));
		show_cell_end(&table);
		text_printf(&table.cells, "%s", reason_passes(i) ? "pass" : "drop");
		show_cell_end(&table);
		add_traffic(&table, report->counters[i].packets, report->counters[i].bytes);
		text_printf(&table.cells, "%s", reason_meaning(i));
		show_cell_end(&table);
	}
	text_printf(out, seen ? "\n" : "\nno packet seen yet\n");
	show_table(&table, out, 0);
}

/* What of a session that its grant's end leaves over. */
static void add_end_sockets(const struct report *report, struct text *words)
{
	const char *means = report->end_sockets;

	if (!means)
		return;
	if (strcmp(means, "off") == 0)
		text_printf(words, "; sockets outlive their grant, cut off (end_sockets is off)");
	else if (strcmp(means, "none") == 0)
		text_printf(words, "; sockets outlive their grant, cut off: %s",
			    report->end_sockets_why ? report->end_sockets_why : "");
	else
		text_printf(words, "; sockets end with their grant, by %s", means);
}

static void print_grant_summary(const struct report *report, struct text *out)
{
	_cleanup_text_ struct text words = {0};
	const struct report_grant *next = NULL;

	for (size_t i = 0; i < report->n_grants; i++) {
		const struct report_grant *grant = &report->grants[i];

		if (!grant->endless && (!next || grant->until.ns < next->until.ns))
			next = grant;
	}
	show_count(&words, report->n_grants, "grant");
	if (next) {
		text_printf(&words, ", the next one ends ");
		show_time(&words, next->until, report->now);
	}
	text_printf(&words, "; ");
	show_count(&words, report->n_allow, "source");
	text_printf(&words, " always allowed");
	add_end_sockets(report, &words);
	text_printf(out, "\n");
	show_paragraph(out, &words, 0, 2);
}

/* The config does not say what is in force: whoever reads it alone is misled. */
static void print_armed(const struct report *report, struct text *out)
{
	_cleanup_text_ struct text words = {0};

	if (!report->arming.confirmed)
		return;
	text_printf(&words,
		    "enforcing because that was armed and confirmed; the config says mode = \"audit\": put mode = "
		    "\"enforce\" into it (or `jitgate disarm`)");
	show_paragraph(out, &words, 2, 4);
}

static void print_by_hand(const struct report *report, struct text *out)
{
	for (size_t i = 0; report->grants && i < report->n_grants; i++) {
		if (report->grants[i].by_hand)
			report_by_hand_text("opened by hand", &report->grants[i], report->now, out);
	}
	report_waiting_text(report, out);
}

void report_status_text(const struct report *report, struct text *out)
{
	report_verdict_text(report, out);
	print_armed(report, out);
	print_interfaces(report, out);
	print_ports(report, out);
	print_grant_summary(report, out);
	print_by_hand(report, out);
	report_feed_text(report, out);
	report_refused_text(report, out);
	print_counters(report, out);
}
