// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. See control_server.h. A client has CLIENT_SECONDS from its connection to the last byte of its answer.
 */
#include "control_server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "conf.h"
#include "listener.h"
#include "usock.h"
#include "util.h"

#define CLIENTS_MAX 8
#define ROOT_PLACES 2 /* of them: so many that others leave free, however often they come */
#define CLIENT_SECONDS 5

struct client {
	struct control_server *server;
	int fd; /* -1: the place is free */
	bool is_root;
	struct loop_source *source, *timer;
	char line[CONTROL_LINE_MAX];
	size_t line_len;
	struct text answer;
	size_t sent;
	bool answering;
};

struct control_server {
	struct loop *loop;
	struct listener *listener;
	control_answer answer;
	void *ctx;
	struct client clients[CLIENTS_MAX];
};

static void drop_client(struct client *client)
{
	if (client->fd < 0)
		return;
	loop_remove(client->source);
	loop_remove(client->timer);
	close_fd(&client->fd);
	text_free(&client->answer);
	*client = (struct client){.server = client->server, .fd = -1};
}

static void on_timeout(void *ctx, uint32_t events)
{
	(void)events;
	drop_client(ctx);
}

/* Answer what is said; "OK <bytes>" lets the client see when it was cut short. */
static void make_answer(struct client *client, size_t line_len)
{
	_cleanup_text_ struct text body = {0};
	struct control_request request;
	struct parse_error error = {0};
	int r;

	client->answering = true;
	if (control_req_parse(client->line, line_len, &request, &error) < 0) {
		text_printf(&client->answer, "ERR %s\n", error.why);
		return;
	}
	if (control_req_changes(request.kind) && !client->is_root) {
		text_printf(&client->answer, "ERR only root may change anything; use sudo\n");
		return;
	}
	r = client->server->answer(client->server->ctx, &request, &body);
	if (body.failed || (r < 0 && !body.data)) {
		text_printf(&client->answer, "ERR %s\n", body.failed ? "out of memory" : strerror(-r));
		return;
	}
	if (r < 0) {
		text_printf(&client->answer, "ERR %s\n", body.data);
		return;
	}
	text_printf(&client->answer, "%s %zu\n", r > 0 ? "OPEN" : "OK", body.len);
	text_append(&client->answer, body.data ? body.data : "", body.len);
}

static void send_answer(struct client *client)
{
	while (client->sent < client->answer.len) {
		ssize_t n = send(client->fd, client->answer.data + client->sent, client->answer.len - client->sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			loop_modify(client->source, EPOLLOUT);
			return;
		}
		if (n <= 0)
			break;
		client->sent += (size_t)n;
	}
	drop_client(client);
}

static void read_line(struct client *client)
{
	const char *newline;
	ssize_t n = recv(client->fd, client->line + client->line_len, sizeof(client->line) - client->line_len, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop_client(client);
		return;
	}
	client->line_len += (size_t)n;
	newline = memchr(client->line, '\n', client->line_len);
	if (!newline && client->line_len < sizeof(client->line))
		return;
	make_answer(client, newline ? (size_t)(newline - client->line) : client->line_len);
	send_answer(client);
}

static void on_client(void *ctx, uint32_t events)
{
	struct client *client = ctx;

	if (client->answering)
		send_answer(client);
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_line(client);
}

static bool is_root(int fd)
{
	struct usock_peer peer;

	return usock_peer_of(fd, &peer) == 0 && peer.uid == 0;
}

static struct client *free_place(struct control_server *server, bool for_root)
{
	struct client *place = NULL;
	size_t n = 0;

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (server->clients[i].fd >= 0)
			continue;
		place = &server->clients[i];
		n++;
	}
	return for_root || n > ROOT_PLACES ? place : NULL;
}

/* All places for such a one are taken: it is told so, the others go on. A fresh socket has room for one line. */
static void turn_away(int fd, bool root)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "ERR busy: %d questions at once; try again\n",
			   root ? CLIENTS_MAX : CLIENTS_MAX - ROOT_PLACES);

	(void)!send(fd, line, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void on_connect(void *ctx, int accepted_fd)
{
	struct control_server *server = ctx;
	_cleanup_close_ int fd = accepted_fd;
	struct boot_time end = clock_now().boot;
	struct client *client;
	bool root;

	root = is_root(fd);
	client = free_place(server, root);
	if (!client) {
		turn_away(fd, root);
		return;
	}
	end.ns += CLIENT_SECONDS * NS_PER_S;
	if (loop_add_timer(server->loop, on_timeout, client, &client->timer) < 0)
		return;
	if (loop_add(server->loop, fd, EPOLLIN, on_client, client, &client->source) < 0) {
		loop_remove(client->timer);
		return;
	}
	loop_arm_at(client->timer, end);
	client->is_root = root;
	client->fd = TAKE_FD(fd);
}

int control_server_new(struct loop *loop, int listen_fd, control_answer answer, void *ctx, struct control_server **ret)
{
	struct control_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return -ENOMEM;
	*server = (struct control_server){.loop = loop, .answer = answer, .ctx = ctx};
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		server->clients[i] = (struct client){.server = server, .fd = -1};
	r = listener_new(loop, listen_fd, CONF_CONTROL_SOCKET, on_connect, server, &server->listener);
	if (r < 0) {
		free(server);
		return r;
	}
	*ret = server;
	return 0;
}

void control_server_free(struct control_server **server)
{
	if (!*server)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		drop_client(&(*server)->clients[i]);
	listener_free(&(*server)->listener);
	free(*server);
	*server = NULL;
}
