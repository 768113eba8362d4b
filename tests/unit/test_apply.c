// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * apply and reconcile against an oracle, on a trie in memory: after every single write the gate lets in nobody whom
 * neither the old nor the new grants allow, and shuts out nobody whom both allow, now and at any later time; when all
 * is written, it passes exactly what is allowed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "apply.h"
#include "fake_gate.h"
#include "oracle.h"
#include "random.h"

#define ROUNDS 8000
#define WRITES_MIN 40000 /* or the random worlds have become too quiet to prove anything */
#define QUESTIONS_A_WRITE 8
#define QUESTIONS_AT_REST 32

struct scene {
	struct fake_gate gate;
	struct truth before, after;
	uint64_t writes, passed, dropped;
};

static struct scene scene;

static void ask(const struct truth *before, const struct truth *after, const struct question *q)
{
	bool passes = fake_passes(&scene.gate, &q->source, q->port, proto_number(q->proto_bit), q->from_boot_ns);
	const char *wrong = oracle_wrong(before, after, q, passes);
	char source[CIDR_TEXT_MAX];

	if (wrong) {
		cidr_format(&q->source, source);
		fail_msg("after write %llu: %s: %s, port %u, protocol bit %u, %lld ns after the change",
			 (unsigned long long)scene.writes, wrong, source, q->port, q->proto_bit,
			 (long long)(q->from_boot_ns - after->clock.boot.ns));
	}
	scene.passed += passes;
	scene.dropped += !passes;
}

static void check_between(void *ctx)
{
	(void)ctx;
	scene.writes++;
	for (int i = 0; i < QUESTIONS_A_WRITE; i++) {
		struct question q = truth_question(one_in(2) ? &scene.before : &scene.after, scene.after.clock.boot.ns);

		ask(&scene.before, &scene.after, &q);
	}
}

/* Time goes on, and now and then somebody sets the clock. */
static struct clock_pair later(struct clock_pair clock)
{
	static const int64_t spans[] = {1, ORACLE_S / 100, ORACLE_S, 40 * ORACLE_S, 61 * ORACLE_S, 3600 * ORACLE_S};
	int64_t gone = (int64_t)(random_bits() % (uint64_t)spans[random_below(ARRAY_SIZE(spans))]);

	clock.boot.ns += (uint64_t)gone;
	clock.wall.ns += gone;
	if (one_in(6))
		clock.wall.ns += (int64_t)random_below(7200) * ORACLE_S * (one_in(2) ? 1 : -1);
	return clock;
}

static int apply(struct truth *truth)
{
	struct truth_input input;
	struct apply_input in = {.conf = &input.conf,
				 .snapshot = &input.snapshot,
				 .learned = &input.learned,
				 .now = truth->clock,
				 .gate = &fake_gate_ops,
				 .gate_ctx = &scene.gate};
	size_t failed = 0;
	int r;

	truth_tell(truth, &input);
	in.mode = input.conf.mode;
	r = apply_wanted(&in, &failed);
	assert_int_equal(failed, 0);
	return r;
}

/* What the trie drops without a live grant reads "expired" for a minute, unless there is no room for ended entries. */
static void check_ended_are_kept(const struct truth *truth, const struct question *q)
{
	struct gate_key key = entry_key(&q->source, q->port, proto_number(q->proto_bit));
	struct gate_grant found;

	assert_int_equal(fake_lookup(&scene.gate, &key, &found) == 0, oracle_matches(truth, q));
}

/* The program searches for what the trie holds, and for nothing else. */
static void check_sources(void)
{
	static struct sources due;

	memset(&due, 0, sizeof(due));
	sources_add(&due, &(struct entry_set){.entries = scene.gate.entries, .n = scene.gate.n});
	assert_memory_equal(&scene.gate.sources, &due, sizeof(due));
}

static void check_at_rest(const struct truth *truth)
{
	check_sources();
	for (int i = 0; i < QUESTIONS_AT_REST; i++) {
		struct question q = truth_question(truth, truth->clock.boot.ns);

		ask(truth, truth, &q);
		if (i < 4)
			check_ended_are_kept(truth, &q);
	}
}

static void at_every_moment_the_trie_passes_what_a_live_grant_covers(void **state)
{
	size_t refused = 0;

	(void)state;
	memset(&scene, 0, sizeof(scene));
	scene.gate.capacity = 512;
	scene.gate.changed = check_between;
	scene.before = (struct truth){
		.clock = {{1800000000 * ORACLE_S}, {1000000 * ORACLE_S}}, .guard.longest_s = 7200, .max_grants = 256};
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t writes = scene.writes;
		int r;

		truth_change(&scene.before, later(scene.before.clock), &scene.after);
		r = apply(&scene.after);
		if (r == -ENOSPC) {
			assert_true(oracle_entries(&scene.after, false) > scene.after.max_grants);
			assert_int_equal(scene.writes, writes);
			refused++;
			/* what is in force stays, and goes on by the clock that it was stamped with */
			scene.before.max_grants = 256;
			continue;
		}
		assert_int_equal(r, 0);
		check_at_rest(&scene.after);
		scene.before = scene.after;
	}
	printf("# %d rounds, %llu writes, %zu rounds refused for want of room, asked: %llu passed, %llu dropped\n",
	       ROUNDS, (unsigned long long)scene.writes, refused, (unsigned long long)scene.passed,
	       (unsigned long long)scene.dropped);
	assert_true(scene.writes >= WRITES_MIN);
	assert_true(refused > 0);
	/* Neither answer is rare. */
	assert_true(scene.passed > scene.dropped / 8 && scene.dropped > scene.passed / 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_every_moment_the_trie_passes_what_a_live_grant_covers),
	};

	return cmocka_run_group_tests(tests, seed_random, NULL);
}
