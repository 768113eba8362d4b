// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Echo server and echo clients: what a person with ssh would see. Silence (a dropped packet) and refusal (an answer)
 * are told apart, since only the first is jitgate's doing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

#include "probe.h"
#include "util.h"

#define SERVE_FDS_MAX 512
#define HEARTBEAT_MS 5
#define ATTEMPT_MS 100

/* ---- server */

static int listen_on(uint16_t port, int proto)
{
	const struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any};
	int fd = socket(AF_INET6, (proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	const int on = 1, off = 0;

	if (fd < 0)
		probe_die("socket: %m");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) || (proto == IPPROTO_TCP && listen(fd, 64)))
		probe_die("port %u: %m", port);
	return fd;
}

static void print_peer(const char *what, const struct sockaddr_storage *peer, uint16_t port)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)peer;
	char text[INET6_ADDRSTRLEN] = "?";

	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
	printf("%s from=%s port=%u boot_ns=%jd\n", what, text, port, (intmax_t)probe_now_ns(CLOCK_BOOTTIME));
}

static int accept_session(int listen_fd, uint16_t port)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);
	int fd = accept4(listen_fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	const int on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	print_peer("tcp", &peer, port);
	return fd;
}

static void echo_datagram(int fd, uint16_t port)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);
	char bytes[65536];
	ssize_t n = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&peer, &len);

	if (n < 0)
		return;
	print_peer("udp", &peer, port);
	(void)sendto(fd, bytes, (size_t)n, 0, (const struct sockaddr *)&peer, len);
}

/* Returns 0 when the session is over. */
static int echo_bytes(int fd)
{
	char bytes[4096];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	return send(fd, bytes, (size_t)n, MSG_NOSIGNAL) == n || errno == EAGAIN;
}

int probe_serve(int argc, char **argv)
{
	struct pollfd fds[SERVE_FDS_MAX];
	uint16_t ports[SERVE_FDS_MAX];
	int protos[SERVE_FDS_MAX];
	size_t n = 0, n_listen;

	for (int i = 1; i < argc && n < ARRAY_SIZE(fds); i++, n++) {
		ports[n] = probe_port_proto(argv[i], &protos[n]);
		fds[n] = (struct pollfd){.fd = listen_on(ports[n], protos[n]), .events = POLLIN};
	}
	n_listen = n;
	probe_stop_on_signals();
	puts("ready");
	while (!probe_stop) {
		if (poll(fds, n, -1) < 0)
			continue;
		for (size_t i = 0; i < n_listen; i++) {
			if (fds[i].revents && protos[i] == IPPROTO_UDP) {
				echo_datagram(fds[i].fd, ports[i]);
			} else if (fds[i].revents && n < ARRAY_SIZE(fds)) {
				fds[n] = (struct pollfd){.fd = accept_session(fds[i].fd, ports[i]), .events = POLLIN};
				n += fds[n].fd >= 0;
			}
		}
		for (size_t i = n; i-- > n_listen;) {
			if (fds[i].revents && !echo_bytes(fds[i].fd)) {
				close(fds[i].fd);
				fds[i] = fds[--n];
			}
		}
	}
	return PROBE_YES;
}

/* ---- clients */

/* A connected, non-blocking socket, or -errno. */
static int dial(const char *source, const char *target, uint16_t port, int64_t deadline_ms)
{
	struct endpoint from = probe_endpoint(source, 0), to = probe_endpoint(target, port);
	_cleanup_close_ int fd = socket(to.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	const int on = 1;
	int error = 0;
	int64_t left = deadline_ms - probe_now_ns(CLOCK_BOOTTIME) / NS_PER_MS;

	if (fd < 0 || bind(fd, (const struct sockaddr *)&from.addr, from.len))
		probe_die("cannot send from %s: %m", source);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&to.addr, to.len) && errno != EINPROGRESS)
		return -errno;
	if (left <= 0 || poll(&ready, 1, (int)left) <= 0)
		return -ETIMEDOUT;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error)
		return -error;
	return TAKE_FD(fd);
}

/* 0 when one byte went there and back, else -errno. */
static int connect_once(const char *source, const char *target, uint16_t port, int64_t timeout_ms)
{
	int64_t deadline_ms = probe_now_ns(CLOCK_BOOTTIME) / NS_PER_MS + timeout_ms;
	_cleanup_close_ int fd = dial(source, target, port, deadline_ms);
	char byte = '?';

	if (fd < 0)
		return fd;
	if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
		return -errno;
	if (!probe_wait_readable(fd, deadline_ms - probe_now_ns(CLOCK_BOOTTIME) / NS_PER_MS))
		return -ETIMEDOUT;
	return recv(fd, &byte, 1, 0) == 1 ? 0 : -ECONNRESET;
}

static int say(int result, int64_t began_ns)
{
	double ms = (double)(probe_now_ns(CLOCK_BOOTTIME) - began_ns) / NS_PER_MS;

	if (result == 0) {
		printf("open ms=%.1f\n", ms);
		return PROBE_YES;
	}
	if (result == -ETIMEDOUT) {
		printf("silent ms=%.1f\n", ms);
		return PROBE_NO;
	}
	printf("answered-otherwise ms=%.1f why=%s\n", ms, strerrorname_np(-result));
	return PROBE_OTHER;
}

int probe_connect(int argc, char **argv)
{
	int64_t began_ns = probe_now_ns(CLOCK_BOOTTIME);
	uint16_t port = (uint16_t)probe_number(argv[3], 1, 65535);

	(void)argc;
	return say(connect_once(argv[1], argv[2], port, (int64_t)probe_millis(argv[4])), began_ns);
}

/* A fresh SYN each time: the kernel's own retransmissions come a second apart, too coarse to measure with. */
int probe_open_wait(int argc, char **argv)
{
	int64_t began_ns = probe_now_ns(CLOCK_BOOTTIME);
	int64_t end_ns = began_ns + (int64_t)probe_millis(argv[4]) * NS_PER_MS;
	uint16_t port = (uint16_t)probe_number(argv[3], 1, 65535);
	int result = -ETIMEDOUT;

	(void)argc;
	while (result == -ETIMEDOUT && probe_now_ns(CLOCK_BOOTTIME) < end_ns)
		result = connect_once(argv[1], argv[2], port, ATTEMPT_MS);
	return say(result, began_ns);
}

struct session {
	uint64_t sent, echoed;
	int64_t last_boot_ns, last_wall_ns, worst_gap_ns;
	const char *end;
};

/* Read what came back; false when the session is over. */
static int take_echo(int fd, struct session *session)
{
	char bytes[256];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	int64_t now_ns = probe_now_ns(CLOCK_BOOTTIME);

	if (n <= 0) {
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 1;
		session->end = n ? "reset" : "closed";
		return 0;
	}
	if (now_ns - session->last_boot_ns > session->worst_gap_ns)
		session->worst_gap_ns = now_ns - session->last_boot_ns;
	session->echoed += (uint64_t)n;
	session->last_boot_ns = now_ns;
	session->last_wall_ns = probe_now_ns(CLOCK_REALTIME);
	return 1;
}

/* False: the session is over. Whoever asks first gets the reset; who asks next is told of an orderly end. */
static int send_beat(int fd, struct session *session)
{
	ssize_t n = send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);

	session->sent += n == 1;
	if (n < 0 && errno == ECONNRESET)
		session->end = "reset";
	return !session->end;
}

static void run_session(int fd, int64_t end_ns, int64_t stall_ns, struct session *session)
{
	session->last_boot_ns = probe_now_ns(CLOCK_BOOTTIME);
	for (int64_t beat_ns = session->last_boot_ns;;) {
		int64_t now_ns = probe_now_ns(CLOCK_BOOTTIME);

		session->end = probe_stop ? "stopped" : now_ns >= end_ns ? "time" : NULL;
		if (!session->end && now_ns - session->last_boot_ns > stall_ns)
			session->end = "stall";
		if (session->end)
			return;
		if (now_ns >= beat_ns) {
			if (!send_beat(fd, session))
				return;
			beat_ns = now_ns + HEARTBEAT_MS * NS_PER_MS;
		}
		if (probe_wait_readable(fd, (beat_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS) && !take_echo(fd, session))
			return;
	}
}

int probe_hold(int argc, char **argv)
{
	int64_t began_ns = probe_now_ns(CLOCK_BOOTTIME);
	int64_t end_ns = began_ns + (int64_t)probe_millis(argv[4]) * NS_PER_MS;
	int64_t stall_ns = (int64_t)probe_millis(argv[5]) * NS_PER_MS;
	uint16_t port = (uint16_t)probe_number(argv[3], 1, 65535);
	_cleanup_close_ int fd = dial(argv[1], argv[2], port, began_ns / NS_PER_MS + 1000);
	struct session session = {0};

	(void)argc;
	if (fd < 0)
		return say(fd, began_ns);
	probe_stop_on_signals();
	puts("connected");
	run_session(fd, end_ns, stall_ns, &session);
	printf("end=%s sent=%ju echoed=%ju last_boot_ns=%jd last_wall_ns=%jd worst_gap_ms=%jd\n", session.end,
	       (uintmax_t)session.sent, (uintmax_t)session.echoed, (intmax_t)session.last_boot_ns,
	       (intmax_t)session.last_wall_ns, (intmax_t)(session.worst_gap_ns / NS_PER_MS));
	return PROBE_YES;
}

int probe_udp_ask(int argc, char **argv)
{
	uint16_t port = (uint16_t)probe_number(argv[3], 1, 65535);
	struct endpoint from = probe_endpoint(argv[1], 0), to = probe_endpoint(argv[2], port);
	size_t size = argc > 5 ? probe_number(argv[5], 1, 60000) : 1;
	_cleanup_close_ int fd = socket(to.addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	_cleanup_free_ char *bytes = calloc(1, size);
	int64_t began_ns = probe_now_ns(CLOCK_BOOTTIME);
	ssize_t n;

	if (fd < 0 || !bytes || bind(fd, (const struct sockaddr *)&from.addr, from.len))
		probe_die("cannot send from %s: %m", argv[1]);
	if (connect(fd, (const struct sockaddr *)&to.addr, to.len) || send(fd, bytes, size, 0) != (ssize_t)size)
		return say(-errno, began_ns);
	if (!probe_wait_readable(fd, (int64_t)probe_millis(argv[4])))
		return say(-ETIMEDOUT, began_ns);
	n = recv(fd, bytes, size, 0);
	return say(n == (ssize_t)size ? 0 : n < 0 ? -errno : -EMSGSIZE, began_ns);
}
