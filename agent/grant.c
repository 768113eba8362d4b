// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. Grants, protected ports, snapshots: their storage and the text forms of ports and protocols. Decides nothing:
 * what may be granted is guard.c's, what is installed is reconcile.c's.
 */
#include "grant.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "jitgate_abi.h"

#define GRANTS_CAP_MIN 16
#define TEXT_CAP_MIN 512

static bool is_rule_valid(uint16_t port, uint8_t protos)
{
	return port != 0 && protos != 0 && (protos & ~PROTO_BITS_ALL) == 0;
}

static int reserve_grant(struct grant_set *set)
{
	size_t cap = set->cap ? set->cap : GRANTS_CAP_MIN / 2;
	struct grant *grants;

	if (set->n < set->cap)
		return 0;
	if (mul_overflows(cap, 2, &cap))
		return -ENOMEM;
	grants = reallocarray(set->grants, cap, sizeof(*grants));
	if (!grants)
		return -ENOMEM;
	set->grants = grants;
	set->cap = cap;
	return 0;
}

/* Room for `extra` bytes, and the NUL at offset 0 that makes ref 0 "". A ref has 32 bits: that is where it ends. */
static int reserve_text(struct grant_set *set, size_t extra)
{
	size_t start = set->text_len ? set->text_len : 1, need, cap = set->text_cap ? set->text_cap : TEXT_CAP_MIN;
	char *text;

	if (__builtin_add_overflow(start, extra, &need) || need > UINT32_MAX)
		return -ENOMEM;
	while (cap < need)
		cap *= 2;
	if (cap > set->text_cap) {
		text = realloc(set->text, cap);
		if (!text)
			return -ENOMEM;
		set->text = text;
		set->text_cap = cap;
	}
	if (set->text_len == 0) {
		set->text[0] = '\0';
		set->text_len = 1;
	}
	return 0;
}

/* Room has been made. `previous` is the same field of the grant before: neighbours mostly say the same. */
static text_ref keep_text(struct grant_set *set, const char *s, text_ref previous)
{
	size_t size = strlen(s) + 1, at = set->text_len;

	if (size == 1)
		return 0;
	if (strcmp(set->text + previous, s) == 0)
		return previous;
	memcpy(set->text + at, s, size);
	set->text_len += size;
	return (text_ref)at;
}

static int add_sizes(const char *a, const char *b, const char *c, size_t *ret)
{
	size_t sum;

	if (__builtin_add_overflow(strlen(a), strlen(b), &sum) || __builtin_add_overflow(sum, strlen(c), &sum) ||
	    __builtin_add_overflow(sum, (size_t)3, ret))
		return -ENOMEM;
	return 0;
}

int grant_set_add(struct grant_set *set, const struct grant *grant, const char *requestor, const char *justification,
		  const char *origin)
{
	struct grant copy = *grant, previous = {0};
	size_t extra = 0;
	int r;

	if (!is_rule_valid(grant->port, grant->protos))
		return -EINVAL;
	requestor = requestor ? requestor : "";
	justification = justification ? justification : "";
	origin = origin ? origin : "";
	r = add_sizes(requestor, justification, origin, &extra);
	if (r == 0)
		r = reserve_text(set, extra);
	if (r == 0)
		r = reserve_grant(set);
	if (r < 0)
		return r;

	if (set->n)
		previous = set->grants[set->n - 1];
	copy.requestor = keep_text(set, requestor, previous.requestor);
	copy.justification = keep_text(set, justification, previous.justification);
	copy.origin = keep_text(set, origin, previous.origin);
	set->grants[set->n++] = copy;
	return 0;
}

const char *grant_set_text(const struct grant_set *set, text_ref ref)
{
	return ref < set->text_len ? set->text + ref : "";
}

void grant_set_free(struct grant_set *set)
{
	free(set->grants);
	free(set->text);
	*set = (struct grant_set){0};
}

int grant_compare(const struct grant *a, const struct grant *b)
{
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	if (a->protos != b->protos)
		return a->protos < b->protos ? -1 : 1;
	return cidr_compare(&a->source, &b->source);
}

int snapshot_add_port(struct snapshot *snapshot, const struct port_rule *rule)
{
	struct port_rule *ports;

	if (!is_rule_valid(rule->port, rule->protos))
		return -EINVAL;
	ports = reallocarray(snapshot->ports, snapshot->n_ports + 1, sizeof(*ports));
	if (!ports)
		return -ENOMEM;
	ports[snapshot->n_ports++] = *rule;
	snapshot->ports = ports;
	return 0;
}

void snapshot_clock_stepped(struct snapshot *snapshot, int64_t step_ns)
{
	int64_t offset_s = snapshot->clock_offset_s + step_ns / NS_PER_S;

	if (!snapshot->clock_known)
		return;
	offset_s = offset_s > INT32_MAX ? INT32_MAX : offset_s;
	snapshot->clock_offset_s = (int32_t)(offset_s < -INT32_MAX ? -INT32_MAX : offset_s);
}

void snapshot_free(struct snapshot *snapshot)
{
	free(snapshot->ports);
	grant_set_free(&snapshot->grants);
	refused_free(&snapshot->refused);
	*snapshot = (struct snapshot){0};
}

static const struct {
	uint8_t bit;
	uint8_t number;
	const char *name;
} protos_known[] = {
	{PROTO_BIT_TCP, IPPROTO_TCP, "tcp"},
	{PROTO_BIT_UDP, IPPROTO_UDP, "udp"},
	{PROTO_BIT_SCTP, IPPROTO_SCTP, "sctp"},
	{PROTO_BIT_DCCP, IPPROTO_DCCP, "dccp"},
	{PROTO_BIT_UDPLITE, IPPROTO_UDPLITE, "udplite"},
};

const char *protos_format(uint8_t protos, char out[PROTOS_TEXT_MAX])
{
	size_t len = 0;

	out[0] = '\0';
	if ((protos & PROTO_BITS_ALL) == PROTO_BITS_ALL) {
		memcpy(out, "*", 2);
		return out;
	}
	/* The longest, "udp+sctp+dccp+udplite", fits, so len stays below PROTOS_TEXT_MAX. */
	for (size_t i = 0; i < ARRAY_SIZE(protos_known); i++) {
		if (protos & protos_known[i].bit)
			len += (size_t)snprintf(out + len, PROTOS_TEXT_MAX - len, "%s%s", len ? "+" : "",
						protos_known[i].name);
	}
	return out;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

int protos_parse(const char *text, size_t len, uint8_t *ret_protos)
{
	if (is_word(text, len, "*") || is_word(text, len, "any")) {
		*ret_protos = PROTO_BITS_ALL;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(protos_known); i++) {
		if (is_word(text, len, protos_known[i].name)) {
			*ret_protos = protos_known[i].bit;
			return 0;
		}
	}
	return -EINVAL;
}

uint8_t proto_number(uint8_t bit)
{
	for (size_t i = 0; i < ARRAY_SIZE(protos_known); i++) {
		if (protos_known[i].bit == bit)
			return protos_known[i].number;
	}
	return 0;
}

uint8_t proto_to_bit(uint8_t number)
{
	for (size_t i = 0; i < ARRAY_SIZE(protos_known); i++) {
		if (protos_known[i].number == number)
			return protos_known[i].bit;
	}
	return 0;
}

static int parse_port(const char *digits, size_t len, uint16_t *ret, struct parse_error *err)
{
	unsigned int value = 0;

	if (len == 0)
		return parse_fail(err, 0, "port number expected");
	if (digits[0] == '0')
		return parse_fail(err, 0, "port 0 or a leading zero");
	for (size_t i = 0; i < len; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return parse_fail(err, i, "port is not a number");
		value = value * 10 + (unsigned int)(digits[i] - '0');
		if (value > UINT16_MAX)
			return parse_fail(err, 0, "port above 65535");
	}
	*ret = (uint16_t)value;
	return 0;
}

int port_rule_parse(const char *text, size_t len, struct port_rule *ret, struct parse_error *err)
{
	struct port_rule rule = {.protos = PROTO_BIT_TCP};
	const char *slash = len ? memchr(text, '/', len) : NULL;
	size_t digits = slash ? (size_t)(slash - text) : len;
	int r;

	r = parse_port(text, digits, &rule.port, err);
	if (r < 0)
		return r;
	if (slash && protos_parse(slash + 1, len - digits - 1, &rule.protos) < 0)
		return parse_fail(err, digits + 1, "unknown protocol: tcp, udp, sctp, dccp, udplite or any");
	*ret = rule;
	return 0;
}
