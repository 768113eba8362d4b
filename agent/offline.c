// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See offline.h.
 */
#include "offline.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "report_interfaces.h"
#include "report_build.h"
#include "util.h"

/* Each entry with a deadline is shown as a grant: which entries belonged together, only the daemon knew. */
static int fill_grants(struct datapath *dp, struct clock_pair now, struct report *report)
{
	_cleanup_entries_ struct entry_set set = {0};
	int r = datapath_gate_ops.list(dp, &set);

	if (r < 0)
		return r;
	report->grants = calloc(set.n + 1, sizeof(*report->grants));
	if (!report->grants)
		return -ENOMEM;
	for (size_t i = 0; i < set.n; i++) {
		const struct gate_entry *entry = &set.entries[i];
		struct boot_time end = {.ns = entry->grant.expires_boot_ns};
		struct report_grant grant = {.port = ntohs(entry->key.port_be),
					     .protos = proto_to_bit(entry->key.proto),
					     .requestor = "",
					     .justification = "",
					     .origin = ""};

		if (end.ns == JITGATE_NO_DEADLINE || end.ns <= now.boot.ns || !entry_source(&entry->key, &grant.source))
			continue;
		grant.until = clock_to_wall(now, end);
		report_add_usage(dp, entry->grant.slot, now, &grant);
		report->grants[report->n_grants++] = grant;
	}
	return 0;
}

static int fill(struct datapath *dp, const struct conf *conf, struct report *report)
{
	struct clock_pair now = clock_now();
	struct gate_state state;
	int r = report_fill_maps(dp, conf, report);

	if (r == 0)
		r = report_list_interfaces(dp, conf, report);
	if (r == 0)
		r = fill_grants(dp, now, report);
	datapath_gate_ops.get_state(dp, &state);
	report->last_good.ns = (int64_t)state.last_sync_wall_s * NS_PER_S;
	report->feed_state = report->last_good.ns ? REPORT_FEED_STALE : REPORT_FEED_NEVER;
	report->clock_known = state.clock_known;
	report->clock_offset_s = state.clock_offset_s;
	report->now = now.wall;
	return r;
}

int offline_report(const struct conf *conf, struct report **ret, struct failure *failure)
{
	_cleanup_datapath_ struct datapath *dp = NULL;
	struct report *report;
	int r = datapath_open_readonly(conf->pin_dir, &dp, failure);

	if (r < 0)
		return r;
	report = calloc(1, sizeof(*report));
	if (!report)
		return failure_set(failure, -ENOMEM, "out of memory");
	report->version = JITGATE_VERSION;
	report->feed_name = "";
	report->last_error = "";
	report->n_allow = conf->n_allow;
	report->conf_mode = conf->mode;
	r = fill(dp, conf, report);
	if (r < 0) {
		offline_free(report);
		return failure_set(failure, r, "cannot read the maps pinned in %s: %s", conf->pin_dir, strerror(-r));
	}
	*ret = report;
	return 0;
}

void offline_free(struct report *report)
{
	if (!report)
		return;
	report_clear(report);
	free(report);
}
