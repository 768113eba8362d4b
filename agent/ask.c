// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. The control protocol's asking end. Owns its framing and its deadline; must not know what an answer means, and
 * must not hand out half of one.
 */
#include "ask.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "number.h"
#include "usock.h"
#include "util.h"

#define HEAD_MAX 600        /* "OK <bytes>\n" or "ERR <message>\n" */
#define CONNECT_RETRY_MS 50 /* the listener's queue is full */

struct line {
	int fd;
	const char *path;
	int64_t deadline_ms;
	uint32_t timeout_ms;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / NS_PER_MS;
}

static int fail_late(const struct line *line, struct failure *failure)
{
	return failure_set(failure, -ETIMEDOUT, "%s: jitgated did not answer within %u s; is it stopped or overloaded?",
			   line->path, line->timeout_ms / 1000);
}

/* Wait for an event; 0, or -ETIMEDOUT. */
static int wait_for(const struct line *line, short events)
{
	struct pollfd pfd = {.fd = line->fd, .events = events};
	int64_t left;
	int r;

	do {
		left = line->deadline_ms - now_ms();
		r = left > 0 ? poll(&pfd, 1, (int)left) : 0;
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

static int connect_until(const struct line *line)
{
	int fd;

	while ((fd = usock_connect(line->path, SOCK_STREAM)) == -EAGAIN) {
		if (now_ms() >= line->deadline_ms)
			return -ETIMEDOUT;
		poll(NULL, 0, CONNECT_RETRY_MS);
	}
	return fd;
}

static int send_all(const struct line *line, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(line->fd, bytes, len, MSG_NOSIGNAL);
		int r = 0;

		if (n < 0 && errno == EAGAIN)
			r = wait_for(line, POLLOUT);
		else if (n < 0 && errno != EINTR)
			r = -errno;
		if (r < 0)
			return r;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int send_question(const struct line *line, const char *question)
{
	int r = send_all(line, question, strlen(question));

	if (r == 0)
		r = send_all(line, "\n", 1);
	/* An agent that refuses outright may have answered and closed before the question was out: read on. */
	if (r == -EPIPE || r == -ECONNRESET)
		return 0;
	if (r == 0 && shutdown(line->fd, SHUT_WR) < 0 && errno != ENOTCONN)
		r = -errno;
	return r;
}

/* Bytes read, 0 at the end, or -errno. */
static ssize_t receive_some(const struct line *line, char *to, size_t len)
{
	for (;;) {
		ssize_t n = recv(line->fd, to, len, 0);
		int r;

		if (n >= 0)
			return n;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = wait_for(line, POLLIN);
		if (r < 0)
			return r;
	}
}

/* As many bytes as fit or come. How many, or -errno. */
static ssize_t receive_all(const struct line *line, char *to, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = receive_some(line, to + got, len - got);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* The first line into `head`, without its newline, byte by byte: what follows is not ours to read yet. */
static int receive_head(const struct line *line, char head[HEAD_MAX])
{
	for (size_t len = 0; len < HEAD_MAX; len++) {
		ssize_t n = receive_some(line, head + len, 1);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EPIPE;
		if (head[len] == '\n') {
			head[len] = '\0';
			return 0;
		}
	}
	return -EPROTO;
}

/* "OK 1234": 0 and the number, "OPEN 1234": ASK_OPEN, or -EPROTO. */
static int parse_size(const char *head, size_t *ret_size)
{
	int open = strncmp(head, "OPEN ", 5) == 0;
	const char *digits = head + (open ? 5 : 3);
	uint64_t size;

	if ((!open && strncmp(head, "OK ", 3) != 0) || number_parse(digits, strlen(digits), ASK_ANSWER_MAX, &size) < 0)
		return -EPROTO;
	*ret_size = (size_t)size;
	return open ? ASK_OPEN : 0;
}

/* One byte more than announced is asked for, so that an answer that goes on is seen too. */
static int receive_body(const struct line *line, size_t size, char **ret, struct failure *failure)
{
	_cleanup_free_ char *body = malloc(size + 1);
	ssize_t got;

	if (!body)
		return failure_set(failure, -ENOMEM, "no memory for an answer of %zu bytes", size);
	got = receive_all(line, body, size + 1);
	if (got == -ETIMEDOUT)
		return fail_late(line, failure);
	if (got < 0)
		return failure_set(failure, (int)got, "%s: %s", line->path, strerror((int)-got));
	if ((size_t)got < size)
		return failure_set(failure, -EPIPE, "%s: answer cut short after %zd of %zu bytes; try again",
				   line->path, got, size);
	if ((size_t)got > size)
		return failure_set(failure, -EPROTO, "%s: more than the %zu bytes that were announced", line->path,
				   size);
	body[size] = '\0';
	*ret = TAKE_PTR(body);
	return 0;
}

static int fail_head(const struct line *line, int r, struct failure *failure)
{
	if (r == -ETIMEDOUT)
		return fail_late(line, failure);
	if (r == -EPIPE)
		return failure_set(failure, r, "%s: answer cut short: jitgated hung up; see its log", line->path);
	if (r == -EPROTO)
		return failure_set(failure, r, "%s: this is not jitgated's answer; are both of one version?",
				   line->path);
	return failure_set(failure, r, "%s: %s", line->path, strerror(-r));
}

static int ask_on_line(const struct line *line, const char *question, char **ret, size_t *ret_len,
		       struct failure *failure)
{
	char head[HEAD_MAX];
	size_t size = 0;
	int verdict, r = send_question(line, question);

	if (r == 0)
		r = receive_head(line, head);
	if (r < 0)
		return fail_head(line, r, failure);
	if (strncmp(head, "ERR ", 4) == 0)
		return failure_set(failure, -EREMOTEIO, "%s", head + 4);
	verdict = parse_size(head, &size);
	if (verdict < 0)
		return fail_head(line, verdict, failure);
	r = receive_body(line, size, ret, failure);
	if (r < 0)
		return r;
	*ret_len = size;
	return verdict;
}

static struct line make_line(int fd, const char *name, uint32_t timeout_ms)
{
	return (struct line){.fd = fd, .path = name, .deadline_ms = now_ms() + timeout_ms, .timeout_ms = timeout_ms};
}

int ask_on_fd(int fd, const char *name, const char *question, uint32_t timeout_ms, char **ret, size_t *ret_len,
	      struct failure *failure)
{
	struct line line = make_line(fd, name, timeout_ms);

	return ask_on_line(&line, question, ret, ret_len, failure);
}

int ask_agent(const char *socket_path, const char *question, uint32_t timeout_ms, char **ret, size_t *ret_len,
	      struct failure *failure)
{
	struct line line = make_line(-1, socket_path, timeout_ms);
	_cleanup_close_ int fd = connect_until(&line);

	if (fd < 0)
		return fail_head(&line, fd, failure);
	line.fd = fd;
	return ask_on_line(&line, question, ret, ret_len, failure);
}
