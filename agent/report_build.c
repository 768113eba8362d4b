// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See report_build.h.
 */
#include "report_build.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "flows.h"
#include "util.h"

/* The map knows no more than that a feed named the port, too, for whichever protocol. */
static bool is_by_config(const struct conf *conf, const struct report_port *port, uint8_t protected)
{
	for (size_t i = 0; i < conf->n_protect; i++) {
		if (conf->protect[i].port == port->port && conf->protect[i].protos & port->proto_bit)
			return true;
	}
	return !(protected & PROTECTED_LEARNED);
}

struct session_count {
	struct report *report;
	uint64_t now_boot_ns;
};

static enum flow_step count_session(void *ctx, const struct flow_key *key, struct gate_flow *flow)
{
	const struct session_count *count = ctx;

	for (size_t i = 0; i < count->report->n_ports; i++) {
		struct report_port *port = &count->report->ports[i];

		if (port->port != ntohs(key->dport_be) || port->proto_bit != proto_to_bit(key->proto))
			continue;
		port->sessions += flow_counts(key, flow, port->drain_ns, count->now_boot_ns);
		break;
	}
	return FLOW_LEAVE;
}

static int fill_sessions(struct datapath *dp, struct report *report)
{
	struct session_count count = {.report = report, .now_boot_ns = clock_now().boot.ns};

	for (size_t i = 0; i < report->n_ports; i++) {
		struct report_port *port = &report->ports[i];
		const struct flow_key to = {.dport_be = htons(port->port), .proto = proto_number(port->proto_bit)};

		port->drain_ns = flow_drain_ns(&datapath_gate_ops, dp, &to);
	}
	return datapath_gate_ops.each_flow(dp, count_session, &count);
}

static int fill_ports(struct datapath *dp, const struct conf *conf, struct report *report)
{
	report->ports = calloc(JITGATE_PORT_RULES_MAX, sizeof(*report->ports));
	if (!report->ports)
		return -ENOMEM;
	for (uint32_t port = 1; port < 65536; port++) {
		uint8_t protos = datapath_gate_ops.get_protected(dp, (uint16_t)port);

		FOR_EACH_PROTO_BIT (bit) {
			struct report_port *out = &report->ports[report->n_ports];

			if (!(protos & bit) || report->n_ports == JITGATE_PORT_RULES_MAX)
				continue;
			*out = (struct report_port){.port = (uint16_t)port, .proto_bit = bit};
			out->by_config = is_by_config(conf, out, protos);
			out->counted = datapath_read_port(dp, out->port, bit, &out->counters) == 0;
			report->n_ports++;
		}
	}
	return 0;
}

int report_fill_maps(struct datapath *dp, const struct conf *conf, struct report *report)
{
	struct clock_pair now = clock_now();
	struct gate_state state;
	int r = datapath_read_stats(dp, report->counters);

	if (r < 0)
		return r;
	datapath_gate_ops.get_state(dp, &state);
	report->mode = arming_in_force(&state, now.boot);
	if (state.mode == JITGATE_AUDIT && report->mode != state.mode)
		report->trial_until = clock_to_wall(now, (struct boot_time){.ns = state.confirm_until_boot_ns});
	r = fill_ports(dp, conf, report);
	return r < 0 ? r : fill_sessions(dp, report);
}

void report_fill_interface(struct datapath *dp, const struct netif *netif, struct report_interface *out)
{
	struct netif now = *netif;

	*out = (struct report_interface){.ifindex = netif->ifindex};
	out->verified = datapath_verify(dp, netif->ifindex, &now, out->why);
	out->program_id = now.xdp_program;
	out->holder_id = now.xdp_holder;
	snprintf(out->name, sizeof(out->name), "%s", now.name[0] ? now.name : netif->name);
	snprintf(out->xdp_mode, sizeof(out->xdp_mode), "%s", netif_xdp_text(now.xdp_mode));
}

void report_add_usage(struct datapath *dp, uint32_t slot, struct clock_pair now, struct report_grant *out)
{
	struct grant_usage usage;
	struct wall_time seen;

	if (datapath_read_usage(dp, slot, &usage) < 0)
		return;
	out->packets += usage.packets;
	out->bytes += usage.bytes;
	if (!usage.last_seen_boot_ns)
		return;
	seen = clock_to_wall(now, (struct boot_time){.ns = usage.last_seen_boot_ns});
	if (seen.ns > out->last_seen.ns)
		out->last_seen = seen;
}

void report_clear(struct report *report)
{
	free(report->interfaces);
	free(report->left);
	free(report->ports);
	free(report->grants);
	free(report->waiting);
	refused_free(&report->refused_by_guard);
	*report = (struct report){0};
}
