// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. Frames that end after every byte, from the Ethernet header on: less BPF_PROG_RUN does not take. See corpus.h.
 */
#include <string.h>

#include "corpus_parts.h"
#include "util.h"

#define ETH_BYTES 14
#define BYTES_MAX 256 /* no frame here is as long */

/* clang-format off */
#define IP_AT 14
const struct cut_case cut_cases[] = {
	{"IPv4", FRAME(IP4, TCP(GATED)),
	 .steps = {{IP_AT, DROP(MALFORMED)}, {IP_AT + 20, DROP(SHORT_L4)}, {IP_AT + 24, DROP(NO_GRANT)}}},
	{"IPv4 with options", FRAME(IP4_OPTIONS(10), TCP(GATED)),
	 .steps = {{IP_AT, DROP(MALFORMED)}, {IP_AT + 60, DROP(SHORT_L4)}, {IP_AT + 64, DROP(NO_GRANT)}}},
	{"IPv4 in two VLAN tags", FRAME(QINQ(9), VLAN(5), IP4, UDP(OTHER)),
	 .steps = {{IP_AT, PASS(NOT_IP)}, {IP_AT + 8, DROP(MALFORMED)}, {IP_AT + 28, DROP(SHORT_L4)},
	           {IP_AT + 32, PASS(UNPROTECTED)}}},
	{"IPv4 ICMP", FRAME(IP4, ICMP(8)), .steps = {{IP_AT, DROP(MALFORMED)}, {IP_AT + 20, PASS(OTHER_PROTO)}}},
	{"IPv6", FRAME(IP6, TCP(GATED)),
	 .steps = {{IP_AT, DROP(MALFORMED)}, {IP_AT + 40, DROP(SHORT_L4)}, {IP_AT + 44, DROP(NO_GRANT)}}},
	{"IPv6 with extension headers", FRAME(IP6, HBH(1), DST(0), AUTH(4), SCTP(OTHER)),
	 .steps = {{IP_AT, DROP(MALFORMED)}, {IP_AT + 40 + 16 + 8 + 24, DROP(SHORT_L4)},
	           {IP_AT + 40 + 16 + 8 + 24 + 4, PASS(UNPROTECTED)}}},
	{"IPv6 first fragment", FRAME(IP6, HBH(0), FRAG(0, 1), DST(2), TCP(GATED)),
	 .steps = {{IP_AT, DROP(MALFORMED)}, {IP_AT + 40 + 16 + 24, DROP(SHORT_L4)},
	           {IP_AT + 40 + 16 + 24 + 4, DROP(NO_GRANT)}}},
	{"IPv6 later fragment", FRAME(IP6, FRAG(7, 1), TCP(GATED)),
	 .steps = {{IP_AT, DROP(MALFORMED)}, {IP_AT + 40 + 8, PASS(LATER_FRAGMENT)}}},
	{"IPv6 long extension header", FRAME(IP6, DST(12), TCP(GATED)),
	 .steps = {{IP_AT, DROP(MALFORMED)}, {IP_AT + 40 + 104, DROP(SHORT_L4)},
	           {IP_AT + 40 + 104 + 4, DROP(NO_GRANT)}}},
	{"five VLAN tags", FRAME(VLAN(0), VLAN(0), VLAN(0), VLAN(0), VLAN(0), IP4, TCP(GATED)),
	 .steps = {{IP_AT, PASS(NOT_IP)}, {IP_AT + 16, DROP(TOO_DEEP)}}},
};
const size_t n_cut_cases = ARRAY_SIZE(cut_cases);
/* clang-format on */

static void set_step(struct corpus_case *c, const struct cut_step *steps, size_t n, size_t len)
{
	for (size_t i = 0; i < n && steps[i].from && steps[i].from <= len; i++) {
		c->rule.verdict = steps[i].verdict;
		c->rule.reason = steps[i].reason;
	}
	c->cut = len;
}

enum corpus_got corpus_cut_get(size_t i, struct corpus_case *ret)
{
	size_t len = corpus_digit(&i, BYTES_MAX);
	const struct cut_case *row = &cut_cases[i];
	struct frame whole;

	if (i >= n_cut_cases)
		return CORPUS_END;
	if (len < ETH_BYTES)
		return CORPUS_LEFT_OUT;
	*ret = (struct corpus_case){.kind = CORPUS_CUT, .family = 4};
	memcpy(ret->rule.frame, row->frame, sizeof(row->frame));
	corpus_set_set(ret, "cut after every byte: %s", row->name);
	corpus_set_name(ret, "%s, cut after %zu bytes", row->name, len);
	set_step(ret, row->steps, ARRAY_SIZE(row->steps), len);
	if (corpus_build(ret, &case_ports[0], &whole) < 0 || whole.len < len)
		return CORPUS_LEFT_OUT;
	return CORPUS_CASE;
}

/* All that can be put together without tags and with the first two kinds of them; the other protocols without. */
#define N_CUT_FRAMINGS 3

enum corpus_got corpus_stack_cut_get(size_t i, struct corpus_case *ret)
{
	size_t len = corpus_digit(&i, BYTES_MAX);
	const struct framing_part *framing = &corpus_framings[corpus_digit(&i, N_CUT_FRAMINGS)];
	const struct inner_part *inner = &corpus_inners[corpus_digit(&i, N_INNERS)];
	const struct proto_part *proto = &corpus_protos[i];
	size_t ip_at = ETH_BYTES + framing->bytes, l4_at = ip_at + inner->bytes;

	if (i >= N_PROTOS)
		return CORPUS_END;
	if (len < ETH_BYTES || len > l4_at + proto->bytes || (i > 0 && framing->bytes))
		return CORPUS_LEFT_OUT;
	*ret = (struct corpus_case){.kind = CORPUS_CUT, .family = inner->family};
	corpus_add(ret, framing->layers, PARTS_MAX);
	corpus_add(ret, inner->layers, PARTS_MAX);
	corpus_add_l4(ret, proto, GATED);
	corpus_set_set(ret, "cut after every byte: %s in %s, %s", proto->name, inner->name, framing->name);
	corpus_set_name(ret, "%s in %s, %s, cut after %zu bytes", proto->name, inner->name, framing->name, len);
	set_step(ret,
		 (struct cut_step[]){{ETH_BYTES, PASS(NOT_IP)},
				     {ip_at, DROP(MALFORMED)},
				     {l4_at, DROP(SHORT_L4)},
				     {l4_at + sizeof(uint32_t), DROP(NO_GRANT)}},
		 4, len);
	return CORPUS_CASE;
}
