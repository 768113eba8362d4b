/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. When to ask Azure next: slowly when nothing is granted, faster while something is, at once after a knock, ever
 * more slowly while it fails, and never before Azure said. Pure: clock and chance come in as arguments.
 */
#ifndef PACE_H
#define PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "clockmap.h"

/* Azure's reads are limited to about 750 per subscription and window; a knock is what any stranger can send. */
#define PACE_KNOCK_GAP_S 5
#define PACE_KNOCKS_MAX 10
#define PACE_KNOCK_WINDOW_S 300

#define PACE_INITIATING_S 2
#define PACE_INITIATING_MAX 15 /* polls in a row; a request that stays on its way is then polled like a live one */
#define PACE_BACKOFF_MIN_S 2
#define PACE_RETRY_AFTER_MAX_S 86400

/* What came of one poll. */
struct pace_result {
	bool good;
	bool live;              /* there are grants; looked at when good */
	bool initiating;        /* a request is on its way; looked at when good */
	uint32_t retry_after_s; /* 0: not said */
};

struct pace {
	uint32_t idle_s, live_s;
	bool began, asked, live;
	struct boot_time began_at;   /* the last poll */
	struct boot_time due;        /* by schedule */
	struct boot_time not_before; /* Retry-After */
	uint32_t n_failed, n_initiating, retry_after_s;
	struct boot_time knocked[PACE_KNOCKS_MAX]; /* polls that only a knock caused; a ring */
	uint32_t n_knocked;
};

/* The first poll is due at once. */
void pace_init(struct pace *pace, uint32_t idle_s, uint32_t live_s, struct boot_time now);

/* A knock. Several before the next poll count as one. */
void pace_ask(struct pace *pace);

/* When to poll next; a moment that has passed means now. */
struct boot_time pace_next(const struct pace *pace);

/* Around each poll. `chance` is from 0 to 1: spread of 10 % either way, and only later than Retry-After. */
void pace_begin(struct pace *pace, struct boot_time now);
void pace_end(struct pace *pace, struct boot_time now, const struct pace_result *result, double chance);

/* How long a snapshot of the poll just ended may count as fresh: twice the time to the next one, and a minute. */
uint32_t pace_fresh_for_s(const struct pace *pace);

#endif
