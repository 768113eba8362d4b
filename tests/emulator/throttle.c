// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Limits of the resource manager, counted on a clock that nobody steps.
 */
#include "throttle.h"

#include <stdio.h>
#include <strings.h>

#include "service_time.h"

static bool is_read(enum operation op)
{
	return operation_is_list(op) || op == OP_GET;
}

static void refill(const struct throttle *throttle, struct allowance *allowance, int64_t now)
{
	int64_t full = throttle->bucket * 1000;

	if (now >= allowance->ends_mono_ms || (allowance->left == 0 && !throttle->refuses)) {
		allowance->left = throttle->limit;
		allowance->ends_mono_ms = now + throttle->window_ms;
	}
	allowance->tokens_milli += (now - allowance->filled_mono_ms) * throttle->bucket_per_s;
	if (allowance->tokens_milli > full)
		allowance->tokens_milli = full;
	allowance->filled_mono_ms = now;
}

/* Beyond THROTTLED_MAX subscriptions the last ones share. */
static struct allowance *allowance_of(struct throttle *throttle, const char *subscription)
{
	struct allowance *allowance;

	for (size_t i = 0; i < throttle->n; i++)
		if (strcasecmp(throttle->list[i].subscription, subscription) == 0)
			return &throttle->list[i];
	if (throttle->n == THROTTLED_MAX)
		return &throttle->list[THROTTLED_MAX - 1];
	allowance = &throttle->list[throttle->n++];
	*allowance = (struct allowance){.left = throttle->limit,
					.ends_mono_ms = mono_ms() + throttle->window_ms,
					.tokens_milli = throttle->bucket * 1000,
					.filled_mono_ms = mono_ms()};
	snprintf(allowance->subscription, sizeof(allowance->subscription), "%s", subscription);
	return allowance;
}

void throttle_set_budget(struct throttle *throttle, int64_t limit, int64_t window_ms, bool refuses)
{
	throttle->limit = limit;
	throttle->window_ms = window_ms;
	throttle->refuses = refuses;
	throttle->n = 0;
}

void throttle_set_bucket(struct throttle *throttle, int64_t size, int64_t per_s)
{
	throttle->bucket = size;
	throttle->bucket_per_s = per_s;
	throttle->n = 0;
}

static void refuse(struct answer *answer, const char *code, const char *what, int64_t wait_ms)
{
	answer_arm_error(answer, 429, code,
			 "The number of %s exceeded the limit. Please try again after '%lld' seconds.", what,
			 (long long)((wait_ms + 999) / 1000));
	answer_header(answer, "Retry-After", "%lld", (long long)((wait_ms + 999) / 1000));
}

bool throttle_spend(struct throttle *throttle, enum operation op, const char *subscription, struct answer *answer)
{
	struct allowance *allowance = allowance_of(throttle, subscription);
	int64_t now = mono_ms();

	refill(throttle, allowance, now);
	if (throttle->bucket && allowance->tokens_milli < 1000) {
		refuse(answer, "SubscriptionRequestsThrottled", "requests for the subscription",
		       throttle->bucket_per_s ? (1000 - allowance->tokens_milli) / throttle->bucket_per_s : 60000);
		return false;
	}
	if (throttle->bucket)
		allowance->tokens_milli -= 1000;
	if (!is_read(op))
		return true;
	if (allowance->left == 0) {
		refuse(answer, "TooManyRequests", "reads", allowance->ends_mono_ms - now);
		return false;
	}
	allowance->left--;
	return true;
}

void throttle_tell(struct throttle *throttle, enum operation op, const char *subscription, struct answer *answer)
{
	const struct allowance *allowance = allowance_of(throttle, subscription);

	if (is_read(op))
		answer_header(answer, "x-ms-ratelimit-remaining-subscription-resource-requests", "%lld",
			      (long long)allowance->left);
	if (is_read(op) && throttle->bucket)
		answer_header(answer, "x-ms-ratelimit-remaining-subscription-reads", "%lld",
			      (long long)allowance->tokens_milli / 1000);
	else if (op == OP_PUT || op == OP_INITIATE)
		answer_header(answer, "x-ms-ratelimit-remaining-subscription-writes", "1199");
	else if (op == OP_DELETE)
		answer_header(answer, "x-ms-ratelimit-remaining-subscription-deletes", "14999");
}
