// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The feed protocol: what is well-formed arrives whole, anything else leaves no trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed_msg.h"
#include "jitgate_abi.h"

#define MAX_PORTS 64
#define MAX_GRANTS 64

#define _cleanup_receiver_ CLEANUP(feed_receiver_free)

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* ---- well-formed messages */

static struct grant ssh_grant(void)
{
	return (struct grant){
		.source = {.family = JITGATE_IPV4, .prefix_len = 24, .addr = {192, 0, 2, 0}},
		.port = 22,
		.protos = PROTO_BIT_TCP,
		.until = {1700000000LL * NS_PER_S},
	};
}

static struct feed_receiver greeted(void)
{
	struct feed_receiver receiver = {.max_ports = MAX_PORTS, .max_grants = MAX_GRANTS};
	struct feed_hello hello;

	feed_encode_hello(&hello, "azure");
	assert_int_equal(feed_receive(&receiver, &hello, sizeof(hello), NULL), FEED_GOT_NOTHING);
	return receiver;
}

static struct feed_begin begin_of(uint32_t n_ports, uint32_t n_grants)
{
	struct snapshot snapshot = {.taken = {1}, .fresh_for_s = 60, .n_ports = n_ports, .grants = {.n = n_grants}};
	struct feed_begin begin;

	feed_encode_begin(&begin, &snapshot);
	return begin;
}

static struct feed_end end_of(uint32_t n_ports, uint32_t n_grants)
{
	struct snapshot snapshot = {.n_ports = n_ports, .grants = {.n = n_grants}};
	struct feed_end end;

	feed_encode_end(&end, &snapshot);
	return end;
}

static struct feed_port port_of(uint16_t port)
{
	struct port_rule rule = {.port = port, .protos = PROTO_BIT_TCP, .longest_s = 3600};
	struct feed_port message;

	feed_encode_port(&message, &rule);
	return message;
}

static struct feed_grant grant_of(const char *requestor)
{
	struct grant_set set = {0};
	struct grant grant = ssh_grant();
	struct feed_grant message;

	assert_int_equal(grant_set_add(&set, &grant, requestor, "patching", "policy/default"), 0);
	feed_encode_grant(&message, &set, &set.grants[0]);
	grant_set_free(&set);
	return message;
}

/* BEGIN and END with so many refused entries besides. */
static struct feed_begin with_refused(struct feed_begin begin, uint32_t n_refused)
{
	begin.n_refused = (uint16_t)n_refused;
	return begin;
}

static struct feed_refused refused_of(const char *why)
{
	struct refused refused = {
		.port = 22, .source = "Internet", .until = "tomorrow", .requestor = "ann", .policy = "policy/default"};
	struct feed_refused message;

	snprintf(refused.why, sizeof(refused.why), "%s", why);
	feed_encode_refused(&message, &refused);
	return message;
}

static struct feed_trouble trouble_of(const char *text)
{
	struct feed_trouble trouble;

	feed_encode_trouble(&trouble, (struct wall_time){5}, text);
	return trouble;
}

static void expect_taken(struct feed_receiver *receiver, const void *message, size_t len, int got)
{
	struct parse_error err = {0, "?"};
	int r = feed_receive(receiver, message, len, &err);

	if (r != got)
		fail_msg("%d instead of %d: %s", r, got, r < 0 ? err.why : "");
}

/* A greeted receiver that has a snapshot of port 22 and one grant behind it. */
static struct feed_receiver with_snapshot(void)
{
	struct feed_receiver receiver = greeted();
	struct feed_begin begin = begin_of(1, 1);
	struct feed_port port = port_of(22);
	struct feed_grant grant = grant_of("ann");
	struct feed_end end = end_of(1, 1);

	expect_taken(&receiver, &begin, sizeof(begin), FEED_GOT_NOTHING);
	expect_taken(&receiver, &port, sizeof(port), FEED_GOT_NOTHING);
	expect_taken(&receiver, &grant, sizeof(grant), FEED_GOT_NOTHING);
	expect_taken(&receiver, &end, sizeof(end), FEED_GOT_SNAPSHOT);
	return receiver;
}

/* Refused with this reason; the partial snapshot is gone, the complete one is not, and nothing is taken any more. */
static void expect_refused(struct feed_receiver *receiver, const void *message, size_t len, const char *why)
{
	struct parse_error err = {0, NULL};
	struct snapshot complete = receiver->complete;
	struct feed_begin begin = begin_of(0, 0);
	_cleanup_free_ char *copy = malloc(len ? len : 1); /* exact size, and not aligned for a struct by luck */

	assert_non_null(copy);
	memcpy(copy, message, len);
	assert_int_equal(feed_receive(receiver, copy, len, &err), -EINVAL);
	if (!err.why || !strstr(err.why, why))
		fail_msg("wanted \"%s\", got \"%s\"", why, err.why ? err.why : "(nothing)");
	assert_true(err.offset <= len);
	assert_null(receiver->partial.ports);
	assert_null(receiver->partial.grants.grants);
	assert_int_equal(receiver->partial.n_ports, 0);
	assert_int_equal(receiver->partial.grants.n, 0);
	assert_memory_equal(&receiver->complete, &complete, sizeof(complete));
	assert_int_equal(feed_receive(receiver, &begin, sizeof(begin), &err), -EINVAL);
	assert_string_equal(err.why, "nothing counts after an error");
	feed_receiver_free(receiver);
}

/* ---- what arrives */

static void expect_same(const struct snapshot *a, const struct snapshot *b)
{
	assert_true(a->taken.ns == b->taken.ns);
	assert_int_equal(a->fresh_for_s, b->fresh_for_s);
	assert_int_equal(a->n_ports, b->n_ports);
	assert_int_equal(a->grants.n, b->grants.n);
	for (size_t i = 0; i < a->n_ports; i++)
		assert_memory_equal(&a->ports[i], &b->ports[i], sizeof(a->ports[i]));
	for (size_t i = 0; i < a->grants.n; i++) {
		const struct grant *x = &a->grants.grants[i], *y = &b->grants.grants[i];

		assert_int_equal(grant_compare(x, y), 0);
		assert_true(x->start.ns == y->start.ns);
		assert_true(x->until.ns == y->until.ns);
		assert_string_equal(grant_set_text(&a->grants, x->requestor), grant_set_text(&b->grants, y->requestor));
		assert_string_equal(grant_set_text(&a->grants, x->justification),
				    grant_set_text(&b->grants, y->justification));
		assert_string_equal(grant_set_text(&a->grants, x->origin), grant_set_text(&b->grants, y->origin));
	}
	assert_int_equal(a->clock_known, b->clock_known);
	assert_int_equal(a->clock_offset_s, b->clock_offset_s);
	assert_int_equal(a->keeps_grants, b->keeps_grants);
	assert_int_equal(a->refused.n, b->refused.n);
	assert_int_equal(a->refused.more, b->refused.more);
	for (size_t i = 0; i < a->refused.n; i++) {
		const struct refused *x = &a->refused.items[i], *y = &b->refused.items[i];

		assert_int_equal(x->port, y->port);
		assert_string_equal(x->why, y->why);
		assert_string_equal(x->source, y->source);
		assert_string_equal(x->until, y->until);
		assert_string_equal(x->requestor, y->requestor);
		assert_string_equal(x->policy, y->policy);
	}
}

/* Valid UTF-8 of one to four bytes a character, at most `max` bytes. */
static void random_text(uint64_t *seed, char *out, size_t max)
{
	static const char *const characters[] = {"a",    " ",        "\"",           "\n",
						 "\x7f", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x94\x92"};
	size_t target = next_random(seed) % (max + 1), len = 0;

	for (;;) {
		const char *c = characters[next_random(seed) % ARRAY_SIZE(characters)];

		if (len + strlen(c) > target)
			break;
		memcpy(out + len, c, strlen(c));
		len += strlen(c);
	}
	out[len] = 0;
}

static struct cidr random_source(uint64_t *seed)
{
	struct cidr cidr = {.family = next_random(seed) % 2 ? JITGATE_IPV4 : JITGATE_IPV6};
	unsigned int width = cidr.family == JITGATE_IPV4 ? 32 : 128;

	cidr.prefix_len = (uint8_t)(next_random(seed) % (width + 1));
	for (unsigned int bit = 0; bit < cidr.prefix_len; bit++)
		if (next_random(seed) & 1)
			cidr.addr[bit / 8] |= (uint8_t)(0x80 >> (bit % 8));
	return cidr;
}

static void add_random_refused(uint64_t *seed, struct refused_list *list)
{
	char texts[5][300];
	struct refused_texts refs = {texts[0], texts[1], texts[2], texts[3], texts[4]};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		random_text(seed, texts[i], sizeof(texts[i]) - 1);
	texts[0][0] = '!'; /* the reason is never empty */
	texts[0][1] = 0;
	assert_int_equal(refused_add(list, (uint16_t)next_random(seed), &refs), 0);
}

static struct snapshot random_snapshot(uint64_t *seed, size_t max)
{
	char requestor[GRANT_REQUESTOR_MAX], justification[GRANT_JUSTIFICATION_MAX], origin[GRANT_ORIGIN_MAX];
	struct snapshot snapshot = {
		.taken = {(int64_t)(next_random(seed) >> 1)},
		.fresh_for_s = (uint32_t)(next_random(seed) % 604800 + 1),
		.clock_known = next_random(seed) & 1,
	};

	if (snapshot.clock_known)
		snapshot.clock_offset_s = (int32_t)(next_random(seed) % 4000000) - 2000000;
	for (size_t i = next_random(seed) % (max + 9); i > 0; i--)
		add_random_refused(seed, &snapshot.refused);

	for (size_t i = next_random(seed) % (max + 1); i > 0; i--) {
		struct port_rule rule = {.port = (uint16_t)(i * 1023 + next_random(seed) % 1023),
					 .protos = (uint8_t)(next_random(seed) % PROTO_BITS_ALL + 1),
					 .longest_s = (uint32_t)next_random(seed)};

		assert_int_equal(snapshot_add_port(&snapshot, &rule), 0);
	}
	for (size_t i = next_random(seed) % (max + 1); i > 0; i--) {
		struct grant grant = {.source = random_source(seed),
				      .port = (uint16_t)(next_random(seed) % 65535 + 1),
				      .protos = (uint8_t)(next_random(seed) % PROTO_BITS_ALL + 1),
				      .start = {(int64_t)(next_random(seed) >> 1)},
				      .until = {(int64_t)(next_random(seed) >> 1)}};

		random_text(seed, requestor, sizeof(requestor) - 1);
		random_text(seed, justification, sizeof(justification) - 1);
		random_text(seed, origin, sizeof(origin) - 1);
		assert_int_equal(grant_set_add(&snapshot.grants, &grant, requestor, justification, origin), 0);
	}
	snapshot.keeps_grants = !snapshot.grants.n && next_random(seed) & 1;
	return snapshot;
}

/* One message of a snapshot: BEGIN, its ports, its grants, what is refused, END. */
static size_t nth_message(const struct snapshot *snapshot, size_t nth, union feed_any *ret)
{
	size_t grants_end = snapshot->n_ports + snapshot->grants.n;

	if (nth == 0) {
		feed_encode_begin(&ret->begin, snapshot);
	} else if (nth <= snapshot->n_ports) {
		feed_encode_port(&ret->port, &snapshot->ports[nth - 1]);
	} else if (nth <= grants_end) {
		feed_encode_grant(&ret->grant, &snapshot->grants,
				  &snapshot->grants.grants[nth - 1 - snapshot->n_ports]);
	} else if (nth <= grants_end + snapshot->refused.n) {
		feed_encode_refused(&ret->refused, &snapshot->refused.items[nth - 1 - grants_end]);
	} else {
		feed_encode_end(&ret->end, snapshot);
	}
	return ret->header.size;
}

static void random_snapshots_arrive_as_they_were(void **state)
{
	uint64_t seed = 4711;
	_cleanup_receiver_ struct feed_receiver receiver = greeted();

	(void)state;
	print_message("# seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < 300; round++) {
		_cleanup_snapshot_ struct snapshot snapshot = random_snapshot(&seed, 64);
		size_t last = snapshot.n_ports + snapshot.grants.n + snapshot.refused.n + 1;
		union feed_any message;

		for (size_t i = 0; i <= last; i++) {
			size_t len = nth_message(&snapshot, i, &message);

			expect_taken(&receiver, &message, len, i == last ? FEED_GOT_SNAPSHOT : FEED_GOT_NOTHING);
		}
		expect_same(&receiver.complete, &snapshot);
	}
}

static void extremes_of_every_field_arrive(void **state)
{
	_cleanup_receiver_ struct feed_receiver receiver = greeted();
	struct feed_begin begin = begin_of(2, 2);
	struct feed_port low = port_of(1), high = port_of(65535);
	struct feed_grant any = grant_of(""), one = grant_of("");
	struct feed_end end = end_of(2, 2);

	(void)state;
	begin.taken_wall_ns = 0;
	begin.fresh_for_s = 604800;
	high.protos = PROTO_BITS_ALL;
	high.longest_s = UINT32_MAX;
	any.prefix_len = 0;
	memset(any.addr, 0, sizeof(any.addr));
	any.until_wall_ns = INT64_MAX;
	one.family = JITGATE_IPV6;
	one.prefix_len = 128;
	one.port = 65535;
	one.until_wall_ns = 0;
	memset(one.addr, 0xff, sizeof(one.addr));
	memset(one.requestor, 'x', sizeof(one.requestor) - 1);
	memset(one.justification, 'y', sizeof(one.justification) - 1);
	memset(one.origin, 'z', sizeof(one.origin) - 1);
	expect_taken(&receiver, &begin, sizeof(begin), FEED_GOT_NOTHING);
	expect_taken(&receiver, &low, sizeof(low), FEED_GOT_NOTHING);
	expect_taken(&receiver, &high, sizeof(high), FEED_GOT_NOTHING);
	expect_taken(&receiver, &any, sizeof(any), FEED_GOT_NOTHING);
	expect_taken(&receiver, &one, sizeof(one), FEED_GOT_NOTHING);
	expect_taken(&receiver, &end, sizeof(end), FEED_GOT_SNAPSHOT);
	assert_int_equal(receiver.complete.ports[1].longest_s, UINT32_MAX);
	assert_true(receiver.complete.grants.grants[0].until.ns == INT64_MAX);
	assert_int_equal(strlen(grant_set_text(&receiver.complete.grants, receiver.complete.grants.grants[1].origin)),
			 255);
}

static void trouble_arrives_and_leaves_the_snapshot(void **state)
{
	_cleanup_receiver_ struct feed_receiver receiver = with_snapshot();
	struct feed_trouble trouble = trouble_of("cannot reach the resource manager");

	(void)state;
	expect_taken(&receiver, &trouble, sizeof(trouble), FEED_GOT_TROUBLE);
	assert_string_equal(receiver.trouble, "cannot reach the resource manager");
	assert_true(receiver.trouble_at.ns == 5);
	assert_int_equal(receiver.complete.grants.n, 1);
	assert_string_equal(receiver.name, "azure");
}

static void snapshot_can_be_moved_out(void **state)
{
	_cleanup_receiver_ struct feed_receiver receiver = with_snapshot();
	_cleanup_snapshot_ struct snapshot mine = receiver.complete;
	struct feed_begin begin = begin_of(0, 0);
	struct feed_end end = end_of(0, 0);

	(void)state;
	receiver.complete = (struct snapshot){0};
	expect_taken(&receiver, &begin, sizeof(begin), FEED_GOT_NOTHING);
	expect_taken(&receiver, &end, sizeof(end), FEED_GOT_SNAPSHOT);
	assert_int_equal(mine.grants.n, 1);
	assert_int_equal(receiver.complete.grants.n, 0);
}

/* ---- texts that the encoder must make fit */

static void long_text_is_cut_at_a_character(void **state)
{
	char text[600];
	struct feed_grant message;
	_cleanup_receiver_ struct feed_receiver receiver = greeted();
	struct feed_begin begin = begin_of(0, 1);

	(void)state;
	for (size_t lead = 0; lead < 4; lead++) { /* the boundary falls on each byte of a four-byte character */
		memset(text, 'x', lead);
		for (size_t i = lead; i + 4 < sizeof(text); i += 4)
			memcpy(text + i, "\xf0\x9f\x94\x92", 5);
		message = grant_of(text);
		assert_int_equal(strlen(message.requestor), lead + (GRANT_REQUESTOR_MAX - 1 - lead) / 4 * 4);
	}
	expect_taken(&receiver, &begin, sizeof(begin), FEED_GOT_NOTHING);
	expect_taken(&receiver, &message, sizeof(message), FEED_GOT_NOTHING);
}

static void bytes_that_are_not_utf8_are_replaced(void **state)
{
	struct feed_grant message = grant_of("a\xff\xc3(\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82");
	struct feed_hello hello;

	(void)state;
	assert_string_equal(message.requestor, "a?"
					       "?("
					       "???????????");
	feed_encode_hello(&hello, "a\nb\xc3 and far more than thirty-two bytes of it");
	assert_string_equal(hello.name, "a?b? and far more than thirty-t");
}

/* ---- what is refused */

static void wrong_size_is_refused_for_every_type(void **state)
{
	(void)state;
	for (unsigned int type = FEED_HELLO; type < FEED_ASK; type++) {
		char bytes[sizeof(union feed_any) + 64] = {0};
		const size_t size = feed_size(type);
		const size_t lens[] = {0, 1, 7, 8, size - 1, size, size + 1, sizeof(union feed_any) + 1, sizeof(bytes)};

		for (size_t i = 0; i < 2 * ARRAY_SIZE(lens); i++) {
			const size_t len = lens[i / 2], said = i % 2 ? size : len; /* it may lie about its size, too */
			struct feed_receiver receiver = greeted();
			struct feed_header header = {(uint16_t)type, FEED_PROTOCOL, (uint32_t)said};

			if (len == size)
				header.size += i % 2 ? 1 : UINT32_MAX;
			memcpy(bytes, &header, sizeof(header));
			expect_refused(&receiver, bytes, len, "wrong size");
		}
	}
	assert_int_equal(feed_size(0), 0);
	assert_int_equal(feed_size(_FEED_TYPE_MAX), 0);
	assert_int_equal(feed_size(UINT32_MAX), 0);
}

static void wrong_type_or_protocol_is_refused(void **state)
{
	struct feed_begin begin = begin_of(0, 0);
	struct feed_ask ask;
	const uint16_t types[] = {0, _FEED_TYPE_MAX, 0x0200, UINT16_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct feed_receiver receiver = greeted();

		begin.header.type = types[i];
		expect_refused(&receiver, &begin, sizeof(begin), "unknown message type");
	}
	begin = begin_of(0, 0);
	feed_encode_ask(&ask, &(struct knock){.family = JITGATE_IPV4});
	struct feed_receiver receiver = greeted();
	expect_refused(&receiver, &ask, sizeof(ask), "other way");
}

static void ask_says_who_knocks(void **state)
{
	static const struct knock knocks[] = {
		{.at.ns = 1, .family = JITGATE_IPV4, .proto = 17, .port = 65535, .addr = {192, 0, 2, 1}},
		{.at.ns = UINT64_MAX, .family = JITGATE_IPV6, .proto = 255, .n_unsaid = UINT32_MAX, .addr = {0x20, 1}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(knocks); i++) {
		struct feed_ask ask;
		struct knock got = {0};

		feed_encode_ask(&ask, &knocks[i]);
		assert_int_equal(feed_receive_ask(&ask, sizeof(ask), &got, NULL), 0);
		assert_memory_equal(&got, &knocks[i], sizeof(got));
	}
}

static void ask_that_is_none_is_refused(void **state)
{
	struct feed_ask good, ask;
	struct knock got = {.port = 1};

	(void)state;
	feed_encode_ask(&good, &(struct knock){.family = JITGATE_IPV4});
	assert_int_equal(feed_receive_ask(&good, sizeof(good) - 1, &got, NULL), -EINVAL);
	assert_int_equal(feed_receive_ask(&good, sizeof(good) + 1, &got, NULL), -EINVAL);
	for (int i = 0; i < 6; i++) {
		ask = good;
		ask.header.protocol += i == 0;
		ask.header.type -= i == 1;
		ask.header.size += i == 2;
		ask.family += i == 3;
		ask.proto = i == 4 ? 256 : 6;
		ask.port = i == 5 ? 65536 : 22;
		assert_int_equal(feed_receive_ask(&ask, sizeof(ask), &got, NULL), -EINVAL);
	}
	assert_int_equal(got.port, 1);
}

enum wait_state { NEW, IDLE, PORTS, GRANTS, REFUSED, N_STATES };

static struct feed_receiver receiver_in(enum wait_state s)
{
	struct feed_receiver receiver = {.max_ports = MAX_PORTS, .max_grants = MAX_GRANTS};
	struct feed_begin begin = with_refused(begin_of(2, 2), 2);
	struct feed_grant grant = grant_of("ann");
	struct feed_refused refused = refused_of("no");

	if (s >= IDLE)
		receiver = with_snapshot();
	if (s >= PORTS)
		expect_taken(&receiver, &begin, sizeof(begin), FEED_GOT_NOTHING);
	if (s == GRANTS)
		expect_taken(&receiver, &grant, sizeof(grant), FEED_GOT_NOTHING);
	if (s == REFUSED)
		expect_taken(&receiver, &refused, sizeof(refused), FEED_GOT_NOTHING);
	return receiver;
}

static union feed_any good_message(int type)
{
	union feed_any m = {.begin = begin_of(2, 2)};

	if (type == FEED_HELLO)
		feed_encode_hello(&m.hello, "azure");
	else if (type == FEED_PORT)
		m.port = port_of(22);
	else if (type == FEED_GRANT)
		m.grant = grant_of("ann");
	else if (type == FEED_REFUSED)
		m.refused = refused_of("no");
	else if (type == FEED_END)
		m.end = end_of(2, 2);
	else if (type == FEED_TROUBLE)
		m.trouble = trouble_of("cannot");
	return m;
}

/* The grammar of the header, tried out pair by pair. */
static void only_what_may_follow_is_taken(void **state)
{
	static const struct {
		bool may[FEED_ASK];
		const char *why;
	} rules[N_STATES] = {
		[NEW] = {{[FEED_HELLO] = true}, "HELLO must come first"},
		[IDLE] = {{[FEED_BEGIN] = true, [FEED_TROUBLE] = true}, "only BEGIN or TROUBLE"},
		[PORTS] = {{[FEED_PORT] = true, [FEED_GRANT] = true, [FEED_REFUSED] = true, [FEED_END] = true},
			   "only PORT, GRANT, REFUSED or END"},
		[GRANTS] = {{[FEED_GRANT] = true, [FEED_REFUSED] = true, [FEED_END] = true},
			    "only GRANT, REFUSED or END"},
		[REFUSED] = {{[FEED_REFUSED] = true, [FEED_END] = true}, "only REFUSED or END"},
	};

	(void)state;
	for (int s = NEW; s < N_STATES; s++) {
		for (int type = FEED_HELLO; type < FEED_ASK; type++) {
			struct feed_receiver receiver = receiver_in(s);
			union feed_any m = good_message(type);
			int got = type == FEED_TROUBLE ? FEED_GOT_TROUBLE : FEED_GOT_NOTHING;

			if (!rules[s].may[type]) {
				expect_refused(&receiver, &m, m.header.size, rules[s].why);
			} else if (type == FEED_END) { /* in its place, but too early for what was announced */
				expect_refused(&receiver, &m, m.header.size, "as announced");
			} else {
				expect_taken(&receiver, &m, m.header.size, got);
				feed_receiver_free(&receiver);
			}
		}
	}
}

static void counts_must_match(void **state)
{
	static const struct {
		uint32_t ports, grants; /* in BEGIN */
		uint32_t sent_ports, sent_grants;
		uint32_t end_ports, end_grants;
		const char *why;
	} cases[] = {
		{1, 1, 0, 1, 1, 1, "ports as announced"},        {1, 1, 1, 0, 1, 1, "grants as announced"},
		{1, 1, 1, 1, 0, 1, "ports as announced"},        {1, 1, 1, 1, 1, 2, "grants as announced"},
		{2, 0, 1, 0, 1, 0, "ports as announced"},        {0, 2, 0, 1, 0, 1, "grants as announced"},
		{0, 0, 0, 0, 1, 0, "ports as announced"},        {0, 0, 0, 0, 0, UINT32_MAX, "grants as announced"},
		{1, 0, 2, 0, 1, 0, "more ports than announced"}, {0, 1, 0, 2, 0, 1, "more grants than announced"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct feed_receiver receiver = with_snapshot();
		struct feed_begin begin = begin_of(cases[i].ports, cases[i].grants);
		struct feed_end end = end_of(cases[i].end_ports, cases[i].end_grants);
		struct feed_grant grant = grant_of("ann");
		uint32_t p = 0, g = 0;

		expect_taken(&receiver, &begin, sizeof(begin), FEED_GOT_NOTHING);
		for (; p < cases[i].sent_ports && p < cases[i].ports; p++) {
			struct feed_port port = port_of((uint16_t)(p + 1));

			expect_taken(&receiver, &port, sizeof(port), FEED_GOT_NOTHING);
		}
		for (; g < cases[i].sent_grants && g < cases[i].grants; g++)
			expect_taken(&receiver, &grant, sizeof(grant), FEED_GOT_NOTHING);
		if (p < cases[i].sent_ports) {
			struct feed_port port = port_of(9999);

			expect_refused(&receiver, &port, sizeof(port), cases[i].why);
		} else if (g < cases[i].sent_grants) {
			expect_refused(&receiver, &grant, sizeof(grant), cases[i].why);
		} else {
			expect_refused(&receiver, &end, sizeof(end), cases[i].why);
		}
	}
}

/* As counts_must_match, of the refused entries. */
static void refused_entries_are_counted_too(void **state)
{
	static const struct {
		uint32_t begun, sent, ended;
		const char *why; /* NULL: a snapshot */
	} cases[] = {
		{0, 0, 0, NULL},
		{REFUSED_MAX, REFUSED_MAX, REFUSED_MAX, NULL},
		{1, 2, 1, "more refused than announced"},
		{0, 1, 0, "more refused than announced"},
		{2, 1, 2, "refused as announced"},
		{2, 1, 1, "refused as announced"},
		{2, 2, 1, "refused as announced"},
		{0, 0, UINT32_MAX, "refused as announced"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct feed_receiver receiver = with_snapshot();
		struct feed_begin begin = with_refused(begin_of(0, 0), cases[i].begun);
		struct feed_refused refused = refused_of("no");
		struct feed_end end = end_of(0, 0);

		end.n_refused = cases[i].ended;
		expect_taken(&receiver, &begin, sizeof(begin), FEED_GOT_NOTHING);
		for (uint32_t n = 0; n < cases[i].sent && n < cases[i].begun; n++)
			expect_taken(&receiver, &refused, sizeof(refused), FEED_GOT_NOTHING);
		if (cases[i].sent > cases[i].begun) {
			expect_refused(&receiver, &refused, sizeof(refused), cases[i].why);
		} else if (cases[i].why) {
			expect_refused(&receiver, &end, sizeof(end), cases[i].why);
		} else {
			expect_taken(&receiver, &end, sizeof(end), FEED_GOT_SNAPSHOT);
			assert_int_equal(receiver.complete.refused.n, cases[i].sent);
			feed_receiver_free(&receiver);
		}
	}
}

/* The clock's three answers: not compared, right, off; and the sign. */
static void clock_offset_arrives(void **state)
{
	static const struct {
		bool known;
		int32_t offset_s;
	} cases[] = {{false, 0}, {true, 0}, {true, 431}, {true, -431}, {true, INT32_MAX}, {true, -INT32_MAX}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_receiver_ struct feed_receiver receiver = greeted();
		struct snapshot snapshot = {
			.fresh_for_s = 60, .clock_known = cases[i].known, .clock_offset_s = cases[i].offset_s};
		struct feed_begin begin;
		struct feed_end end = end_of(0, 0);

		feed_encode_begin(&begin, &snapshot);
		expect_taken(&receiver, &begin, sizeof(begin), FEED_GOT_NOTHING);
		expect_taken(&receiver, &end, sizeof(end), FEED_GOT_SNAPSHOT);
		assert_int_equal(receiver.complete.clock_known, cases[i].known);
		assert_int_equal(receiver.complete.clock_offset_s, cases[i].offset_s);
	}
}

/* It can be said and not said, and no grant may come with it; one connection may change its mind. */
static void keeping_what_is_held_arrives(void **state)
{
	_cleanup_receiver_ struct feed_receiver receiver = greeted();
	struct feed_grant grant = grant_of("ann");
	struct feed_end end = end_of(1, 0);
	struct feed_port port = port_of(22);

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct snapshot snapshot = {.fresh_for_s = 60, .n_ports = 1, .keeps_grants = i == 1};
		struct feed_begin begin;

		feed_encode_begin(&begin, &snapshot);
		assert_int_equal(begin.flags, i == 1 ? FEED_BEGIN_KEEP : 0);
		expect_taken(&receiver, &begin, sizeof(begin), FEED_GOT_NOTHING);
		expect_taken(&receiver, &port, sizeof(port), FEED_GOT_NOTHING);
		expect_taken(&receiver, &end, sizeof(end), FEED_GOT_SNAPSHOT);
		assert_int_equal(receiver.complete.keeps_grants, i == 1);
		assert_int_equal(receiver.complete.n_ports, 1);
	}
	for (uint32_t n = 0; n < 2; n++) {
		struct feed_receiver other = with_snapshot();
		struct feed_begin begin = begin_of(0, n);

		begin.flags = FEED_BEGIN_KEEP;
		if (n) {
			expect_refused(&other, &begin, sizeof(begin), "those of before are kept");
		} else {
			expect_taken(&other, &begin, sizeof(begin), FEED_GOT_NOTHING);
			expect_refused(&other, &grant, sizeof(grant), "more grants than announced");
		}
	}
}

/* The list is bounded, its texts are, and what is not in it is counted. */
static void refused_list_is_bounded(void **state)
{
	struct refused_list list = {0};
	char longest[600];
	const struct refused_texts texts = {longest, longest, longest, longest, longest};

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memcpy(longest + REFUSED_UNTIL_MAX - 2, "\xc3\xa4", 2); /* does not fit into the 39 bytes of `until` */
	for (unsigned int i = 0; i < REFUSED_MAX + 3; i++)
		assert_int_equal(refused_add(&list, (uint16_t)i, &texts), 0);
	assert_int_equal(list.n, REFUSED_MAX);
	assert_int_equal(list.more, 3);
	assert_int_equal(list.items[REFUSED_MAX - 1].port, REFUSED_MAX - 1);
	assert_int_equal(strlen(list.items[0].until), REFUSED_UNTIL_MAX - 2);
	assert_int_equal(strlen(list.items[0].policy), REFUSED_POLICY_MAX - 1);
	refused_free(&list);
	assert_null(list.items);
}

/* Whoever was upgraded alone is told so, not that its messages are bad. */
static void another_protocol_has_an_error_of_its_own(void **state)
{
	struct feed_receiver receiver = {.max_ports = MAX_PORTS, .max_grants = MAX_GRANTS};
	struct feed_hello hello;
	struct parse_error err = {0};

	(void)state;
	feed_encode_hello(&hello, "azure");
	hello.header.protocol = 1;
	assert_int_equal(feed_receive(&receiver, &hello, sizeof(hello), &err), -EPROTO);
	assert_string_equal(err.why, "another protocol version");
	assert_int_equal(feed_protocol_of(&hello, sizeof(hello)), 1);
	assert_int_equal(feed_protocol_of(&hello, sizeof(hello.header) - 1), 0);
	hello.header.protocol = FEED_PROTOCOL; /* too late */
	assert_int_equal(feed_receive(&receiver, &hello, sizeof(hello), &err), -EINVAL);
	feed_receiver_free(&receiver);
}

static void more_than_fits_is_refused_before_it_comes(void **state)
{
	struct feed_begin begin = begin_of(MAX_PORTS, MAX_GRANTS);
	struct feed_receiver receiver = with_snapshot();

	(void)state;
	expect_taken(&receiver, &begin, sizeof(begin), FEED_GOT_NOTHING);
	assert_null(receiver.partial.ports); /* nothing is allocated on the word of a count */
	assert_null(receiver.partial.grants.grants);
	feed_receiver_free(&receiver);

	receiver = with_snapshot();
	begin = begin_of(MAX_PORTS + 1, 0);
	expect_refused(&receiver, &begin, sizeof(begin), "more ports than fit");
	receiver = with_snapshot();
	begin = begin_of(0, MAX_GRANTS + 1);
	expect_refused(&receiver, &begin, sizeof(begin), "more grants than fit");
	receiver = with_snapshot();
	begin = begin_of(0, UINT32_MAX);
	expect_refused(&receiver, &begin, sizeof(begin), "more grants than fit");
	receiver = with_snapshot();
	begin = with_refused(begin_of(0, 0), REFUSED_MAX + 1);
	expect_refused(&receiver, &begin, sizeof(begin), "more refused than fit");
}

static void port_given_twice_is_refused(void **state)
{
	struct feed_receiver receiver = with_snapshot();
	struct feed_begin begin = begin_of(2, 0);
	struct feed_port port = port_of(22);

	(void)state;
	expect_taken(&receiver, &begin, sizeof(begin), FEED_GOT_NOTHING);
	expect_taken(&receiver, &port, sizeof(port), FEED_GOT_NOTHING);
	port.protos = PROTO_BIT_UDP;
	expect_refused(&receiver, &port, sizeof(port), "port given twice");
}

static void stopping_half_way_leaves_no_trace(void **state)
{
	struct feed_receiver receiver = greeted();
	struct feed_begin begin = begin_of(1, 2);
	struct feed_port port = port_of(22);
	struct feed_grant grant = grant_of("ann");

	(void)state;
	expect_taken(&receiver, &begin, sizeof(begin), FEED_GOT_NOTHING);
	expect_taken(&receiver, &port, sizeof(port), FEED_GOT_NOTHING);
	expect_taken(&receiver, &grant, sizeof(grant), FEED_GOT_NOTHING);
	assert_int_equal(receiver.complete.n_ports, 0);
	assert_int_equal(receiver.complete.grants.n, 0);
	feed_receiver_free(&receiver); /* the connection ended */
	assert_null(receiver.partial.ports);
}

/* One field of a good message set to a value: what the receiver says to it. */
struct field_case {
	int type;
	size_t offset, size;
	uint64_t value;
	const char *why; /* NULL: taken */
};

#define FIELD(type, field, value, why)                                                                                 \
	{                                                                                                              \
		FEED_##type, offsetof(union feed_any, field), sizeof(((union feed_any *)0)->field), (uint64_t)(value), \
			why                                                                                            \
	}

static const struct field_case field_cases[] = {
	FIELD(HELLO, hello.name[0], 0, "empty name"),
	FIELD(HELLO, hello.name[1], 0x1f, "printable ASCII"),
	FIELD(HELLO, hello.name[1], 0x7f, "printable ASCII"),
	FIELD(HELLO, hello.name[1], 0xc3, "printable ASCII"),
	FIELD(HELLO, hello.name[FEED_NAME_MAX - 1], 'x', "behind the end"),
	FIELD(BEGIN, begin.taken_wall_ns, 0, NULL),
	FIELD(BEGIN, begin.taken_wall_ns, INT64_MAX, NULL),
	FIELD(BEGIN, begin.taken_wall_ns, -1, "before 1970"),
	FIELD(BEGIN, begin.taken_wall_ns, INT64_MIN, "before 1970"),
	FIELD(BEGIN, begin.fresh_for_s, 0, "fresh_for_s"),
	FIELD(BEGIN, begin.fresh_for_s, 1, NULL),
	FIELD(BEGIN, begin.fresh_for_s, 604801, "fresh_for_s"),
	FIELD(BEGIN, begin.more_refused, UINT32_MAX, NULL),
	FIELD(BEGIN, begin.n_refused, UINT16_MAX, "more refused"),
	FIELD(BEGIN, begin.flags, 2, "unknown flag"),
	FIELD(BEGIN, begin.flags, 0x8000, "unknown flag"),
	FIELD(REFUSED, refused.port, 0, NULL),
	FIELD(REFUSED, refused.port, 65535, NULL),
	FIELD(REFUSED, refused.port, 65536, "port is not"),
	FIELD(REFUSED, refused.reserved, 1, "reserved"),
	FIELD(REFUSED, refused.why[0], 0, "no reason"),
	FIELD(REFUSED, refused.why[1], 0xff, "not UTF-8"),
	FIELD(REFUSED, refused.why[REFUSED_WHY_MAX - 1], 'x', "behind the end"),
	FIELD(REFUSED, refused.source[0], 0, "behind the end"),
	FIELD(REFUSED, refused.source[0], 0xff, "not UTF-8"),
	FIELD(REFUSED, refused.source[REFUSED_SOURCE_MAX - 1], 'x', "behind the end"),
	FIELD(REFUSED, refused.until[0], 0xff, "not UTF-8"),
	FIELD(REFUSED, refused.until[REFUSED_UNTIL_MAX - 1], 'x', "behind the end"),
	FIELD(REFUSED, refused.requestor[0], 0xff, "not UTF-8"),
	FIELD(REFUSED, refused.requestor[REFUSED_REQUESTOR_MAX - 1], 'x', "behind the end"),
	FIELD(REFUSED, refused.policy[0], 0xff, "not UTF-8"),
	FIELD(REFUSED, refused.policy[REFUSED_POLICY_MAX - 1], 'x', "behind the end"),
	FIELD(PORT, port.port, 0, "port is not"),
	FIELD(PORT, port.port, 65536, "port is not"),
	FIELD(PORT, port.port, 65536 + 22, "port is not"),
	FIELD(PORT, port.protos, 0, "protocols"),
	FIELD(PORT, port.protos, PROTO_BITS_ALL + 1, "protocols"),
	FIELD(PORT, port.protos, 0x100 | PROTO_BIT_TCP, "protocols"),
	FIELD(PORT, port.reserved, 0x80000000, "reserved"),
	FIELD(GRANT, grant.start_wall_ns, 0, NULL),
	FIELD(GRANT, grant.start_wall_ns, -1, "before 1970"),
	FIELD(GRANT, grant.until_wall_ns, 0, NULL),
	FIELD(GRANT, grant.until_wall_ns, -1, "before 1970"),
	FIELD(GRANT, grant.port, 0, "port is not"),
	FIELD(GRANT, grant.port, 65536 + 22, "port is not"),
	FIELD(GRANT, grant.protos, 0, "protocols"),
	FIELD(GRANT, grant.protos, 0x20 | PROTO_BIT_TCP, "protocols"),
	FIELD(GRANT, grant.protos, 0x100 | PROTO_BIT_TCP, "protocols"),
	FIELD(GRANT, grant.family, 0, "address family"),
	FIELD(GRANT, grant.family, 5, "address family"),
	FIELD(GRANT, grant.family, 256 + 4, "address family"),
	FIELD(GRANT, grant.family, JITGATE_IPV6, NULL),
	FIELD(GRANT, grant.prefix_len, 33, "prefix length"),
	FIELD(GRANT, grant.prefix_len, 256 + 24, "prefix length"),
	FIELD(GRANT, grant.prefix_len, 22, "behind its prefix"), /* 192.0.2.0/22 */
	FIELD(GRANT, grant.prefix_len, 0, "behind its prefix"),
	FIELD(GRANT, grant.addr[3], 1, "behind its prefix"),
	FIELD(GRANT, grant.addr[4], 1, "behind its prefix"), /* behind the four bytes of IPv4 */
	FIELD(GRANT, grant.addr[15], 0x80, "behind its prefix"),
	FIELD(GRANT, grant.requestor[0], 0, "behind the end"),
	FIELD(GRANT, grant.requestor[1], '\n', NULL), /* escaped where it is shown */
	FIELD(GRANT, grant.requestor[1], 0xff, "not UTF-8"),
	FIELD(GRANT, grant.requestor[2], 0xc3, "not UTF-8"),
	FIELD(GRANT, grant.requestor[GRANT_REQUESTOR_MAX - 1], 'x', "behind the end"),
	FIELD(GRANT, grant.justification[GRANT_JUSTIFICATION_MAX - 1], 'x', "behind the end"),
	FIELD(GRANT, grant.justification[0], 0x80, "not UTF-8"),
	FIELD(GRANT, grant.origin[GRANT_ORIGIN_MAX - 1], 'x', "behind the end"),
	FIELD(GRANT, grant.origin[3], 0xf5, "not UTF-8"),
	FIELD(TROUBLE, trouble.at_wall_ns, -1, "before 1970"),
	FIELD(TROUBLE, trouble.text[0], 0, "behind the end"),
	FIELD(TROUBLE, trouble.text[0], 0xc0, "not UTF-8"),
	FIELD(TROUBLE, trouble.text[FEED_TROUBLE_MAX - 1], 'x', "behind the end"),
};

static struct feed_receiver ready_for(int type, union feed_any *ret_good)
{
	*ret_good = good_message(type);
	if (type == FEED_HELLO)
		return receiver_in(NEW);
	return receiver_in(type == FEED_PORT || type == FEED_GRANT || type == FEED_REFUSED ? PORTS : IDLE);
}

static void every_field_has_a_range(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(field_cases); i++) {
		const struct field_case *c = &field_cases[i];
		union feed_any m;
		struct feed_receiver receiver = ready_for(c->type, &m), control = ready_for(c->type, &m);
		int got = c->type == FEED_TROUBLE ? FEED_GOT_TROUBLE : FEED_GOT_NOTHING;

		expect_taken(&control, &m, m.header.size, got);
		feed_receiver_free(&control);
		memcpy((char *)&m + c->offset, &c->value, c->size); /* little-endian, as is BPF's world */
		if (c->why) {
			expect_refused(&receiver, &m, m.header.size, c->why);
		} else {
			expect_taken(&receiver, &m, m.header.size, got);
			feed_receiver_free(&receiver);
		}
	}
}

static void text_without_end_is_refused(void **state)
{
	union feed_any m;
	struct feed_receiver receiver = ready_for(FEED_GRANT, &m);

	(void)state;
	memset(m.grant.origin, 'x', sizeof(m.grant.origin));
	expect_refused(&receiver, &m, m.header.size, "without end");
	receiver = ready_for(FEED_GRANT, &m);
	memset(m.grant.requestor, 'x', sizeof(m.grant.requestor)); /* the next field's NUL does not end it */
	expect_refused(&receiver, &m, m.header.size, "without end");
	receiver = ready_for(FEED_HELLO, &m);
	memset(m.hello.name, 'x', sizeof(m.hello.name));
	expect_refused(&receiver, &m, m.header.size, "without end");
	receiver = ready_for(FEED_TROUBLE, &m);
	memset(m.trouble.text, 'x', sizeof(m.trouble.text));
	expect_refused(&receiver, &m, m.header.size, "without end");
}

/* ---- anything at all */

/* What a complete snapshot may be, whatever was sent. */
static void expect_sound(const struct snapshot *snapshot)
{
	assert_true(snapshot->taken.ns >= 0);
	assert_in_range(snapshot->fresh_for_s, 1, 604800);
	assert_true(snapshot->n_ports <= MAX_PORTS && snapshot->grants.n <= MAX_GRANTS);
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		assert_true(snapshot->ports[i].port && snapshot->ports[i].protos);
		assert_true((snapshot->ports[i].protos & ~PROTO_BITS_ALL) == 0);
	}
	for (size_t i = 0; i < snapshot->grants.n; i++) {
		const struct grant *grant = &snapshot->grants.grants[i];
		struct cidr canonical;
		char text[CIDR_TEXT_MAX];
		size_t len = cidr_format(&grant->source, text);

		assert_true(grant->port && grant->protos && (grant->protos & ~PROTO_BITS_ALL) == 0);
		assert_true(grant->until.ns >= 0);
		/* IPv4-mapped addresses are canonical here, but the parser wants none: the guard rails refuse them. */
		if (cidr_parse(text, len, &canonical, NULL) == 0)
			assert_int_equal(cidr_compare(&grant->source, &canonical), 0);
	}
}

/* Sends the snapshot with one message damaged; returns whether all of it was taken all the same. */
static bool send_damaged(struct feed_receiver *receiver, const struct snapshot *snapshot, uint64_t *seed)
{
	size_t last = snapshot->n_ports + snapshot->grants.n + snapshot->refused.n + 1;
	size_t victim = next_random(seed) % (last + 1);

	for (size_t i = 0; i <= last; i++) {
		union feed_any m;
		size_t len = nth_message(snapshot, i, &m);
		_cleanup_free_ unsigned char *copy = malloc(len);
		int got;

		assert_non_null(copy);
		memcpy(copy, &m, len);
		for (uint64_t n = i == victim ? next_random(seed) % 3 + 1 : 0; n > 0; n--)
			copy[next_random(seed) % len] ^= (unsigned char)(1u << (next_random(seed) % 8));
		if (i == victim && next_random(seed) % 16 == 0)
			len = next_random(seed) % len;
		got = feed_receive(receiver, copy, len, NULL);
		if (got < 0)
			return false;
		assert_true(got != FEED_GOT_SNAPSHOT || i == last);
	}
	return true;
}

static void damaged_messages_never_give_a_partial_snapshot(void **state)
{
	const int rounds = 30000;
	uint64_t seed = 20250117;
	struct feed_receiver receiver = with_snapshot();
	_cleanup_snapshot_ struct snapshot snapshot = {0};
	int refused = 0;

	(void)state;
	print_message("# seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < rounds; i++) {
		if (i % 500 == 0) {
			snapshot_free(&snapshot);
			snapshot = random_snapshot(&seed, 4);
		}
		if (send_damaged(&receiver, &snapshot, &seed)) {
			expect_sound(&receiver.complete);
			continue;
		}
		refused++;
		assert_int_equal(receiver.open, 0);
		assert_null(receiver.partial.ports);
		assert_null(receiver.partial.grants.grants);
		expect_sound(&receiver.complete); /* the one before, whole */
		feed_receiver_free(&receiver);
		receiver = with_snapshot();
	}
	assert_in_range(refused, rounds / 4, rounds - rounds / 50); /* the damage was neither all nor nothing */
	feed_receiver_free(&receiver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_snapshots_arrive_as_they_were),
		cmocka_unit_test(extremes_of_every_field_arrive),
		cmocka_unit_test(trouble_arrives_and_leaves_the_snapshot),
		cmocka_unit_test(snapshot_can_be_moved_out),
		cmocka_unit_test(long_text_is_cut_at_a_character),
		cmocka_unit_test(bytes_that_are_not_utf8_are_replaced),
		cmocka_unit_test(wrong_size_is_refused_for_every_type),
		cmocka_unit_test(wrong_type_or_protocol_is_refused),
		cmocka_unit_test(ask_says_who_knocks),
		cmocka_unit_test(ask_that_is_none_is_refused),
		cmocka_unit_test(only_what_may_follow_is_taken),
		cmocka_unit_test(counts_must_match),
		cmocka_unit_test(refused_entries_are_counted_too),
		cmocka_unit_test(refused_list_is_bounded),
		cmocka_unit_test(clock_offset_arrives),
		cmocka_unit_test(keeping_what_is_held_arrives),
		cmocka_unit_test(another_protocol_has_an_error_of_its_own),
		cmocka_unit_test(more_than_fits_is_refused_before_it_comes),
		cmocka_unit_test(port_given_twice_is_refused),
		cmocka_unit_test(stopping_half_way_leaves_no_trace),
		cmocka_unit_test(every_field_has_a_range),
		cmocka_unit_test(text_without_end_is_refused),
		cmocka_unit_test(damaged_messages_never_give_a_partial_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
