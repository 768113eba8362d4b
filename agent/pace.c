// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The schedule of polls. Owns every number of it but the two that are configured; reads no clock and draws no
 * lots.
 *
 * The machines of a subscription share its reads without knowing of each other. So each does what TCP does on a line
 * that it shares: slow down by a factor while little is left, speed up again while much is. What is worth least slows
 * down first: polls of an idle machine, then those of one with a live grant and those for strangers that knock on and
 * on; a knock of somebody new is the last to wait.
 */
#include "pace.h"

#include <inttypes.h>

#include "feed_msg.h"
#include "util.h"

/* The stretch, by what is left. Once in STRETCH_AGAIN_S, so that many knocks are not many reasons. */
#define READS_PLENTY 562 /* three quarters */
#define READS_FEW 375
#define READS_SCARCE 187
#define READS_KEPT 93 /* below, knocks wait too */
#define STRETCH_AGAIN_S 60
#define SCARCE_STRETCH 2.0 /* the machines of the subscription are many, so that a scan of all of them can empty it */
#define LIVE_FOLLOWS 4.0   /* the live pace starts to stretch when the idle one has stretched so far */
#define KNOCKS_FOLLOW 8.0
#define KNOWN_STRETCH_MAX 64.0
#define GAP_STRETCH_MAX 8.0

/* Tokens that have to be there, by class. */
static const double tokens_needed[_KNOCK_CLASS_MAX] = {
	[KNOCK_PATIENT] = 1,
	[KNOCK_NEW] = 2,
	[KNOCK_KNOWN] = 5,
};

static struct boot_time later(struct boot_time t, double seconds)
{
	return (struct boot_time){t.ns + (uint64_t)(seconds * (double)NS_PER_S)};
}

static double seconds_since(struct boot_time t, struct boot_time now)
{
	return now.ns > t.ns ? (double)(now.ns - t.ns) / (double)NS_PER_S : 0;
}

static struct boot_time latest(struct boot_time a, struct boot_time b)
{
	return a.ns > b.ns ? a : b;
}

static struct boot_time earliest(struct boot_time a, struct boot_time b)
{
	return a.ns < b.ns ? a : b;
}

static double at_most(double a, double b)
{
	return a < b ? a : b;
}

static double at_least(double a, double b)
{
	return a > b ? a : b;
}

void pace_init(struct pace *pace, uint32_t idle_s, uint32_t live_s, struct boot_time now, double chance)
{
	*pace = (struct pace){
		.idle_s = idle_s,
		.live_s = live_s < idle_s ? live_s : idle_s,
		.due = now,
		.tokens = PACE_KNOCKS_MAX,
		.filled_at = now,
		.remaining = -1,
		.stretch = 1,
	};
	if (now.ns < PACE_BOOT_S * (uint64_t)NS_PER_S)
		pace->due = later(now, PACE_SPREAD_S * chance);
}

/* ---------------------------------------------------------------- the reads that are left */

static double stretch_behind(const struct pace *pace, double behind)
{
	return at_least(pace->stretch / behind, 1);
}

/* Then whoever knocks has to show first that it is patient, which costs a TCP client a second and most scans all. */
static bool is_scarce(const struct pace *pace)
{
	return pace->stretch >= SCARCE_STRETCH || (pace->remaining >= 0 && pace->remaining < READS_SCARCE);
}

/* Of the gap between reads for somebody new, by what is left alone: it is over as soon as there is more again. */
static double gap_stretch(const struct pace *pace)
{
	if (pace->remaining < 0 || pace->remaining >= READS_KEPT)
		return 1;
	return at_most((double)READS_KEPT / ((double)pace->remaining + 1), GAP_STRETCH_MAX);
}

/* Of the wait of somebody known. A scan of many machines at once has each of them read once, which cannot be helped;
 * that little is left after this one read says that it was many, and then there is no second one soon. */
static double known_stretch(const struct pace *pace)
{
	double used = pace->remaining < 0 ? 1 : (double)PACE_READS_FULL / ((double)pace->remaining + 1);

	used = at_least(used, 1);
	return stretch_behind(pace, LIVE_FOLLOWS) * at_most(used * used * used, KNOWN_STRETCH_MAX);
}

static double stretch_factor(int64_t remaining)
{
	if (remaining < 0 || remaining >= READS_PLENTY)
		return 1 / 1.5;
	if (remaining >= READS_FEW)
		return 1;
	if (remaining >= READS_SCARCE)
		return 1.5;
	return remaining >= READS_KEPT ? 2 : 3;
}

/* An answer without the number says that there is no such limit; a request to wait, that nothing is left. */
static void note_remaining(struct pace *pace, struct boot_time now, const struct pace_result *result)
{
	if (!result->good && result->retry_after_s)
		pace->remaining = 0;
	else if (result->good || result->remaining >= 0)
		pace->remaining = result->remaining;
	else
		return;
	if (pace->stretched_at.ns && seconds_since(pace->stretched_at, now) < STRETCH_AGAIN_S)
		return;
	pace->stretched_at = now;
	pace->stretch = at_most(at_least(pace->stretch * stretch_factor(pace->remaining), 1), PACE_STRETCH_MAX);
}

/* ---------------------------------------------------------------- knocks */

void pace_knock(struct pace *pace, const struct knock *knock, struct boot_time now)
{
	knockers_hear(&pace->knockers, knock, now);
}

static double refill_s(const struct pace *pace)
{
	return PACE_KNOCK_REFILL_S * stretch_behind(pace, KNOCKS_FOLLOW) * gap_stretch(pace);
}

static void fill_tokens(struct pace *pace, struct boot_time now)
{
	pace->tokens = at_most(pace->tokens + seconds_since(pace->filled_at, now) / refill_s(pace), PACE_KNOCKS_MAX);
	pace->filled_at = now;
}

static struct boot_time tokens_at(const struct pace *pace, enum knock_class class)
{
	double missing = tokens_needed[class] - pace->tokens;

	return missing > 0 ? later(pace->filled_at, missing * refill_s(pace)) : pace->filled_at;
}

/* The earliest moment at which a knock of the class may cause a read that is due then for its own sake. */
static struct boot_time class_at(const struct pace *pace, enum knock_class class, struct boot_time due)
{
	struct boot_time at = latest(due, tokens_at(pace, class));
	double gap_s = class == KNOCK_PATIENT ? PACE_PATIENT_GAP_S : PACE_KNOCK_GAP_S;

	if (!pace->began || due.ns == UINT64_MAX)
		return at;
	if (class == KNOCK_KNOWN) /* whoever knocks on and on stands in nobody's way */
		return latest(at, later(pace->began_at, gap_s));
	at = latest(at, later(pace->began_at, PACE_READ_GAP_S));
	return pace->knock_at.ns ? latest(at, later(pace->knock_at, gap_s * gap_stretch(pace))) : at;
}

/* The next read that knocks cause, UINT64_MAX: none; *ret_new: the same of new sources alone. */
static struct boot_time knocks_at(const struct pace *pace, struct boot_time *ret_new)
{
	struct boot_time due[_KNOCK_CLASS_MAX];

	knockers_due(&pace->knockers, known_stretch(pace), is_scarce(pace), due);
	*ret_new =
		earliest(class_at(pace, KNOCK_PATIENT, due[KNOCK_PATIENT]), class_at(pace, KNOCK_NEW, due[KNOCK_NEW]));
	return earliest(*ret_new, class_at(pace, KNOCK_KNOWN, due[KNOCK_KNOWN]));
}

/* ---------------------------------------------------------------- around a poll */

struct boot_time pace_next(const struct pace *pace)
{
	struct boot_time of_new;

	return latest(earliest(pace->due, knocks_at(pace, &of_new)), pace->not_before);
}

void pace_begin(struct pace *pace, struct boot_time now)
{
	struct boot_time of_new;

	pace->by_knock = knocks_at(pace, &of_new).ns <= now.ns && now.ns < pace->due.ns;
	if (pace->by_knock) {
		fill_tokens(pace, now);
		pace->tokens = at_least(pace->tokens - 1, 0);
		if (of_new.ns <= now.ns)
			pace->knock_at = now;
	}
	pace->began = true;
	pace->began_at = now;
}

static double usual_s(const struct pace *pace)
{
	double idle = at_most(pace->idle_s * pace->stretch, at_least(pace->idle_s, PACE_IDLE_MAX_S));

	return pace->live ? at_most(pace->live_s * stretch_behind(pace, LIVE_FOLLOWS), idle) : idle;
}

/* Up to the pace of an idle machine, and as long as there was no good answer at all, up to the configured one. */
static double backoff_s(const struct pace *pace)
{
	double s = PACE_BACKOFF_MIN_S, most = pace->idle_s;

	if (pace->answered)
		most = at_least(most, usual_s(pace));

	for (uint32_t n = pace->n_failed; n > 1 && s < most; n--)
		s *= 2;
	return at_most(s, most);
}

/* Failures have a wide spread: what breaks for all machines at once comes back for all at once. */
static struct boot_time schedule(const struct pace *pace, struct boot_time now, double chance)
{
	double usual_spread = 0.9 + 0.2 * chance;

	if (pace->n_failed && pace->retry_after_s)
		return later(now, pace->retry_after_s + chance * (pace->retry_after_s / 2.0 + backoff_s(pace)));
	if (pace->n_failed)
		return later(now, backoff_s(pace) * (0.5 + chance));
	if (pace->n_initiating && pace->n_initiating <= PACE_INITIATING_MAX)
		return later(now, PACE_INITIATING_S * gap_stretch(pace) * usual_spread);
	return later(now, usual_s(pace) * usual_spread);
}

static void count_up(uint32_t *n)
{
	*n += *n < UINT32_MAX;
}

static void note_outcome(struct pace *pace, const struct pace_result *result)
{
	if (result->good) {
		pace->n_failed = 0;
		pace->answered = true;
		pace->live = result->live || result->initiating;
	} else {
		count_up(&pace->n_failed);
	}
	if (result->good && result->initiating)
		count_up(&pace->n_initiating);
	else
		pace->n_initiating = 0;
	pace->retry_after_s =
		result->retry_after_s < PACE_RETRY_AFTER_MAX_S ? result->retry_after_s : PACE_RETRY_AFTER_MAX_S;
}

static const struct grant_set *granted_by(const struct pace_result *result)
{
	static const struct grant_set none;

	if (!result->good)
		return NULL;
	return result->granted ? result->granted : &none;
}

void pace_end(struct pace *pace, struct boot_time now, const struct pace_result *result, double chance)
{
	double more = at_most(result->n_reads, PACE_KNOCK_COST_MAX) - 1;
	double wait_s;

	note_outcome(pace, result);
	fill_tokens(pace, now);
	note_remaining(pace, now, result);
	if (pace->by_knock && more > 0)
		pace->tokens = at_least(pace->tokens - more, 0);
	knockers_served(&pace->knockers, pace->began_at, granted_by(result));
	pace->due = schedule(pace, now, chance);
	wait_s = pace->retry_after_s;
	pace->not_before = wait_s > 0 ? later(now, wait_s + chance * at_most(at_least(wait_s / 10, 1), 30))
				      : (struct boot_time){0};
}

uint32_t pace_fresh_for_s(const struct pace *pace)
{
	double longest_s = 2 * 1.1 * usual_s(pace) + 60;

	return longest_s < FEED_FRESH_MAX_S ? (uint32_t)longest_s : FEED_FRESH_MAX_S;
}

void pace_say_why(const struct pace *pace, char out[PACE_WHY_MAX])
{
	struct boot_time of_new, knocks = knocks_at(pace, &of_new);
	const char *why = pace->live ? "a grant is live" : "idle";

	if (pace->not_before.ns && pace->not_before.ns >= earliest(pace->due, knocks).ns)
		why = "waiting for Retry-After";
	else if (knocks.ns < pace->due.ns)
		why = "a knock";
	else if (!pace->began)
		why = "the first time";
	else if (pace->n_failed)
		why = "the last try failed";
	else if (pace->n_initiating && pace->n_initiating <= PACE_INITIATING_MAX)
		why = "a request is on its way";
	else if (pace->stretch > 1 && pace->remaining >= 0) {
		snprintf(out, PACE_WHY_MAX, "%s; budget low: %" PRId64 " reads left", why, pace->remaining);
		return;
	}
	snprintf(out, PACE_WHY_MAX, "%s", why);
}
