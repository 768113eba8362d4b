/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The ports that feeds asked to protect, and when they may be let go: a port that is missing from
 * one answer may be a slip of the service, so it stays closed until several good answers over some time agree.
 */
#ifndef LEARNED_H
#define LEARNED_H

#include "clockmap.h"
#include "grant.h"

#define LEARNED_RELEASE_ANSWERS 3
#define LEARNED_RELEASE_AFTER_NS (600 * NS_PER_S)

/* One (port, protocol); ports with several protocols are several of these. */
struct learned_port {
	uint16_t port;
	uint8_t proto_bit;
	uint8_t missing; /* good answers in a row without it, saturates */
	struct boot_time missing_since;
};

/* Sorted by port and protocol; starts as {0}. */
struct learned {
	struct learned_port *ports;
	size_t n;
};

/*
 * When an answer came. `again`: it is the last one once more, as a feed sends it that connects again; that is no
 * further word on what is missing.
 */
struct learned_when {
	struct boot_time now;
	bool again;
};

/*
 * Take the ports of one good, complete answer in. Returns 0, -ENOMEM, or -ENOSPC when more than `max` (port, protocol)
 * pairs would result; on error nothing has changed.
 */
int learned_update(struct learned *learned, const struct port_rule *rules, size_t n_rules, struct learned_when when,
		   size_t max);
/* Whether this port and protocol is among them. */
bool learned_has(const struct learned *learned, const struct learned_port *port);
void learned_free(struct learned *learned);

#endif
