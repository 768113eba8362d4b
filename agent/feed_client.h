/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * TOP. A feed's connection to jitgated over its whole life: tries, greets, sends, notices that it is gone and tries
 * again, less and less often, and without a word, while none lasts. What is sent, and when, is the feed's.
 */
#ifndef FEED_CLIENT_H
#define FEED_CLIENT_H

#include <stdbool.h>

#include "grant.h"
#include "knock.h"

struct feed_client {
	const char *name; /* said in HELLO */
	char *path;
	int stop_fd; /* readable: time to go, no waiting any more */
	int fd;      /* -1: not connected */
	bool away_said, closed_said;
	struct boot_time connect_at, connected_at;
	uint32_t connect_wait_ms;
};

/* For the feed socket in `run_dir`; `name` is borrowed. 0, or -ENOMEM. */
int feed_client_init(struct feed_client *c, const char *run_dir, const char *name, int stop_fd);
void feed_client_free(struct feed_client *c);

/* Try when it is time to. True: connected just now, and jitgated knows nothing yet. */
bool feed_client_connect(struct feed_client *c, struct boot_time now);

/* When to call feed_client_connect next; UINT64_MAX for a connection that is known to last. */
struct boot_time feed_client_next(const struct feed_client *c);

/* Without a connection these do nothing; a connection that fails is dropped, and logged. */
void feed_client_send_snapshot(struct feed_client *c, const struct snapshot *snapshot);
void feed_client_send_trouble(struct feed_client *c, struct wall_time at, const char *text);

/* Take in one "ask now". True: *ret is who knocks, and there may be more. */
bool feed_client_read(struct feed_client *c, struct knock *ret);

#endif
