// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Fragments and lengths; see slices.h. Linux drops a datagram with a true overlap, and keeps the first of two equal
 * fragments, whatever is in the second one.
 */
#include "referee/slices.h"

#include <netinet/in.h>
#include <string.h>

#include "util.h"

#define PARTS_MAX 8

struct parts {
	struct slice at[TRAIN_FRAMES_MAX];
	size_t n;
};

static void add_part(struct parts *parts, const struct slice *slice)
{
	if (parts->n < ARRAY_SIZE(parts->at))
		parts->at[parts->n++] = *slice;
}

static void shuffle(struct dice *dice, struct parts *parts)
{
	size_t i;

	for (i = parts->n; i > 1; i--) {
		size_t other = dice_below(dice, (uint32_t)i);
		struct slice slice = parts->at[i - 1];

		parts->at[i - 1] = parts->at[other];
		parts->at[other] = slice;
	}
}

static void emit_parts(struct packet_plan *plan, const struct parts *parts)
{
	size_t i;

	for (i = 0; i < parts->n; i++)
		packet_emit(plan, &parts->at[i]);
}

/* The datagram in pieces whose sizes are multiples of 8, the first of at least `first` bytes. */
static void take_apart(struct packet_plan *plan, size_t first, struct parts *ret_parts)
{
	size_t most = packet_room(plan, true) & ~(size_t)7;
	size_t at = 0;

	ret_parts->n = 0;
	while (at < plan->content_len && ret_parts->n < PARTS_MAX) {
		size_t left = plan->content_len - at;
		size_t len = 8 + 8 * (size_t)dice_below(plan->dice, dice_percent(plan->dice, 50) ? 4 : 40);

		if (at == 0 && len < first)
			len = (first + 7) & ~(size_t)7;
		if (left > most * 2 || len > most || left > (PARTS_MAX - ret_parts->n - 1) * most)
			len = most;
		if (len > left || (ret_parts->n == PARTS_MAX - 1 && left <= most))
			len = left;
		add_part(ret_parts, &(struct slice){.bytes = plan->content + at,
						    .len = len,
						    .offset = at,
						    .more = at + len < plan->content_len,
						    .is_fragment = true});
		at += len;
	}
}

/* Header chain behind the fragment header. */
static void choose_inner_chain(struct packet_plan *plan)
{
	struct chain chain;
	size_t i, n = dice_between(plan->dice, 1, 2);

	chain.len = 0;
	for (i = 0; i < n; i++)
		chain_add_valid(&chain, plan->dice, dice_percent(plan->dice, 70) ? IPPROTO_DSTOPTS : IPPROTO_ROUTING,
				dice_below(plan->dice, 4));
	chain_end(&chain, plan->proto);
	plan->content_first = chain.first;
	packet_content(plan, chain.bytes, chain.len);
}

static void fill_content(struct packet_plan *plan, size_t payload, uint32_t percent_inner)
{
	plan->content_first = plan->proto;
	if (plan->family == 6 && dice_percent(plan->dice, 35))
		chain_add_valid(&plan->before, plan->dice, IPPROTO_HOPOPTS, dice_below(plan->dice, 3));
	if (plan->family == 6 && dice_percent(plan->dice, percent_inner))
		choose_inner_chain(plan);
	packet_l4(plan, payload);
}

/* IPv6 wants all headers in the first fragment (RFC 8200). */
static size_t first_wanted(const struct packet_plan *plan)
{
	return plan->family == 4 ? 8 : plan->content_len < plan->l4_at + 20 ? 8 : plan->l4_at + 20;
}

void slices_simple(struct packet_plan *plan, size_t payload)
{
	struct parts parts;

	fill_content(plan, payload, 10);
	take_apart(plan, first_wanted(plan), &parts);
	if (dice_percent(plan->dice, 40))
		shuffle(plan->dice, &parts);
	emit_parts(plan, &parts);
}

void slices_fragments(struct packet_plan *plan)
{
	size_t payload = dice_below(plan->dice, dice_percent(plan->dice, 80) ? 200 : 3000);
	struct parts parts;

	if (dice_percent(plan->dice, 15))
		plan->reserved = dice_percent(plan->dice, 80) ? dice_between(plan->dice, 1, 4) : 255;
	fill_content(plan, payload, 30);
	take_apart(plan, dice_percent(plan->dice, 80) ? first_wanted(plan) : 8, &parts);
	if (parts.n > 1 && dice_percent(plan->dice, 5))
		parts.n--;
	if (dice_percent(plan->dice, 50))
		shuffle(plan->dice, &parts);
	emit_parts(plan, &parts);
}

/* The transport header again, with another port. The checksum fits it. */
static void other_port(const struct packet_plan *plan, uint8_t *copy)
{
	static const uint16_t open_ports[] = {23, 260, 5633};
	uint8_t *l4 = copy + plan->l4_at;

	memcpy(copy, plan->content, plan->content_len);
	packet_put16(l4 + 2, train_is_closed(plan->dport) ? DICE_PICK(plan->dice, open_ports)
							  : DICE_PICK(plan->dice, train_closed_ports));
	packet_l4_checksum(plan, l4, plan->content_len - plan->l4_at);
}

/*
 * One more slice: the first one again with another port; a part of what was sent; something across the border of two;
 * a last one that ends elsewhere.
 */
static struct slice contradiction(struct packet_plan *plan, const struct parts *parts, const uint8_t *copy)
{
	struct slice slice = parts->at[dice_below(plan->dice, (uint32_t)parts->n)];

	switch (dice_below(plan->dice, 6)) {
	case 0:
	case 1:
	case 2:
		slice = parts->at[0];
		break;
	case 3:
		slice.len = slice.len > 16 ? 8 + 8 * (size_t)dice_below(plan->dice, (uint32_t)slice.len / 8 - 1) : 8;
		if (slice.offset + slice.len > plan->content_len)
			slice.len = plan->content_len - slice.offset;
		slice.more = true;
		break;
	case 4:
		slice.offset = slice.offset >= 8 ? slice.offset - 8 : 0;
		break;
	default:
		slice.more = !slice.more;
	}
	slice.bytes = copy + slice.offset;
	return slice;
}

void slices_overlap(struct packet_plan *plan)
{
	uint8_t copy[PACKET_CONTENT_MAX];
	struct slice extra[2];
	struct parts parts, sent = {.n = 0};
	size_t i, n = dice_between(plan->dice, 1, 2);

	fill_content(plan, 8 + dice_below(plan->dice, 120), 20);
	other_port(plan, copy);
	take_apart(plan, first_wanted(plan), &parts);
	for (i = 0; i < n; i++)
		extra[i] = contradiction(plan, &parts, dice_percent(plan->dice, 70) ? copy : plan->content);
	if (dice_percent(plan->dice, 60)) {
		for (i = 0; i < n; i++)
			add_part(&sent, &extra[i]);
		for (i = 0; i < parts.n; i++)
			add_part(&sent, &parts.at[i]);
	} else {
		sent = parts;
		for (i = 0; i < n; i++)
			add_part(&sent, &extra[i]);
		shuffle(plan->dice, &sent);
	}
	emit_parts(plan, &sent);
}

/* Harmless ports where a careless reader would look for them: behind the end of the IP packet. */
static void choose_padding(struct packet_plan *plan)
{
	size_t i;

	plan->trailer_len = 8 * dice_between(plan->dice, 1, 6);
	for (i = 0; i + 4 <= plan->trailer_len; i += 4) {
		packet_put16(plan->trailer + i, 40000);
		packet_put16(plan->trailer + i + 2, 23);
	}
}

/*
 * Headers in front of the fragment header, and content that begins like one of them: reassembly for connection
 * tracking reads such a packet in another way than it was sent.
 */
static void hide_in_front(struct packet_plan *plan)
{
	static const uint8_t protos[] = {IPPROTO_DSTOPTS, IPPROTO_ROUTING, IPPROTO_AH};
	uint8_t fake[8] = {plan->proto, 0, 1, 4};
	size_t i, n = dice_between(plan->dice, 1, 3);

	if (dice_percent(plan->dice, 30))
		chain_add_valid(&plan->before, plan->dice, IPPROTO_HOPOPTS,
				dice_percent(plan->dice, 50) ? 0 : dice_between(plan->dice, 24, 34));
	for (i = 0; i < n; i++)
		chain_add_valid(&plan->before, plan->dice, protos[dice_below(plan->dice, i ? 3 : 2)],
				dice_percent(plan->dice, 80) ? dice_below(plan->dice, 3)
							     : dice_between(plan->dice, 24, 34));
	plan->content_first = plan->proto;
	if (dice_percent(plan->dice, 70))
		packet_content(plan, fake, sizeof(fake));
	packet_l4(plan, dice_below(plan->dice, 60));
	plan->trailer_len = 0;
	packet_emit(plan, &(struct slice){.bytes = plan->content,
					  .len = plan->content_len & ~(size_t)(dice_percent(plan->dice, 50) ? 0 : 7),
					  .is_fragment = true});
}

/* Cut inside the transport header, or inside or right behind a header that stands in front of it. */
static void hide_in_second(struct packet_plan *plan)
{
	struct parts parts = {.n = 0};
	size_t cut;

	plan->content_first = plan->proto;
	if (plan->family == 6 && dice_percent(plan->dice, 30))
		chain_add_valid(&plan->before, plan->dice, IPPROTO_HOPOPTS, 0);
	if (plan->family == 6)
		choose_inner_chain(plan);
	packet_l4(plan, dice_below(plan->dice, 60));
	cut = plan->l4_at + 8 * (size_t)dice_below(plan->dice, 4);
	cut = dice_percent(plan->dice, 50) && cut >= 8 ? cut - 8 : cut;
	if (plan->family == 4 && dice_percent(plan->dice, 20))
		cut = dice_below(plan->dice, 8);
	if (dice_percent(plan->dice, 60))
		choose_padding(plan);
	if (cut > plan->content_len)
		cut = plan->content_len;
	add_part(&parts, &(struct slice){.bytes = plan->content, .len = cut, .more = true, .is_fragment = true});
	add_part(&parts, &(struct slice){.bytes = plan->content + (cut & ~(size_t)7),
					 .len = plan->content_len - (cut & ~(size_t)7),
					 .offset = cut & ~(size_t)7,
					 .is_fragment = true});
	if (dice_percent(plan->dice, 40))
		shuffle(plan->dice, &parts);
	emit_parts(plan, &parts);
}

void slices_hidden(struct packet_plan *plan)
{
	if (plan->family == 6 && dice_percent(plan->dice, 50))
		hide_in_front(plan);
	else
		hide_in_second(plan);
}

/* The header says more words than there are options: the transport header is read from behind them. */
static void lie_about_header(struct packet_plan *plan)
{
	size_t extra = 4 * dice_between(plan->dice, 1, 10);

	packet_put16(plan->options, 40000);
	packet_put16(plan->options + 2, 23);
	memset(plan->options + 4, 0, extra);
	plan->options[0] = dice_percent(plan->dice, 50) ? 0 : 1;
	plan->options_len = extra;
}

void slices_lengths(struct packet_plan *plan)
{
	plan->content_first = plan->proto;
	if (dice_percent(plan->dice, 60))
		choose_padding(plan);
	if (plan->family == 4 && dice_percent(plan->dice, 40)) {
		lie_about_header(plan);
	} else if (plan->family == 6 && dice_percent(plan->dice, 50)) {
		chain_add_valid(&plan->before, plan->dice,
				dice_percent(plan->dice, 70) ? IPPROTO_HOPOPTS : IPPROTO_DSTOPTS,
				dice_below(plan->dice, 4));
		plan->len_is_zero = dice_percent(plan->dice, 60); /* taken as a jumbogram; then padding counts */
		if (plan->len_is_zero && dice_percent(plan->dice, 50))
			plan->trailer_len = 0;
	}
	if (dice_percent(plan->dice, 40))
		plan->len_lie = (int)dice_below(plan->dice, 40) - 20;
	packet_l4(plan, dice_below(plan->dice, 80));
	packet_emit(plan, &(struct slice){.bytes = plan->content,
					  .len = plan->content_len,
					  .is_fragment = plan->family == 6 && dice_percent(plan->dice, 15)});
}
