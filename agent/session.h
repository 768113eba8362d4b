/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Session policies: what becomes of a session when its grant ends, per port and protocol. As the config writes
 * them, as the packet program reads them (sessions_v1), and which class of that table a port gets.
 *
 * A policy is a number of nanoseconds, as in struct gate_session: SESSION_CUT, SESSION_KEEP, or how long to drain.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jitgate_abi.h"
#include "util.h"

#define SESSION_CUT 0ULL
#define SESSION_KEEP JITGATE_NO_DEADLINE
#define SESSION_DRAIN_MAX_S (7 * 86400)
#define SESSION_TEXT_MAX 24

/* Protocols that have flows; the others are always cut. See JITGATE_FLOWS_MAX. */
#define SESSION_PROTOS (PROTO_BIT_TCP | PROTO_BIT_UDP | PROTO_BIT_UDPLITE)

/* Different policies of ports in one config, so that those of two configs fit the table beside each other. */
#define SESSION_KINDS_MAX 15

struct session_rule {
	uint16_t port;
	uint8_t protos; /* PROTO_BIT_* */
	uint64_t drain_ns;
};

/* Of a whole config; starts as {0}, which cuts everything. */
struct session_rules {
	uint64_t drain_ns; /* of all (port, protocol) that no rule names */
	struct session_rule *rules;
	size_t n;
};

/* "cut", "keep", "drain=30m" (1 s to SESSION_DRAIN_MAX_S). 0, or -EINVAL with *ret untouched. */
int session_parse(const char *text, uint64_t *ret_drain_ns);

/* And back, in the largest unit that fits. */
void session_format(uint64_t drain_ns, char ret[SESSION_TEXT_MAX]);

/* The policies of one port. */
struct gate_session session_of_port(const struct session_rules *rules, uint16_t port);

/* How many policies of ports there are that are different from each other and from "cut"; no more are counted than
 * there are classes. */
size_t session_kinds(const struct session_rules *rules);

/* For every protocol. */
bool session_is_cut(const struct gate_session *session);

/* The classes of sessions_v1 while a plan is made. */
struct session_classes {
	struct gate_session classes[JITGATE_SESSION_CLASSES];
	bool in_use[JITGATE_SESSION_CLASSES]; /* a port has it, before or after */
};

/*
 * The class for a port's policies: 0 for "cut", one that has them already, or one that no port has, which is filled
 * then: what a port goes by never changes under it. -1: there is none left.
 */
int session_class(struct session_classes *classes, const struct gate_session *session);

#endif
