/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. What the pins alone can tell, for when jitgated does not run: interfaces, mode, ports, grants with their
 * deadlines, counters. Reads only, takes no lock; changes nothing.
 */
#ifndef OFFLINE_H
#define OFFLINE_H

#include "conf.h"
#include "failure.h"
#include "report.h"

/*
 * Fill a report from the maps pinned under conf->pin_dir; conf says which ports it closes, and which interfaces there
 * have to be. What only the daemon knows stays empty: requestor,
 * justification and origin are "", the feed's name too; feed_state is NEVER and last_good what state_v1 says.
 * agent_running is false, agent_why NULL: that is the caller's to say, and offline_free leaves it alone.
 *
 * 0 with *ret set (free with offline_free), or -errno with *failure filled and *ret untouched: errors as
 * datapath_open_readonly has them, or -EPERM when the caller may not look.
 */
int offline_report(const struct conf *conf, struct report **ret, struct failure *failure);
void offline_free(struct report *report);

#endif
