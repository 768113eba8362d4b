// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Mutations; see mutate.h.
 */
#include "referee/mutate.h"

#include <netinet/in.h>
#include <string.h>

#include "util.h"

#define MACS_BYTES 12
#define HEADS_BYTES 100 /* most changes are made where the headers are */
#define GROWTH_MAX 16

static const uint8_t telling[] = {0,  1,  2,  4,  5,  6,  7,   8,   17,  22,  33,   41,   43,   44,   47,
				  50, 51, 58, 59, 60, 63, 129, 132, 135, 136, 0x45, 0x46, 0x4f, 0x60, 255};

static size_t spot(struct dice *dice, size_t len)
{
	size_t end = dice_percent(dice, 85) && len > HEADS_BYTES ? HEADS_BYTES : len;

	return MACS_BYTES + dice_below(dice, (uint32_t)(end - MACS_BYTES));
}

/* `extra` bytes more (or, negative, fewer) at `at`. Frames behind this one move. */
static void resize(struct train *train, size_t index, size_t at, int extra, const uint8_t *bytes)
{
	struct train_frame *frame = &train->frames[index];
	uint8_t *begin = train->bytes + frame->at + at;
	size_t old = extra < 0 ? (size_t)-extra : 0, new = extra < 0 ? 0 : (size_t)extra;
	size_t i;

	if (at + old > frame->len || train->used + new > sizeof(train->bytes))
		return;
	memmove(begin + new, begin + old, train->used - frame->at - at - old);
	if (new)
		memcpy(begin, bytes, new);
	frame->len = frame->len + new - old;
	train->used = train->used + new - old;
	for (i = index + 1; i < train->n; i++)
		train->frames[i].at = train->frames[i].at + new - old;
	if (frame->l3_at > at)
		frame->l3_at = (uint16_t)(frame->l3_at + extra);
	if (frame->l4_at > at)
		frame->l4_at = (uint16_t)(frame->l4_at + extra);
}

/* Bytes that may pass for a header: a next header, a length. */
static void insert(struct packet_plan *plan, size_t index)
{
	struct train_frame *frame = &plan->train->frames[index];
	uint8_t bytes[GROWTH_MAX] = {DICE_PICK(plan->dice, telling), 0};
	int extra = 4 * (int)dice_between(plan->dice, 1, 4);

	if (dice_percent(plan->dice, 50))
		packet_put16(bytes + 2, DICE_PICK(plan->dice, train_closed_ports));
	if (frame->len + (size_t)extra <= plan->mtu + 14)
		resize(plan->train, index, spot(plan->dice, frame->len), extra, bytes);
}

static void mutate_frame(struct packet_plan *plan, size_t index)
{
	struct train_frame *frame = &plan->train->frames[index];
	uint8_t *bytes = plan->train->bytes + frame->at;
	size_t at = spot(plan->dice, frame->len);

	switch (dice_below(plan->dice, 8)) {
	case 0:
	case 1:
	case 2:
		bytes[at] ^= (uint8_t)(1U << dice_below(plan->dice, 8));
		break;
	case 3:
	case 4:
		bytes[at] = DICE_PICK(plan->dice, telling);
		break;
	case 5:
		bytes[at] = (uint8_t)dice_bits(plan->dice);
		break;
	case 6:
		insert(plan, index);
		break;
	default:
		if (frame->len > 60)
			resize(plan->train, index, at, -4 * (int)dice_between(plan->dice, 1, 3), NULL);
	}
}

static void repair_lengths(uint8_t *l3, size_t len)
{
	if (l3[0] >> 4 == 4)
		packet_put16(l3 + 2, (uint16_t)len);
	else
		packet_put16(l3 + 4, (uint16_t)(len - 40));
}

static void repair(struct packet_plan *plan, const struct train_frame *frame)
{
	uint8_t *l3 = plan->train->bytes + frame->at + frame->l3_at;
	size_t len = frame->len - frame->l3_at;

	if (frame->l3_at + 40U > frame->len)
		return;
	if (dice_percent(plan->dice, 40))
		repair_lengths(l3, len);
	if (l3[0] >> 4 == 4)
		packet_fix_ipv4(l3, len);
	if (frame->l4_at && frame->l4_at + 20U < frame->len && dice_percent(plan->dice, 70))
		packet_l4_checksum(plan, plan->train->bytes + frame->at + frame->l4_at, frame->len - frame->l4_at);
}

void mutate_train(struct packet_plan *plan)
{
	size_t i, n = dice_between(plan->dice, 1, dice_percent(plan->dice, 70) ? 2 : 6);
	bool repaired = dice_percent(plan->dice, 85);

	if (!plan->train->n)
		return;
	for (i = 0; i < n; i++)
		mutate_frame(plan, dice_below(plan->dice, (uint32_t)plan->train->n));
	for (i = 0; i < plan->train->n && repaired; i++)
		repair(plan, &plan->train->frames[i]);
}

/* The last frame ends early, an Ethernet header at least. Lengths say so, or do not. */
void mutate_cut(struct packet_plan *plan)
{
	struct train *train = plan->train;
	struct train_frame *frame;

	if (!train->n)
		return;
	frame = &train->frames[train->n - 1];
	train->used -= frame->len;
	frame->len = 14 + dice_below(plan->dice, (uint32_t)frame->len - 13);
	train->used += frame->len;
	if (dice_percent(plan->dice, 70))
		repair(plan, frame);
}
