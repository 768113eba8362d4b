// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* EDGE. See listener.h. */
#include "listener.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "usock.h"
#include "util.h"

#define RETRY_NS NS_PER_S

struct listener {
	struct loop_source *source, *retry;
	int fd;
	const char *name;
	listener_handler handler;
	void *ctx;
	bool said;
};

/* The client went again, or another signal or knock is all there is. */
static bool is_nothing(int error)
{
	return error == EAGAIN || error == ECONNABORTED || error == EINTR;
}

/* The socket stays readable while a client waits: it is not looked at until then. */
static void wait_a_while(struct listener *listener, int error)
{
	struct boot_time at = clock_now().boot;

	if (!listener->said)
		log_err("%s: cannot take a client: %s; those who knock wait, and are tried each second", listener->name,
			strerror(error));
	listener->said = true;
	loop_modify(listener->source, 0);
	at.ns += RETRY_NS;
	loop_arm_at(listener->retry, at);
}

static void on_listen(void *ctx, uint32_t events)
{
	struct listener *listener = ctx;
	int fd = usock_accept(listener->fd);

	(void)events;
	if (fd >= 0) {
		listener->said = false;
		listener->handler(listener->ctx, fd);
	} else if (!is_nothing(-fd)) {
		wait_a_while(listener, -fd);
	}
}

static void on_retry(void *ctx, uint32_t events)
{
	struct listener *listener = ctx;

	(void)events;
	loop_modify(listener->source, EPOLLIN);
}

int listener_new(struct loop *loop, int listen_fd, const char *name, listener_handler handler, void *ctx,
		 struct listener **ret)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int r;

	if (!listener)
		return -ENOMEM;
	*listener = (struct listener){.fd = listen_fd, .name = name, .handler = handler, .ctx = ctx};
	r = loop_add_timer(loop, on_retry, listener, &listener->retry);
	if (r == 0)
		r = loop_add(loop, listen_fd, EPOLLIN, on_listen, listener, &listener->source);
	if (r < 0) {
		listener->fd = -1; /* the caller's still */
		listener_free(&listener);
		return r;
	}
	*ret = listener;
	return 0;
}

void listener_free(struct listener **listener_ptr)
{
	struct listener *listener = *listener_ptr;

	if (!listener)
		return;
	loop_remove(listener->source);
	loop_remove(listener->retry);
	close_fd(&listener->fd);
	free(listener);
	*listener_ptr = NULL;
}
