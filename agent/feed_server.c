// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. See feed_server.h.
 */
#include "feed_server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "conf.h"
#include "listener.h"
#include "log.h"
#include "usock.h"
#include "util.h"

/* Lines of one kind since a moment. */
struct quota {
	struct boot_time since; /* 0: never */
	unsigned int said, unsaid;
};

struct feed_server {
	struct loop *loop;
	uid_t feed_uid;
	size_t max_grants;
	struct enforcer *enforcer;
	void (*changed)(void *ctx);
	void *ctx;
	struct listener *listener;
	struct quota refused, talk; /* of lines about who is not let in, and about who is */

	int fd; /* the feed that is connected, or -1 */
	struct loop_source *source;
	struct feed_receiver receiver;
};

/*
 * How many messages one wake-up may take in, and at most one snapshot: the rest comes with the next round, after the
 * other handlers. A feed that does nothing but send must not hold up signals, questions and deadlines.
 */
#define MESSAGES_PER_ROUND 4096

/* Lines in a minute, so that whoever connects in a loop does not push the audit trail out of the journal. */
#define QUOTA_NS (60 * NS_PER_S)
#define REFUSED_LINES 1
#define TALK_LINES 32

static bool may_say(struct quota *quota, unsigned int most, const char *others)
{
	struct boot_time now = clock_now().boot;

	if (!quota->since.ns || now.ns - quota->since.ns >= QUOTA_NS) {
		if (quota->unsaid)
			log_err("%u more %s", quota->unsaid, others);
		*quota = (struct quota){.since = now};
	}
	if (quota->said == most) {
		quota->unsaid++;
		return false;
	}
	quota->said++;
	return true;
}

static bool may_talk(struct feed_server *server)
{
	return may_say(&server->talk, TALK_LINES, "lines about feeds were not written");
}

static void drop_feed(struct feed_server *server)
{
	loop_remove(server->source);
	server->source = NULL;
	close_fd(&server->fd);
	server->fd = -1;
	feed_receiver_free(&server->receiver);
}

static void note_name(struct feed_server *server)
{
	struct enforcer *e = server->enforcer;

	if (server->receiver.greeted && strcmp(e->feed_name, server->receiver.name) != 0) {
		snprintf(e->feed_name, sizeof(e->feed_name), "%s", server->receiver.name);
		if (may_talk(server))
			log_info("feed %s connected", e->feed_name);
	}
}

/* After an upgrade of one and not the other. Any message of ours tells the feed which protocol is spoken here. */
static void turn_away(struct feed_server *server, unsigned int protocol)
{
	if (may_talk(server))
		log_err("feed: bad message: of protocol version %u, and this jitgated speaks %d: restart both after an "
			"upgrade; "
			"what was in force stays",
			protocol, FEED_PROTOCOL);
	feed_server_ask(server, &(struct knock){0});
}

/* 1: a snapshot was taken in, 0: something else, -ECONNABORTED: the feed is to be dropped. */
static int take_message(struct feed_server *server, const void *message, size_t len)
{
	struct parse_error error = {0};
	int got = feed_receive(&server->receiver, message, len, &error);

	if (got == -EPROTO) {
		turn_away(server, feed_protocol_of(message, len));
		return -ECONNABORTED;
	}
	if (got < 0) {
		if (may_talk(server))
			log_err("feed %s: bad message: %s; the connection is closed, what was in force stays",
				*server->receiver.name ? server->receiver.name : "(unnamed)",
				error.why ? error.why : strerror(-got));
		return -ECONNABORTED;
	}
	note_name(server);
	if (got == FEED_GOT_TROUBLE) {
		enforcer_take_trouble(server->enforcer, server->receiver.trouble_at, server->receiver.trouble);
		server->changed(server->ctx);
	}
	if (got != FEED_GOT_SNAPSHOT)
		return 0;
	enforcer_take_snapshot(server->enforcer, &server->receiver.complete);
	server->changed(server->ctx);
	return 1;
}

static void on_feed(void *ctx, uint32_t events)
{
	struct feed_server *server = ctx;

	(void)events;
	for (int i = 0, r = 0; i < MESSAGES_PER_ROUND && r == 0; i++) {
		union feed_any message;
		struct iovec iov = {.iov_base = &message, .iov_len = sizeof(message)};
		struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
		ssize_t n = recvmsg(server->fd, &header, 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			if (server->receiver.open && may_talk(server))
				log_err("feed %s stopped half way through a snapshot; what was in force stays",
					server->receiver.name);
			drop_feed(server);
			server->changed(server->ctx);
			return;
		}
		/* A longer packet than any message is cut by the kernel; its length must not look right. */
		r = take_message(server, &message, header.msg_flags & MSG_TRUNC ? SIZE_MAX : (size_t)n);
		if (r < 0) {
			drop_feed(server);
			server->changed(server->ctx);
		}
	}
}

static bool is_welcome(struct feed_server *server, int fd)
{
	struct usock_peer peer;
	bool stranger;

	if (usock_peer_of(fd, &peer) < 0)
		return false;
	stranger = peer.uid != 0 && peer.uid != server->feed_uid;
	if (!stranger && server->fd < 0)
		return true;
	if (!may_say(&server->refused, REFUSED_LINES, "feeds were refused"))
		return false;
	if (stranger)
		log_err("feed refused: uid %u (pid %d) is neither root nor azure.user (uid %u)", peer.uid, peer.pid,
			server->feed_uid);
	else
		log_err("feed refused: pid %d, since another feed is connected; stop that one first", peer.pid);
	return false;
}

static void on_connect(void *ctx, int accepted_fd)
{
	struct feed_server *server = ctx;
	_cleanup_close_ int fd = accepted_fd;
	int r;

	if (!is_welcome(server, fd))
		return;
	server->receiver =
		(struct feed_receiver){.max_ports = JITGATE_PORT_RULES_MAX, .max_grants = server->max_grants};
	r = loop_add(server->loop, fd, EPOLLIN, on_feed, server, &server->source);
	if (r < 0) {
		log_err("cannot watch the feed's connection: %s; it has to connect again", strerror(-r));
		return;
	}
	server->fd = TAKE_FD(fd);
}

int feed_server_new(struct loop *loop, int listen_fd, uid_t feed_uid, size_t max_grants, struct enforcer *enforcer,
		    void (*changed)(void *ctx), void *ctx, struct feed_server **ret)
{
	struct feed_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return -ENOMEM;
	*server = (struct feed_server){.loop = loop,
				       .feed_uid = feed_uid,
				       .max_grants = max_grants,
				       .enforcer = enforcer,
				       .changed = changed,
				       .ctx = ctx,
				       .fd = -1};
	r = listener_new(loop, listen_fd, CONF_FEED_SOCKET, on_connect, server, &server->listener);
	if (r < 0) {
		free(server);
		return r;
	}
	*ret = server;
	return 0;
}

void feed_server_free(struct feed_server **server)
{
	if (!*server)
		return;
	drop_feed(*server);
	listener_free(&(*server)->listener);
	free(*server);
	*server = NULL;
}

bool feed_server_connected(const struct feed_server *server)
{
	return server->fd >= 0;
}

void feed_server_ask(struct feed_server *server, const struct knock *knock)
{
	struct feed_ask ask;

	if (server->fd < 0)
		return;
	feed_encode_ask(&ask, knock);
	/* A feed that does not read has its own schedule all the same. */
	(void)!send(server->fd, &ask, sizeof(ask), MSG_NOSIGNAL | MSG_DONTWAIT);
}
