// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. Try the filter in force: let the kernel run what is attached on a frame that has to be dropped, and see whether
 * it is, and is counted. Sends nothing and attaches nothing.
 *
 * The programs are run by the descriptors that this process holds, and the kernel gives an id only once: an interface
 * that runs this id runs what was tried.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "arming.h"
#include "clock.h"
#include "datapath_internal.h"
#include "probe_frame.h"
#include "util.h"

#define ENOTSUPP_OF_KERNEL 524 /* which it says instead of EOPNOTSUPP here and there */

/* A kernel that cannot, or does not let us: both stay so, and say nothing about the filter. */
static bool is_impossible(int err)
{
	return err == EPERM || err == EACCES || err == ENOSYS || err == EOPNOTSUPP || err == ENOTSUPP_OF_KERNEL;
}

/* The verdict on what has to be dropped, as the mode is now. */
static uint32_t verdict_now(const struct datapath *dp, uint32_t drop_verdict, uint32_t pass_verdict)
{
	struct gate_state state = *(const struct gate_state *)dp->state;

	return arming_in_force(&state, clock_now().boot) == JITGATE_AUDIT ? pass_verdict : drop_verdict;
}

static enum probe_result judge_counts(int r, uint64_t before, uint64_t after, char why[REPORT_WHY_MAX])
{
	if (r < 0)
		snprintf(why, REPORT_WHY_MAX, "the filter's counters cannot be read: %s", strerror(-r));
	else if (after == before)
		snprintf(why, REPORT_WHY_MAX, "a packet that was dropped is not counted");
	else
		return PROBE_GOOD;
	return PROBE_BAD;
}

enum probe_result datapath_probe(struct datapath *dp, bool tc, char why[REPORT_WHY_MAX])
{
	const uint32_t drop = tc ? TC_ACT_SHOT : XDP_DROP, pass = tc ? (uint32_t)TC_ACT_UNSPEC : XDP_PASS;
	struct gate_counter before = {0}, after = {0};
	uint32_t wanted = verdict_now(dp, drop, pass);
	uint8_t frame[PROBE_FRAME_BYTES];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame), .repeat = 1);
	int r = datapath_read_reason(dp, REASON_PROBE, &before), failed;

	probe_frame(frame);
	failed = bpf_prog_test_run_opts(tc ? dp->root_tc_fd : dp->root_fd, &run);
	if (failed < 0) {
		snprintf(why, REPORT_WHY_MAX, "the kernel does not run the filter on a packet: %s",
			 strerror(-failed == ENOTSUPP_OF_KERNEL ? EOPNOTSUPP : -failed));
		return is_impossible(-failed) ? PROBE_IMPOSSIBLE : PROBE_BAD;
	}
	/* A trial may end between the two. */
	if (run.retval != wanted && run.retval != verdict_now(dp, drop, pass)) {
		snprintf(why, REPORT_WHY_MAX, "a packet that has to be dropped gets verdict %u", run.retval);
		return PROBE_BAD;
	}
	if (r == 0)
		r = datapath_read_reason(dp, REASON_PROBE, &after);
	return judge_counts(r, before.packets, after.packets, why);
}
