// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The other side of an HTTP client: a proxy, and a server that says what a file says. Both are on 127.0.0.1, take one
 * connection after the other and print every line that a request begins with.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "probe.h"
#include "util.h"

#define REQUEST_MAX 16384
#define PATIENCE_MS 10000

/* A listening socket; says at which port. */
static int listen_here(const char *port_text)
{
	struct endpoint here = probe_endpoint("127.0.0.1", (uint16_t)probe_number(port_text, 0, 65535));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&here.addr, here.len) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&here.addr, &here.len))
		probe_die("port %s: %m", port_text);
	printf("ready port=%u\n", ntohs(((struct sockaddr_in *)&here.addr)->sin_port));
	fflush(stdout);
	return fd;
}

/* The head of a request, a line of output for each of its lines. 0, or -1 when none comes. */
static int take_head(int fd, char head[REQUEST_MAX])
{
	size_t len = 0;

	while (len < REQUEST_MAX - 1 && probe_wait_readable(fd, PATIENCE_MS)) {
		ssize_t n = recv(fd, head + len, 1, 0); /* not a byte of what is behind it */

		if (n <= 0)
			return -1;
		len++;
		head[len] = 0;
		if (len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0) {
			for (char *save = NULL, *line = strtok_r(strdupa(head), "\r\n", &save); line;
			     line = strtok_r(NULL, "\r\n", &save))
				printf("< %s\n", line);
			fflush(stdout);
			return 0;
		}
	}
	return -1;
}

static int say(int fd, const char *text)
{
	return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text) ? 0 : -1;
}

/* ---------------------------------------------------------------- proxy */

/* "CONNECT A.B.C.D:PORT ...": a connection there, or -1. */
static int connect_as_told(const char *head)
{
	struct endpoint there;
	char host[16], port[6];
	int fd;

	if (sscanf(head, "CONNECT %15[0-9.]:%5[0-9] ", host, port) != 2)
		return -1;
	there = probe_endpoint(host, (uint16_t)probe_number(port, 1, 65535));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&there.addr, there.len) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Whatever there is, from one to the other; false at its end. */
static int carry(int from, int to)
{
	char bytes[16384];
	ssize_t n = recv(from, bytes, sizeof(bytes), 0);

	return n > 0 && send(to, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

static void tunnel(int a, int b)
{
	struct pollfd fds[] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};

	while (!probe_stop && poll(fds, 2, PATIENCE_MS) > 0) {
		if ((fds[0].revents && !carry(a, b)) || (fds[1].revents && !carry(b, a)))
			return;
	}
}

static void serve_proxy(int fd)
{
	char head[REQUEST_MAX];
	_cleanup_close_ int there = -1;

	if (take_head(fd, head))
		return;
	there = connect_as_told(head);
	if (there < 0)
		say(fd, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	else if (say(fd, "HTTP/1.1 200 Connection established\r\nDate: Thu, 01 Jan 1970 00:00:01 GMT\r\n\r\n") == 0)
		tunnel(fd, there);
}

/* ---------------------------------------------------------------- a file */

static void serve_file(int fd, const char *path)
{
	_cleanup_close_ int file = open(path, O_RDONLY | O_CLOEXEC);
	char head[REQUEST_MAX];
	struct stat stat;
	off_t at = 0;

	if (file < 0 || fstat(file, &stat))
		probe_die("%s: %m", path);
	if (take_head(fd, head))
		return;
	while (at < stat.st_size && sendfile(fd, file, &at, (size_t)(stat.st_size - at)) > 0)
		;
	shutdown(fd, SHUT_WR);
}

/* ---------------------------------------------------------------- until SIGTERM */

static int serve_all(const char *port, const char *path)
{
	_cleanup_close_ int listener = listen_here(port);

	signal(SIGPIPE, SIG_IGN);
	probe_stop_on_signals();
	while (!probe_stop) {
		_cleanup_close_ int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		if (path)
			serve_file(fd, path);
		else
			serve_proxy(fd);
	}
	return PROBE_YES;
}

int probe_proxy(int argc, char **argv)
{
	(void)argc;
	return serve_all(argv[1], NULL);
}

int probe_http_file(int argc, char **argv)
{
	(void)argc;
	return serve_all(argv[1], argv[2]);
}
