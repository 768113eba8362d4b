/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * TOP. The feed socket: accepts one feed at a time, of the right uid, takes its messages in and hands snapshots to
 * the enforcer. Any bad message ends the connection and leaves no trace.
 */
#ifndef FEED_SERVER_H
#define FEED_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "enforcer.h"
#include "loop.h"

struct feed_server;

/* Takes listen_fd over. `changed` is called after each snapshot and each trouble. */
int feed_server_new(struct loop *loop, int listen_fd, uid_t feed_uid, size_t max_grants, struct enforcer *enforcer,
		    void (*changed)(void *ctx), void *ctx, struct feed_server **ret);
void feed_server_free(struct feed_server **server);
bool feed_server_connected(const struct feed_server *server);
/* Tell the feed who knocks, if there is one. */
void feed_server_ask(struct feed_server *server, const struct knock *knock);

#endif
