// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. Feed messages taken in, with every field checked. Owns the partial snapshot of a connection; it becomes a
 * snapshot only at END. Must not judge grants (guard.c does) nor touch a socket.
 */
#include "feed_msg.h"

#include <errno.h>
#include <string.h>

#include "jitgate_abi.h"
#include "utf8.h"

/* ---- texts */

static bool is_zero(const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((const char *)bytes)[i])
			return false;
	return true;
}

/* NULL when it is a text as it should be, else what is wrong with it. */
static const char *judge_text(const char *text, size_t size)
{
	size_t len = strnlen(text, size), step;

	if (len == size)
		return "text without end";
	if (!is_zero(text + len, size - len))
		return "bytes behind the end of a text";
	for (size_t i = 0; i < len; i += step) {
		step = utf8_decode(text + i, len - i, NULL);
		if (step == 0)
			return "text is not UTF-8";
	}
	return NULL;
}

static const char *judge_name(const char *name)
{
	for (size_t i = 0; i < FEED_NAME_MAX && name[i]; i++)
		if (name[i] < 0x20 || name[i] > 0x7e)
			return "name is not printable ASCII";
	return name[0] ? judge_text(name, FEED_NAME_MAX) : "empty name";
}

/* ---- what may follow what */

enum receiver_state {
	STATE_NEW = 0,
	STATE_IDLE,
	STATE_PORTS,
	STATE_GRANTS,
	STATE_REFUSED,
	STATE_FAILED,
	_STATE_MAX,
};

#define TYPE_BIT(type) (1u << (type))

static const struct {
	unsigned int allowed;
	const char *why;
} states[_STATE_MAX] = {
	[STATE_NEW] = {TYPE_BIT(FEED_HELLO), "HELLO must come first"},
	[STATE_IDLE] = {TYPE_BIT(FEED_BEGIN) | TYPE_BIT(FEED_TROUBLE), "only BEGIN or TROUBLE may come here"},
	[STATE_PORTS] = {TYPE_BIT(FEED_PORT) | TYPE_BIT(FEED_GRANT) | TYPE_BIT(FEED_REFUSED) | TYPE_BIT(FEED_END),
			 "only PORT, GRANT, REFUSED or END may come inside a snapshot"},
	[STATE_GRANTS] = {TYPE_BIT(FEED_GRANT) | TYPE_BIT(FEED_REFUSED) | TYPE_BIT(FEED_END),
			  "only GRANT, REFUSED or END may follow a GRANT"},
	[STATE_REFUSED] = {TYPE_BIT(FEED_REFUSED) | TYPE_BIT(FEED_END), "only REFUSED or END may follow a REFUSED"},
	[STATE_FAILED] = {0, "nothing counts after an error"},
};

static enum receiver_state state_of(const struct feed_receiver *receiver)
{
	if (receiver->greeted < 0)
		return STATE_FAILED;
	if (!receiver->greeted)
		return STATE_NEW;
	if (!receiver->open)
		return STATE_IDLE;
	if (receiver->partial.refused.n)
		return STATE_REFUSED;
	return receiver->partial.grants.n ? STATE_GRANTS : STATE_PORTS;
}

/* ---- receive; each returns enum feed_got or an error, and leaves the receiver as it was on error */

static int receive_hello(struct feed_receiver *receiver, const struct feed_hello *m, struct parse_error *err)
{
	const char *why = judge_name(m->name);

	if (why)
		return parse_fail(err, offsetof(struct feed_hello, name), why);
	memcpy(receiver->name, m->name, sizeof(receiver->name));
	receiver->greeted = 1;
	return FEED_GOT_NOTHING;
}

static int check_begin(const struct feed_receiver *receiver, const struct feed_begin *m, struct parse_error *err)
{
	if (m->taken_wall_ns < 0)
		return parse_fail(err, offsetof(struct feed_begin, taken_wall_ns), "time before 1970");
	if (m->fresh_for_s < 1 || m->fresh_for_s > FEED_FRESH_MAX_S)
		return parse_fail(err, offsetof(struct feed_begin, fresh_for_s), "fresh_for_s is not 1 to 604800");
	if (m->n_ports > receiver->max_ports)
		return parse_fail(err, offsetof(struct feed_begin, n_ports), "more ports than fit");
	if (m->n_grants > receiver->max_grants)
		return parse_fail(err, offsetof(struct feed_begin, n_grants), "more grants than fit");
	if (m->n_refused > REFUSED_MAX)
		return parse_fail(err, offsetof(struct feed_begin, n_refused), "more refused than fit");
	if (m->flags & ~FEED_BEGIN_KEEP)
		return parse_fail(err, offsetof(struct feed_begin, flags), "unknown flag");
	if (m->flags & FEED_BEGIN_KEEP && m->n_grants)
		return parse_fail(err, offsetof(struct feed_begin, n_grants), "grants, and those of before are kept");
	return 0;
}

static int receive_begin(struct feed_receiver *receiver, const struct feed_begin *m, struct parse_error *err)
{
	int r = check_begin(receiver, m, err);

	if (r < 0)
		return r;
	receiver->partial.taken.ns = m->taken_wall_ns;
	receiver->partial.fresh_for_s = m->fresh_for_s;
	receiver->partial.clock_known = m->clock_offset_s != FEED_CLOCK_UNKNOWN;
	receiver->partial.clock_offset_s = receiver->partial.clock_known ? m->clock_offset_s : 0;
	receiver->partial.keeps_grants = m->flags & FEED_BEGIN_KEEP;
	receiver->partial.refused.more = m->more_refused;
	receiver->n_ports = m->n_ports;
	receiver->n_grants = m->n_grants;
	receiver->n_refused = m->n_refused;
	receiver->open = 1;
	return FEED_GOT_NOTHING;
}

static bool has_port(const struct snapshot *snapshot, uint32_t port)
{
	for (size_t i = 0; i < snapshot->n_ports; i++)
		if (snapshot->ports[i].port == port)
			return true;
	return false;
}

static bool are_protos(uint32_t protos)
{
	return protos != 0 && (protos & ~(uint32_t)PROTO_BITS_ALL) == 0;
}

static int receive_port(struct feed_receiver *receiver, const struct feed_port *m, struct parse_error *err)
{
	struct port_rule rule = {.port = (uint16_t)m->port, .protos = (uint8_t)m->protos, .longest_s = m->longest_s};

	if (m->port < 1 || m->port > UINT16_MAX)
		return parse_fail(err, offsetof(struct feed_port, port), "port is not 1 to 65535");
	if (!are_protos(m->protos))
		return parse_fail(err, offsetof(struct feed_port, protos), "no or unknown protocols");
	if (m->reserved)
		return parse_fail(err, offsetof(struct feed_port, reserved), "reserved field is not 0");
	if (receiver->partial.n_ports >= receiver->n_ports)
		return parse_fail(err, 0, "more ports than announced");
	if (has_port(&receiver->partial, m->port))
		return parse_fail(err, offsetof(struct feed_port, port), "port given twice");
	return snapshot_add_port(&receiver->partial, &rule);
}

/* What cidr.h promises of every struct cidr. */
static bool is_canonical(const uint8_t addr[16], uint32_t prefix_len)
{
	for (uint32_t bit = prefix_len; bit < 128; bit++)
		if (addr[bit / 8] & (0x80u >> (bit % 8)))
			return false;
	return true;
}

static int check_source(const struct feed_grant *m, struct parse_error *err)
{
	if (m->family != JITGATE_IPV4 && m->family != JITGATE_IPV6)
		return parse_fail(err, offsetof(struct feed_grant, family), "unknown address family");
	if (m->prefix_len > (m->family == JITGATE_IPV4 ? 32u : 128u))
		return parse_fail(err, offsetof(struct feed_grant, prefix_len), "prefix length out of range");
	if (!is_canonical(m->addr, m->prefix_len))
		return parse_fail(err, offsetof(struct feed_grant, addr), "address has bits behind its prefix");
	return 0;
}

/* A text in a message. */
struct text_field {
	size_t offset, size;
};

static int check_texts(const void *message, const struct text_field fields[], size_t n, struct parse_error *err)
{
	for (size_t i = 0; i < n; i++) {
		const char *why = judge_text((const char *)message + fields[i].offset, fields[i].size);

		if (why)
			return parse_fail(err, fields[i].offset, why);
	}
	return 0;
}

static int check_grant(const struct feed_grant *m, struct parse_error *err)
{
	static const struct text_field texts[] = {
		{offsetof(struct feed_grant, requestor), sizeof(m->requestor)},
		{offsetof(struct feed_grant, justification), sizeof(m->justification)},
		{offsetof(struct feed_grant, origin), sizeof(m->origin)},
	};
	int r;

	if (m->start_wall_ns < 0)
		return parse_fail(err, offsetof(struct feed_grant, start_wall_ns), "time before 1970");
	if (m->until_wall_ns < 0)
		return parse_fail(err, offsetof(struct feed_grant, until_wall_ns), "time before 1970");
	if (m->port < 1 || m->port > UINT16_MAX)
		return parse_fail(err, offsetof(struct feed_grant, port), "port is not 1 to 65535");
	if (!are_protos(m->protos))
		return parse_fail(err, offsetof(struct feed_grant, protos), "no or unknown protocols");
	r = check_source(m, err);
	return r < 0 ? r : check_texts(m, texts, ARRAY_SIZE(texts), err);
}

static int receive_grant(struct feed_receiver *receiver, const struct feed_grant *m, struct parse_error *err)
{
	struct grant grant = {
		.source = {.family = (uint8_t)m->family, .prefix_len = (uint8_t)m->prefix_len},
		.port = (uint16_t)m->port,
		.protos = (uint8_t)m->protos,
		.start = {m->start_wall_ns},
		.until = {m->until_wall_ns},
	};
	int r = check_grant(m, err);

	if (r < 0)
		return r;
	if (receiver->partial.grants.n >= receiver->n_grants)
		return parse_fail(err, 0, "more grants than announced");
	memcpy(grant.source.addr, m->addr, sizeof(grant.source.addr));
	return grant_set_add(&receiver->partial.grants, &grant, m->requestor, m->justification, m->origin);
}

static int check_refused(const struct feed_refused *m, struct parse_error *err)
{
	static const struct text_field texts[] = {
		{offsetof(struct feed_refused, why), sizeof(m->why)},
		{offsetof(struct feed_refused, source), sizeof(m->source)},
		{offsetof(struct feed_refused, until), sizeof(m->until)},
		{offsetof(struct feed_refused, requestor), sizeof(m->requestor)},
		{offsetof(struct feed_refused, policy), sizeof(m->policy)},
	};

	if (m->port > UINT16_MAX)
		return parse_fail(err, offsetof(struct feed_refused, port), "port is not 0 to 65535");
	if (m->reserved)
		return parse_fail(err, offsetof(struct feed_refused, reserved), "reserved field is not 0");
	if (!*m->why)
		return parse_fail(err, offsetof(struct feed_refused, why), "no reason");
	return check_texts(m, texts, ARRAY_SIZE(texts), err);
}

static int receive_refused(struct feed_receiver *receiver, const struct feed_refused *m, struct parse_error *err)
{
	const struct refused_texts texts = {m->why, m->source, m->until, m->requestor, m->policy};
	int r = check_refused(m, err);

	if (r < 0)
		return r;
	if (receiver->partial.refused.n >= receiver->n_refused)
		return parse_fail(err, 0, "more refused than announced");
	return refused_add(&receiver->partial.refused, (uint16_t)m->port, &texts);
}

static int receive_end(struct feed_receiver *receiver, const struct feed_end *m, struct parse_error *err)
{
	const struct snapshot *partial = &receiver->partial;

	if (m->n_ports != receiver->n_ports || partial->n_ports != receiver->n_ports)
		return parse_fail(err, offsetof(struct feed_end, n_ports), "not as many ports as announced");
	if (m->n_grants != receiver->n_grants || partial->grants.n != receiver->n_grants)
		return parse_fail(err, offsetof(struct feed_end, n_grants), "not as many grants as announced");
	if (m->n_refused != receiver->n_refused || partial->refused.n != receiver->n_refused)
		return parse_fail(err, offsetof(struct feed_end, n_refused), "not as many refused as announced");
	if (m->reserved)
		return parse_fail(err, offsetof(struct feed_end, reserved), "reserved field is not 0");
	snapshot_free(&receiver->complete);
	receiver->complete = receiver->partial;
	receiver->partial = (struct snapshot){0};
	receiver->open = 0;
	return FEED_GOT_SNAPSHOT;
}

static int receive_trouble(struct feed_receiver *receiver, const struct feed_trouble *m, struct parse_error *err)
{
	const char *why = judge_text(m->text, sizeof(m->text));

	if (m->at_wall_ns < 0)
		return parse_fail(err, offsetof(struct feed_trouble, at_wall_ns), "time before 1970");
	if (why)
		return parse_fail(err, offsetof(struct feed_trouble, text), why);
	receiver->trouble_at.ns = m->at_wall_ns;
	memcpy(receiver->trouble, m->text, sizeof(receiver->trouble));
	return FEED_GOT_TROUBLE;
}

static int check_header(const struct feed_header *header, size_t len, struct parse_error *err)
{
	if (header->protocol != FEED_PROTOCOL) {
		parse_fail(err, offsetof(struct feed_header, protocol), "another protocol version");
		return -EPROTO;
	}
	if (feed_size(header->type) == 0)
		return parse_fail(err, offsetof(struct feed_header, type), "unknown message type");
	if (header->type == FEED_ASK)
		return parse_fail(err, offsetof(struct feed_header, type), "ASK goes the other way");
	if (header->size != feed_size(header->type) || len != header->size)
		return parse_fail(err, offsetof(struct feed_header, size), "message of a wrong size");
	return 0;
}

static int dispatch(struct feed_receiver *receiver, const void *message, size_t len, struct parse_error *err)
{
	const enum receiver_state state = state_of(receiver);
	union feed_any m;
	int r;

	if (len < sizeof(m.header) || len > sizeof(m))
		return parse_fail(err, 0, "message of a wrong size");
	memcpy(&m, message, len); /* `message` may lie anywhere */
	r = check_header(&m.header, len, err);
	if (r < 0)
		return r;
	if (!(states[state].allowed & TYPE_BIT(m.header.type)))
		return parse_fail(err, offsetof(struct feed_header, type), states[state].why);
	switch (m.header.type) {
	case FEED_HELLO:
		return receive_hello(receiver, &m.hello, err);
	case FEED_BEGIN:
		return receive_begin(receiver, &m.begin, err);
	case FEED_PORT:
		return receive_port(receiver, &m.port, err);
	case FEED_GRANT:
		return receive_grant(receiver, &m.grant, err);
	case FEED_REFUSED:
		return receive_refused(receiver, &m.refused, err);
	case FEED_END:
		return receive_end(receiver, &m.end, err);
	default:
		return receive_trouble(receiver, &m.trouble, err);
	}
}

int feed_receive(struct feed_receiver *receiver, const void *message, size_t len, struct parse_error *err)
{
	int r = dispatch(receiver, message, len, err);

	if (r == -ENOMEM)
		parse_fail(err, 0, "out of memory");
	if (r < 0) {
		snapshot_free(&receiver->partial);
		receiver->open = 0;
		receiver->greeted = -1;
	}
	return r;
}

void feed_receiver_free(struct feed_receiver *receiver)
{
	snapshot_free(&receiver->partial);
	snapshot_free(&receiver->complete);
	*receiver = (struct feed_receiver){0};
}

/* ---- the other end */

int feed_receive_ask(const void *message, size_t len, struct knock *ret, struct parse_error *err)
{
	struct feed_ask m;

	if (len != sizeof(m))
		return parse_fail(err, 0, "message of a wrong size");
	memcpy(&m, message, sizeof(m));
	if (m.header.protocol != FEED_PROTOCOL)
		return parse_fail(err, offsetof(struct feed_header, protocol), "another protocol version");
	if (m.header.type != FEED_ASK || m.header.size != sizeof(m))
		return parse_fail(err, offsetof(struct feed_header, type), "not an ASK");
	if (m.family != JITGATE_IPV4 && m.family != JITGATE_IPV6)
		return parse_fail(err, offsetof(struct feed_ask, family), "unknown address family");
	if (m.proto > UINT8_MAX || m.port > UINT16_MAX)
		return parse_fail(err, offsetof(struct feed_ask, proto), "protocol or port out of range");
	*ret = (struct knock){
		.at.ns = m.at_boot_ns,
		.family = (uint8_t)m.family,
		.proto = (uint8_t)m.proto,
		.port = (uint16_t)m.port,
		.n_unsaid = m.n_unsaid,
	};
	memcpy(ret->addr, m.addr, sizeof(ret->addr));
	return 0;
}
