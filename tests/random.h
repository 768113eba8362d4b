/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Random numbers for property tests: every run has another seed, prints it, and takes it back from $TEST_SEED.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t random_state = 1;

/* xorshift64* */
static inline uint64_t random_bits(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

static inline uint32_t random_below(uint32_t limit)
{
	return (uint32_t)(random_bits() >> 32) % limit;
}

/* A test's set-up function. */
static inline int seed_random(void **state)
{
	const char *given = getenv("TEST_SEED");
	struct timespec now = {0};

	(void)state;
	clock_gettime(CLOCK_REALTIME, &now);
	random_state = given ? strtoull(given, NULL, 0) : (uint64_t)now.tv_sec * 1000003 + (uint64_t)now.tv_nsec;
	random_state |= 1;
	printf("# TEST_SEED=%llu\n", (unsigned long long)random_state);
	return 0;
}

#endif
