// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The way between wall time and boot time. Owns its arithmetic, which is total: times come from outside, so every
 * sum is made in 128 bits and clamped. Must not read a clock.
 */
#include "clockmap.h"

#include "jitgate_abi.h"

/* The highest deadline that still is one: JITGATE_NO_DEADLINE itself would make a hostile end an endless grant. */
#define BOOT_TOP_NS (JITGATE_NO_DEADLINE - 1)

static int64_t clamp_i64(__int128 ns)
{
	if (ns > INT64_MAX)
		return INT64_MAX;
	return ns < INT64_MIN ? INT64_MIN : (int64_t)ns;
}

struct boot_time clock_to_boot(struct clock_pair now, struct wall_time wall)
{
	__int128 ns = (__int128)now.boot.ns + wall.ns - now.wall.ns;

	if (ns < 0)
		return (struct boot_time){0};
	return (struct boot_time){ns > (__int128)BOOT_TOP_NS ? BOOT_TOP_NS : (uint64_t)ns};
}

struct wall_time clock_to_wall(struct clock_pair now, struct boot_time boot)
{
	return (struct wall_time){clamp_i64((__int128)now.wall.ns + boot.ns - now.boot.ns)};
}

int64_t clock_step(struct clock_pair before, struct clock_pair after)
{
	__int128 wall = (__int128)after.wall.ns - before.wall.ns;
	__int128 boot = (__int128)after.boot.ns - before.boot.ns;

	return clamp_i64(wall - boot);
}
