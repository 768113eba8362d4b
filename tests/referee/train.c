// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What a train is made of, kind by kind; see train.h. Most choices leave it deliverable: a frame that the kernel
 * refuses anyway proves nothing about the filter.
 */
#include "referee/train.h"

#include <netinet/in.h>
#include <string.h>

#include "referee/mutate.h"
#include "referee/packet.h"
#include "referee/slices.h"
#include "util.h"

/* 5632 is 22 with its bytes swapped; 4 and 1541 look like extension headers. */
const uint16_t train_closed_ports[TRAIN_CLOSED_PORTS] = {22, 3389, 5632, 4, 1541};
static const uint16_t open_ports[] = {23, 5633, 260, 53, 3390, 1024, 0x3c00};

static const char *const kind_names[] = {
	[TRAIN_PLAIN] = "plain",
	[TRAIN_TAGGED] = "tagged",
	[TRAIN_OPTIONS] = "options",
	[TRAIN_EXTENSIONS] = "extensions",
	[TRAIN_FRAGMENTS] = "fragments",
	[TRAIN_OVERLAP] = "overlap",
	[TRAIN_HIDDEN] = "hidden",
	[TRAIN_LENGTHS] = "lengths",
	[TRAIN_BIG] = "big",
	[TRAIN_SUPER] = "super",
	[TRAIN_TUNNEL] = "tunnel",
	[TRAIN_FOREIGN] = "foreign",
	[TRAIN_CUT] = "cut",
	[TRAIN_MUTATED] = "mutated",
};
_Static_assert(ARRAY_SIZE(kind_names) == _TRAIN_KIND_MAX, "a kind has no name");

const char *train_kind_name(enum train_kind kind)
{
	return kind_names[kind];
}

bool train_is_closed(uint16_t port)
{
	size_t i;

	for (i = 0; i < TRAIN_CLOSED_PORTS; i++) {
		if (train_closed_ports[i] == port)
			return true;
	}
	return false;
}

static void choose_source(struct packet_plan *plan, uint32_t number)
{
	const struct train *train = plan->train;
	uint64_t net6 = train->granted ? TRAIN_GRANTED6 : train->near ? TRAIN_NEAR6 : TRAIN_SOURCE6;
	uint32_t net4 = train->granted ? TRAIN_GRANTED4 : train->near ? TRAIN_NEAR4 : TRAIN_SOURCE4 << 24;

	if (plan->family == 4) {
		packet_put32(plan->source,
			     net4 | (number & (train->granted || train->near ? TRAIN_NETS_MASK : TRAIN_NUMBER_MASK)));
		return;
	}
	packet_put16(plan->source, (uint16_t)(net6 >> 32));
	packet_put32(plan->source + 2, (uint32_t)net6);
	packet_put32(plan->source + 12, number & TRAIN_NUMBER_MASK);
}

static uint16_t choose_port(struct dice *dice)
{
	return dice_percent(dice, 70) ? DICE_PICK(dice, train_closed_ports) : DICE_PICK(dice, open_ports);
}

/* What any kind of train may have. */
static void choose_common(struct packet_plan *plan)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_TCP,  IPPROTO_TCP,  IPPROTO_UDP,    IPPROTO_UDP,
					 IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_DCCP, IPPROTO_UDPLITE};
	struct dice *dice = plan->dice;

	plan->proto = DICE_PICK(dice, protos);
	plan->dport = choose_port(dice);
	plan->sport = dice_percent(dice, 20) ? DICE_PICK(dice, train_closed_ports) : 40000;
	if (dice_percent(dice, 20))
		plan->trailer_len = dice_below(dice, 40);
	if (dice_percent(dice, 10))
		plan->tags[plan->n_tags++] = (struct tag){0x8100, 0};
	plan->train->family = plan->family;
	plan->train->proto = plan->proto;
	plan->train->dport = plan->dport;
}

static size_t small_payload(struct dice *dice)
{
	return dice_percent(dice, 30) ? 0 : dice_below(dice, 200);
}

static void whole(struct packet_plan *plan, size_t payload)
{
	plan->content_first = plan->proto;
	packet_l4(plan, payload);
	packet_emit_whole(plan);
}

static void make_plain(struct packet_plan *plan)
{
	whole(plan, small_payload(plan->dice));
}

/* Tags with VLAN id 0, a priority at most, come off without a VLAN device. */
static void make_tagged(struct packet_plan *plan)
{
	static const uint16_t types[] = {0x8100, 0x8100, 0x88a8, 0x9100};
	bool only_priority = dice_percent(plan->dice, 80);
	size_t n = dice_between(plan->dice, 1, dice_percent(plan->dice, 70) ? 4 : PACKET_TAGS_MAX);
	size_t i;

	for (i = 0; i < n; i++) {
		struct tag tag = {types[dice_below(plan->dice, only_priority ? 3 : 4)], 0};

		tag.tci = (uint16_t)(dice_below(plan->dice, 8) << 13);
		if (!only_priority)
			tag.tci |= dice_below(plan->dice, 4096);
		plan->tags[i] = tag;
	}
	plan->n_tags = n;
	if (dice_percent(plan->dice, 15))
		slices_simple(plan, dice_below(plan->dice, 200));
	else
		make_plain(plan);
}

/* Valid options, some of them such that a receiver changes or follows them; sometimes any bytes. */
static void choose_options(struct packet_plan *plan)
{
	static const char *const samples[] = {
		"\x01\x01\x01\x01",
		"\x07\x07\x04\0\0\0\0\0",
		"\x94\x04\0\0",
		"\x44\x0c\x05\0\0\0\0\0\0\0\0\0",
		"\x83\x07\x08\xc0\0\x02\x01\x01",
		"\x89\x07\x08\xc0\0\x02\x01\x01",
		"\x86\x08\0\0\0\x01\x02\x02",
		"\x82\x04\0\0",
		"\x88\x04\0\x01",
	};
	static const uint8_t lengths[] = {4, 8, 4, 12, 8, 8, 8, 4, 4};
	size_t want = 4 * dice_between(plan->dice, 1, 10);

	while (plan->options_len < want) {
		size_t i = dice_below(plan->dice, ARRAY_SIZE(samples) * 2);

		if (i >= ARRAY_SIZE(samples) || lengths[i] > want - plan->options_len)
			i = 0;
		memcpy(plan->options + plan->options_len, samples[i], lengths[i]);
		plan->options_len += lengths[i];
	}
	if (dice_percent(plan->dice, 10))
		plan->options[0] = 0; /* the list ends; what follows is not looked at */
}

static void make_options(struct packet_plan *plan)
{
	choose_options(plan);
	if (dice_percent(plan->dice, 20))
		slices_simple(plan, dice_below(plan->dice, 300));
	else
		make_plain(plan);
}

static void choose_chain(struct packet_plan *plan, struct chain *chain)
{
	static const uint8_t protos[] = {IPPROTO_DSTOPTS, IPPROTO_DSTOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING,
					 IPPROTO_ROUTING, IPPROTO_HOPOPTS, IPPROTO_AH,      IPPROTO_FRAGMENT};
	bool only_skipped = dice_percent(plan->dice, 75);
	size_t n = dice_between(plan->dice, 1, dice_percent(plan->dice, 80) ? 4 : 11);
	size_t i;

	for (i = 0; i < n; i++) {
		uint8_t proto = protos[dice_below(plan->dice, only_skipped ? 5 : ARRAY_SIZE(protos))];
		uint8_t len = dice_percent(plan->dice, 95) ? dice_below(plan->dice, 4) : dice_below(plan->dice, 64);

		if (i == 0 && dice_percent(plan->dice, 40))
			proto = IPPROTO_HOPOPTS;
		if (proto == IPPROTO_FRAGMENT)
			len = dice_percent(plan->dice, 50) ? 0 : 255; /* reserved: may hold anything */
		chain_add_valid(chain, plan->dice, proto, len);
	}
}

static void make_extensions(struct packet_plan *plan)
{
	choose_chain(plan, &plan->before);
	plan->content_first = plan->proto;
	packet_l4(plan, small_payload(plan->dice));
	plan->reserved = dice_percent(plan->dice, 30) ? dice_between(plan->dice, 1, 4) : 0;
	/* An atomic fragment, or none. */
	packet_emit(plan, &(struct slice){.bytes = plan->content,
					  .len = plan->content_len,
					  .is_fragment = dice_percent(plan->dice, 25)});
}

static void make_big(struct packet_plan *plan)
{
	static const uint8_t jumbo[] = {IPPROTO_NONE, 0, 0xc2, 4, 0, 1, 0, 0};
	size_t room = packet_room(plan, false) - 64;

	plan->trailer_len = 0;
	if (plan->family == 6 && dice_percent(plan->dice, 20)) {
		if (dice_percent(plan->dice, 50))
			chain_add(&plan->before, IPPROTO_HOPOPTS, jumbo, sizeof(jumbo));
		else
			chain_add_valid(&plan->before, plan->dice, IPPROTO_HOPOPTS, dice_below(plan->dice, 3));
		plan->len_is_zero = true;
		room -= 64;
	} else if (dice_percent(plan->dice, 40)) {
		slices_simple(plan, dice_between(plan->dice, 1500, 3 * plan->mtu));
		return;
	}
	whole(plan, room / 2 + dice_below(plan->dice, (uint32_t)room / 2));
}

/* TCP, or UDP as a sender with segmentation offload makes it: a sender on the same host hands it over in one piece. */
static void make_super(struct packet_plan *plan)
{
	size_t len;

	plan->proto = dice_percent(plan->dice, 60) ? IPPROTO_TCP : IPPROTO_UDP;
	plan->train->proto = plan->proto;
	plan->n_tags = plan->trailer_len = 0;
	if (plan->family == 4 && dice_percent(plan->dice, 30))
		choose_options(plan);
	else if (plan->family == 6 && dice_percent(plan->dice, 30))
		chain_add_valid(&plan->before, plan->dice, IPPROTO_DSTOPTS, dice_below(plan->dice, 4));
	plan->content_first = plan->proto;
	packet_l4(plan, dice_between(plan->dice, 2 * plan->mtu, 30000));
	len = plan->content_len - plan->l4_at;
	packet_l4_partial(plan, plan->content + plan->l4_at, len);
	packet_emit(plan, &(struct slice){.bytes = plan->content, .len = plan->content_len, .segment = 1000});
}

/* No tunnel ends in the receiver, so nothing of what is inside may arrive. */
static void make_tunnel(struct packet_plan *plan)
{
	static const uint8_t outer[] = {IPPROTO_IPIP, IPPROTO_IPV6, IPPROTO_GRE, IPPROTO_ESP, IPPROTO_AH, 137};
	static const uint8_t gre[] = {0, 0, 8, 0};
	static const uint8_t srv6[] = {
		IPPROTO_NONE, 2, 4, 1, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0};
	uint8_t inner[20] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64};
	uint8_t proto = DICE_PICK(plan->dice, outer);

	if (plan->family == 6 && dice_percent(plan->dice, 30)) {
		chain_add(&plan->before, IPPROTO_ROUTING, srv6, sizeof(srv6));
		make_plain(plan);
		return;
	}
	inner[9] = plan->proto;
	memcpy(inner + 12, "\x0a\x01\x02\x03\xc0\x00\x02\x01", 8);
	packet_fix_ipv4(inner, sizeof(inner));
	plan->content_first = proto;
	if (proto == IPPROTO_GRE)
		packet_content(plan, gre, sizeof(gre));
	if (proto != IPPROTO_ESP)
		packet_content(plan, inner, sizeof(inner));
	packet_l4(plan, small_payload(plan->dice));
	packet_emit_whole(plan);
}

static void make_foreign(struct packet_plan *plan)
{
	static const uint16_t types[] = {0x8864, 0x8847, 0x8848, 0x88e7, 0x8926, 0x9100, 0x0000, 0x00ff};
	uint16_t ip = plan->family == 4 ? 0x0800 : 0x86dd;
	size_t kind = dice_below(plan->dice, ARRAY_SIZE(types) + 2);

	if (kind >= ARRAY_SIZE(types)) { /* 802.3 with LLC and SNAP, or LLC alone */
		memcpy(plan->in_front, "\xaa\xaa\x03\0\0\0", 6);
		packet_put16(plan->in_front + 6, ip);
		plan->in_front_len = 8;
		if (kind > ARRAY_SIZE(types)) {
			memcpy(plan->in_front, "\x06\x06\x03", 3);
			plan->in_front_len = 3;
		}
		plan->foreign = 200;
	} else {
		plan->foreign = types[kind];
		memcpy(plan->in_front, "\x11\0\0\x01\0\x40\0\x21", 8);
		plan->in_front_len = kind == 0 ? 8 : kind < 3 ? 4 : dice_below(plan->dice, 3) * 4;
		if (kind == 1 || kind == 2)
			memcpy(plan->in_front, "\0\0\x01\x40", 4);
	}
	make_plain(plan);
}

typedef void make_kind(struct packet_plan *plan);

static make_kind *const makers[] = {
	[TRAIN_PLAIN] = make_plain,
	[TRAIN_TAGGED] = make_tagged,
	[TRAIN_OPTIONS] = make_options,
	[TRAIN_EXTENSIONS] = make_extensions,
	[TRAIN_FRAGMENTS] = slices_fragments,
	[TRAIN_OVERLAP] = slices_overlap,
	[TRAIN_HIDDEN] = slices_hidden,
	[TRAIN_LENGTHS] = slices_lengths,
	[TRAIN_BIG] = make_big,
	[TRAIN_SUPER] = make_super,
	[TRAIN_TUNNEL] = make_tunnel,
	[TRAIN_FOREIGN] = make_foreign,
	[TRAIN_CUT] = make_plain,
	[TRAIN_MUTATED] = make_plain,
};
_Static_assert(ARRAY_SIZE(makers) == _TRAIN_KIND_MAX, "a kind has no maker");

/* Mutations and cuts begin with a train of one of these kinds. */
static const enum train_kind roots[] = {TRAIN_PLAIN,      TRAIN_TAGGED,    TRAIN_OPTIONS, TRAIN_EXTENSIONS,
					TRAIN_EXTENSIONS, TRAIN_FRAGMENTS, TRAIN_OVERLAP, TRAIN_HIDDEN,
					TRAIN_HIDDEN,     TRAIN_LENGTHS};

/* Out of a hundred. */
static const uint8_t shares[] = {
	[TRAIN_PLAIN] = 3,   [TRAIN_TAGGED] = 8,  [TRAIN_OPTIONS] = 7, [TRAIN_EXTENSIONS] = 10, [TRAIN_FRAGMENTS] = 10,
	[TRAIN_OVERLAP] = 9, [TRAIN_HIDDEN] = 14, [TRAIN_LENGTHS] = 9, [TRAIN_BIG] = 2,         [TRAIN_SUPER] = 1,
	[TRAIN_TUNNEL] = 2,  [TRAIN_FOREIGN] = 2, [TRAIN_CUT] = 3,     [TRAIN_MUTATED] = 20,
};

static enum train_kind choose_kind(struct dice *dice)
{
	uint32_t left = dice_below(dice, 100);
	size_t kind = 0;

	while (left >= shares[kind])
		left -= shares[kind++];
	return (enum train_kind)kind;
}

static uint8_t choose_family(struct dice *dice, enum train_kind kind)
{
	if (kind == TRAIN_OPTIONS)
		return 4;
	return kind == TRAIN_EXTENSIONS || dice_percent(dice, 55) ? 6 : 4;
}

void train_make(const struct stream *stream, uint32_t number, struct train *ret_train)
{
	struct dice dice = dice_for(stream->seed, number);
	enum train_kind kind = choose_kind(&dice), root = kind;
	struct packet_plan plan;

	/* Not the large arrays, which are filled before they are read. */
	memset(&plan, 0, offsetof(struct packet_plan, content));
	plan.content_len = plan.l4_at = 0;
	if (kind == TRAIN_MUTATED || kind == TRAIN_CUT)
		root = DICE_PICK(&dice, roots);
	plan.family = choose_family(&dice, root);
	plan.dice = &dice;
	plan.train = ret_train;
	plan.mtu = stream->mtu;
	ret_train->kind = kind;
	ret_train->n = ret_train->used = 0;
	ret_train->granted = dice_percent(&dice, 3);
	ret_train->near = !ret_train->granted && dice_percent(&dice, 10);
	choose_source(&plan, number);
	plan.id = (uint32_t)dice_bits(&dice) ^ stream->salt;
	choose_common(&plan);
	makers[root](&plan);
	if (kind == TRAIN_MUTATED)
		mutate_train(&plan);
	else if (kind == TRAIN_CUT)
		mutate_cut(&plan);
}
