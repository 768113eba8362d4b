// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A week of random grants against an oracle.
 */
#include <stdio.h>

#include "random.h"
#include "util.h"
#include "world.h"

struct truth {
	struct cidr source;
	struct wall_time until;
};

/* What the feed says now, and the same for the oracle. Ends are seconds to days away, some are beyond the rails. */
static size_t random_truth(struct truth *truth, size_t max)
{
	size_t n = random_below((uint32_t)max);

	for (size_t i = 0; i < n; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.0.%u.%u/%u", random_below(3), random_below(4) * 64,
			 24 + random_below(3) * 4);
		truth[i].source = source(text);
		truth[i].until.ns = w.clock.wall.ns + (int64_t)random_below(26 * 3600) * NS_PER_S;
	}
	return n;
}

static bool truth_passes(const struct truth *truth, size_t n, const struct cidr *from, int64_t learned_at)
{
	for (size_t i = 0; i < n; i++) {
		/* the rails are checked against the time the enforcer last looked: let the oracle be unsure near them
		 */
		if (cidr_covers(&truth[i].source, from) && w.clock.wall.ns < truth[i].until.ns &&
		    truth[i].until.ns - learned_at <= (24 * 3600 + GUARD_CLOCK_SLACK_S) * NS_PER_S)
			return true;
	}
	return false;
}

static void a_week_of_random_grants_never_differs_from_the_oracle(void **state)
{
	struct truth truth[24];
	size_t checked = 0, open = 0;

	seed_random(state);
	enforcer_start(&w.e, NULL);
	for (int64_t t = 0; t < 7 * 24 * 60; t += 10) {
		struct snapshot s = {0};
		size_t n = random_truth(truth, ARRAY_SIZE(truth));
		int64_t learned_at = w.clock.wall.ns;

		for (size_t i = 0; i < n; i++) {
			struct grant grant = {.source = truth[i].source,
					      .port = 22,
					      .protos = PROTO_BIT_TCP,
					      .until = truth[i].until};

			/* a grant beyond the rails now would come within them later on */
			if (truth[i].until.ns - learned_at > (24 * 3600 + GUARD_CLOCK_SLACK_S) * NS_PER_S)
				truth[i].until.ns = 0;
			grant_set_add(&s.grants, &grant, "", "", "");
			if (!truth[i].until.ns)
				s.grants.n--;
		}
		assert_int_equal(feed(&s), 0);
		for (int probe = 0; probe < 30; probe++) {
			char text[32];
			struct cidr from;
			bool expected;

			(random_below(4) ? advance : advance_alone)((int64_t)random_below(20) * NS_PER_S);
			snprintf(text, sizeof(text), "10.0.%u.%u", random_below(3), random_below(256));
			from = source(text);
			expected = truth_passes(truth, n, &from, learned_at);
			assert_int_equal(passes(text, 22), expected);
			checked++;
			open += expected;
		}
		if (random_below(20) == 0)
			step_clock(random_below(2) ? 30 * NS_PER_S : -30 * NS_PER_S);
		if (random_below(50) == 0)
			restart(NULL);
	}
	print_message("# %zu probes, %zu of them open\n", checked, open);
	assert_in_range(open, checked / 20, checked);
}

static const struct CMUnitTest tests[] = {
	world_test(a_week_of_random_grants_never_differs_from_the_oracle),
};
REGISTER_TESTS(tests)
