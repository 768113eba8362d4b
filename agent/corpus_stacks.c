// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. Whole frames out of parts: tags, IP header, protocol, and a line of the verdict table. See corpus.h.
 */
#include <netinet/in.h>

#include "corpus_parts.h"
#include "util.h"

/* clang-format off */
const struct framing_part corpus_framings[N_FRAMINGS] = {
	{"untagged", {{LAYER_END}}, 0},
	{"one VLAN tag", {VLAN(5)}, 4},
	{"two tags", {QINQ(9), VLAN(5)}, 8},
	{"a priority tag", {VLAN(0)}, 4},
	{"four tags", {QINQ(9), VLAN(5), VLAN(0), VLAN(6)}, 16},
};

const struct inner_part corpus_inners[N_INNERS] = {
	{"IPv4", 4, {IP4}, 20},
	{"IPv4 with options", 4, {IP4_OPTIONS(1)}, 24},
	{"IPv4 with the longest options", 4, {IP4_OPTIONS(10)}, 60},
	{"IPv4, first fragment", 4, {IP4, FRAG(0, 1)}, 20},
	{"IPv6", 6, {IP6}, 40},
	{"IPv6 with hop-by-hop", 6, {IP6, HBH(0)}, 48},
	{"IPv6 with routing", 6, {IP6, ROUTE(2)}, 64},
	{"IPv6 with destination options", 6, {IP6, DST(1)}, 56},
	{"IPv6 with authentication", 6, {IP6, AUTH(4)}, 64},
	{"IPv6, atomic fragment", 6, {IP6, FRAG(0, 0)}, 48},
	{"IPv6, first fragment", 6, {IP6, FRAG(0, 1)}, 48},
	{"IPv6 with hop-by-hop, fragment, destination", 6, {IP6, HBH(0), FRAG(0, 1), DST(0)}, 64},
};

const struct proto_part corpus_protos[N_PROTOS] = {
	{"TCP", IPPROTO_TCP, PROTO_BIT_TCP, 20},
	{"UDP", IPPROTO_UDP, PROTO_BIT_UDP, 8},
	{"SCTP", IPPROTO_SCTP, PROTO_BIT_SCTP, 12},
	{"DCCP", IPPROTO_DCCP, PROTO_BIT_DCCP, 16},
	{"UDP-Lite", IPPROTO_UDPLITE, PROTO_BIT_UDPLITE, 8},
};

/* A line of the verdict table, of a packet that has a protocol with ports. */
static const struct {
	const char *name;
	int verdict, reason;
	uint32_t port;
	struct layer more;
	bool has_grant;
	enum grant_end end;
	bool for_others; /* the port is closed for all protocols but this */
} lines[] = {
	{"closed port", DROP(NO_GRANT), .port = GATED},
	{"granted", PASS(GRANTED), .port = GATED, .has_grant = true},
	{"expired", DROP(EXPIRED), .port = GATED, .has_grant = true, .end = ENDED},
	{"open port", PASS(UNPROTECTED), .port = OTHER},
	{"closed for the others only", PASS(UNPROTECTED), .port = GATED, .for_others = true},
	{"three bytes of ports", DROP(SHORT_L4), .port = OTHER, .more = KEEP(3)},
	{"no byte of ports", DROP(SHORT_L4), .port = OTHER, .more = KEEP(0)},
};
/* clang-format on */

static void add_grant(struct corpus_case *c, const struct proto_part *proto, enum grant_end end)
{
	c->rule.grants[0] = (struct case_grant){EXACT, .end = end, .proto = proto->proto};
}

enum corpus_got corpus_stack_get(size_t i, struct corpus_case *ret)
{
	size_t line = corpus_digit(&i, ARRAY_SIZE(lines));
	const struct framing_part *framing = &corpus_framings[corpus_digit(&i, N_FRAMINGS)];
	const struct inner_part *inner = &corpus_inners[corpus_digit(&i, N_INNERS)];
	const struct proto_part *proto = &corpus_protos[i];

	if (i >= N_PROTOS)
		return CORPUS_END;
	*ret = (struct corpus_case){.kind = CORPUS_FRAMING,
				    .family = inner->family,
				    .rule = {.verdict = lines[line].verdict, .reason = lines[line].reason}};
	corpus_add(ret, framing->layers, PARTS_MAX);
	corpus_add(ret, inner->layers, PARTS_MAX);
	corpus_add_l4(ret, proto, lines[line].port);
	corpus_add(ret, &lines[line].more, 1);
	if (lines[line].has_grant)
		add_grant(ret, proto, lines[line].end);
	if (lines[line].for_others)
		ret->rule.protect = PROTO_BITS_ALL & ~proto->bit;
	corpus_set_set(ret, "every line of the table: %s in %s", proto->name, inner->name);
	corpus_set_name(ret, "%s: %s in %s, %s", lines[line].name, proto->name, inner->name, framing->name);
	return CORPUS_CASE;
}

#define OPTION_WORDS_MAX 10

/* Each length that IPv4 options can have. */
enum corpus_got corpus_options_get(size_t i, struct corpus_case *ret)
{
	bool open = corpus_digit(&i, 2);
	size_t words = corpus_digit(&i, OPTION_WORDS_MAX + 1);
	const struct proto_part *proto = &corpus_protos[i];
	const struct layer ip = IP4_OPTIONS((uint32_t)words);

	if (i >= N_PROTOS)
		return CORPUS_END;
	*ret = (struct corpus_case){.kind = CORPUS_FRAMING, .family = 4, .rule = {DROP(NO_GRANT)}};
	if (open)
		ret->rule = (struct packet_case){PASS(UNPROTECTED)};
	corpus_add(ret, &ip, 1);
	corpus_add_l4(ret, proto, open ? OTHER : GATED);
	corpus_set_set(ret, "IPv4 options of each length: %s", proto->name);
	corpus_set_name(ret, "%zu bytes of IPv4 options: %s to %s port", words * 4, proto->name,
			open ? "an open" : "a closed");
	return CORPUS_CASE;
}

/* What the fields of a fragment may hold: with an offset there are no ports, whatever the bytes look like. */
enum corpus_got corpus_fragment_get(size_t i, struct corpus_case *ret)
{
	static const uint32_t offsets[] = {0, 1, 2, 0x0fff, 0x1000, 0x1fff};
	bool more = corpus_digit(&i, 2), dirty = corpus_digit(&i, 2);
	uint32_t offset = offsets[corpus_digit(&i, ARRAY_SIZE(offsets))];
	const struct framing_part *framing = &corpus_framings[corpus_digit(&i, 3)];
	int family = corpus_digit(&i, 2) ? 6 : 4;
	const struct proto_part *proto = &corpus_protos[i];
	const struct layer ip = IP, frag = {LAYER_FRAG, offset, more, dirty, NULL};

	if (i >= N_PROTOS)
		return CORPUS_END;
	*ret = (struct corpus_case){.kind = CORPUS_FRAGMENT, .family = family, .rule = {DROP(NO_GRANT)}};
	if (offset)
		ret->rule = (struct packet_case){PASS(LATER_FRAGMENT)};
	corpus_add(ret, framing->layers, PARTS_MAX);
	corpus_add(ret, &ip, 1);
	corpus_add(ret, &frag, 1);
	corpus_add_l4(ret, proto, GATED);
	corpus_set_set(ret, "fragment fields: %s in IPv%d", proto->name, family);
	corpus_set_name(ret, "fragment at %u, %s%s: %s in IPv%d, %s", offset * 8, more ? "more to come" : "the last",
			dirty ? ", reserved bits" : "", proto->name, family, framing->name);
	return CORPUS_CASE;
}
