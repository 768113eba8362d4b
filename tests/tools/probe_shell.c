// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What sshd is to a shell: a server that forks for each session, and the child sits in a read that blocks. It echoes,
 * so that a session can be seen to live; how its read ended is a line, and then the child is gone.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "probe.h"
#include "util.h"

#define LISTENERS_MAX 16

static int listen_at(const char *address, uint16_t port)
{
	struct endpoint at = probe_endpoint(address, port);
	int fd = socket(at.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int on = 1, off = 0;

	if (fd < 0)
		probe_die("socket: %m");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, (const struct sockaddr *)&at.addr, at.len) || listen(fd, 64))
		probe_die("%s port %u: %m", address, port);
	return fd;
}

static void say(const char *what, const struct sockaddr_storage *peer, uint16_t port, const char *how)
{
	char address[INET6_ADDRSTRLEN] = "?";
	const void *bytes = peer->ss_family == AF_INET ? (const void *)&((const struct sockaddr_in *)peer)->sin_addr
						       : (const void *)&((const struct sockaddr_in6 *)peer)->sin6_addr;

	inet_ntop(peer->ss_family, bytes, address, sizeof(address));
	printf("%s from=%s port=%u pid=%d end=%s boot_ns=%jd\n", what, address, port, getpid(), how,
	       (intmax_t)probe_now_ns(CLOCK_BOOTTIME));
}

static void run_session(int fd, const struct sockaddr_storage *peer, uint16_t port)
{
	char bytes[4096];
	ssize_t n;

	signal(SIGTERM, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* a test leaves nothing behind */
	say("session", peer, port, "none");
	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		if (send(fd, bytes, (size_t)n, MSG_NOSIGNAL) != n)
			break;
	}
	say("over", peer, port, n == 0 ? "eof" : strerrorname_np(errno));
	exit(PROBE_YES);
}

static void accept_one(int listener, uint16_t port)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);
	_cleanup_close_ int fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);

	if (fd >= 0 && fork() == 0)
		run_session(fd, &peer, port);
}

int probe_shell(int argc, char **argv)
{
	struct pollfd fds[LISTENERS_MAX];
	uint16_t ports[LISTENERS_MAX];
	size_t n = 0;

	for (int i = 1; i + 1 < argc && n < ARRAY_SIZE(fds); i += 2, n++) {
		ports[n] = (uint16_t)probe_number(argv[i + 1], 1, 65535);
		fds[n] = (struct pollfd){.fd = listen_at(argv[i], ports[n]), .events = POLLIN};
	}
	signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
	probe_stop_on_signals();
	puts("ready");
	while (!probe_stop) {
		if (poll(fds, n, -1) < 0)
			continue;
		for (size_t i = 0; i < n; i++) {
			if (fds[i].revents)
				accept_one(fds[i].fd, ports[i]);
		}
	}
	return PROBE_YES;
}
