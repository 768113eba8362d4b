// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The feed protocol. An input is one connection: messages, each behind two bytes with its length, the high one first. A
 * second judge, written from feed_msg.h, says what the receiver has to say; what the receiver takes in, encoded again,
 * is what was sent, byte for byte.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "feed_msg.h"

#define MAX_PORTS 6
#define MAX_GRANTS 6
#define MAX_REFUSED 64 /* refused.h says so */
#define SPOIL_STEP 7   /* bytes */

/* What the judge keeps of a connection: the messages of the open snapshot, as they were sent. */
struct connection {
	bool greeted, failed, open;
	struct feed_begin begin;
	struct feed_port ports[MAX_PORTS];
	struct feed_grant grants[MAX_GRANTS];
	struct feed_refused refused[MAX_REFUSED];
	uint32_t n_ports, n_grants, n_refused;
};

/* ---- the second judge */

static bool is_text(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	for (size_t i = len; i < size; i++) {
		if (text[i])
			return false;
	}
	return len < size && fuzz_is_utf8(text, len);
}

static bool is_hello(const struct feed_hello *m)
{
	for (const char *p = m->name; p < m->name + sizeof(m->name) && *p; p++) {
		if (*p < ' ' || *p > '~')
			return false;
	}
	return m->name[0] && is_text(m->name, sizeof(m->name));
}

static bool is_begin(const struct feed_begin *m)
{
	return m->taken_wall_ns >= 0 && m->fresh_for_s >= 1 && m->fresh_for_s <= FEED_FRESH_MAX_S &&
	       m->n_ports <= MAX_PORTS && m->n_grants <= MAX_GRANTS && m->n_refused <= MAX_REFUSED &&
	       (m->flags == 0 || (m->flags == 1 && m->n_grants == 0));
}

static bool is_rule(uint32_t port, uint32_t protos)
{
	return port > 0 && port < 65536 && protos > 0 && protos <= PROTO_BITS_ALL;
}

static bool is_port(const struct connection *c, const struct feed_port *m)
{
	for (uint32_t i = 0; i < c->n_ports; i++) {
		if (c->ports[i].port == m->port)
			return false;
	}
	return is_rule(m->port, m->protos) && !m->reserved && c->n_ports < c->begin.n_ports && c->n_grants == 0 &&
	       c->n_refused == 0;
}

static bool is_source(const struct feed_grant *m)
{
	uint32_t bits = m->family == 4 ? 32 : 128;

	if ((m->family != 4 && m->family != 6) || m->prefix_len > bits)
		return false;
	for (uint32_t i = m->prefix_len; i < 128; i++) {
		if (m->addr[i / 8] & 0x80 >> i % 8)
			return false;
	}
	return true;
}

static bool is_grant(const struct connection *c, const struct feed_grant *m)
{
	return is_rule(m->port, m->protos) && is_source(m) && m->start_wall_ns >= 0 && m->until_wall_ns >= 0 &&
	       is_text(m->requestor, sizeof(m->requestor)) && is_text(m->justification, sizeof(m->justification)) &&
	       is_text(m->origin, sizeof(m->origin)) && c->n_grants < c->begin.n_grants && c->n_refused == 0;
}

static bool is_refused(const struct connection *c, const struct feed_refused *m)
{
	return m->port < 65536 && !m->reserved && m->why[0] && is_text(m->why, sizeof(m->why)) &&
	       is_text(m->source, sizeof(m->source)) && is_text(m->until, sizeof(m->until)) &&
	       is_text(m->requestor, sizeof(m->requestor)) && is_text(m->policy, sizeof(m->policy)) &&
	       c->n_refused < c->begin.n_refused;
}

static bool is_end(const struct connection *c, const struct feed_end *m)
{
	return m->n_ports == c->n_ports && m->n_grants == c->n_grants && c->begin.n_ports == c->n_ports &&
	       c->begin.n_grants == c->n_grants && m->n_refused == c->n_refused && c->begin.n_refused == c->n_refused &&
	       !m->reserved;
}

/* What a message's type has as size; 0: must not come from a feed. */
static size_t size_of(unsigned int type)
{
	static const size_t sizes[] = {0,
				       sizeof(struct feed_hello),
				       sizeof(struct feed_begin),
				       24,
				       sizeof(struct feed_grant),
				       sizeof(struct feed_refused),
				       24,
				       272};

	return type < ARRAY_SIZE(sizes) ? sizes[type] : 0;
}

/* Whether the message is one that may come now. Notes down what it brings. */
static int judge(struct connection *c, const uint8_t *bytes, size_t len)
{
	union feed_any m = {0};

	if (c->failed || len < sizeof(m.header) || len > sizeof(m))
		return -EINVAL;
	memcpy(&m, bytes, len);
	if (m.header.protocol != 2 || m.header.size != len || size_of(m.header.type) != len)
		return -EINVAL;
	if (m.header.type == FEED_HELLO && !c->greeted && is_hello(&m.hello)) {
		c->greeted = true;
	} else if (m.header.type == FEED_BEGIN && c->greeted && !c->open && is_begin(&m.begin)) {
		c->open = true;
		c->begin = m.begin;
		c->n_ports = c->n_grants = c->n_refused = 0;
	} else if (m.header.type == FEED_PORT && c->open && is_port(c, &m.port)) {
		c->ports[c->n_ports++] = m.port;
	} else if (m.header.type == FEED_GRANT && c->open && is_grant(c, &m.grant)) {
		c->grants[c->n_grants++] = m.grant;
	} else if (m.header.type == FEED_REFUSED && c->open && is_refused(c, &m.refused)) {
		c->refused[c->n_refused++] = m.refused;
	} else if (m.header.type == FEED_END && c->open && is_end(c, &m.end)) {
		c->open = false;
		return FEED_GOT_SNAPSHOT;
	} else if (m.header.type == FEED_TROUBLE && c->greeted && !c->open && m.trouble.at_wall_ns >= 0 &&
		   is_text(m.trouble.text, sizeof(m.trouble.text))) {
		return FEED_GOT_TROUBLE;
	} else {
		return -EINVAL;
	}
	return FEED_GOT_NOTHING;
}

/* ---- the way back */

#define SAME(message, bytes) (memcmp(&(message), (bytes), sizeof(message)) == 0)

static void check_snapshot(const struct connection *c, const struct snapshot *snapshot)
{
	union feed_any m;

	HOLDS(snapshot->n_ports == c->n_ports && snapshot->grants.n == c->n_grants &&
	      snapshot->refused.n == c->n_refused);
	feed_encode_begin(&m.begin, snapshot);
	HOLDS(SAME(m.begin, &c->begin));
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		feed_encode_port(&m.port, &snapshot->ports[i]);
		HOLDS(SAME(m.port, &c->ports[i]));
	}
	for (size_t i = 0; i < snapshot->grants.n; i++) {
		feed_encode_grant(&m.grant, &snapshot->grants, &snapshot->grants.grants[i]);
		HOLDS(SAME(m.grant, &c->grants[i]));
		HOLDS(snapshot->grants.grants[i].mark == 0);
	}
	for (size_t i = 0; i < snapshot->refused.n; i++) {
		feed_encode_refused(&m.refused, &snapshot->refused.items[i]);
		HOLDS(SAME(m.refused, &c->refused[i]));
	}
}

static void check_taken(const struct feed_receiver *receiver, const struct connection *c, const uint8_t *bytes, int got)
{
	union feed_any m;

	if (got == FEED_GOT_SNAPSHOT) {
		check_snapshot(c, &receiver->complete);
	} else if (got == FEED_GOT_TROUBLE) {
		feed_encode_trouble(&m.trouble, receiver->trouble_at, receiver->trouble);
		HOLDS(SAME(m.trouble, bytes));
	} else if (bytes[0] == FEED_HELLO || bytes[1] == FEED_HELLO) { /* of either byte order */
		feed_encode_hello(&m.hello, receiver->name);
		HOLDS(SAME(m.hello, bytes));
	}
}

/* The same blocks, not only the same content. */
static bool is_same(const struct snapshot *a, const struct snapshot *b)
{
	return a->ports == b->ports && a->n_ports == b->n_ports && a->grants.grants == b->grants.grants &&
	       a->grants.n == b->grants.n && a->grants.text == b->grants.text && a->taken.ns == b->taken.ns &&
	       a->fresh_for_s == b->fresh_for_s && a->refused.items == b->refused.items &&
	       a->refused.n == b->refused.n && a->refused.more == b->refused.more &&
	       a->clock_offset_s == b->clock_offset_s && a->keeps_grants == b->keeps_grants;
}

/* The same bytes at the other end: an ASK that is taken in is what was sent. */
static void hear_message(const uint8_t *bytes, size_t len)
{
	struct knock knock;
	struct feed_ask again;

	if (feed_receive_ask(bytes, len, &knock, NULL))
		return;
	feed_encode_ask(&again, &knock);
	HOLDS(len == sizeof(again) && memcmp(bytes, &again, sizeof(again)) == 0);
}

static void take_message(struct feed_receiver *receiver, struct connection *c, const uint8_t *bytes, size_t len)
{
	const struct snapshot before = receiver->complete;
	struct parse_error err = FUZZ_NO_ERROR;
	int wanted = judge(c, bytes, len), got = feed_receive(receiver, bytes, len, &err);

	hear_message(bytes, len);
	if (got == -EPROTO) { /* a refusal with a reason of its own; the judge knows one kind */
		HOLDS(len >= sizeof(struct feed_header) && feed_protocol_of(bytes, len) != 2);
		got = -EINVAL;
	}
	HOLDS(got == wanted);
	if (got != FEED_GOT_SNAPSHOT) /* whatever comes next, what was complete stays */
		HOLDS(is_same(&before, &receiver->complete));
	if (got < 0) {
		c->failed = true;
		HOLDS(IS_REFUSAL(err, len));
		HOLDS(!receiver->partial.refused.items && !receiver->partial.ports &&
		      !receiver->partial.grants.grants && !receiver->open);
	} else {
		check_taken(receiver, c, bytes, got);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed_receiver receiver = {.max_ports = MAX_PORTS, .max_grants = MAX_GRANTS};
	struct connection c = {0};

	for (size_t at = 0, len; at + 2 <= size; at += 2 + len) {
		uint8_t *exact;

		len = data[at] * (size_t)256 + data[at + 1];
		if (len > size - at - 2)
			len = size - at - 2;
		exact = malloc(len ? len : 1);
		if (!exact)
			abort();
		memcpy(exact, data + at + 2, len);
		take_message(&receiver, &c, exact, len);
		free(exact);
	}
	feed_receiver_free(&receiver);
	return 0;
}

/* ---- connections to start from */

struct script {
	uint8_t bytes[16384];
	size_t len;
};

static void say(struct script *script, const void *message, size_t len)
{
	HOLDS(script->len + 2 + len <= sizeof(script->bytes));
	script->bytes[script->len++] = (uint8_t)(len >> 8);
	script->bytes[script->len++] = (uint8_t)len;
	memcpy(script->bytes + script->len, message, len);
	script->len += len;
}

static void say_any(struct script *script, const union feed_any *m)
{
	say(script, m, m->header.size);
}

static void say_hello(struct script *script)
{
	union feed_any m;

	feed_encode_hello(&m.hello, "azure");
	say_any(script, &m);
}

static void say_snapshot(struct script *script, const struct snapshot *snapshot)
{
	union feed_any m;

	feed_encode_begin(&m.begin, snapshot);
	say_any(script, &m);
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		feed_encode_port(&m.port, &snapshot->ports[i]);
		say_any(script, &m);
	}
	for (size_t i = 0; i < snapshot->grants.n; i++) {
		feed_encode_grant(&m.grant, &snapshot->grants, &snapshot->grants.grants[i]);
		say_any(script, &m);
	}
	for (size_t i = 0; i < snapshot->refused.n; i++) {
		feed_encode_refused(&m.refused, &snapshot->refused.items[i]);
		say_any(script, &m);
	}
	feed_encode_end(&m.end, snapshot);
	say_any(script, &m);
}

/* A feed that can judge no grant; and one that says so and brings one. */
static void add_keeping(fuzz_add *add, const struct snapshot *one_of_each)
{
	struct script keeping = {0}, both = {0};
	struct snapshot kept = *one_of_each;

	kept.keeps_grants = true;
	say_hello(&both);
	say_snapshot(&both, &kept);
	add("keeps-and-grants", both.bytes, both.len);
	kept.grants.n = 0;
	say_hello(&keeping);
	say_snapshot(&keeping, &kept);
	say_snapshot(&keeping, one_of_each);
	add("keeps", keeping.bytes, keeping.len);
}

/* PORT PORT and GRANT PORT, which must not be. */
static void add_wrong_orders(fuzz_add *add, const struct snapshot *one_of_each)
{
	struct script twice = {0}, late = {0};
	struct snapshot two = *one_of_each;
	union feed_any m;

	two.n_ports = 2;
	say_hello(&twice);
	say_hello(&late);
	feed_encode_begin(&m.begin, &two);
	say_any(&twice, &m);
	say_any(&late, &m);
	feed_encode_port(&m.port, &two.ports[0]);
	say_any(&twice, &m);
	say_any(&twice, &m);
	say_any(&late, &m);
	feed_encode_grant(&m.grant, &two.grants, &two.grants.grants[0]);
	say_any(&late, &m);
	feed_encode_port(&m.port, &(struct port_rule){.port = 80, .protos = PROTO_BIT_TCP});
	say_any(&late, &m);
	add("port-twice", twice.bytes, twice.len);
	add("port-behind-grant", late.bytes, late.len);
}

static void say_trouble(struct script *script, const char *text)
{
	union feed_any m;

	feed_encode_trouble(&m.trouble, (struct wall_time){1700000000 * NS_PER_S}, text);
	say_any(script, &m);
}

static void fill_snapshot(struct snapshot *snapshot, size_t n_ports, size_t n_grants)
{
	static const char *const sources[] = {"203.0.113.7", "198.51.100.0/24", "2001:db8::/32", "0.0.0.0/0", "::/0"};
	static const char *const people[] = {"admin@example.com", "", "J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x94\x91"};

	*snapshot = (struct snapshot){.taken = {1700000000 * NS_PER_S}, .fresh_for_s = 1260};
	for (size_t i = 0; i < n_ports; i++)
		HOLDS(snapshot_add_port(snapshot, &(struct port_rule){(uint16_t)(22 + i), (uint8_t)(1 + i), 0, 3600}) ==
		      0);
	for (size_t i = 0; i < n_grants; i++) {
		struct grant grant = {.port = 22, .protos = PROTO_BIT_TCP, .until = {1700003600 * NS_PER_S}};
		const char *source = sources[i % ARRAY_SIZE(sources)];

		HOLDS(cidr_parse(source, strlen(source), &grant.source, NULL) == 0);
		HOLDS(grant_set_add(&snapshot->grants, &grant, people[i % ARRAY_SIZE(people)], "planned work",
				    "/subscriptions/s/policies/default") == 0);
	}
	for (size_t i = 0; i < n_grants; i++) {
		const struct refused_texts texts = {"source not understood", i % 2 ? "Internet" : "",
						    "2026-03-14T10:30:00Z", people[i % ARRAY_SIZE(people)], "default"};

		HOLDS(refused_add(&snapshot->refused, 22, &texts) == 0);
	}
	snapshot->clock_known = n_grants > 1;
	snapshot->clock_offset_s = snapshot->clock_known ? -400 : 0;
}

/* As `c` says a connection should be, but for one byte of one message that is not. */
static void add_spoilt(fuzz_add *add, const struct script *good, size_t nth)
{
	struct script bad = *good;
	char name[32];

	bad.bytes[nth * SPOIL_STEP] ^= 0x81;
	snprintf(name, sizeof(name), "spoilt-%03zu", nth);
	add(name, bad.bytes, bad.len);
}

void fuzz_seeds(fuzz_add *add)
{
	static const size_t counts[][2] = {{0, 0}, {1, 0}, {1, 1}, {2, 5}, {6, 6}, {7, 0}, {0, 7}};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		_cleanup_snapshot_ struct snapshot snapshot;
		struct script script = {0};
		union feed_any m;
		char name[32];

		fill_snapshot(&snapshot, counts[i][0], counts[i][1]);
		say_hello(&script);
		say_snapshot(&script, &snapshot);
		snprintf(name, sizeof(name), "ports-%zu-grants-%zu", counts[i][0], counts[i][1]);
		add(name, script.bytes, script.len);
		if (i == 2) {
			for (size_t nth = 0; nth * SPOIL_STEP < script.len; nth++)
				add_spoilt(add, &script, nth);
			add_wrong_orders(add, &snapshot);
			add_keeping(add, &snapshot);
			say_trouble(&script, "cannot list policies: 429");
			say_snapshot(&script, &snapshot);
			add("again-after-trouble", script.bytes, script.len);
			say_hello(&script);
			say_snapshot(&script, &snapshot);
			add("greets-twice", script.bytes, script.len);
			feed_encode_ask(&m.ask, &(struct knock){.family = JITGATE_IPV6, .addr = {0x20, 1}});
			script.len = 0;
			say_any(&script, &m);
			add("ask-from-the-feed", script.bytes, script.len);
		}
	}
}
