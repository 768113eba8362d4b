// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. IPv6 extension headers in every order, and chains of headers and of tags in every length. See corpus.h.
 */
#include <stdio.h>
#include <string.h>

#include "corpus_parts.h"
#include "util.h"

/* Receivers take them in any order; hop-by-hop comes first (RFC 8200, 4.1). */
struct header_part {
	const char *name;
	struct layer layer;
};

static const struct header_part hop_by_hop = {"hop-by-hop", HBH(0)};
static const struct header_part headers[] = {
	{"destination", DST(0)},
	{"routing", ROUTE(0)},
	{"authentication", AUTH(4)},
	{"fragment", FRAG(0, 0)},
};
#define N_HEADERS ARRAY_SIZE(headers)
#define FRAGMENT_HEADER 3

/* What stands behind the headers, and what the fragment header says. */
static const struct {
	const char *name;
	int verdict, reason;
	uint32_t port;
	uint32_t offset, more;
} endings[] = {
	{"closed port", DROP(NO_GRANT), GATED, 0, 0},
	{"open port", PASS(UNPROTECTED), OTHER, 0, 0},
	{"closed port, first fragment", DROP(NO_GRANT), GATED, 0, 1},
	{"open port, first fragment", PASS(UNPROTECTED), OTHER, 0, 1},
	{"later fragment", PASS(LATER_FRAGMENT), GATED, 3, 1},
};
#define ENDINGS_WITHOUT_FRAGMENT 2

struct order {
	size_t headers[N_HEADERS];
	size_t n;
	bool has_fragment;
};

/* Some or all of the headers, none twice; digits 1 to 4 are headers, 0 is the end. False: the index is no order. */
static bool take_order(size_t *i, struct order *ret)
{
	unsigned int taken = 0;
	bool ended = false, is_order = true;

	*ret = (struct order){.n = 0};
	for (size_t at = 0; at < N_HEADERS; at++) {
		size_t digit = corpus_digit(i, N_HEADERS + 1);

		if (digit && (ended || taken & 1U << digit))
			is_order = false;
		ended |= !digit;
		taken |= 1U << digit;
		if (digit)
			ret->headers[ret->n++] = digit - 1;
	}
	ret->has_fragment = taken & 1U << (FRAGMENT_HEADER + 1);
	return is_order;
}

static void add_header(struct corpus_case *c, const struct header_part *header, char *names, size_t size)
{
	size_t len = strlen(names);

	corpus_add(c, &header->layer, 1);
	snprintf(names + len, size - len, "%s%s", len ? ", " : "", header->name);
}

/* A fragment header behind others than hop-by-hop is refused; see the README's verdict table. */
enum corpus_got corpus_order_get(size_t i, struct corpus_case *ret)
{
	size_t ending = corpus_digit(&i, ARRAY_SIZE(endings));
	bool with_hop_by_hop = corpus_digit(&i, 2);
	const struct layer ip6 = IP6;
	char names[CORPUS_NAME_MAX / 2] = "";
	struct order order;
	bool is_order = take_order(&i, &order), misplaced = false;

	if (i)
		return CORPUS_END;
	if (!is_order || (!order.has_fragment && ending >= ENDINGS_WITHOUT_FRAGMENT))
		return CORPUS_LEFT_OUT;
	*ret = (struct corpus_case){.kind = CORPUS_EXTENSION,
				    .family = 6,
				    .rule = {.verdict = endings[ending].verdict, .reason = endings[ending].reason}};
	corpus_add(ret, &ip6, 1);
	if (with_hop_by_hop)
		add_header(ret, &hop_by_hop, names, sizeof(names));
	for (size_t at = 0; at < order.n; at++) {
		struct header_part header = headers[order.headers[at]];

		if (order.headers[at] == FRAGMENT_HEADER) {
			header.layer.a = endings[ending].offset;
			header.layer.b = endings[ending].more;
			misplaced = at > 0;
		}
		add_header(ret, &header, names, sizeof(names));
	}
	if (misplaced) {
		ret->rule.verdict = XDP_DROP;
		ret->rule.reason = REASON_MALFORMED;
	}
	corpus_add_l4(ret, &corpus_protos[0], endings[ending].port);
	corpus_set_set(ret, "extension headers in every order");
	corpus_set_name(ret, "%s: %s", *names ? names : "no extension header", endings[ending].name);
	return CORPUS_CASE;
}

#define CHAIN_MAX (JITGATE_EXT_HDRS_MAX + 2)

/* Chains of one header, up to two more than are walked over. */
enum corpus_got corpus_chain_get(size_t i, struct corpus_case *ret)
{
	static const struct {
		const char *name;
		int verdict, reason;
		struct layer last;
	} ends[] = {
		{"TCP to a closed port", DROP(NO_GRANT), TCP(GATED)},
		{"UDP to an open port", PASS(UNPROTECTED), UDP(OTHER)},
		{"ICMPv6", PASS(OTHER_PROTO), ICMP6(128)},
	};
	size_t n = corpus_digit(&i, CHAIN_MAX) + 1;
	size_t header = corpus_digit(&i, FRAGMENT_HEADER);
	const struct layer ip6 = IP6;

	if (i >= ARRAY_SIZE(ends))
		return CORPUS_END;
	*ret = (struct corpus_case){
		.kind = CORPUS_EXTENSION, .family = 6, .rule = {.verdict = ends[i].verdict, .reason = ends[i].reason}};
	if (n > JITGATE_EXT_HDRS_MAX)
		ret->rule = (struct packet_case){DROP(TOO_DEEP)};
	corpus_add(ret, &ip6, 1);
	for (size_t at = 0; at < n; at++)
		corpus_add(ret, &headers[header].layer, 1);
	corpus_add(ret, &ends[i].last, 1);
	corpus_set_set(ret, "chains of extension headers: %s", ends[i].name);
	corpus_set_name(ret, "%zu %s header%s: %s", n, headers[header].name, n == 1 ? "" : "s", ends[i].name);
	return CORPUS_CASE;
}

#define TAGS_MAX (JITGATE_VLAN_TAGS_MAX + 2)

/* Chains of one tag, up to two more than are looked through. */
enum corpus_got corpus_tags_get(size_t i, struct corpus_case *ret)
{
	static const struct {
		const char *name;
		struct layer layer;
	} tags[] = {{"802.1Q", VLAN(5)}, {"802.1ad", QINQ(5)}, {"priority", VLAN(0)}};
	size_t n = corpus_digit(&i, TAGS_MAX) + 1;
	size_t tag = corpus_digit(&i, ARRAY_SIZE(tags));
	int family = corpus_digit(&i, 2) ? 6 : 4;
	const struct layer ip = IP;

	if (i >= N_PROTOS)
		return CORPUS_END;
	*ret = (struct corpus_case){.kind = CORPUS_FRAMING, .family = family, .rule = {DROP(NO_GRANT)}};
	if (n > JITGATE_VLAN_TAGS_MAX)
		ret->rule = (struct packet_case){DROP(TOO_DEEP)};
	for (size_t at = 0; at < n; at++)
		corpus_add(ret, &tags[tag].layer, 1);
	corpus_add(ret, &ip, 1);
	corpus_add_l4(ret, &corpus_protos[i], GATED);
	corpus_set_set(ret, "chains of tags: %s", corpus_protos[i].name);
	corpus_set_name(ret, "%zu %s tag%s: %s in IPv%d", n, tags[tag].name, n == 1 ? "" : "s", corpus_protos[i].name,
			family);
	return CORPUS_CASE;
}
