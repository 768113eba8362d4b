// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * From "something in this window was delivered" to the frames of one train; see leak.h. A train is sent again
 * with other datagram ids, so that no fragment of the time before can help it.
 */
#include "referee/leak.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static struct train train; /* large */

struct attempt {
	struct wire *wire;
	struct stream stream;
	struct arrival last;
	unsigned int leaks;
};

static void note_arrival(void *context, const struct arrival *a)
{
	struct attempt *attempt = context;

	if (!train_is_closed(a->dport) || a->granted)
		return;
	attempt->leaks++;
	attempt->last = *a;
}

static bool delivers(struct attempt *attempt, uint32_t number, uint32_t without)
{
	attempt->stream.salt += 0x2f35;
	attempt->leaks = 0;
	train_make(&attempt->stream, number, &train);
	wire_send(attempt->wire, &train, without);
	wire_settle(attempt->wire);
	wire_settle(attempt->wire);
	return attempt->leaks > 0;
}

static void print_frames(uint32_t without)
{
	size_t i, at;

	for (i = 0; i < train.n; i++) {
		if (without & 1U << i)
			continue;
		printf("frame %zu, %zu bytes:", i, train.frames[i].len);
		for (at = 0; at < train.frames[i].len; at++)
			printf("%s%02x", at % 16 ? at % 2 ? "" : " " : "\n  ", train.bytes[train.frames[i].at + at]);
		printf("\n");
	}
}

void leak_show(const struct stream *stream, uint32_t number)
{
	train_make(stream, number, &train);
	printf("train %" PRIu32 ": %s, IPv%u, protocol %u, to port %u%s\n", number, train_kind_name(train.kind),
	       train.family, train.proto, train.dport, train.granted ? ", from a granted source" : "");
	print_frames(0);
}

static void write_pcap(const char *folder, const struct stream *stream, uint32_t number, uint32_t without)
{
	const uint32_t head[] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1};
	char path[4096];
	_cleanup_fclose_ FILE *file = NULL;
	size_t i;

	snprintf(path, sizeof(path), "%s/%" PRIu64 "-%" PRIu32 ".pcap", folder, stream->seed, number);
	file = fopen(path, "we");
	if (!file) {
		printf("%s: %s\n", path, strerror(errno));
		return;
	}
	fwrite(head, sizeof(head), 1, file);
	for (i = 0; i < train.n; i++) {
		uint32_t len = (uint32_t)train.frames[i].len;
		const uint32_t packet[] = {0, (uint32_t)i, len, len};

		if (without & 1U << i)
			continue;
		fwrite(packet, sizeof(packet), 1, file);
		fwrite(train.bytes + train.frames[i].at, 1, len, file);
	}
	printf("kept as %s\n", path);
}

/* Frames that are not needed for it are left out. */
static uint32_t shorten(struct attempt *attempt, uint32_t number, size_t n)
{
	uint32_t without = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (delivers(attempt, number, without | 1U << i))
			without |= 1U << i;
	}
	return without;
}

void leak_explain(struct wire *wire, const struct stream *stream, uint32_t begin, uint32_t end, const char *folder)
{
	struct attempt attempt = {.wire = wire, .stream = *stream};
	unsigned int found = 0;
	uint32_t number, without;

	wire->arrived = note_arrival;
	wire->context = &attempt;
	for (number = begin; number != end; number++) {
		if (!delivers(&attempt, number, 0))
			continue;
		found++;
		without = shorten(&attempt, number, train.n);
		delivers(&attempt, number, without);
		printf("leak seed=%" PRIu64 " train=%" PRIu32 " mtu=%" PRIu32
		       " %s IPv%u protocol %u delivered to port %u\n",
		       stream->seed, number, stream->mtu, train_kind_name(train.kind), attempt.last.family,
		       attempt.last.proto, attempt.last.dport);
		print_frames(without);
		write_pcap(folder, stream, number, without);
	}
	if (!found)
		printf("leak seed=%" PRIu64 " trains %" PRIu32 " to %" PRIu32 ", none of them alone\n", stream->seed,
		       begin, end - 1);
	wire->arrived = NULL;
	wire->context = NULL;
}
