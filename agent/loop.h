/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. The event loop: epoll over descriptors, timers and signals. One thread; a handler runs to its end.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

#include "clockmap.h"

struct loop;

/* `events` are EPOLL* bits. A handler may remove any source, its own included. */
typedef void (*loop_handler)(void *ctx, uint32_t events);

/* 0 or -errno with *ret_loop untouched; so do all below that return an int. */
int loop_new(struct loop **ret_loop);
/* Closes what the loop opened (timers, signals), not the descriptors handed to loop_add. */
void loop_free(struct loop **loop);

/* Watch a descriptor; *ret_source is the handle for the calls below. The descriptor stays the caller's. */
struct loop_source;
int loop_add(struct loop *loop, int fd, uint32_t events, loop_handler handler, void *ctx,
	     struct loop_source **ret_source);
int loop_modify(struct loop_source *source, uint32_t events);
void loop_remove(struct loop_source *source); /* NULL is fine */

/* A one-shot timer on CLOCK_BOOTTIME, which needs no capability and counts a suspend. Disarmed at first. */
int loop_add_timer(struct loop *loop, loop_handler handler, void *ctx, struct loop_source **ret_source);
void loop_arm_at(struct loop_source *timer, struct boot_time at); /* in the past: at once */
void loop_disarm(struct loop_source *timer);

/* Called when the wall clock is set (a step, not a slew). */
int loop_add_clock_watch(struct loop *loop, loop_handler handler, void *ctx, struct loop_source **ret_source);

/* Called with the signal's number as `events`. The signals are blocked for the process. */
int loop_add_signals(struct loop *loop, const int *signals, int n_signals, loop_handler handler, void *ctx,
		     struct loop_source **ret_source);

/* Until loop_stop, after which it may be run again. 0 or -errno of epoll_wait. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
