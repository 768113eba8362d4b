/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The feed protocol: fixed-size messages over a SEQPACKET socket, one per packet, host byte order (both ends are
 * on one machine). What they mean, what is refused, and the table of what may follow what.
 *
 *   feed     -> jitgated   HELLO  (BEGIN PORT* GRANT* REFUSED* END | TROUBLE)*
 *   jitgated -> feed       ASK
 *
 * A snapshot counts only when END has arrived and its counts match. Whatever was begun and not
 * ended, or had one bad message in it, leaves no trace.
 */
#ifndef FEED_MSG_H
#define FEED_MSG_H

#include "grant.h"
#include "knock.h"

#define FEED_PROTOCOL 2
#define FEED_NAME_MAX 32
#define FEED_TROUBLE_MAX 256
#define FEED_FRESH_MAX_S 604800 /* a week */
#define FEED_CLOCK_UNKNOWN INT32_MIN
#define FEED_BEGIN_KEEP 1 /* of flags */

enum feed_type {
	FEED_HELLO = 1,
	FEED_BEGIN,
	FEED_PORT,
	FEED_GRANT,
	FEED_REFUSED,
	FEED_END,
	FEED_TROUBLE,
	FEED_ASK,
	_FEED_TYPE_MAX,
};

/* Wire layout; the header and HELLO stay as they are in every version. Each type has one size, and a message of another
 * size is refused. Reserved fields are 0. */
struct feed_header {
	uint16_t type;
	uint16_t protocol; /* FEED_PROTOCOL */
	uint32_t size;     /* of the whole message */
};

struct feed_hello {
	struct feed_header header;
	char name[FEED_NAME_MAX]; /* "azure"; printable ASCII, NUL-padded */
};

struct feed_begin {
	struct feed_header header;
	int64_t taken_wall_ns;
	uint32_t fresh_for_s; /* 1..FEED_FRESH_MAX_S */
	uint32_t n_ports;
	uint32_t n_grants;
	uint16_t n_refused;     /* 0..REFUSED_MAX */
	uint16_t flags;         /* FEED_BEGIN_KEEP: see keeps_grants of struct snapshot, and n_grants is 0; others: 0 */
	uint32_t more_refused;  /* that no message tells of */
	int32_t clock_offset_s; /* this machine's clock is ahead by at least that; FEED_CLOCK_UNKNOWN: not compared */
};

struct feed_port {
	struct feed_header header;
	uint32_t port;   /* 1..65535 */
	uint32_t protos; /* PROTO_BIT_* */
	uint32_t longest_s;
	uint32_t reserved;
};

struct feed_grant {
	struct feed_header header;
	int64_t start_wall_ns; /* when the grant was given; 0: not known */
	int64_t until_wall_ns;
	uint32_t port;                       /* 1..65535 */
	uint32_t protos;                     /* PROTO_BIT_* */
	uint32_t family;                     /* JITGATE_IPV4 or JITGATE_IPV6 */
	uint32_t prefix_len;                 /* 0..32 or 0..128 */
	uint8_t addr[16];                    /* canonical: bits behind prefix_len are 0 */
	char requestor[GRANT_REQUESTOR_MAX]; /* UTF-8, NUL-terminated and NUL-padded, as all three */
	char justification[GRANT_JUSTIFICATION_MAX];
	char origin[GRANT_ORIGIN_MAX];
};

/* Asked for and not granted: for people, nothing is decided by it. Texts as in a GRANT. */
struct feed_refused {
	struct feed_header header;
	uint32_t port; /* 0..65535; 0: not about one port */
	uint32_t reserved;
	char why[REFUSED_WHY_MAX]; /* not empty */
	char source[REFUSED_SOURCE_MAX];
	char until[REFUSED_UNTIL_MAX];
	char requestor[REFUSED_REQUESTOR_MAX];
	char policy[REFUSED_POLICY_MAX];
};

struct feed_end {
	struct feed_header header;
	uint32_t n_ports; /* the same as in BEGIN */
	uint32_t n_grants;
	uint32_t n_refused;
	uint32_t reserved;
};

struct feed_trouble {
	struct feed_header header;
	int64_t at_wall_ns;
	char text[FEED_TROUBLE_MAX]; /* one line: what failed and what the feed does about it */
};

/* Somebody knocks: a feed may ask its source of grants now. It says when that is worth it, and nothing else. */
struct feed_ask {
	struct feed_header header;
	uint64_t at_boot_ns;
	uint32_t family;   /* JITGATE_IPV4 or JITGATE_IPV6 */
	uint32_t proto;    /* IPPROTO_*, below 256 */
	uint32_t port;     /* 0..65535 */
	uint32_t n_unsaid; /* knocks of the same source since the last one that was told */
	uint8_t addr[16];  /* as in struct knock */
};

/* Room for any message. */
union feed_any {
	struct feed_header header;
	struct feed_hello hello;
	struct feed_begin begin;
	struct feed_port port;
	struct feed_grant grant;
	struct feed_refused refused;
	struct feed_end end;
	struct feed_trouble trouble;
	struct feed_ask ask;
};

/* Size of a message type, 0 when there is no such type. */
size_t feed_size(unsigned int type);

/* The protocol that a message is of; 0: too short to tell. */
unsigned int feed_protocol_of(const void *message, size_t len);

/* Fill a whole message, header included. Texts that are too long are cut at a UTF-8 boundary. */
void feed_encode_hello(struct feed_hello *ret, const char *name);
void feed_encode_begin(struct feed_begin *ret, const struct snapshot *snapshot);
void feed_encode_port(struct feed_port *ret, const struct port_rule *rule);
void feed_encode_grant(struct feed_grant *ret, const struct grant_set *set, const struct grant *grant);
void feed_encode_refused(struct feed_refused *ret, const struct refused *refused);
void feed_encode_end(struct feed_end *ret, const struct snapshot *snapshot);
void feed_encode_trouble(struct feed_trouble *ret, struct wall_time at, const char *text);
void feed_encode_ask(struct feed_ask *ret, const struct knock *knock);

/* The receiving end of a connection. Starts as {0} with max_ports and max_grants set; free with feed_receiver_free. */
struct feed_receiver {
	size_t max_ports, max_grants;
	int greeted;                           /* HELLO came; -1: an error did, nothing counts any more */
	int open;                              /* between BEGIN and END */
	uint32_t n_ports, n_grants, n_refused; /* announced */
	char name[FEED_NAME_MAX];
	struct snapshot partial;
	struct snapshot complete;    /* valid after FEED_GOT_SNAPSHOT, until the next call */
	struct wall_time trouble_at; /* valid after FEED_GOT_TROUBLE */
	char trouble[FEED_TROUBLE_MAX];
};

enum feed_got {
	FEED_GOT_NOTHING = 0, /* taken in, nothing to act on yet */
	FEED_GOT_SNAPSHOT,    /* receiver->complete: the caller may move it out (and zero it) */
	FEED_GOT_TROUBLE,     /* receiver->trouble */
};

/*
 * Take one message in. Returns enum feed_got, or -EINVAL with err->why (wrong type, size, order, a number out
 * of range, counts that do not match, more than fits, text without end), -EPROTO for another protocol, -ENOMEM. After
 * an error the partial snapshot is gone and the caller closes the connection; what was complete before stays untouched.
 */
int feed_receive(struct feed_receiver *receiver, const void *message, size_t len, struct parse_error *err);
void feed_receiver_free(struct feed_receiver *receiver);

/* The feed's end: 0 and *ret for an ASK of this protocol, or -EINVAL with err->why. */
int feed_receive_ask(const void *message, size_t len, struct knock *ret, struct parse_error *err);

#endif
