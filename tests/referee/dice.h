/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The choices of one train of frames. Each train has dice of its own, thrown from the seed and its number, so that
 * any one of them can be made again without the others.
 */
#ifndef DICE_H
#define DICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dice {
	uint64_t state;
};

/* splitmix64 */
static inline uint64_t dice_bits(struct dice *dice)
{
	uint64_t z = dice->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline uint32_t dice_below(struct dice *dice, uint32_t limit)
{
	return (uint32_t)((dice_bits(dice) >> 32) * limit >> 32);
}

static inline uint32_t dice_between(struct dice *dice, uint32_t low, uint32_t high)
{
	return low + dice_below(dice, high - low + 1);
}

static inline bool dice_percent(struct dice *dice, uint32_t percent)
{
	return dice_below(dice, 100) < percent;
}

static inline struct dice dice_for(uint64_t seed, uint64_t number)
{
	struct dice dice = {seed * 0xd1342543de82ef95ULL + number};

	dice.state = dice_bits(&dice);
	return dice;
}

#define DICE_PICK(dice, table) ((table)[dice_below((dice), ARRAY_SIZE(table))])

#endif
