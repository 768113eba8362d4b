// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See azure_clock.h. Samples nothing.
 */
#include "azure_clock.h"

/* 2262 is where nanoseconds end; half of that is far beyond any certificate. No difference of two such times overflows.
 */
#define TIME_MAX_NS (INT64_MAX / 2)

static bool is_time(int64_t ns)
{
	return ns > 0 && ns < TIME_MAX_NS;
}

/* Towards 0, so that less is claimed. */
static int32_t whole_seconds(int64_t ns)
{
	int64_t s = ns / NS_PER_S;

	if (s > INT32_MAX)
		return INT32_MAX;
	return s < -INT32_MAX ? -INT32_MAX : (int32_t)s;
}

struct azure_clock azure_clock_measure(struct clock_pair asked, struct clock_pair answered, struct wall_time date)
{
	struct azure_clock clock = {.known = true};
	int64_t took_ns, least, most;

	if (answered.boot.ns < asked.boot.ns || answered.boot.ns - asked.boot.ns > TIME_MAX_NS ||
	    !is_time(answered.wall.ns) || !is_time(date.ns))
		return (struct azure_clock){0};
	took_ns = (int64_t)(answered.boot.ns - asked.boot.ns);
	most = answered.wall.ns - date.ns;
	least = most - took_ns - NS_PER_S;
	if (least > 0)
		clock.offset_s = whole_seconds(least);
	else if (most < 0)
		clock.offset_s = whole_seconds(most);
	return clock;
}

bool azure_clock_is_wrong(struct azure_clock clock, uint32_t tolerance_s)
{
	int64_t offset_s = clock.offset_s;

	return clock.known && tolerance_s && (offset_s < 0 ? -offset_s : offset_s) > (int64_t)tolerance_s;
}

struct wall_time azure_clock_theirs(struct azure_clock clock, struct wall_time now)
{
	if (clock.known)
		now.ns -= clock.offset_s * NS_PER_S;
	return now;
}
