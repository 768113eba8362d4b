// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What stands at both ends of the flood: the feed that grants, and the socket that takes in what was let pass.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "bench/bench.h"
#include "feed_link.h"

#define GRANT_S 7200

static int64_t wall_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* bench feed SOCKET FAMILY PORT/PROTO N: one snapshot, sent whole; jitgated takes it in when it takes it in. */
int bench_feed(int argc, char **argv)
{
	struct snapshot snapshot = {.taken.ns = wall_now_ns(), .fresh_for_s = GRANT_S};
	unsigned int family = bench_family(argv[2]);
	uint32_t n = (uint32_t)bench_number(argv[4], 0, JITGATE_GRANTS_MAX);
	struct port_rule rule = {0};
	int fd, r;

	(void)argc;
	bench_port(argv[3], &rule);
	if (snapshot_add_port(&snapshot, &rule))
		bench_die("no memory");
	for (uint32_t i = 0; i < n; i++) {
		struct grant grant = {.port = rule.port, .protos = rule.protos};

		grant.until.ns = snapshot.taken.ns + GRANT_S * NS_PER_S;
		bench_source(family, i, &grant.source);
		if (grant_set_add(&snapshot.grants, &grant, "tester", "a measurement", "bench"))
			bench_die("no memory");
	}
	fd = feed_link_open(argv[1], "bench");
	if (fd < 0)
		bench_die("%s: %s", argv[1], strerror(-fd));
	r = feed_link_send_snapshot(fd, &snapshot, -1);
	if (r)
		bench_die("cannot send %u grants: %s", n, strerror(-r));
	close(fd);
	snapshot_free(&snapshot);
	return 0;
}

/*
 * bench sink PORT/PROTO PORT/PROTO: one socket for both families and each port, never read and with next to no room, so
 * that the kernel drops each datagram where it would be queued: the last point on its way where it is counted, and a
 * cheap one.
 */
static void open_sink(uint16_t port)
{
	const struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), none = 1, yes = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &none, sizeof(none)) ||
	    setsockopt(fd, SOL_UDP, UDP_NO_CHECK6_RX, &yes, sizeof(yes)) ||
	    bind(fd, (const struct sockaddr *)&any, sizeof(any)))
		bench_die("cannot take in datagrams: %m");
}

int bench_sink(int argc, char **argv)
{
	sigset_t stop;
	int signal_number;

	for (int i = 1; i < argc; i++) {
		struct port_rule rule = {0};

		bench_port(argv[i], &rule);
		open_sink(rule.port);
	}
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	puts("ready");
	fflush(stdout);
	sigwait(&stop, &signal_number);
	return 0;
}
