/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Grants that have ended, until the sockets that they had let in are ended too. Knows which socket was of which
 * grant; whether one may still talk is not known here.
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

struct ended_grant {
	struct cidr source;
	uint16_t port; /* 0: every protected port, for a source that was always allowed */
	uint8_t protos;
	uint8_t looks, failures;
	bool seen;   /* at the look that is going on: a socket of it, whole or half open */
	uint32_t id; /* of the audit trail */
	char requestor[GRANT_REQUESTOR_MAX];
};

/* Starts as {0}. */
struct ended_list {
	struct ended_grant *v;
	size_t n, cap;
};

/* 0 or -ENOMEM. */
int ended_add(struct ended_list *list, const struct grant *grant, const char *requestor);
int ended_add_allowed(struct ended_list *list, const struct cidr *source);
void ended_free(struct ended_list *list);

/* The one of a listed grant that a socket was under, or NULL. Of several the latest noted. */
struct ended_grant *ended_find(struct ended_list *list, const struct open_socket *socket);

/* The next port after `port` that a grant of the list is for, 0 first when there is one for every port; -1: no other.
 */
int ended_next_port(const struct ended_list *list, int port);

/*
 * One look at a port is over. Those that were looked for often enough, or that had nothing to be found, are dropped;
 * returns how many of them were given up, having failed to the last.
 */
size_t ended_looked(struct ended_list *list, uint16_t port, bool failed);

#endif
