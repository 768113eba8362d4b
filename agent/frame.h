/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Frames as readable descriptions: a list of layers, built from the Ethernet header inwards. Each layer fills in
 * the type or next-header field of the one before, lengths and checksums are set at the end, so that what is not wrong
 * on purpose is right.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_BYTES_MAX 3500 /* what BPF_PROG_RUN takes in one page */
#define FRAME_LAYERS_MAX 16
#define FRAME_IPS_MAX 3

#define FRAME_SPORT 40000
#define FRAME_SOURCE4 "192.0.2.77"
#define FRAME_SOURCE6 "2001:db8::77"
#define FRAME_DEST4 "192.0.2.1"
#define FRAME_DEST6 "2001:db8::1"

struct frame_ip {
	size_t at;
	int family; /* 4 or 6 */
};

struct frame {
	uint8_t data[FRAME_BYTES_MAX];
	size_t len;
	size_t type_at;   /* EtherType of what comes next */
	size_t next_at;   /* next-header byte of what comes next; 0 outside IP */
	size_t l4_at;     /* 0: none */
	size_t ip_end;    /* 0: where the frame ends */
	uint8_t l4_proto; /* last protocol named */
	uint8_t is_fragment;
	uint8_t is_finished;
	uint8_t is_broken; /* a layer did not fit or made no sense */
	int ip_len;        /* -1: as long as it is */
	const char *source;
	struct frame_ip ips[FRAME_IPS_MAX];
	size_t n_ips;
};

enum layer_kind {
	LAYER_END = 0,
	LAYER_VLAN,
	LAYER_ETHERTYPE,
	LAYER_FROM,
	LAYER_IP, /* either family: replaced before building */
	LAYER_IPV4,
	LAYER_IPV6,
	LAYER_IP_BYTE,
	LAYER_IP_LEN,
	LAYER_EXT,
	LAYER_FRAG,
	LAYER_PROTO,
	LAYER_L4,
	LAYER_KEEP,
	LAYER_HEX,
	LAYER_IP_ENDS,
	LAYER_CUT,
};

struct layer {
	enum layer_kind kind;
	uint32_t a, b, c;
	const char *text;
};

/* The vocabulary of a description. What is not said starts with Ethernet. */
/* clang-format off */
#define VLAN(id) {LAYER_VLAN, 0x8100, (id), 0, NULL}
#define QINQ(id) {LAYER_VLAN, 0x88a8, (id), 0, NULL}
#define TAG(tpid, id) {LAYER_VLAN, (tpid), (id), 0, NULL}
#define ETHERTYPE(type) {LAYER_ETHERTYPE, (type), 0, 0, NULL}
#define FROM(address) {LAYER_FROM, 0, 0, 0, (address)}       /* source of the next IP header */
#define IP {LAYER_IP, 0, 0, 0, NULL}
#define IP4 {LAYER_IPV4, 0, 0, 0, NULL}
#define IP4_OPTIONS(words) {LAYER_IPV4, (words), 0, 0, NULL} /* NOPs, 4 bytes a word */
#define IP6 {LAYER_IPV6, 0, 0, 0, NULL}
#define IP_BYTE(offset, value) {LAYER_IP_BYTE, (offset), (value), 0, NULL} /* in the last IP header */
#define IP_LEN(n) {LAYER_IP_LEN, (n), 0, 0, NULL}            /* total length, payload length */
#define HBH(len) {LAYER_EXT, 0, (len), 0, NULL}              /* len as in the header */
#define ROUTE(len) {LAYER_EXT, 43, (len), 0, NULL}
#define AUTH(len) {LAYER_EXT, 51, (len), 0, NULL}
#define DST(len) {LAYER_EXT, 60, (len), 0, NULL}
#define FRAG(offset, more) {LAYER_FRAG, (offset), (more), 0, NULL} /* in 8 bytes; either family */
#define FRAG_DIRTY(offset, more) {LAYER_FRAG, (offset), (more), 1, NULL} /* reserved bits set */
#define PROTO(n) {LAYER_PROTO, (n), 0, 0, NULL}              /* a protocol without content */
#define TCP(port) {LAYER_L4, 6, (port), FRAME_SPORT, NULL}
#define UDP(port) {LAYER_L4, 17, (port), FRAME_SPORT, NULL}
#define DCCP(port) {LAYER_L4, 33, (port), FRAME_SPORT, NULL}
#define SCTP(port) {LAYER_L4, 132, (port), FRAME_SPORT, NULL}
#define UDPLITE(port) {LAYER_L4, 136, (port), FRAME_SPORT, NULL}
#define L4(proto, source, port) {LAYER_L4, (proto), (port), (source), NULL}
#define ICMP(type) {LAYER_L4, 1, (type), 0, NULL}
#define ICMP6(type) {LAYER_L4, 58, (type), 0, NULL}
#define KEEP(n) {LAYER_KEEP, (n), 0, 0, NULL}                /* only n bytes of the transport header; lengths agree */
#define HEX(bytes) {LAYER_HEX, 0, 0, 0, (bytes)}
#define IP_ENDS {LAYER_IP_ENDS, 0, 0, 0, NULL}               /* the rest is padding that no length counts */
#define CUT(n) {LAYER_CUT, (n), 0, 0, NULL}                  /* the frame ends after n bytes; lengths do not agree */
/* clang-format on */

/*
 * A frame layer by layer, from outside to inside: frame_eth begins a new one, frame_finish fills lengths and checksums
 * in. What does not fit or makes no sense sets is_broken.
 */
void frame_eth(struct frame *frame);
void frame_ipv4(struct frame *frame, size_t option_words);
/* Transport header with ports; for ICMP and ICMPv6 dport is the type. */
void frame_l4(struct frame *frame, uint8_t proto, uint16_t sport, uint16_t dport);
void frame_finish(struct frame *frame);
/* Finish it, then let it end after `len` bytes. */
void frame_cut(struct frame *frame, size_t len);

/* Build a description. -EINVAL when it makes no sense; *ret_frame is then not to be used. */
int frame_build(const struct layer *layers, size_t n, struct frame *ret_frame);

#endif
