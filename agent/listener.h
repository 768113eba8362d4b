/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. A listening socket in the loop: hands over each client's connection. When descriptors or memory run out, those
 * who knock wait in the kernel's queue and are tried again each second; that is said once, and does not turn the loop
 * into a busy one.
 */
#ifndef LISTENER_H
#define LISTENER_H

#include "loop.h"

struct listener;

/* A new connection, non-blocking and close-on-exec; the descriptor is the callee's. */
typedef void (*listener_handler)(void *ctx, int fd);

/*
 * Takes `listen_fd` over when it succeeds. `name` is for the log and has to live as long. 0 or -errno with *ret
 * untouched.
 */
int listener_new(struct loop *loop, int listen_fd, const char *name, listener_handler handler, void *ctx,
		 struct listener **ret);
/* Closes the socket. NULL in *listener is fine. */
void listener_free(struct listener **listener);

#endif
