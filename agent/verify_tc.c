// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. The part of verify.c for the tc hook: what is first there, and whether that is ours.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "clsact.h"
#include "datapath_internal.h"
#include "tcx.h"
#include "util.h"

/*
 * Without the right to ask which program comes first, and the daemon has none: the link says that ours is there, and
 * the hook that nothing has changed since it was asked with that right. -ESTALE: something has.
 */
static int first_as_before(struct datapath *dp, const struct datapath_tc *at, uint32_t *ret_id)
{
	const struct held_link *link = datapath_held_link(dp, at->ifindex);
	uint32_t ifindex, program;
	int r;

	if (!link || !tcx_link(link->fd, &ifindex, &program) || !ifindex) {
		*ret_id = 0;
		return 0;
	}
	if (program != dp->root_tc_id) {
		*ret_id = program;
		return 0;
	}
	if (!at->revision)
		return -ESTALE;
	r = tcx_is_unchanged(dp->root_tc_fd, at->ifindex, at->revision);
	if (r <= 0)
		return r < 0 ? r : -ESTALE;
	*ret_id = at->program_id;
	return 0;
}

static int first_program(struct datapath *dp, uint32_t ifindex, uint32_t *ret_id)
{
	const struct datapath_tc *at = datapath_tc_attached(dp, ifindex);
	uint64_t revision;
	int r = at && at->is_filter ? -EOPNOTSUPP : tcx_first(ifindex, ret_id, &revision);

	if (r == -EOPNOTSUPP)
		return clsact_first(ifindex, ret_id);
	return r == -EPERM && at ? first_as_before(dp, at, ret_id) : r;
}

bool datapath_tc_verify(struct datapath *dp, struct netif *netif, char why[REPORT_WHY_MAX])
{
	uint32_t first = 0;
	int r;

	if (dp->skel ? !datapath_tc_attached(dp, netif->ifindex) : !datapath_tc_is_recorded(dp, netif->ifindex))
		return false;
	r = first_program(dp, netif->ifindex, &first);
	netif->xdp_holder = netif->xdp_program;
	netif->xdp_program = first;
	netif->xdp_mode = NETIF_XDP_TC;
	if (r == -ESTALE)
		snprintf(why, REPORT_WHY_MAX,
			 "programs came to or left its tc hook; restart jitgated " DATAPATH_FIRST_AGAIN);
	else if (r < 0)
		snprintf(why, REPORT_WHY_MAX, "the kernel does not say what is at its tc hook: %s", strerror(-r));
	else if (!first)
		snprintf(why, REPORT_WHY_MAX, "the program is gone from its tc hook; restart jitgated");
	else if (!dp->root_tc_id)
		snprintf(why, REPORT_WHY_MAX, "the pin root_tc is missing; restart jitgated");
	else if (first != dp->root_tc_id)
		snprintf(why, REPORT_WHY_MAX, "another program (id %u) is first at its tc hook; restart jitgated",
			 first);
	else if (dp->stray_of_root_tc)
		snprintf(why, REPORT_WHY_MAX, "its program does not call the pinned %s; restart jitgated",
			 dp->stray_of_root_tc);
	return true;
}
