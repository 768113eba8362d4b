/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How often the resource manager may be asked: the provider's own limit on reads, per subscription and window, and the
 * resource manager's bucket, per subscription. Not locked: the caller holds the emulator's lock.
 */
#ifndef EMULATOR_THROTTLE_H
#define EMULATOR_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "http_util.h"
#include "target.h"

/* As recorded; the window is not known. */
#define READS_LIMIT 750
#define READS_WINDOW_MS (3600 * 1000)

#define THROTTLED_MAX 32

/* What a subscription has left. */
struct allowance {
	char subscription[40];
	int64_t left, ends_mono_ms;           /* of the window */
	int64_t tokens_milli, filled_mono_ms; /* of the bucket */
};

struct throttle {
	int64_t limit, window_ms;     /* reads in a window */
	bool refuses;                 /* else the window starts again when it is used up */
	int64_t bucket, bucket_per_s; /* 0: no bucket */
	struct allowance list[THROTTLED_MAX];
	size_t n;
};

/* Everybody starts afresh, with these limits. */
void throttle_set_budget(struct throttle *throttle, int64_t limit, int64_t window_ms, bool refuses);
void throttle_set_bucket(struct throttle *throttle, int64_t size, int64_t per_s);

/* Count a request. False: it was refused, and is answered. */
bool throttle_spend(struct throttle *throttle, enum operation op, const char *subscription, struct answer *answer);

/* The headers that say what is left. */
void throttle_tell(struct throttle *throttle, enum operation op, const char *subscription, struct answer *answer);

#endif
