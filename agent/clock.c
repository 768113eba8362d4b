// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See clock.h. The kernel has no call that reads two clocks at once.
 */
#include "clock.h"

#include <time.h>

#include "util.h"

#define TRIES 3 /* one is spoiled when we are preempted in the middle */

static int64_t read_clock(clockid_t id)
{
	struct timespec t = {0};

	clock_gettime(id, &t); /* cannot fail for these clocks */
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

struct clock_pair clock_now(void)
{
	struct clock_pair best = {0};
	int64_t best_gap = INT64_MAX;

	/* The wall clock between two readings of the boot clock; the tightest try counts. */
	for (int i = 0; i < TRIES; i++) {
		int64_t before = read_clock(CLOCK_BOOTTIME);
		int64_t wall = read_clock(CLOCK_REALTIME);
		int64_t gap = read_clock(CLOCK_BOOTTIME) - before;

		if (gap >= best_gap)
			continue;
		best_gap = gap;
		best.wall.ns = wall;
		best.boot.ns = (uint64_t)(before + gap / 2);
	}
	return best;
}
