// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. Owns sending and receiving on a feed's socket, which does not block. What the messages are is feed_msg's.
 */
#include "feed_link.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "feed_msg.h"
#include "usock.h"
#include "util.h"

/* 0 when there is room, else why not. */
static int wait_for_room(int fd, int stop_fd)
{
	struct pollfd fds[] = {{.fd = fd, .events = POLLOUT}, {.fd = stop_fd, .events = POLLIN}};
	int n = poll(fds, ARRAY_SIZE(fds), FEED_LINK_STALL_MS);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[1].revents)
		return -ECANCELED;
	return n ? 0 : -ETIMEDOUT;
}

static int send_message(int fd, const void *message, size_t len, int stop_fd)
{
	while (send(fd, message, len, MSG_NOSIGNAL) < 0) {
		int r;

		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = wait_for_room(fd, stop_fd);
		if (r)
			return r;
	}
	return 0; /* a packet goes whole or not at all */
}

int feed_link_open(const char *path, const char *name)
{
	_cleanup_close_ int fd = usock_connect(path, SOCK_SEQPACKET);
	struct feed_hello hello;
	int r;

	if (fd < 0)
		return fd;
	feed_encode_hello(&hello, name);
	r = send_message(fd, &hello, sizeof(hello), -1);
	if (r)
		return r;
	return TAKE_FD(fd);
}

int feed_link_send_snapshot(int fd, const struct snapshot *snapshot, int stop_fd)
{
	union feed_any message;
	int r;

	feed_encode_begin(&message.begin, snapshot);
	r = send_message(fd, &message, sizeof(message.begin), stop_fd);
	for (size_t i = 0; !r && i < snapshot->n_ports; i++) {
		feed_encode_port(&message.port, &snapshot->ports[i]);
		r = send_message(fd, &message, sizeof(message.port), stop_fd);
	}
	for (size_t i = 0; !r && i < snapshot->grants.n; i++) {
		feed_encode_grant(&message.grant, &snapshot->grants, &snapshot->grants.grants[i]);
		r = send_message(fd, &message, sizeof(message.grant), stop_fd);
	}
	for (size_t i = 0; !r && i < snapshot->refused.n; i++) {
		feed_encode_refused(&message.refused, &snapshot->refused.items[i]);
		r = send_message(fd, &message, sizeof(message.refused), stop_fd);
	}
	if (r)
		return r;
	feed_encode_end(&message.end, snapshot);
	return send_message(fd, &message, sizeof(message.end), stop_fd);
}

int feed_link_send_trouble(int fd, struct wall_time at, const char *text, int stop_fd)
{
	struct feed_trouble message;

	feed_encode_trouble(&message, at, text);
	return send_message(fd, &message, sizeof(message), stop_fd);
}

/* Long enough to be a message, and not one of ours. */
static bool is_foreign(const void *message, size_t len)
{
	unsigned int protocol = feed_protocol_of(message, len);

	return protocol && protocol != FEED_PROTOCOL;
}

int feed_link_read(int fd, struct knock *ret)
{
	struct feed_ask ask;

	for (;;) {
		/* MSG_TRUNC: the real length, so that a longer message is not taken for an ASK */
		ssize_t n = recv(fd, &ask, sizeof(ask), MSG_TRUNC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return -ECONNRESET;
		if (is_foreign(&ask, (size_t)n))
			return -EPROTONOSUPPORT;
		return feed_receive_ask(&ask, (size_t)n, ret, NULL) ? -EPROTO : 1;
	}
}

bool feed_link_is_foreign(int fd)
{
	struct feed_header header;

	for (;;) {
		ssize_t n = recv(fd, &header, sizeof(header), 0);

		if (n > 0 && is_foreign(&header, (size_t)n))
			return true;
		/* That it was closed with our messages unread comes before what it said last. */
		if (n == 0 || (n < 0 && errno != ECONNRESET && errno != EINTR))
			return false;
	}
}
