// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. Guard rails: one grant in, one verdict out. Must not change a grant: what violates a rail is refused whole.
 */
#include "guard.h"

#include "jitgate_abi.h"

/* Whatever lies wholly inside one of these is on no packet that the kernel would take in. */
static const struct cidr no_sources[] = {
	{.family = JITGATE_IPV4, .prefix_len = 32},                                     /* 0.0.0.0 */
	{.family = JITGATE_IPV4, .prefix_len = 4, .addr = {224}},                       /* multicast */
	{.family = JITGATE_IPV4, .prefix_len = 32, .addr = {255, 255, 255, 255}},       /* broadcast */
	{.family = JITGATE_IPV6, .prefix_len = 128},                                    /* :: */
	{.family = JITGATE_IPV6, .prefix_len = 8, .addr = {0xff}},                      /* multicast */
	{.family = JITGATE_IPV6, .prefix_len = 96, .addr = {[10] = 0xff, [11] = 0xff}}, /* IPv4-mapped */
};

static bool is_covered(const struct cidr *list, size_t n, const struct cidr *source)
{
	for (size_t i = 0; i < n; i++) {
		if (cidr_covers(&list[i], source))
			return true;
	}
	return false;
}

static bool is_source(const struct cidr *source)
{
	if (source->family != JITGATE_IPV4 && source->family != JITGATE_IPV6)
		return false;
	return !is_covered(no_sources, ARRAY_SIZE(no_sources), source);
}

static bool is_too_wide(const struct guard *guard, const struct cidr *source)
{
	return source->prefix_len < (source->family == JITGATE_IPV4 ? guard->widest_ipv4 : guard->widest_ipv6);
}

static bool ends_after(struct wall_time until, struct wall_time from, int64_t allowed)
{
	int64_t latest;

	/* Beyond the end of time nothing is later. */
	if (__builtin_add_overflow(from.ns, allowed, &latest))
		return false;
	return until.ns > latest;
}

/*
 * Counted from its start, when that is known: or else a grant that was refused as too long would be let in later, once
 * the rest of it is short enough. And from now, because the feed's word for the start is no more than that.
 */
static bool is_too_long(const struct guard *guard, const struct grant *grant, struct wall_time now)
{
	int64_t allowed = ((int64_t)guard->longest_s + GUARD_CLOCK_SLACK_S) * NS_PER_S;

	return ends_after(grant->until, now, allowed) ||
	       (grant->start.ns > 0 && ends_after(grant->until, grant->start, allowed));
}

enum guard_verdict guard_check(const struct guard *guard, const struct grant *grant, struct wall_time now)
{
	if (!is_source(&grant->source))
		return GUARD_NOT_A_SOURCE;
	if (is_too_wide(guard, &grant->source))
		return GUARD_TOO_WIDE;
	if (guard->n_sources && !is_covered(guard->sources, guard->n_sources, &grant->source))
		return GUARD_SOURCE_NOT_ALLOWED;
	if (is_too_long(guard, grant, now))
		return GUARD_TOO_LONG;
	return GUARD_OK;
}

const char *guard_text(enum guard_verdict verdict)
{
	static const char *const texts[] = {
		[GUARD_OK] = "allowed",
		[GUARD_TOO_LONG] = "longer than guard.longest",
		[GUARD_TOO_WIDE] = "wider than guard.widest_ipv4 or guard.widest_ipv6",
		[GUARD_SOURCE_NOT_ALLOWED] = "source is not inside guard.sources",
		[GUARD_NOT_A_SOURCE] = "no packet can have this source",
	};

	_Static_assert(ARRAY_SIZE(texts) == _GUARD_MAX, "a text for each verdict");
	return (unsigned int)verdict < _GUARD_MAX ? texts[verdict] : "unknown";
}
