/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Wall time and boot time, and the way from one to the other. Azure speaks wall time, the packet path
 * CLOCK_BOOTTIME; the two are different types so that mixing them does not compile.
 */
#ifndef CLOCKMAP_H
#define CLOCKMAP_H

#include <stdbool.h>
#include <stdint.h>

struct wall_time {
	int64_t ns; /* since 1970-01-01T00:00:00Z, CLOCK_REALTIME */
};

struct boot_time {
	uint64_t ns; /* CLOCK_BOOTTIME */
};

/* Both clocks at one moment. */
struct clock_pair {
	struct wall_time wall;
	struct boot_time boot;
};

/* The boot time at which the wall clock will show `wall`; 0 when that is before boot. Saturates one below
 * JITGATE_NO_DEADLINE, so that a far deadline stays a deadline. */
struct boot_time clock_to_boot(struct clock_pair now, struct wall_time wall);

/* The wall time that belongs to `boot`; saturates. */
struct wall_time clock_to_wall(struct clock_pair now, struct boot_time boot);

/* How far the wall clock was stepped between two pairs, in ns; positive is forward. Both clocks are slewed
 * alike, so that anything but a few ms between samplings is a step. */
int64_t clock_step(struct clock_pair before, struct clock_pair after);

#define CLOCK_OFFSET_SHOWN_S 30      /* between two machines: more is told to people */
#define CLOCK_STEP_MIN_NS 50000000LL /* 50 ms: below, it is sampling noise */

#endif
