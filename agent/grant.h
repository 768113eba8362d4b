/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Grants, protected ports, and the snapshot that a feed makes of them.
 */
#ifndef GRANT_H
#define GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cidr.h"
#include "clockmap.h"
#include "jitgate_abi.h"
#include "refused.h"
#include "util.h"

/* Longest texts with their NUL, on the wire and in the state file; longer ones are cut by the feed. */
#define GRANT_REQUESTOR_MAX 128
#define GRANT_JUSTIFICATION_MAX 256
#define GRANT_ORIGIN_MAX 256

/* A text kept in grant_set.text, as an offset; 0 is "". */
typedef uint32_t text_ref;

struct grant {
	struct cidr source;
	uint16_t port;          /* host order, never 0 */
	uint8_t protos;         /* PROTO_BIT_*, never 0 */
	uint8_t mark;           /* the enforcer's note on it, enum grant_mark; 0 from a feed */
	bool beyond;            /* the guard rails, as they were when it was sorted in; false from a feed */
	struct wall_time start; /* when it was given; ns 0: not known */
	struct wall_time until;
	text_ref requestor;
	text_ref justification;
	text_ref origin; /* who granted it: the feed's word, e.g. the policy */
};

/* Grants and their texts; starts as {0}. Two blocks, so that ten thousand grants stay small. */
struct grant_set {
	struct grant *grants;
	size_t n, cap;
	char *text;
	size_t text_len, text_cap;
};

/*
 * Append a copy of *grant with the three texts (NULL is ""; none may point into set->text, which moves). 0, -ENOMEM,
 * or -EINVAL for port 0, no protocol or a bit beyond PROTO_BITS_ALL; then the set is as it was.
 */
int grant_set_add(struct grant_set *set, const struct grant *grant, const char *requestor, const char *justification,
		  const char *origin);
const char *grant_set_text(const struct grant_set *set, text_ref ref);
void grant_set_free(struct grant_set *set);

/* Same source, port and protocols: what makes two grants the same grant, whatever their end. */
int grant_compare(const struct grant *a, const struct grant *b);

struct port_rule {
	uint16_t port;  /* host order, never 0 */
	uint8_t protos; /* PROTO_BIT_*, never 0 */
	uint8_t reserved;
	uint32_t longest_s; /* longest grant that the policy gives, seconds; 0: not said */
};

/* A feed's whole truth at one moment. Starts as {0}. */
struct snapshot {
	struct wall_time taken; /* when the feed learned it */
	uint32_t fresh_for_s;   /* how long it may count as fresh: the feed's own schedule */
	bool clock_known;       /* the feed could compare this machine's clock with that of who grants */
	int32_t clock_offset_s; /* by how much this machine's is ahead, at least; negative: behind */
	/* The feed can tell of no grant whether it is one: what is held goes on, each to its own end; `grants` is
	 * empty. */
	bool keeps_grants;
	struct port_rule *ports;
	size_t n_ports;
	struct grant_set grants;
	struct refused_list refused;
};

/* 0, -ENOMEM, or -EINVAL as above. A port that is there already is not looked for. */
int snapshot_add_port(struct snapshot *snapshot, const struct port_rule *rule);
/* This machine's clock was set by so much, forward when positive: what is known of it stays true. */
void snapshot_clock_stepped(struct snapshot *snapshot, int64_t step_ns);

void snapshot_free(struct snapshot *snapshot);
#define _cleanup_snapshot_ CLEANUP(snapshot_free)

/* A block for each PROTO_BIT_*, in `bit`. */
#define FOR_EACH_PROTO_BIT(bit) for (uint8_t bit = 1; PROTO_BITS_ALL & (bit); (bit) = (uint8_t)((bit) << 1))

/* How many protocols that is; other bits do not count. */
static inline size_t protos_count(uint8_t protos)
{
	return (size_t)__builtin_popcount(protos & PROTO_BITS_ALL);
}

/* "tcp", "udp", "sctp", "dccp", "udplite"; several bits: joined with "+"; all: "*". `out` takes 32 bytes. */
#define PROTOS_TEXT_MAX 32
const char *protos_format(uint8_t protos, char out[PROTOS_TEXT_MAX]);
/* One of the names above in any case, "any" or "*". 0, or -EINVAL. */
int protos_parse(const char *text, size_t len, uint8_t *ret_protos);
/* The IPPROTO_* number of a single bit, and the bit of a number (0: no ports). */
uint8_t proto_number(uint8_t bit);
uint8_t proto_to_bit(uint8_t number);

/* "22/tcp", "5985/any"; a number alone is TCP. 0, or -EINVAL: port 0, above 65535, leading zero, unknown protocol,
 * anything trailing. */
int port_rule_parse(const char *text, size_t len, struct port_rule *ret, struct parse_error *err);

#endif
