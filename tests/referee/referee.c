// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The kernel as referee: sends a stream of trains over a link and counts what the receiving kernel delivers, by port,
 * kind of train, family and protocol.
 *
 *   referee count FROM_NS IFNAME TO_NS SEED FIRST FRAMES MTU SALT
 *   referee first FROM_NS IFNAME TO_NS SEED FIRST FRAMES MTU SALT
 *   referee hunt FROM_NS IFNAME TO_NS SEED FIRST FRAMES MTU SALT FOLDER
 *   referee show SEED NUMBER MTU
 *
 * count: all of the frames, from train FIRST on. first: up to the first delivery to a closed port from a source without
 * a grant. hunt: then the train is found, made as short as it goes, shown, and kept as a pcap in FOLDER. show: a
 * train in hex.
 *
 * On stdout: "total", "kind", "proto", "socket" lines of words, for the script. Exit code: 0, 1 there was a delivery
 * (hunt, first), 2 it cannot be done.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "referee/leak.h"
#include "referee/wire.h"
#include "util.h"

struct counts {
	uint64_t closed, open, granted; /* granted: at closed ports */
};

struct run {
	struct wire wire;
	struct stream stream;
	uint32_t begin; /* of the trains that are under way */
	uint8_t kinds[WIRE_WINDOW];
	uint64_t frames, trains, strangers;
	uint64_t sent[_TRAIN_KIND_MAX][2];
	struct counts by_kind[_TRAIN_KIND_MAX][2];
	struct counts by_proto[WIRE_RAW_PROTOS][2];
	uint64_t leaks;
};

static void count(struct counts *counts, const struct arrival *a)
{
	if (!train_is_closed(a->dport))
		counts->open++;
	else if (a->granted)
		counts->granted++;
	else
		counts->closed++;
}

/* A source that is no train's, or a train's that is not under way, was mutated. */
static void count_arrival(void *context, const struct arrival *a)
{
	struct run *run = context;
	uint32_t index = (a->number - run->begin) & a->mask;
	int proto = wire_proto_index(a->proto);
	size_t kind = TRAIN_MUTATED;

	if (a->known && index < WIRE_WINDOW)
		kind = run->kinds[index];
	else
		run->strangers++;
	count(&run->by_kind[kind][a->family == 6], a);
	count(&run->by_proto[proto][a->family == 6], a);
	run->leaks += train_is_closed(a->dport) && !a->granted;
}

/* One window: trains until as many frames as the link holds are under way. Returns the number after the last one. */
static uint32_t send_window(struct run *run, uint32_t number)
{
	static struct train train;
	size_t frames = 0, in_flight = 0;

	run->begin = number;
	while (number - run->begin < WIRE_WINDOW && in_flight + TRAIN_SEGMENTS_MAX <= WIRE_WINDOW) {
		train_make(&run->stream, number, &train);
		run->kinds[number - run->begin] = (uint8_t)train.kind;
		run->sent[train.kind][train.family == 6] += train.n;
		wire_send(&run->wire, &train, 0);
		frames += train.n;
		in_flight += train.n && train.frames[0].segment ? TRAIN_SEGMENTS_MAX : train.n;
		number++;
	}
	wire_settle(&run->wire);
	run->trains += number - run->begin;
	run->frames += frames;
	return number;
}

static void print_counts(const char *what, const char *name, int is6, uint64_t frames, const struct counts *counts)
{
	if (frames || counts->closed || counts->open || counts->granted)
		printf("%s %s %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", what, name, is6 ? 6 : 4, frames,
		       counts->closed, counts->open, counts->granted);
}

static void print_run(struct run *run, int64_t ms)
{
	size_t i;
	int is6;

	wire_count_tcp(&run->wire);
	printf("total frames=%" PRIu64 " trains=%" PRIu64 " leaks=%" PRIu64 " strangers=%" PRIu64 " ms=%" PRId64 "\n",
	       run->frames, run->trains, run->leaks, run->strangers, ms);
	for (i = 0; i < _TRAIN_KIND_MAX; i++) {
		for (is6 = 0; is6 < 2; is6++)
			print_counts("kind", train_kind_name((enum train_kind)i), is6, run->sent[i][is6],
				     &run->by_kind[i][is6]);
	}
	for (i = 0; i < WIRE_RAW_PROTOS; i++) {
		for (is6 = 0; is6 < 2; is6++)
			print_counts("proto", wire_proto_name(i), is6, 0, &run->by_proto[i][is6]);
	}
	for (i = 0; i < _WIRE_SOCKET_MAX; i++)
		printf("socket %s %" PRIu64 "\n", wire_socket_name((enum wire_socket)i), run->wire.got[i]);
}

static uint64_t number_of(const char *text, uint64_t max)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || value > max)
		wire_die("%s: not a number up to %" PRIu64, text, max);
	return value;
}

static struct stream stream_of(const char *seed, const char *mtu)
{
	struct stream stream = {.seed = number_of(seed, UINT64_MAX), .mtu = (uint32_t)number_of(mtu, TRAIN_MTU_MAX)};

	if (stream.mtu < TRAIN_MTU_MIN)
		wire_die("MTU %" PRIu32 " is below %d", stream.mtu, TRAIN_MTU_MIN);
	return stream;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int run_stream(char **argv)
{
	static struct run run;
	bool stops = strcmp(argv[1], "count") != 0;
	uint32_t number = (uint32_t)number_of(argv[6], UINT32_MAX);
	uint64_t frames = number_of(argv[7], UINT32_MAX);
	int64_t began = now_ms();

	run.stream = stream_of(argv[5], argv[8]);
	run.stream.salt = (uint16_t)number_of(argv[9], UINT16_MAX);
	run.wire.arrived = count_arrival;
	run.wire.context = &run;
	wire_open(&run.wire, argv[2], argv[3], argv[4]);
	while (run.frames < frames && !(stops && run.leaks))
		number = send_window(&run, number);
	wire_settle(&run.wire);
	print_run(&run, now_ms() - began);
	if (!stops || !run.leaks)
		return 0;
	if (argv[10])
		leak_explain(&run.wire, &run.stream, run.begin, number, argv[10]);
	return 1;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (argc == 5 && strcmp(verb, "show") == 0) {
		struct stream stream = stream_of(argv[2], argv[4]);

		leak_show(&stream, (uint32_t)number_of(argv[3], UINT32_MAX));
		return 0;
	}
	if ((argc == 10 && (strcmp(verb, "count") == 0 || strcmp(verb, "first") == 0)) ||
	    (argc == 11 && strcmp(verb, "hunt") == 0))
		return run_stream(argv);
	wire_die("usage: count|first|hunt FROM_NS IFNAME TO_NS SEED FIRST FRAMES MTU SALT [FOLDER], or show SEED "
		 "NUMBER MTU");
}
