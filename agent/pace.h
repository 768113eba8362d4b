/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. When to ask Azure next, one budget for all reads: slowly when nothing is granted, faster while something is, at
 * once after a knock, ever more slowly while it fails or the reads that are left run low, and never before Azure said.
 * Pure: clock and chance come in as arguments. docs/azure.md shows what becomes of it in a week of 10,000 machines.
 */
#ifndef PACE_H
#define PACE_H

#include "knockers.h"

/*
 * A knock is what any stranger can send. Ten reads may come of knocks at once, never two within five seconds on account
 * of new sources, and one more every 30 s. The last ones of the ten are kept: from sources that were asked for in
 * vain, and the very last one from sources that have not shown to be patient.
 */
#define PACE_KNOCK_GAP_S 5
/* For whoever knocked just after the read before: answered in time for its SYN after 5 s. */
#define PACE_PATIENT_GAP_S 4
#define PACE_READ_GAP_S 1 /* between any read and one for a knock */
#define PACE_KNOCKS_MAX 10
#define PACE_KNOCK_REFILL_S 30
#define PACE_KNOCK_COST_MAX 10 /* what one poll can cost of the ten, however many reads it took */

/* Reads that Azure gives a subscription in a window of a length unknown, as x-ms-ratelimit-remaining-subscription-
 * resource-requests counts them down. All machines of the subscription share them, and see what is left. */
#define PACE_READS_FULL 750
#define PACE_STRETCH_MAX 288.0
#define PACE_IDLE_MAX_S 172800 /* whatever is left, so that a new policy is found */

#define PACE_INITIATING_S 2
#define PACE_INITIATING_MAX 15 /* polls in a row; a request that stays on its way is then polled like a live one */
#define PACE_BACKOFF_MIN_S 2
#define PACE_RETRY_AFTER_MAX_S 86400
#define PACE_BOOT_S 120  /* who starts so soon after its machine did may be one of many */
#define PACE_SPREAD_S 10 /* over which their first polls are spread */

/* What came of one poll. */
struct pace_result {
	bool good;
	bool live;                       /* there are grants; looked at when good */
	bool initiating;                 /* a request is on its way; looked at when good */
	uint32_t retry_after_s;          /* 0: not said */
	int64_t remaining;               /* reads left, as Azure says; -1: not said */
	uint32_t n_reads;                /* of this poll; 0 counts as 1 */
	const struct grant_set *granted; /* borrowed, until pace_end returns; looked at when good; NULL: none */
};

struct pace {
	uint32_t idle_s, live_s;
	bool began, answered, live, by_knock;
	struct boot_time began_at;   /* the last poll */
	struct boot_time due;        /* by schedule */
	struct boot_time not_before; /* Retry-After */
	uint32_t n_failed, n_initiating, retry_after_s;

	struct boot_time knock_at; /* the last read on account of a new source; 0: none */
	double tokens;             /* of PACE_KNOCKS_MAX, at filled_at */
	struct boot_time filled_at;

	int64_t remaining; /* as last said; -1: never */
	double stretch;    /* of the idle pace, from 1; follows what is left */
	struct boot_time stretched_at;

	struct knockers knockers; /* last: it is long */
};

/* The first poll is due at once, or a few seconds from now when the machine has just booted. `chance` is from 0 to 1,
 * here and below. */
void pace_init(struct pace *pace, uint32_t idle_s, uint32_t live_s, struct boot_time now, double chance);

/* A packet was denied; `knock` is copied. It may make the next poll due earlier, as far as the budget goes. */
void pace_knock(struct pace *pace, const struct knock *knock, struct boot_time now);

/* When to poll next; a moment that has passed means now. */
struct boot_time pace_next(const struct pace *pace);

/* Around each poll. */
void pace_begin(struct pace *pace, struct boot_time now);
void pace_end(struct pace *pace, struct boot_time now, const struct pace_result *result, double chance);

/* How long a snapshot of the poll just ended may count as fresh: twice the usual time to the next one, and a minute.
 * Whoever told us to wait for longer does not make old news fresh. */
uint32_t pace_fresh_for_s(const struct pace *pace);

/* Why pace_next says what it says, in a few words: "idle", "budget low: 40 reads left". */
#define PACE_WHY_MAX 64
void pace_say_why(const struct pace *pace, char out[PACE_WHY_MAX]);

#endif
