// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. Feed messages: their sizes, and how they are made. Taking them in is feed_receive.c's.
 */
#include "feed_msg.h"

#include <errno.h>
#include <string.h>

#include "jitgate_abi.h"
#include "utf8.h"

/* The layout is what the other process was built with: no holes, no surprise. */
_Static_assert(sizeof(struct feed_header) == 8, "feed_header is a wire format");
_Static_assert(sizeof(struct feed_hello) == 8 + FEED_NAME_MAX, "feed_hello is a wire format");
_Static_assert(sizeof(struct feed_begin) == 40, "feed_begin is a wire format");
_Static_assert(sizeof(struct feed_port) == 24, "feed_port is a wire format");
_Static_assert(sizeof(struct feed_grant) == 56 + GRANT_REQUESTOR_MAX + GRANT_JUSTIFICATION_MAX + GRANT_ORIGIN_MAX,
	       "feed_grant is a wire format");
_Static_assert(sizeof(struct feed_refused) == 16 + REFUSED_WHY_MAX + REFUSED_SOURCE_MAX + REFUSED_UNTIL_MAX +
						      REFUSED_REQUESTOR_MAX + REFUSED_POLICY_MAX,
	       "feed_refused is a wire format");
_Static_assert(sizeof(struct feed_end) == 24, "feed_end is a wire format");
_Static_assert(sizeof(struct feed_trouble) == 16 + FEED_TROUBLE_MAX, "feed_trouble is a wire format");
_Static_assert(sizeof(struct feed_ask) == 48, "feed_ask is a wire format");

static const size_t sizes[_FEED_TYPE_MAX] = {
	[FEED_HELLO] = sizeof(struct feed_hello), [FEED_BEGIN] = sizeof(struct feed_begin),
	[FEED_PORT] = sizeof(struct feed_port),   [FEED_GRANT] = sizeof(struct feed_grant),
	[FEED_END] = sizeof(struct feed_end),     [FEED_TROUBLE] = sizeof(struct feed_trouble),
	[FEED_ASK] = sizeof(struct feed_ask),     [FEED_REFUSED] = sizeof(struct feed_refused),
};

size_t feed_size(unsigned int type)
{
	return type < _FEED_TYPE_MAX ? sizes[type] : 0;
}

unsigned int feed_protocol_of(const void *message, size_t len)
{
	struct feed_header header;

	if (len < sizeof(header))
		return 0;
	memcpy(&header, message, sizeof(header));
	return header.protocol;
}

static struct feed_header make_header(enum feed_type type)
{
	return (struct feed_header){.type = (uint16_t)type, .protocol = FEED_PROTOCOL, .size = (uint32_t)sizes[type]};
}

void feed_encode_hello(struct feed_hello *ret, const char *name)
{
	*ret = (struct feed_hello){.header = make_header(FEED_HELLO)};
	for (size_t i = 0; i < FEED_NAME_MAX - 1 && name[i]; i++)
		ret->name[i] = (char)(name[i] < 0x20 || name[i] > 0x7e ? '?' : name[i]);
}

void feed_encode_begin(struct feed_begin *ret, const struct snapshot *snapshot)
{
	*ret = (struct feed_begin){
		.header = make_header(FEED_BEGIN),
		.taken_wall_ns = snapshot->taken.ns,
		.fresh_for_s = snapshot->fresh_for_s,
		.n_ports = (uint32_t)snapshot->n_ports,
		.n_grants = (uint32_t)snapshot->grants.n,
		.n_refused = (uint16_t)snapshot->refused.n,
		.flags = snapshot->keeps_grants ? FEED_BEGIN_KEEP : 0,
		.more_refused = snapshot->refused.more,
		.clock_offset_s = snapshot->clock_known ? snapshot->clock_offset_s : FEED_CLOCK_UNKNOWN,
	};
}

void feed_encode_port(struct feed_port *ret, const struct port_rule *rule)
{
	*ret = (struct feed_port){
		.header = make_header(FEED_PORT),
		.port = rule->port,
		.protos = rule->protos,
		.longest_s = rule->longest_s,
	};
}

void feed_encode_grant(struct feed_grant *ret, const struct grant_set *set, const struct grant *grant)
{
	*ret = (struct feed_grant){
		.header = make_header(FEED_GRANT),
		.start_wall_ns = grant->start.ns,
		.until_wall_ns = grant->until.ns,
		.port = grant->port,
		.protos = grant->protos,
		.family = grant->source.family,
		.prefix_len = grant->source.prefix_len,
	};
	memcpy(ret->addr, grant->source.addr, sizeof(ret->addr));
	utf8_fit(ret->requestor, sizeof(ret->requestor), grant_set_text(set, grant->requestor));
	utf8_fit(ret->justification, sizeof(ret->justification), grant_set_text(set, grant->justification));
	utf8_fit(ret->origin, sizeof(ret->origin), grant_set_text(set, grant->origin));
}

void feed_encode_refused(struct feed_refused *ret, const struct refused *refused)
{
	*ret = (struct feed_refused){.header = make_header(FEED_REFUSED), .port = refused->port};
	utf8_fit(ret->why, sizeof(ret->why), refused->why);
	utf8_fit(ret->source, sizeof(ret->source), refused->source);
	utf8_fit(ret->until, sizeof(ret->until), refused->until);
	utf8_fit(ret->requestor, sizeof(ret->requestor), refused->requestor);
	utf8_fit(ret->policy, sizeof(ret->policy), refused->policy);
}

void feed_encode_end(struct feed_end *ret, const struct snapshot *snapshot)
{
	*ret = (struct feed_end){
		.header = make_header(FEED_END),
		.n_ports = (uint32_t)snapshot->n_ports,
		.n_grants = (uint32_t)snapshot->grants.n,
		.n_refused = (uint32_t)snapshot->refused.n,
	};
}

void feed_encode_trouble(struct feed_trouble *ret, struct wall_time at, const char *text)
{
	*ret = (struct feed_trouble){.header = make_header(FEED_TROUBLE), .at_wall_ns = at.ns};
	utf8_fit(ret->text, sizeof(ret->text), text);
}

void feed_encode_ask(struct feed_ask *ret, const struct knock *knock)
{
	*ret = (struct feed_ask){
		.header = make_header(FEED_ASK),
		.at_boot_ns = knock->at.ns,
		.family = knock->family,
		.proto = knock->proto,
		.port = knock->port,
		.n_unsaid = knock->n_unsaid,
	};
	memcpy(ret->addr, knock->addr, sizeof(ret->addr));
}
