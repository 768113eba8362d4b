// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The referee's stream: made again alike, inside its bounds, and with something of everything in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "random.h"
#include "referee/packet.h"
#include "referee/train.h"

#define TRAINS 20000
#define ETH_BYTES 14

static struct train one, two; /* large */

static struct stream any_stream(uint32_t mtu)
{
	return (struct stream){.seed = random_bits(), .mtu = mtu};
}

static int same_frames(const struct train *a, const struct train *b)
{
	return a->kind == b->kind && a->n == b->n && a->used == b->used &&
	       memcmp(a->frames, b->frames, a->n * sizeof(*a->frames)) == 0 && memcmp(a->bytes, b->bytes, a->used) == 0;
}

/* Whatever was made before: the order does not count. */
static void seed_and_number_make_the_train(void **state)
{
	struct stream stream = any_stream(3400), other = any_stream(3400);
	unsigned int i, differ = 0;

	(void)state;
	for (i = 0; i < TRAINS; i++) {
		uint32_t number = random_below(1U << 24);

		train_make(&stream, number, &one);
		train_make(&other, random_below(1U << 24), &two);
		differ += !same_frames(&one, &two);
		train_make(&stream, number, &two);
		if (!same_frames(&one, &two))
			fail_msg("train %u is another one at the second time", number);
	}
	assert_true(differ > TRAINS * 99 / 100);
}

static void check_frames(const struct train *train, uint32_t number, uint32_t mtu)
{
	size_t i, at = 0;

	assert_true(train->n <= TRAIN_FRAMES_MAX && train->used <= TRAIN_BYTES_MAX);
	for (i = 0; i < train->n; i++) {
		const struct train_frame *frame = &train->frames[i];

		if (frame->at != at || frame->len < ETH_BYTES || (frame->len > mtu + ETH_BYTES && !frame->segment))
			fail_msg("train %u, frame %zu: %zu bytes at %zu", number, i, frame->len, frame->at);
		at += frame->len;
	}
	assert_int_equal(at, train->used);
}

static void frames_fit_the_link(void **state)
{
	static const uint32_t mtus[] = {TRAIN_MTU_MIN, 1500, 3400, TRAIN_MTU_MAX};
	size_t m;
	uint32_t number;

	(void)state;
	for (m = 0; m < sizeof(mtus) / sizeof(*mtus); m++) {
		struct stream stream = any_stream(mtus[m]);

		for (number = 0; number < TRAINS; number++) {
			train_make(&stream, number, &one);
			check_frames(&one, number, stream.mtu);
		}
	}
}

/* A frame that nobody has mutated says who sent it; only a train that says so has a granted source. */
static void sources_carry_the_number(void **state)
{
	struct stream stream = any_stream(1500);
	uint32_t number;

	(void)state;
	for (number = 0; number < TRAINS; number++) {
		const uint8_t *source;

		train_make(&stream, number, &one);
		if (one.kind == TRAIN_MUTATED || one.kind == TRAIN_CUT || one.family != 4)
			continue;
		source = one.bytes + one.frames[0].l3_at + 12;
		if (one.granted)
			assert_true(packet_get16(source) == 0xc612 && source[2] < 0x80);
		else if (one.near)
			assert_true(packet_get16(source) == 0xc612 && source[2] >= 0x80);
		else
			assert_int_equal(source[0], TRAIN_SOURCE4);
		assert_int_equal(packet_get16(source + 2) & TRAIN_NETS_MASK, number & TRAIN_NETS_MASK);
	}
}

static void every_kind_family_and_protocol_occurs(void **state)
{
	static const uint8_t protos[] = {6, 17, 33, 132, 136};
	unsigned int kinds[_TRAIN_KIND_MAX][2] = {0}, by_proto[256] = {0}, granted = 0, closed = 0;
	struct stream stream = any_stream(1500);
	size_t i;
	uint32_t number;

	(void)state;
	for (number = 0; number < TRAINS; number++) {
		train_make(&stream, number, &one);
		kinds[one.kind][one.family == 6]++;
		by_proto[one.proto]++;
		granted += one.granted;
		closed += train_is_closed(one.dport);
	}
	for (i = 0; i < _TRAIN_KIND_MAX; i++) {
		assert_true(kinds[i][0] > TRAINS / 500 || i == TRAIN_EXTENSIONS);
		assert_true(kinds[i][1] > TRAINS / 500 || i == TRAIN_OPTIONS);
	}
	for (i = 0; i < sizeof(protos); i++)
		assert_true(by_proto[protos[i]] > TRAINS / 20);
	assert_true(granted > TRAINS / 100 && granted < TRAINS / 10);
	assert_true(closed > TRAINS / 2 && closed < TRAINS * 9 / 10);
}

/* Sent again, a train differs in the ids of its datagrams alone. */
static void salt_changes_the_datagram_ids(void **state)
{
	struct stream stream = any_stream(1500);
	uint32_t number, differ = 0, fragments = 0;

	(void)state;
	for (number = 0; number < TRAINS; number++) {
		stream.salt = 0;
		train_make(&stream, number, &one);
		stream.salt = (uint16_t)(1 + random_below(UINT16_MAX));
		train_make(&stream, number, &two);
		assert_int_equal(one.n, two.n);
		assert_int_equal(one.used, two.used);
		fragments += one.kind == TRAIN_FRAGMENTS;
		differ += one.kind == TRAIN_FRAGMENTS && memcmp(one.bytes, two.bytes, one.used) != 0;
	}
	assert_true(fragments > 0);
	assert_int_equal(differ, fragments);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seed_and_number_make_the_train),
		cmocka_unit_test(frames_fit_the_link),
		cmocka_unit_test(sources_carry_the_number),
		cmocka_unit_test(every_kind_family_and_protocol_occurs),
		cmocka_unit_test(salt_changes_the_datagram_ids),
	};

	return cmocka_run_group_tests(tests, seed_random, NULL);
}
