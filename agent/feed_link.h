/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. A feed's end of the feed socket: connect and greet, send snapshots and troubles whole, read "ask now". Knows no
 * Azure. When a call fails, the link is to be closed: the other end has forgotten what was half sent.
 */
#ifndef FEED_LINK_H
#define FEED_LINK_H

#include <stdbool.h>

#include "grant.h"
#include "knock.h"

/* Longest wait for room in the socket: jitgated takes messages in as they come, or it is not well. */
#define FEED_LINK_STALL_MS 5000

/* Connect to `path` and say HELLO. A descriptor, or -errno. */
int feed_link_open(const char *path, const char *name);

/* 0, or -errno; -ETIMEDOUT after a stall, -ECANCELED as soon as `stop_fd` is readable. */
int feed_link_send_snapshot(int fd, const struct snapshot *snapshot, int stop_fd);
int feed_link_send_trouble(int fd, struct wall_time at, const char *text, int stop_fd);

/* Take in one ASK: 1 and *ret, 0 when none has come, -ECONNRESET at the end, -EPROTO for anything else,
 * -EPROTONOSUPPORT for a message of another protocol version, -errno. */
int feed_link_read(int fd, struct knock *ret);

/* Of a link that failed: whether the other end's last word is of another protocol version. Takes in what has come. */
bool feed_link_is_foreign(int fd);

#endif
