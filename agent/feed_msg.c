// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. Feed messages: encode, and take in with every field checked. Owns the partial snapshot of a connection; it
 * becomes a snapshot only at END. Must not judge grants (guard.c does) nor touch a socket.
 */
#include "feed_msg.h"

#include <errno.h>
#include <string.h>

#include "jitgate_abi.h"
#include "utf8.h"

/* The layout is what the other process was built with: no holes, no surprise. */
_Static_assert(sizeof(struct feed_header) == 8, "feed_header is a wire format");
_Static_assert(sizeof(struct feed_hello) == 8 + FEED_NAME_MAX, "feed_hello is a wire format");
_Static_assert(sizeof(struct feed_begin) == 32, "feed_begin is a wire format");
_Static_assert(sizeof(struct feed_port) == 24, "feed_port is a wire format");
_Static_assert(sizeof(struct feed_grant) == 56 + GRANT_REQUESTOR_MAX + GRANT_JUSTIFICATION_MAX + GRANT_ORIGIN_MAX,
	       "feed_grant is a wire format");
_Static_assert(sizeof(struct feed_end) == 16, "feed_end is a wire format");
_Static_assert(sizeof(struct feed_trouble) == 16 + FEED_TROUBLE_MAX, "feed_trouble is a wire format");
_Static_assert(sizeof(struct feed_ask) == 8, "feed_ask is a wire format");

static const size_t sizes[_FEED_TYPE_MAX] = {
	[FEED_HELLO] = sizeof(struct feed_hello), [FEED_BEGIN] = sizeof(struct feed_begin),
	[FEED_PORT] = sizeof(struct feed_port),   [FEED_GRANT] = sizeof(struct feed_grant),
	[FEED_END] = sizeof(struct feed_end),     [FEED_TROUBLE] = sizeof(struct feed_trouble),
	[FEED_ASK] = sizeof(struct feed_ask),
};

size_t feed_size(unsigned int type)
{
	return type < _FEED_TYPE_MAX ? sizes[type] : 0;
}

/* ---- texts */

/* Copy as much as fits with its NUL into zeroed `out`. What is not UTF-8 becomes '?', so that the receiver takes it. */
static void put_text(char *out, size_t size, const char *text)
{
	const char *s = text ? text : "";
	size_t used = 0;

	while (*s) {
		size_t len = utf8_decode(s, UTF8_BYTES_MAX, NULL), step = len ? len : 1;

		if (used + step >= size)
			return;
		if (len)
			memcpy(out + used, s, len);
		else
			out[used] = '?';
		used += step;
		s += step;
	}
}

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

/* ---- encode */

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
	put_text(ret->requestor, sizeof(ret->requestor), grant_set_text(set, grant->requestor));
	put_text(ret->justification, sizeof(ret->justification), grant_set_text(set, grant->justification));
	put_text(ret->origin, sizeof(ret->origin), grant_set_text(set, grant->origin));
}

void feed_encode_end(struct feed_end *ret, const struct snapshot *snapshot)
{
	*ret = (struct feed_end){
		.header = make_header(FEED_END),
		.n_ports = (uint32_t)snapshot->n_ports,
		.n_grants = (uint32_t)snapshot->grants.n,
	};
}

void feed_encode_trouble(struct feed_trouble *ret, struct wall_time at, const char *text)
{
	*ret = (struct feed_trouble){.header = make_header(FEED_TROUBLE), .at_wall_ns = at.ns};
	put_text(ret->text, sizeof(ret->text), text);
}

void feed_encode_ask(struct feed_ask *ret)
{
	*ret = (struct feed_ask){.header = make_header(FEED_ASK)};
}

/* ---- what may follow what */

enum receiver_state { STATE_NEW = 0, STATE_IDLE, STATE_PORTS, STATE_GRANTS, STATE_FAILED, _STATE_MAX };

#define TYPE_BIT(type) (1u << (type))

static const struct {
	unsigned int allowed;
	const char *why;
} states[_STATE_MAX] = {
	[STATE_NEW] = {TYPE_BIT(FEED_HELLO), "HELLO must come first"},
	[STATE_IDLE] = {TYPE_BIT(FEED_BEGIN) | TYPE_BIT(FEED_TROUBLE), "only BEGIN or TROUBLE may come here"},
	[STATE_PORTS] = {TYPE_BIT(FEED_PORT) | TYPE_BIT(FEED_GRANT) | TYPE_BIT(FEED_END),
			 "only PORT, GRANT or END may come inside a snapshot"},
	[STATE_GRANTS] = {TYPE_BIT(FEED_GRANT) | TYPE_BIT(FEED_END), "only GRANT or END may follow a GRANT"},
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

static int receive_begin(struct feed_receiver *receiver, const struct feed_begin *m, struct parse_error *err)
{
	if (m->taken_wall_ns < 0)
		return parse_fail(err, offsetof(struct feed_begin, taken_wall_ns), "time before 1970");
	if (m->fresh_for_s < 1 || m->fresh_for_s > FEED_FRESH_MAX_S)
		return parse_fail(err, offsetof(struct feed_begin, fresh_for_s), "fresh_for_s is not 1 to 604800");
	if (m->n_ports > receiver->max_ports)
		return parse_fail(err, offsetof(struct feed_begin, n_ports), "more ports than fit");
	if (m->n_grants > receiver->max_grants)
		return parse_fail(err, offsetof(struct feed_begin, n_grants), "more grants than fit");
	if (m->reserved)
		return parse_fail(err, offsetof(struct feed_begin, reserved), "reserved field is not 0");
	receiver->partial.taken.ns = m->taken_wall_ns;
	receiver->partial.fresh_for_s = m->fresh_for_s;
	receiver->n_ports = m->n_ports;
	receiver->n_grants = m->n_grants;
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

static int check_texts(const struct feed_grant *m, struct parse_error *err)
{
	const struct {
		const char *text;
		size_t size, offset;
	} texts[] = {
		{m->requestor, sizeof(m->requestor), offsetof(struct feed_grant, requestor)},
		{m->justification, sizeof(m->justification), offsetof(struct feed_grant, justification)},
		{m->origin, sizeof(m->origin), offsetof(struct feed_grant, origin)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *why = judge_text(texts[i].text, texts[i].size);

		if (why)
			return parse_fail(err, texts[i].offset, why);
	}
	return 0;
}

static int check_grant(const struct feed_grant *m, struct parse_error *err)
{
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
	return r < 0 ? r : check_texts(m, err);
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

static int receive_end(struct feed_receiver *receiver, const struct feed_end *m, struct parse_error *err)
{
	const struct snapshot *partial = &receiver->partial;

	if (m->n_ports != receiver->n_ports || partial->n_ports != receiver->n_ports)
		return parse_fail(err, offsetof(struct feed_end, n_ports), "not as many ports as announced");
	if (m->n_grants != receiver->n_grants || partial->grants.n != receiver->n_grants)
		return parse_fail(err, offsetof(struct feed_end, n_grants), "not as many grants as announced");
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
	if (header->protocol != FEED_PROTOCOL)
		return parse_fail(err, offsetof(struct feed_header, protocol), "another protocol version");
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
