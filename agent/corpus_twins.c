// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The cases by hand, for each family, and what follows from them: what is closed is open one port further, and is
 * closed just so for the other protocols with ports. See corpus.h.
 */
#include <netinet/in.h>
#include <string.h>

#include "corpus_parts.h"
#include "util.h"

static const enum corpus_kind kinds[] = {
	[REASON_NOT_IP] = CORPUS_NOT_IP,           [REASON_MALFORMED] = CORPUS_MALFORMED,
	[REASON_TOO_DEEP] = CORPUS_TOO_DEEP,       [REASON_LATER_FRAGMENT] = CORPUS_LATER_FRAGMENT,
	[REASON_OTHER_PROTO] = CORPUS_OTHER_PROTO, [REASON_SHORT_L4] = CORPUS_SHORT_L4,
	[REASON_UNPROTECTED] = CORPUS_UNPROTECTED, [REASON_GRANTED] = CORPUS_GRANTED,
	[REASON_EXPIRED] = CORPUS_EXPIRED,         [REASON_NO_GRANT] = CORPUS_NO_GRANT,
};

/* The index is row * 2 + family. */
enum corpus_got corpus_table_get(size_t i, struct corpus_case *ret)
{
	static const char *const suffixes[] = {", IPv4", ", IPv6"};
	size_t second = corpus_digit(&i, 2);
	int family = second ? 6 : 4, only;

	if (i >= n_packet_cases)
		return CORPUS_END;
	only = corpus_family_of(packet_cases[i].frame);
	if (only && only != family)
		return CORPUS_LEFT_OUT;
	*ret = (struct corpus_case){.kind = kinds[packet_cases[i].reason], .family = family, .rule = packet_cases[i]};
	corpus_set_name(ret, "%s%s", packet_cases[i].name, only ? "" : suffixes[second]);
	corpus_set_set(ret, "%s", ret->name);
	return CORPUS_CASE;
}

static bool is_closed(const struct corpus_case *c)
{
	return c->rule.reason == REASON_NO_GRANT || c->rule.reason == REASON_EXPIRED;
}

enum corpus_got corpus_next_door_get(size_t i, struct corpus_case *ret)
{
	enum corpus_got got = corpus_table_get(i, ret);

	if (got != CORPUS_CASE)
		return got;
	if (!is_closed(ret))
		return CORPUS_LEFT_OUT;
	for (size_t j = 0; j < FRAME_LAYERS_MAX; j++) {
		if (ret->rule.frame[j].kind == LAYER_L4)
			ret->rule.frame[j].b = OTHER;
	}
	ret->kind = CORPUS_NEXT_DOOR;
	ret->rule.verdict = XDP_PASS;
	ret->rule.reason = REASON_UNPROTECTED;
	corpus_set_set(ret, "what is closed is open at the port next door");
	corpus_set_name(ret, "%s, IPv%d, but to the port next door", ret->rule.name, ret->family);
	return CORPUS_CASE;
}

static bool has_grant(const struct packet_case *rule)
{
	for (size_t i = 0; i < CASE_GRANTS_MAX; i++) {
		if (rule->grants[i].prefix4 || rule->grants[i].prefix6)
			return true;
	}
	return false;
}

enum corpus_got corpus_protocol_get(size_t i, struct corpus_case *ret)
{
	const struct proto_part *proto = &corpus_protos[i / (2 * n_packet_cases)];

	if (i >= N_PROTOS * 2 * n_packet_cases)
		return CORPUS_END;
	if (proto->bit == PROTO_BIT_TCP || corpus_table_get(i % (2 * n_packet_cases), ret) != CORPUS_CASE ||
	    ret->rule.reason != REASON_NO_GRANT || has_grant(&ret->rule))
		return CORPUS_LEFT_OUT;
	for (size_t j = 0; j < FRAME_LAYERS_MAX; j++) {
		if (ret->rule.frame[j].kind == LAYER_L4 && ret->rule.frame[j].a == IPPROTO_TCP)
			ret->rule.frame[j].a = proto->proto;
	}
	ret->kind = CORPUS_PROTOCOL;
	ret->rule.protect = proto->bit;
	corpus_set_set(ret, "what is closed for TCP is closed for %s", proto->name);
	corpus_set_name(ret, "%s, IPv%d, by %s", ret->rule.name, ret->family, proto->name);
	return CORPUS_CASE;
}
