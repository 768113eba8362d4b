/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Who may come in, by brute force: every grant is looked at for every question. Shares no code with what it judges
 * (apply, reconcile, guard, cidr), only their plain structs. And a source of random worlds for it: prefixes that nest
 * and meet, renewals, revocations, ports that come and go, guard rails, clocks that are set.
 *
 * The including file has random.h's seed set.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include <string.h>

#include "conf.h"
#include "learned.h"
#include "random.h"
#include "util.h"

#define TRUTH_GRANTS_MAX 48
#define TRUTH_PORTS 4
#define ORACLE_KEEP_ENDED_NS 60000000000LL
#define ORACLE_SLACK_NS 60000000000LL
#define ORACLE_S 1000000000LL

/* All that decides at one moment: what the agent is told, in its own structs. */
struct truth {
	struct clock_pair clock; /* when it was applied */
	struct grant grants[TRUTH_GRANTS_MAX];
	size_t n_grants;
	struct cidr allow[3];
	size_t n_allow;
	uint8_t protect[TRUTH_PORTS], learned[TRUTH_PORTS]; /* PROTO_BIT_* of truth_ports */
	struct cidr guard_sources[2];
	struct guard guard; /* its sources: guard_sources */
	uint32_t max_grants;
};

/* The last one is never closed. */
static const uint16_t truth_ports[TRUTH_PORTS] = {22, 3389, 5985, 443};

/* "May a packet pass?", at some time between two readings of the clock. */
struct question {
	struct cidr source;
	uint16_t port;
	uint8_t proto_bit;
	uint64_t from_boot_ns, to_boot_ns;
};

/* ------------------------------------------------------------ the oracle */

/* IPv4 too: its four bytes stand first. */
static inline unsigned __int128 oracle_bits(const struct cidr *c)
{
	unsigned __int128 bits = 0;

	for (size_t i = 0; i < sizeof(c->addr); i++)
		bits = bits << 8 | c->addr[i];
	return bits;
}

static inline bool oracle_inside(const struct cidr *prefix, const struct cidr *inner)
{
	unsigned __int128 differ = oracle_bits(prefix) ^ oracle_bits(inner);

	if (prefix->family != inner->family || prefix->prefix_len > inner->prefix_len)
		return false;
	return prefix->prefix_len == 0 || differ >> (128 - prefix->prefix_len) == 0;
}

/* No packet has it: unspecified, multicast, broadcast. */
static inline bool oracle_no_source(const struct cidr *c)
{
	bool is4 = c->family == JITGATE_IPV4;

	if (oracle_bits(c) == 0 && c->prefix_len == (is4 ? 32 : 128))
		return true;
	if (is4)
		return (c->addr[0] >> 4 == 14 && c->prefix_len >= 4) || oracle_bits(c) >> 96 == 0xffffffff;
	return c->addr[0] == 0xff && c->prefix_len >= 8;
}

/* By the guard rails, at the moment it was applied. */
static inline bool oracle_refuses(const struct truth *t, const struct grant *grant)
{
	int64_t longest = t->guard.longest_s * ORACLE_S + ORACLE_SLACK_NS;
	bool inside = t->guard.n_sources == 0;

	for (size_t i = 0; i < t->guard.n_sources; i++)
		inside |= oracle_inside(&t->guard_sources[i], &grant->source);
	if (!inside || oracle_no_source(&grant->source))
		return true;
	if (grant->source.prefix_len <
	    (grant->source.family == JITGATE_IPV4 ? t->guard.widest_ipv4 : t->guard.widest_ipv6))
		return true;
	return grant->until.ns - t->clock.wall.ns > longest ||
	       (grant->start.ns > 0 && grant->until.ns - grant->start.ns > longest);
}

static inline uint8_t oracle_closed(const struct truth *t, uint16_t port)
{
	for (size_t i = 0; i < TRUTH_PORTS; i++) {
		if (truth_ports[i] == port)
			return t->protect[i] | t->learned[i];
	}
	return 0;
}

static inline bool oracle_is_about(const struct grant *grant, const struct question *q)
{
	return grant->port == q->port && grant->protos & q->proto_bit && oracle_inside(&grant->source, &q->source);
}

static inline bool oracle_allows(const struct truth *t, const struct question *q, uint64_t boot_ns)
{
	int64_t wall_ns = t->clock.wall.ns + (int64_t)(boot_ns - t->clock.boot.ns);

	if (!(oracle_closed(t, q->port) & q->proto_bit))
		return true;
	for (size_t i = 0; i < t->n_allow; i++) {
		if (oracle_inside(&t->allow[i], &q->source))
			return true;
	}
	for (size_t i = 0; i < t->n_grants; i++) {
		if (oracle_is_about(&t->grants[i], q) && wall_ns < t->grants[i].until.ns &&
		    !oracle_refuses(t, &t->grants[i]))
			return true;
	}
	return false;
}

/* Whether the trie is to hold this grant, live or ended lately. */
static inline bool oracle_keeps(const struct truth *t, const struct grant *grant, bool ended_too)
{
	int64_t ended_for_ns = t->clock.wall.ns - grant->until.ns;

	if (ended_for_ns < 0)
		return !oracle_refuses(t, grant);
	return ended_too && ended_for_ns < ORACLE_KEEP_ENDED_NS;
}

/* How many entries that makes: different sources of a closed port and protocol. */
static inline size_t oracle_entries(const struct truth *t, bool ended_too)
{
	struct cidr seen[TRUTH_GRANTS_MAX + ARRAY_SIZE(t->allow)];
	size_t total = 0;

	for (size_t port = 0; port < TRUTH_PORTS; port++) {
		for (uint8_t bit = 1; bit <= PROTO_BIT_UDPLITE; bit = (uint8_t)(bit << 1)) {
			size_t n = 0;

			for (size_t i = 0; i < t->n_grants + t->n_allow; i++) {
				const struct grant *grant = i < t->n_grants ? &t->grants[i] : NULL;
				struct cidr source = grant ? grant->source : t->allow[i - t->n_grants];
				bool is_new = oracle_closed(t, truth_ports[port]) & bit;

				if (grant)
					is_new &= grant->port == truth_ports[port] && grant->protos & bit &&
						  oracle_keeps(t, grant, ended_too);
				for (size_t k = 0; k < n; k++)
					is_new &= memcmp(&seen[k], &source, sizeof(source)) != 0;
				if (is_new)
					seen[n++] = source;
			}
			total += n;
		}
	}
	return total;
}

/* Whether the trie is to have an entry for this packet, so that a drop of it reads "expired". */
static inline bool oracle_matches(const struct truth *t, const struct question *q)
{
	bool ended_too = oracle_entries(t, true) <= t->max_grants, matches = false;

	for (size_t i = 0; i < t->n_grants; i++)
		matches |= oracle_is_about(&t->grants[i], q) && oracle_keeps(t, &t->grants[i], ended_too);
	for (size_t i = 0; i < t->n_allow; i++)
		matches |= oracle_inside(&t->allow[i], &q->source);
	return matches && oracle_closed(t, q->port) & q->proto_bit;
}

/*
 * What is wrong with an answer while `before` becomes `after` (the same one: nothing is under way); NULL when nothing
 * is. A door only closes as time goes on, so that the end of the question's time says what must pass, its beginning
 * what must not.
 */
static inline const char *oracle_wrong(const struct truth *before, const struct truth *after, const struct question *q,
				       bool passes)
{
	if (passes && !oracle_allows(before, q, q->from_boot_ns) && !oracle_allows(after, q, q->from_boot_ns))
		return "lets in what is not allowed";
	if (!passes && oracle_allows(before, q, q->to_boot_ns) && oracle_allows(after, q, q->to_boot_ns))
		return "shuts out what is allowed";
	return NULL;
}

/* ------------------------------------------------------------ random worlds */

static inline bool one_in(uint32_t n)
{
	return random_below(n) == 0;
}

/* Few different bytes, so that prefixes nest and meet all the time. */
static inline struct cidr truth_source(void)
{
	static const uint8_t lengths[] = {0, 1, 4, 7, 8, 9, 15, 16, 17, 23, 24, 25, 30, 31, 32, 32, 32};
	static const uint8_t bytes[] = {0, 0, 0, 0, 0x80, 0x01, 0xe0, 0xff};
	struct cidr c = {.family = one_in(3) ? JITGATE_IPV6 : JITGATE_IPV4};
	uint32_t longest = c.family == JITGATE_IPV4 ? 32 : 128;
	uint32_t len = lengths[random_below(ARRAY_SIZE(lengths))];

	c.prefix_len = (uint8_t)(longest == 32 ? len : one_in(2) ? len * 4 : random_below(129));
	for (uint32_t i = 0; i < longest / 8; i++)
		c.addr[i] = bytes[random_below(ARRAY_SIZE(bytes))];
	for (uint32_t i = c.prefix_len; i < longest; i++)
		c.addr[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return c;
}

static inline uint8_t truth_protos(void)
{
	return one_in(4) ? (uint8_t)(1 + random_below(PROTO_BITS_ALL)) : PROTO_BIT_TCP;
}

/* From now: some just over, some long over, some at once, some longer than any rail. */
static inline int64_t truth_lifetime(void)
{
	static const int64_t spans[] = {ORACLE_S / 1000, ORACLE_S, 70 * ORACLE_S, 3600 * ORACLE_S, 5 * 3600 * ORACLE_S};
	int64_t span = spans[random_below(ARRAY_SIZE(spans))];
	int64_t ns = (int64_t)(random_bits() % (uint64_t)span);

	return one_in(4) ? -ns % (70 * ORACLE_S) : ns;
}

static inline struct grant truth_grant(const struct truth *t)
{
	struct grant grant = {
		.source = t->n_grants && one_in(4) ? t->grants[random_below((uint32_t)t->n_grants)].source
						   : truth_source(),
		.port = truth_ports[random_below(one_in(8) ? TRUTH_PORTS : 2)],
		.protos = truth_protos(),
		.until.ns = t->clock.wall.ns + truth_lifetime(),
	};

	if (one_in(2))
		grant.start.ns = t->clock.wall.ns - (int64_t)random_below(3600) * ORACLE_S;
	return grant;
}

static inline void truth_change_conf(struct truth *t)
{
	if (one_in(8)) {
		t->protect[random_below(TRUTH_PORTS - 1)] = one_in(3) ? 0 : truth_protos();
		t->learned[random_below(TRUTH_PORTS - 1)] = one_in(3) ? 0 : truth_protos();
	}
	if (one_in(16)) {
		t->n_allow = random_below(ARRAY_SIZE(t->allow) + 1);
		for (size_t i = 0; i < t->n_allow; i++)
			t->allow[i] = truth_source();
	}
	if (one_in(16)) {
		t->guard = (struct guard){.longest_s = one_in(2) ? 24 * 3600 : 1800};
		t->guard.widest_ipv4 = (uint8_t)(one_in(3) ? random_below(20) : 0);
		t->guard.widest_ipv6 = (uint8_t)(one_in(3) ? random_below(80) : 0);
		t->guard.n_sources = one_in(4) ? ARRAY_SIZE(t->guard_sources) : 0;
		for (size_t i = 0; i < ARRAY_SIZE(t->guard_sources); i++) {
			t->guard_sources[i] = truth_source();
		}
	}
	if (one_in(16))
		t->max_grants = one_in(3) ? 16 + random_below(16) : 256;
}

/* The next truth: some grants go, some are renewed or cut short, some come. */
static inline void truth_change(const struct truth *old, struct clock_pair clock, struct truth *ret)
{
	size_t kept = 0;

	*ret = *old;
	ret->clock = clock;
	truth_change_conf(ret);
	for (size_t i = 0; i < ret->n_grants; i++) {
		struct grant *grant = &ret->grants[i];

		if (one_in(8) || (ret->n_grants > TRUTH_GRANTS_MAX / 2 && one_in(2)))
			continue;
		if (one_in(6))
			grant->until.ns = clock.wall.ns + truth_lifetime();
		ret->grants[kept++] = *grant;
	}
	ret->n_grants = kept;
	while (ret->n_grants < TRUTH_GRANTS_MAX && !one_in(5)) {
		struct grant grant = truth_grant(ret);

		ret->grants[ret->n_grants++] = grant;
	}
}

/* An address in, at the edge of, or just outside what some grant covers. */
static inline struct cidr truth_address(const struct truth *t)
{
	struct cidr c = t->n_grants && !one_in(6) ? t->grants[random_below((uint32_t)t->n_grants)].source
			: t->n_allow && one_in(2) ? t->allow[random_below((uint32_t)t->n_allow)]
						  : truth_source();
	uint32_t longest = c.family == JITGATE_IPV4 ? 32 : 128, fill = random_below(3);

	if (c.prefix_len && one_in(4))
		c.addr[(c.prefix_len - 1) / 8] ^= (uint8_t)(0x80 >> (c.prefix_len - 1) % 8);
	for (uint32_t i = c.prefix_len; i < longest; i++) {
		if (fill == 1 || (fill == 2 && one_in(3)))
			c.addr[i / 8] |= (uint8_t)(0x80 >> i % 8);
	}
	c.prefix_len = (uint8_t)longest;
	return c;
}

/* At a moment from `boot_ns` on, often right at a grant's end. */
static inline struct question truth_question(const struct truth *t, uint64_t boot_ns)
{
	struct question q = {
		.source = truth_address(t),
		.port = truth_ports[random_below(one_in(8) ? TRUTH_PORTS : 2)],
		.proto_bit = (uint8_t)(one_in(4) ? 1 << random_below(5) : PROTO_BIT_TCP),
		.from_boot_ns = boot_ns + (one_in(3) ? random_bits() % (uint64_t)(4 * 3600 * ORACLE_S) : 0),
	};

	if (t->n_grants && one_in(2)) {
		const struct grant *grant = &t->grants[random_below((uint32_t)t->n_grants)];
		int64_t left = grant->until.ns - t->clock.wall.ns - 1 + random_below(3);

		if (left > 0 && t->clock.boot.ns + (uint64_t)left > boot_ns)
			q.from_boot_ns = t->clock.boot.ns + (uint64_t)left;
	}
	q.to_boot_ns = q.from_boot_ns;
	return q;
}

/* A truth in the agent's words; what they point to lives in `t` and here. */
struct truth_input {
	struct conf conf;
	struct port_rule protect[TRUTH_PORTS];
	struct learned learned;
	struct learned_port learned_ports[TRUTH_PORTS * 5];
	struct snapshot snapshot;
};

static inline void truth_tell(struct truth *t, struct truth_input *ret)
{
	*ret = (struct truth_input){
		.conf = {.protect = ret->protect,
			 .allow = t->allow,
			 .n_allow = t->n_allow,
			 .guard = t->guard,
			 .max_grants = t->max_grants},
		.learned.ports = ret->learned_ports,
		.snapshot = {.taken = t->clock.wall, .grants = {.grants = t->grants, .n = t->n_grants}},
	};
	ret->conf.guard.sources = t->guard_sources;
	for (size_t i = 0; i < TRUTH_PORTS; i++) {
		if (t->protect[i])
			ret->protect[ret->conf.n_protect++] =
				(struct port_rule){.port = truth_ports[i], .protos = t->protect[i]};
		for (uint8_t bit = 1; bit <= PROTO_BIT_UDPLITE; bit = (uint8_t)(bit << 1)) {
			if (t->learned[i] & bit)
				ret->learned_ports[ret->learned.n++] =
					(struct learned_port){.port = truth_ports[i], .proto_bit = bit};
		}
	}
}

#endif
