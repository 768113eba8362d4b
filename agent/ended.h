/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Grants that have ended, until the sockets that they had let in are ended too: at once, or where sessions go on
 * for a while (drain), when that is over. Knows which socket was of which grant; whether one may still talk is not
 * known here.
 */
#ifndef ENDED_H
#define ENDED_H

#include <stdbool.h>

#include "grant.h"
#include "open_socket.h"

/*
 * When anything of it was there at the first look, it is looked for once more, ENDED_AGAIN_NS later: a half-open socket
 * may have become a whole one by a packet that was let in just before the end. What fails is tried so often.
 */
#define ENDED_LOOKS 2
#define ENDED_TRIES_MAX 10
#define ENDED_AGAIN_NS NS_PER_S

#define ENDED_NEVER UINT64_MAX

struct ended_grant {
	struct cidr source;
	uint16_t port; /* 0: every protected port, for a source that was always allowed */
	uint8_t protos;
	uint8_t looks, failures;
	struct boot_time since; /* when it ended, or later */
	struct boot_time due;   /* when to look */
	/* Of the look that is going on: whether there was a socket of it, whole or half open, and when the first of its
	 * sessions that go on will be over; ENDED_NEVER: none. */
	bool seen;
	struct boot_time drained;
	uint32_t id; /* of the audit trail */
	char requestor[GRANT_REQUESTOR_MAX];
};

/* Starts as {0}. */
struct ended_list {
	struct ended_grant *v;
	size_t n, cap;
};

/* Due at once. 0 or -ENOMEM. */
int ended_add(struct ended_list *list, const struct grant *grant, const char *requestor, struct boot_time since);
void ended_free(struct ended_list *list);

/* The next port after `port` that one that is due is for, 0 first when there is one for every port; -1: no other. */
int ended_next_port(const struct ended_list *list, int port, struct boot_time now);

/* When the next one is due; ENDED_NEVER: there is none. */
struct boot_time ended_due(const struct ended_list *list);

/*
 * One look at a port is over, for those that were due at `now`. They are dropped when they were looked for often enough
 * or had nothing to be found, and no session of theirs goes on to a known end: such a one is waited for. Returns how
 * many were given up, having failed to the last.
 */
size_t ended_looked(struct ended_list *list, uint16_t port, bool failed, struct boot_time now);

#endif
