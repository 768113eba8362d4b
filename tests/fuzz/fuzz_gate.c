// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Frames: gate_parse against a second reader that was written from the RFCs (802.1Q, 791, 8200, 4302), one byte after
 * the other and with no regard to speed. Both must find the same reason, addresses and ports.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "corpus.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunknown-pragmas" /* clang's, for its BPF back end */
#include "gate_parse.h"
#pragma GCC diagnostic pop

#define SHIFT 2       /* as a network card puts it: the IP header is aligned, not the Ethernet header */
#define PADDING 65536 /* longer than an IPv6 length can say */

/* What can be known of a frame. Offsets are from its begin; 0: not found. */
struct reading {
	int reason;
	size_t source_at, dest_at, ports_at;
	int family, proto;
	bool more_to_come;
};

struct view {
	const uint8_t *bytes;
	size_t len;
};

static unsigned int two_bytes(const struct view *v, size_t at)
{
	HOLDS(at + 2 <= v->len);
	return v->bytes[at] * 256U + v->bytes[at + 1];
}

/* Protocols with ports, and their PROTO_INDEX_*. */
static const int with_ports[][2] = {{6, PROTO_INDEX_TCP},
				    {17, PROTO_INDEX_UDP},
				    {33, PROTO_INDEX_DCCP},
				    {132, PROTO_INDEX_SCTP},
				    {136, PROTO_INDEX_UDPLITE}};

/* -1: without ports. */
static int index_of(int proto)
{
	for (size_t i = 0; i < ARRAY_SIZE(with_ports); i++) {
		if (with_ports[i][0] == proto)
			return with_ports[i][1];
	}
	return -1;
}

/* `end`: where the packet ends, which is never behind the frame's end but may be before it. */
static void read_transport(const struct view *v, size_t at, size_t end, struct reading *ret)
{
	if (index_of(ret->proto) < 0) {
		ret->reason = REASON_OTHER_PROTO;
	} else if (at + 4 > end || at + 4 > v->len) {
		ret->reason = REASON_SHORT_L4;
	} else {
		ret->reason = GATE_HAS_PORTS;
		ret->ports_at = at;
	}
}

/* RFC 791. The total length is not believed: see gate_parse.h. */
static void read_ipv4(const struct view *v, size_t at, struct reading *ret)
{
	size_t header;

	ret->reason = REASON_MALFORMED;
	if (v->len < at + 20 || v->bytes[at] / 16 != 4)
		return;
	header = v->bytes[at] % 16 * (size_t)4;
	if (header < 20 || v->len < at + header)
		return;
	ret->family = JITGATE_IPV4;
	ret->source_at = at + 12;
	ret->dest_at = at + 16;
	if (two_bytes(v, at + 6) % 8192) {
		ret->reason = REASON_LATER_FRAGMENT;
		return;
	}
	ret->more_to_come = two_bytes(v, at + 6) / 8192 % 2;
	ret->proto = v->bytes[at + 9];
	read_transport(v, at + header, v->len, ret);
}

/* The length of an extension header, 0 when it is none. */
static size_t extension_length(int type, unsigned int length_byte)
{
	switch (type) {
	case 0:  /* hop-by-hop */
	case 43: /* routing */
	case 60: /* destination */
		return 8 + (size_t)8 * length_byte;
	case 44: /* fragment */
		return 8;
	case 51: /* authentication: words, without the first two */
		return 8 + (size_t)4 * length_byte;
	default:
		return 0;
	}
}

/* RFC 8200: where the packet that begins at `at` ends. */
static size_t ipv6_end(const struct view *v, size_t at)
{
	unsigned int payload = two_bytes(v, at + 4);

	if (payload)
		return at + 40 + payload;
	if (v->bytes[at + 6] == 0 || v->len - at > 65535) /* jumbogram, or merged by the card */
		return v->len;
	return at + 40;
}

static void read_ipv6(const struct view *v, size_t at, struct reading *ret)
{
	size_t here = at + 40, end, length;
	int next, n = 0;

	ret->reason = REASON_MALFORMED;
	if (v->len < at + 40 || v->bytes[at] / 16 != 6)
		return;
	ret->family = JITGATE_IPV6;
	ret->source_at = at + 8;
	ret->dest_at = at + 24;
	end = ipv6_end(v, at);
	if (end > v->len)
		end = v->len;
	next = v->bytes[at + 6];
	for (; extension_length(next, 0); n++, here += length) {
		if (n == JITGATE_EXT_HDRS_MAX) {
			ret->reason = REASON_TOO_DEEP;
			return;
		}
		if (here + 8 > end)
			return;
		if (next == 44 && (n > 1 || (n == 1 && v->bytes[at + 6] != 0)))
			return; /* only behind nothing or hop-by-hop: see gate_parse.h */
		if (next == 44 && two_bytes(v, here + 2) / 8) {
			ret->reason = REASON_LATER_FRAGMENT;
			return;
		}
		if (next == 44)
			ret->more_to_come = two_bytes(v, here + 2) % 2;
		length = extension_length(next, v->bytes[here + 1]);
		if (here + length > end)
			return;
		next = v->bytes[here];
	}
	ret->proto = next;
	read_transport(v, here, end, ret);
}

static struct reading read_frame(const struct view *v)
{
	struct reading reading = {.reason = REASON_NOT_IP};
	unsigned int type;
	size_t at = 12;

	for (int tags = 0; v->len >= at + 2; tags++, at += 4) {
		type = two_bytes(v, at);
		if (type != 0x8100 && type != 0x88a8) {
			if (type == 0x0800)
				read_ipv4(v, at + 2, &reading);
			if (type == 0x86dd)
				read_ipv6(v, at + 2, &reading);
			return reading;
		}
		if (tags == JITGATE_VLAN_TAGS_MAX) {
			reading.reason = REASON_TOO_DEEP;
			return reading;
		}
	}
	return reading;
}

static void compare(const uint8_t *bytes, size_t len)
{
	const struct view view = {bytes, len};
	const struct reading wanted = read_frame(&view);
	struct packet pkt = {0};
	int reason = gate_parse(bytes, bytes + len, &pkt);
	size_t address = wanted.family == JITGATE_IPV4 ? 4 : 16;

	HOLDS(reason == wanted.reason);
	HOLDS(pkt.family == wanted.family);
	HOLDS(pkt.proto == wanted.proto);
	HOLDS(!pkt.is_part == !wanted.more_to_come);
	if (wanted.family) {
		HOLDS(pkt.saddr == bytes + wanted.source_at && pkt.daddr == bytes + wanted.dest_at);
		HOLDS(pkt.saddr + address <= bytes + len && pkt.daddr + address <= bytes + len);
	} else {
		HOLDS(!pkt.saddr && !pkt.daddr);
	}
	if (reason == GATE_HAS_PORTS) {
		HOLDS(!memcmp(&pkt.sport_be, bytes + wanted.ports_at, 2));
		HOLDS(!memcmp(&pkt.dport_be, bytes + wanted.ports_at + 2, 2));
		HOLDS(pkt.proto_index == index_of(wanted.proto));
	} else {
		HOLDS(!pkt.sport_be && !pkt.dport_be); /* a later fragment shows none, nor does anything else */
	}
}

/* In a block that ends with the frame, so that a byte too far is seen, and with `padding` zeros behind it. */
static void compare_copy(const uint8_t *data, size_t size, size_t padding)
{
	uint8_t *block = calloc(1, SHIFT + size + padding);

	if (!block)
		abort();
	memcpy(block + SHIFT, data, size);
	compare(block + SHIFT, size + padding);
	free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	compare_copy(data, size, 0);
	if (size && data[0] == 'B') /* where the gate does not look */
		compare_copy(data, size, PADDING);
	return 0;
}

/* ---- the packet tests' frames */

static uint32_t port_of(uint32_t port)
{
	if (port == GATED)
		return case_ports[0].gated;
	if (port == OTHER)
		return case_ports[0].other;
	return port == SWAPPED ? case_ports[0].swapped : port;
}

static void add_frame(fuzz_add *add, size_t nth, int family, const struct layer *description)
{
	struct layer layers[FRAME_LAYERS_MAX];
	struct frame frame;
	char seed[32];

	memcpy(layers, description, sizeof(layers));
	for (size_t i = 0; i < FRAME_LAYERS_MAX; i++) {
		if (layers[i].kind == LAYER_IP)
			layers[i].kind = family == 4 ? LAYER_IPV4 : LAYER_IPV6;
		if (layers[i].kind == LAYER_L4) {
			layers[i].b = port_of(layers[i].b);
			layers[i].c = port_of(layers[i].c);
		}
	}
	HOLDS(frame_build(layers, FRAME_LAYERS_MAX, &frame) == 0);
	snprintf(seed, sizeof(seed), "frame%d-%03zu", family, nth);
	frame.data[0] = nth % 2 ? 'B' : 'A'; /* every other one padded too */
	add(seed, frame.data, frame.len);
}

void fuzz_seeds(fuzz_add *add)
{
	for (size_t i = 0; i < n_packet_cases + n_cut_cases; i++) {
		const struct layer *layers =
			i < n_packet_cases ? packet_cases[i].frame : cut_cases[i - n_packet_cases].frame;

		add_frame(add, i, 4, layers);
		add_frame(add, i, 6, layers);
	}
}
