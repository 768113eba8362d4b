// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The schedule of polls. Owns every number of it but the two that are configured; reads no clock and draws no
 * lots.
 */
#include "pace.h"

#include "feed_msg.h"
#include "util.h"

static struct boot_time later(struct boot_time t, double seconds)
{
	return (struct boot_time){t.ns + (uint64_t)(seconds * (double)NS_PER_S)};
}

static struct boot_time latest(struct boot_time a, struct boot_time b)
{
	return a.ns > b.ns ? a : b;
}

static struct boot_time earliest(struct boot_time a, struct boot_time b)
{
	return a.ns < b.ns ? a : b;
}

void pace_init(struct pace *pace, uint32_t idle_s, uint32_t live_s, struct boot_time now)
{
	*pace = (struct pace){
		.idle_s = idle_s,
		.live_s = live_s < idle_s ? live_s : idle_s,
		.due = now,
	};
}

void pace_ask(struct pace *pace)
{
	pace->asked = true;
}

/* The earliest moment at which a knock alone may cause a poll. */
static struct boot_time knock_at(const struct pace *pace)
{
	struct boot_time at = {0};

	if (pace->began)
		at = later(pace->began_at, PACE_KNOCK_GAP_S);
	if (pace->n_knocked >= PACE_KNOCKS_MAX) /* the slot that the next one takes holds the oldest */
		at = latest(at, later(pace->knocked[pace->n_knocked % PACE_KNOCKS_MAX], PACE_KNOCK_WINDOW_S));
	return at;
}

struct boot_time pace_next(const struct pace *pace)
{
	struct boot_time at = pace->due;

	if (pace->asked)
		at = earliest(at, knock_at(pace));
	return latest(at, pace->not_before);
}

void pace_begin(struct pace *pace, struct boot_time now)
{
	if (pace->asked && now.ns < pace->due.ns)
		pace->knocked[pace->n_knocked++ % PACE_KNOCKS_MAX] = now;
	if (pace->n_knocked == 2 * PACE_KNOCKS_MAX) /* the same slot next, and no overflow ever */
		pace->n_knocked = PACE_KNOCKS_MAX;
	pace->asked = false;
	pace->began = true;
	pace->began_at = now;
}

static uint32_t backoff_s(uint32_t n_failed, uint32_t most_s)
{
	uint32_t s = PACE_BACKOFF_MIN_S;

	while (--n_failed && s < most_s)
		s *= 2;
	return s < most_s ? s : most_s;
}

static uint32_t usual_s(const struct pace *pace)
{
	return pace->live ? pace->live_s : pace->idle_s;
}

static uint32_t delay_s(const struct pace *pace)
{
	if (pace->n_failed)
		return backoff_s(pace->n_failed, pace->idle_s);
	if (pace->n_initiating && pace->n_initiating <= PACE_INITIATING_MAX)
		return PACE_INITIATING_S;
	return usual_s(pace);
}

static void count_up(uint32_t *n)
{
	*n += *n < UINT32_MAX;
}

void pace_end(struct pace *pace, struct boot_time now, const struct pace_result *result, double chance)
{
	uint32_t wait_s =
		result->retry_after_s < PACE_RETRY_AFTER_MAX_S ? result->retry_after_s : PACE_RETRY_AFTER_MAX_S;

	if (result->good) {
		pace->n_failed = 0;
		pace->live = result->live || result->initiating;
	} else {
		count_up(&pace->n_failed);
	}
	if (result->good && result->initiating)
		count_up(&pace->n_initiating);
	else
		pace->n_initiating = 0;
	pace->due = later(now, delay_s(pace) * (0.9 + 0.2 * chance));
	pace->retry_after_s = wait_s;
	pace->not_before = wait_s ? later(now, wait_s * (1 + 0.1 * chance)) : (struct boot_time){0};
}

uint32_t pace_fresh_for_s(const struct pace *pace)
{
	uint64_t longest_s = usual_s(pace);

	if (longest_s < pace->retry_after_s)
		longest_s = pace->retry_after_s;
	longest_s = 2 * (longest_s + (longest_s + 9) / 10) + 60;
	return longest_s < FEED_FRESH_MAX_S ? (uint32_t)longest_s : FEED_FRESH_MAX_S;
}
