// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See opened.h.
 */
#include "opened.h"

#include <errno.h>
#include <string.h>

#include "apply.h"
#include "state.h"

/* A clock this far behind the moment of the opening is wrong; less is how clocks of two boots differ. */
#define CLOCK_SLACK_NS (60 * NS_PER_S)

static bool has_begun(const struct grant *grant, struct wall_time now)
{
	return now.ns >= grant->start.ns - CLOCK_SLACK_NS;
}

bool opened_is_live(const struct grant *grant, struct wall_time now)
{
	return grant->mark != GRANT_WAITS && has_begun(grant, now) && now.ns < grant->until.ns;
}

bool opened_end_wait(struct grant_set *set)
{
	bool any = false;

	for (size_t i = 0; i < set->n; i++) {
		if (set->grants[i].mark != GRANT_WAITS)
			continue;
		set->grants[i].mark = GRANT_NEW;
		any = true;
	}
	return any;
}

const char *opened_disbelief(const struct grant *grant, const char *origin, enum guard_verdict rail,
			     struct wall_time now)
{
	if (!has_begun(grant, now))
		return "it would begin later than now: nobody can have opened it";
	if (rail == GUARD_NOT_A_SOURCE || (rail != GUARD_OK && strcmp(origin, OPENED_ORIGIN_BEYOND) != 0))
		return guard_text(rail);
	return NULL;
}

const struct grant *opened_find(const struct grant_set *set, const struct grant *like)
{
	for (size_t i = 0; i < set->n; i++) {
		if (grant_compare(&set->grants[i], like) == 0)
			return &set->grants[i];
	}
	return NULL;
}

static int copy_grant(const struct grant_set *from, const struct grant *grant, struct grant_set *to)
{
	return grant_set_add(to, grant, grant_set_text(from, grant->requestor),
			     grant_set_text(from, grant->justification), grant_set_text(from, grant->origin));
}

int opened_change(const struct grant_set *set, const struct grant *grant, const char *requestor, const char *reason,
		  const char *origin, struct wall_time now, struct grant_set *ret)
{
	CLEANUP(grant_set_free) struct grant_set changed = {0};
	size_t others = 0;
	int r = 0;

	for (size_t i = 0; i < set->n && r == 0; i++) {
		if (grant_compare(&set->grants[i], grant) == 0)
			continue;
		others += set->grants[i].until.ns > now.ns;
		r = copy_grant(set, &set->grants[i], &changed);
	}
	if (r == 0 && origin)
		r = others >= OPENED_MAX ? -ENOSPC : grant_set_add(&changed, grant, requestor, reason, origin);
	if (r < 0)
		return r;
	*ret = changed;
	changed = (struct grant_set){0};
	return 0;
}

size_t opened_clock_stepped(struct grant_set *set, struct wall_time before, int64_t step_ns)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++) {
		struct grant *grant = &set->grants[i];

		if (grant->mark == GRANT_WAITS || !has_begun(grant, before))
			continue;
		grant->start.ns += step_ns;
		grant->until.ns += step_ns;
		n += before.ns < grant->until.ns - step_ns;
	}
	return n;
}

int opened_encode(const struct grant_set *set, struct wall_time now, void **ret_bytes, size_t *ret_len)
{
	struct snapshot snapshot = {.taken = now, .fresh_for_s = 1};
	int r = 0;

	if (snapshot.taken.ns < 0)
		snapshot.taken.ns = 0;
	for (size_t i = 0; i < set->n && r == 0; i++) {
		if (set->grants[i].until.ns > now.ns)
			r = copy_grant(set, &set->grants[i], &snapshot.grants);
	}
	if (r == 0)
		r = state_encode(&snapshot, ret_bytes, ret_len);
	snapshot_free(&snapshot);
	return r;
}

static bool is_possible(const struct grant *grant)
{
	int64_t length;

	return grant->start.ns > 0 && !__builtin_sub_overflow(grant->until.ns, grant->start.ns, &length) &&
	       length > 0 && length <= OPENED_LONGEST_S * NS_PER_S;
}

int opened_decode(const void *bytes, size_t len, struct grant_set *ret, struct parse_error *err)
{
	_cleanup_snapshot_ struct snapshot snapshot = {0};
	int r = state_decode(bytes, len, 0, OPENED_MAX, &snapshot, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < snapshot.grants.n; i++) {
		if (!is_possible(&snapshot.grants.grants[i]))
			return parse_fail(err, 0, "a grant that nobody could have opened");
	}
	*ret = snapshot.grants;
	snapshot.grants = (struct grant_set){0};
	return 0;
}
