// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Frames from descriptions; see frame.h. A layer that does not fit marks the frame as broken, and
 * frame_build says so once, at the end.
 */
#include "frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define ETH_BYTES 14
#define IPV4_BYTES 20
#define IPV6_BYTES 40

static void put16(struct frame *frame, size_t at, uint16_t value)
{
	frame->data[at] = value >> 8;
	frame->data[at + 1] = value & 0xff;
}

/* Room for len zero bytes at the end; NULL and a broken frame when there is none. */
static uint8_t *add(struct frame *frame, size_t len)
{
	uint8_t *at = frame->data + frame->len;

	if (len > sizeof(frame->data) - frame->len) {
		frame->is_broken = 1;
		return NULL;
	}
	memset(at, 0, len);
	frame->len += len;
	return at;
}

/* Tell the layer before what follows it. */
static void announce(struct frame *frame, uint16_t ethertype, uint8_t proto)
{
	if (frame->next_at)
		frame->data[frame->next_at] = proto;
	else
		put16(frame, frame->type_at, ethertype);
}

void frame_eth(struct frame *frame)
{
	static const uint8_t macs[] = {2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a};

	*frame = (struct frame){.type_at = sizeof(macs), .ip_len = -1};
	memcpy(frame->data, macs, sizeof(macs));
	frame->len = ETH_BYTES;
}

static void add_vlan(struct frame *frame, uint16_t tpid, uint16_t tci)
{
	size_t at = frame->len;

	if (!add(frame, 4))
		return;
	announce(frame, tpid, 0);
	put16(frame, at, tci);
	frame->type_at = at + 2;
}

static void set_ethertype(struct frame *frame, uint16_t type)
{
	put16(frame, frame->type_at, type);
}

static void add_ip(struct frame *frame, int family, size_t at)
{
	if (frame->n_ips == FRAME_IPS_MAX) {
		frame->is_broken = 1;
		return;
	}
	frame->ips[frame->n_ips++] = (struct frame_ip){.at = at, .family = family};
	frame->source = NULL;
}

void frame_ipv4(struct frame *frame, size_t option_words)
{
	const char *source = frame->source ? frame->source : FRAME_SOURCE4;
	size_t at = frame->len;
	uint8_t *ip = add(frame, IPV4_BYTES + option_words * 4);

	if (!ip)
		return;
	announce(frame, 0x0800, IPPROTO_IPIP);
	ip[0] = 0x40 | ((IPV4_BYTES / 4 + option_words) & 0x0f);
	ip[8] = 64;
	if (inet_pton(AF_INET, source, ip + 12) != 1 || inet_pton(AF_INET, FRAME_DEST4, ip + 16) != 1)
		frame->is_broken = 1;
	memset(ip + IPV4_BYTES, 1, option_words * 4);
	frame->next_at = at + 9;
	add_ip(frame, 4, at);
}

static void add_ipv6(struct frame *frame)
{
	const char *source = frame->source ? frame->source : FRAME_SOURCE6;
	size_t at = frame->len;
	uint8_t *ip6 = add(frame, IPV6_BYTES);

	if (!ip6)
		return;
	announce(frame, 0x86dd, IPPROTO_IPV6);
	ip6[0] = 0x60;
	ip6[6] = IPPROTO_NONE;
	ip6[7] = 64;
	if (inet_pton(AF_INET6, source, ip6 + 8) != 1 || inet_pton(AF_INET6, FRAME_DEST6, ip6 + 24) != 1)
		frame->is_broken = 1;
	frame->next_at = at + 6;
	add_ip(frame, 6, at);
}

/* Options of a type that receivers skip: Linux takes at most 7 bytes of padding in one go. */
static void fill_options(uint8_t *at, size_t len)
{
	while (len >= 2) {
		size_t data = len - 2 > 255 ? 255 : len - 2;

		if (len - 2 - data == 1)
			data--;
		at[0] = 0x1e;
		at[1] = data;
		at += 2 + data;
		len -= 2 + data;
	}
}

/* That the receiver accepts; `len` as in its length byte. */
static void add_ext(struct frame *frame, uint8_t proto, uint8_t len)
{
	size_t bytes = proto == IPPROTO_AH ? (len + 2U) * 4 : (len + 1U) * 8;
	size_t at = frame->len;
	uint8_t *ext = add(frame, bytes);

	if (!ext)
		return;
	announce(frame, 0, proto);
	ext[0] = IPPROTO_NONE;
	ext[1] = len;
	if (proto == IPPROTO_HOPOPTS || proto == IPPROTO_DSTOPTS)
		fill_options(ext + 2, bytes - 2);
	if (proto == IPPROTO_ROUTING)
		ext[2] = 0x21; /* an unknown type with no segments left is skipped */
	frame->next_at = at;
}

/* IPv6: a fragment header. IPv4: the fragment field of the header before. `offset` in units of 8 bytes. */
static void add_frag(struct frame *frame, uint16_t offset, int more, int dirty)
{
	size_t at = frame->len;
	uint8_t *frag;

	frame->is_fragment = offset || more;
	if (frame->n_ips && frame->ips[frame->n_ips - 1].family == 4) {
		put16(frame, frame->ips[frame->n_ips - 1].at + 6, offset | (more ? 0x2000 : 0) | (dirty ? 0x8000 : 0));
		return;
	}
	frag = add(frame, 8);
	if (!frag)
		return;
	announce(frame, 0, IPPROTO_FRAGMENT);
	frag[0] = IPPROTO_NONE;
	frag[1] = dirty ? 0xff : 0;
	put16(frame, at + 2, offset << 3 | (dirty ? 6 : 0) | (more ? 1 : 0));
	frag[7] = 7;
	frame->next_at = at;
}

static size_t l4_bytes(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_SCTP:
		return 12;
	case IPPROTO_DCCP:
		return 16;
	case IPPROTO_ICMPV6:
		return 24; /* as long as a solicitation */
	default:
		return 8;
	}
}

void frame_l4(struct frame *frame, uint8_t proto, uint16_t sport, uint16_t dport)
{
	size_t at = frame->len;
	size_t bytes = l4_bytes(proto);
	uint8_t *l4 = add(frame, bytes);

	if (!l4)
		return;
	announce(frame, 0, proto);
	frame->l4_proto = proto;
	frame->l4_at = at;
	frame->next_at = 0;
	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
		l4[0] = dport;
		return;
	}
	put16(frame, at, sport);
	put16(frame, at + 2, dport);
	if (proto == IPPROTO_TCP) {
		l4[12] = 5 << 4;
		l4[13] = 0x02; /* SYN */
		put16(frame, at + 14, 64000);
	} else if (proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE) {
		put16(frame, at + 4, bytes);
	}
}

static void add_bytes(struct frame *frame, const void *bytes, size_t len)
{
	uint8_t *at = add(frame, len);

	if (at)
		memcpy(at, bytes, len);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* "06 00 0104": pairs of digits, blanks between them as you like. */
static void add_hex(struct frame *frame, const char *text)
{
	while (*text) {
		uint8_t byte;

		if (*text == ' ') {
			text++;
			continue;
		}
		if (hex_digit(text[0]) < 0 || hex_digit(text[1]) < 0) {
			frame->is_broken = 1;
			return;
		}
		byte = hex_digit(text[0]) << 4 | hex_digit(text[1]);
		add_bytes(frame, &byte, 1);
		text += 2;
	}
}

static uint32_t sum16(uint32_t sum, const uint8_t *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* Where the checksum of a whole, unfragmented transport packet stands; 0: none that is filled in here. */
static size_t checksum_offset(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return 6;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 2;
	default:
		return 0;
	}
}

static void finish_l4(struct frame *frame, size_t end)
{
	const struct frame_ip *ip = &frame->ips[frame->n_ips - 1];
	size_t offset = checksum_offset(frame->l4_proto);
	uint32_t sum = 0;

	if (!frame->l4_at || !offset || frame->is_fragment || end < frame->l4_at + l4_bytes(frame->l4_proto))
		return;
	if (frame->l4_proto != IPPROTO_ICMP) {
		sum = frame->l4_proto + (end - frame->l4_at);
		sum = ip->family == 4 ? sum16(sum, frame->data + ip->at + 12, 8)
				      : sum16(sum, frame->data + ip->at + 8, 32);
	}
	sum = sum16(sum, frame->data + frame->l4_at, end - frame->l4_at);
	put16(frame, frame->l4_at + offset, fold(sum));
}

static void finish_ip(struct frame *frame, size_t i, size_t end)
{
	const struct frame_ip *ip = &frame->ips[i];
	int told = i == frame->n_ips - 1 ? frame->ip_len : -1;

	if (ip->family == 6) {
		put16(frame, ip->at + 4, told >= 0 ? (size_t)told : end - ip->at - IPV6_BYTES);
		return;
	}
	put16(frame, ip->at + 2, told >= 0 ? (size_t)told : end - ip->at);
	put16(frame, ip->at + 10, 0);
	put16(frame, ip->at + 10, fold(sum16(0, frame->data + ip->at, (frame->data[ip->at] & 0x0f) * 4U)));
}

void frame_finish(struct frame *frame)
{
	size_t end = frame->ip_end ? frame->ip_end : frame->len;
	size_t i;

	if (frame->is_finished)
		return;
	frame->is_finished = 1;
	if (frame->n_ips)
		finish_l4(frame, end);
	for (i = 0; i < frame->n_ips; i++)
		finish_ip(frame, i, end);
}

void frame_cut(struct frame *frame, size_t len)
{
	frame_finish(frame);
	if (len < frame->len)
		frame->len = len;
}

static void add_ip_layer(struct frame *frame, const struct layer *layer)
{
	if (layer->kind == LAYER_IPV4) {
		frame_ipv4(frame, layer->a);
	} else if (layer->kind == LAYER_IPV6) {
		add_ipv6(frame);
	} else if (!frame->n_ips) {
		frame->is_broken = 1;
	} else if (layer->kind == LAYER_IP_LEN) {
		frame->ip_len = layer->a;
	} else if (layer->kind == LAYER_IP_BYTE) {
		frame->data[frame->ips[frame->n_ips - 1].at + layer->a] = layer->b;
	} else if (layer->kind == LAYER_IP_ENDS) {
		frame->ip_end = frame->len;
	} else if (layer->kind == LAYER_EXT) {
		add_ext(frame, layer->a, layer->b);
	} else if (layer->kind == LAYER_FRAG) {
		add_frag(frame, layer->a, layer->b, layer->c);
	} else if (layer->kind == LAYER_PROTO) {
		announce(frame, 0, layer->a);
		frame->l4_proto = layer->a;
	} else {
		frame_l4(frame, layer->a, layer->c, layer->b);
	}
}

static void add_layer(struct frame *frame, const struct layer *layer)
{
	switch (layer->kind) {
	case LAYER_VLAN:
		add_vlan(frame, layer->a, layer->b);
		break;
	case LAYER_ETHERTYPE:
		set_ethertype(frame, layer->a);
		break;
	case LAYER_FROM:
		frame->source = layer->text;
		break;
	case LAYER_KEEP:
		if (frame->l4_at && frame->l4_at + layer->a < frame->len)
			frame->len = frame->l4_at + layer->a;
		break;
	case LAYER_HEX:
		add_hex(frame, layer->text);
		break;
	case LAYER_CUT:
		frame_cut(frame, layer->a);
		break;
	case LAYER_END:
	case LAYER_IP:
		frame->is_broken = 1;
		break;
	default:
		add_ip_layer(frame, layer);
	}
}

int frame_build(const struct layer *layers, size_t n, struct frame *ret_frame)
{
	size_t i;

	frame_eth(ret_frame);
	for (i = 0; i < n && layers[i].kind != LAYER_END; i++)
		add_layer(ret_frame, &layers[i]);
	frame_finish(ret_frame);
	return ret_frame->is_broken ? -EINVAL : 0;
}
