// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Bytes of frames: headers, chains, checksums; see packet.h.
 */
#include "referee/packet.h"

#include <netinet/in.h>
#include <string.h>

#include "util.h"

#define ETH_BYTES 14
#define IPV4_BYTES 20
#define IPV6_BYTES 40
#define FRAG_BYTES 8

uint16_t packet_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

void packet_put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

void packet_put32(uint8_t *at, uint32_t value)
{
	packet_put16(at, value >> 16);
	packet_put16(at + 2, value & 0xffff);
}

uint32_t packet_sum(uint32_t sum, const uint8_t *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

uint16_t packet_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* ---------------------------------------------------------------- extension headers */

void chain_add(struct chain *chain, uint8_t proto, const uint8_t *bytes, size_t len)
{
	if (len > sizeof(chain->bytes) - chain->len)
		return;
	if (chain->len)
		chain->bytes[chain->next_at] = proto;
	else
		chain->first = proto;
	memcpy(chain->bytes + chain->len, bytes, len);
	chain->next_at = chain->len;
	chain->len += len;
}

/* Options of a type that receivers skip, or padding, which Linux takes up to 7 bytes at a time. */
static void fill_options(uint8_t *at, size_t len, bool padding)
{
	while (len) {
		size_t data = len < 2 ? 0 : len - 2 > 255 ? 255 : len - 2;

		if (padding && len >= 2 && len <= 7) {
			at[0] = 1;
		} else if (len == 1) {
			at[0] = 0;
			return;
		} else {
			at[0] = 0x1e;
			if (len - 2 - data == 1)
				data--;
		}
		at[1] = data;
		at += 2 + data;
		len -= 2 + data;
	}
}

void chain_add_valid(struct chain *chain, struct dice *dice, uint8_t proto, uint8_t len)
{
	uint8_t bytes[8 + 255 * 8] = {0};
	size_t n = proto == IPPROTO_AH ? (len + 2U) * 4 : proto == IPPROTO_FRAGMENT ? 8 : 8 + len * 8U;

	bytes[0] = IPPROTO_NONE;
	bytes[1] = len;
	if (proto == IPPROTO_HOPOPTS || proto == IPPROTO_DSTOPTS)
		fill_options(bytes + 2, n - 2, dice_percent(dice, 50));
	else if (proto == IPPROTO_ROUTING)
		bytes[2] = dice_percent(dice, 50) ? 0x21 : dice_below(dice, 5);
	else if (proto == IPPROTO_FRAGMENT)
		packet_put32(bytes + 4, dice_below(dice, 1000));
	else
		bytes[7] = 22;
	chain_add(chain, proto, bytes, n);
}

void chain_end(struct chain *chain, uint8_t proto)
{
	if (chain->len)
		chain->bytes[chain->next_at] = proto;
	else
		chain->first = proto;
}

/* ---------------------------------------------------------------- transport */

void packet_content(struct packet_plan *plan, const void *bytes, size_t len)
{
	if (len > sizeof(plan->content) - plan->content_len)
		return;
	memcpy(plan->content + plan->content_len, bytes, len);
	plan->content_len += len;
}

size_t packet_l4_header(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_SCTP:
		return 32; /* with an INIT chunk */
	case IPPROTO_DCCP:
		return 20; /* a request */
	default:
		return 8;
	}
}

static uint32_t pseudo_sum(const struct packet_plan *plan, size_t len)
{
	const char *dest = plan->family == 4 ? "\xc0\x00\x02\x01" : "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01";
	size_t n = plan->family == 4 ? 4 : 16;

	return packet_sum(packet_sum(plan->proto + (uint32_t)len, plan->source, n), (const uint8_t *)dest, n);
}

void packet_l4_partial(const struct packet_plan *plan, uint8_t *l4, size_t len)
{
	packet_put16(l4 + (plan->proto == IPPROTO_TCP ? 16 : 6), (uint16_t)~packet_fold(pseudo_sum(plan, len)));
}

void packet_l4_checksum(const struct packet_plan *plan, uint8_t *l4, size_t len)
{
	size_t at = plan->proto == IPPROTO_TCP ? 16 : 6;
	size_t covered = len;
	uint32_t sum;

	if (plan->proto == IPPROTO_SCTP || plan->proto == IPPROTO_DCCP || len < packet_l4_header(plan->proto))
		return; /* no kernel of ours looks at it */
	if (plan->proto == IPPROTO_UDPLITE && packet_get16(l4 + 4))
		covered = packet_get16(l4 + 4) < len ? packet_get16(l4 + 4) : len;
	packet_put16(l4 + at, 0);
	sum = pseudo_sum(plan, len);
	sum = packet_fold(packet_sum(sum, l4, covered));
	packet_put16(l4 + at, sum ? (uint16_t)sum : 0xffff);
}

static void fill_tcp(struct packet_plan *plan, uint8_t *l4, size_t *header)
{
	static const uint8_t flags[] = {0x02, 0x02, 0x02, 0x02, 0x02, 0x02, 0x10, 0x18, 0x04, 0x11, 0x00, 0xff};

	*header += 4 * (dice_percent(plan->dice, 30) ? dice_below(plan->dice, 11) : 0);
	memset(l4 + 20, 1, *header - 20);
	packet_put32(l4 + 4, (uint32_t)dice_bits(plan->dice));
	l4[12] = (uint8_t)(*header / 4 << 4);
	l4[13] = DICE_PICK(plan->dice, flags);
	packet_put16(l4 + 14, 64000);
}

void packet_l4(struct packet_plan *plan, size_t payload)
{
	uint8_t *l4 = plan->content + plan->content_len;
	size_t room = sizeof(plan->content) - plan->content_len;
	size_t header = packet_l4_header(plan->proto);
	size_t len, i;

	memset(l4, 0, 64);
	packet_put16(l4, plan->sport);
	packet_put16(l4 + 2, plan->dport);
	if (plan->proto == IPPROTO_TCP) {
		fill_tcp(plan, l4, &header);
	} else if (plan->proto == IPPROTO_SCTP) {
		memcpy(l4 + 12, "\x01\0\0\x14\0\0\0\x01\0\0\xff\xff\0\x01\0\x01\0\0\0\x01", 20);
	} else if (plan->proto == IPPROTO_DCCP) {
		l4[4] = 5;
		l4[8] = 0x01; /* a request, with a long sequence number */
	}
	len = header + payload < room ? header + payload : room;
	for (i = header; i < len; i++)
		l4[i] = (uint8_t)(i * 37 + plan->sport);
	if (plan->proto == IPPROTO_UDP)
		packet_put16(l4 + 4, (uint16_t)len);
	else if (plan->proto == IPPROTO_UDPLITE && dice_percent(plan->dice, 50))
		packet_put16(l4 + 4, 8);
	packet_l4_checksum(plan, l4, len);
	if (plan->proto == IPPROTO_UDP && dice_percent(plan->dice, 10))
		packet_put16(l4 + 6, 0);
	plan->l4_at = plan->content_len;
	plan->content_len += len;
}

/* ---------------------------------------------------------------- frames */

static size_t ip_bytes(const struct packet_plan *plan, bool is_fragment)
{
	return plan->family == 4 ? IPV4_BYTES + plan->options_len
				 : IPV6_BYTES + plan->before.len + (is_fragment ? FRAG_BYTES : 0);
}

static size_t l2_bytes(const struct packet_plan *plan)
{
	return ETH_BYTES + plan->n_tags * 4 + plan->in_front_len;
}

size_t packet_room(const struct packet_plan *plan, bool is_fragment)
{
	return ETH_BYTES + plan->mtu - l2_bytes(plan) - ip_bytes(plan, is_fragment);
}

static uint8_t *add_l2(const struct packet_plan *plan, uint8_t *at)
{
	static const uint8_t macs[] = {2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a};
	uint16_t type = plan->foreign ? plan->foreign : plan->family == 4 ? 0x0800 : 0x86dd;
	size_t i;

	memcpy(at, macs, sizeof(macs));
	at += sizeof(macs);
	for (i = 0; i < plan->n_tags; i++, at += 4) {
		packet_put16(at, plan->tags[i].type);
		packet_put16(at + 2, plan->tags[i].tci);
	}
	packet_put16(at, type);
	memcpy(at + 2, plan->in_front, plan->in_front_len);
	return at + 2 + plan->in_front_len;
}

void packet_fix_ipv4(uint8_t *ip, size_t len)
{
	size_t header = (ip[0] & 0x0f) * 4U;

	if (header > len || header < IPV4_BYTES)
		header = len < IPV4_BYTES ? len : IPV4_BYTES;
	packet_put16(ip + 10, 0);
	packet_put16(ip + 10, packet_fold(packet_sum(0, ip, header)));
}

static uint8_t *add_ipv4(const struct packet_plan *plan, const struct slice *s, uint8_t *ip)
{
	size_t header = IPV4_BYTES + plan->options_len;

	memset(ip, 0, IPV4_BYTES);
	ip[0] = 0x40 | (uint8_t)(header / 4);
	packet_put16(ip + 2, plan->len_is_zero ? 0 : (uint16_t)(header + s->len + (size_t)plan->len_lie));
	packet_put16(ip + 4, (uint16_t)plan->id);
	packet_put16(ip + 6,
		     (uint16_t)(s->offset / 8 % 0x2000 | (s->more ? 0x2000 : 0) | (plan->reserved ? 0x8000 : 0)));
	ip[8] = 64;
	ip[9] = plan->content_first;
	memcpy(ip + 12, plan->source, 4);
	memcpy(ip + 16, "\xc0\x00\x02\x01", 4);
	memcpy(ip + IPV4_BYTES, plan->options, plan->options_len);
	packet_fix_ipv4(ip, header);
	return ip + header;
}

static uint8_t *add_ipv6(struct packet_plan *plan, const struct slice *s, uint8_t *ip)
{
	size_t extra = plan->before.len + (s->is_fragment ? FRAG_BYTES : 0);
	uint8_t *at = ip + IPV6_BYTES;

	chain_end(&plan->before, s->is_fragment ? IPPROTO_FRAGMENT : plan->content_first);
	memset(ip, 0, IPV6_BYTES);
	ip[0] = 0x60;
	packet_put16(ip + 4, plan->len_is_zero ? 0 : (uint16_t)(extra + s->len + (size_t)plan->len_lie));
	ip[6] = plan->before.first;
	ip[7] = 64;
	memcpy(ip + 8, plan->source, 16);
	memcpy(ip + 24, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
	memcpy(at, plan->before.bytes, plan->before.len);
	at += plan->before.len;
	if (!s->is_fragment)
		return at;
	at[0] = plan->content_first;
	at[1] = plan->reserved;
	packet_put16(at + 2, (uint16_t)((s->offset & 0xfff8) | (s->more ? 1 : 0) | (plan->reserved ? 6 : 0)));
	packet_put32(at + 4, plan->id);
	return at + FRAG_BYTES;
}

void packet_emit(struct packet_plan *plan, const struct slice *slice)
{
	struct train *train = plan->train;
	struct train_frame *frame = &train->frames[train->n];
	struct slice s = *slice;
	size_t room = packet_room(plan, s.is_fragment) + (s.segment ? PACKET_CONTENT_MAX : 0);
	uint8_t *begin = train->bytes + train->used, *l3, *at;
	size_t trailer;

	if (train->n == TRAIN_FRAMES_MAX || room > plan->mtu + PACKET_CONTENT_MAX)
		return;
	if (s.len > room)
		s.len = room;
	trailer = plan->trailer_len < room - s.len ? plan->trailer_len : room - s.len;
	l3 = add_l2(plan, begin);
	at = plan->family == 4 ? add_ipv4(plan, &s, l3) : add_ipv6(plan, &s, l3);
	*frame = (struct train_frame){.at = train->used, .l3_at = (uint16_t)(l3 - begin), .segment = s.segment};
	if (s.offset <= plan->l4_at && plan->l4_at + packet_l4_header(plan->proto) <= s.offset + s.len)
		frame->l4_at = (uint16_t)(at - begin + (ptrdiff_t)(plan->l4_at - s.offset));
	memcpy(at, s.bytes, s.len);
	memcpy(at + s.len, plan->trailer, trailer);
	frame->len = (size_t)(at - begin) + s.len + trailer;
	train->used += frame->len;
	train->n++;
}

void packet_emit_whole(struct packet_plan *plan)
{
	packet_emit(plan, &(struct slice){.bytes = plan->content, .len = plan->content_len});
}
