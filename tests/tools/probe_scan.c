// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A port scan: one SYN an attempt, from many addresses, without waiting for answers. In a network namespace of the
 * test's own any source address may be used.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"
#include "util.h"

struct scan {
	struct endpoint to;
	struct in_addr from; /* the first of them */
	uint64_t n_sources;  /* 0: another one for each SYN */
	uint64_t sent;
};

/* 172.16.0.0/12, in an order that looks like none: an odd factor meets every address once. */
static struct in_addr next_source(const struct scan *scan)
{
	uint32_t first = ntohl(scan->from.s_addr);

	if (scan->n_sources)
		return (struct in_addr){htonl(first + (uint32_t)(scan->sent % scan->n_sources))};
	return (struct in_addr){htonl(0xac100000 | ((uint32_t)scan->sent * 650761U & 0xfffff))};
}

/* Closed at once, so that nothing is sent a second time. */
static void send_syn(struct scan *scan)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr = next_source(scan)};
	const int on = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on)) ||
	    bind(fd, (const struct sockaddr *)&source, sizeof(source)))
		probe_die("source: %m");
	if (connect(fd, (const struct sockaddr *)&scan->to.addr, scan->to.len) == 0 || errno != EINPROGRESS)
		probe_die("connect: %m");
	scan->sent++;
}

/* probe scan SRC SOURCES DST PORT RATE TIME: so many SYNs a second, from SRC and the addresses after it in turn, or,
 * when SOURCES is 0, each from another address of 172.16.0.0/12. */
int probe_scan(int argc, char **argv)
{
	struct scan scan = {.n_sources = probe_number(argv[2], 0, 200),
			    .to = probe_endpoint(argv[3], (uint16_t)probe_number(argv[4], 1, 65535))};
	int64_t pause_ns = NS_PER_S / (int64_t)probe_number(argv[5], 1, 100000);
	int64_t at_ns = probe_now_ns(CLOCK_MONOTONIC), end_ns = at_ns + (int64_t)probe_millis(argv[6]) * NS_PER_MS;

	(void)argc;
	if (inet_pton(AF_INET, argv[1], &scan.from) != 1)
		probe_die("not an IPv4 address: %s", argv[1]);
	probe_stop_on_signals();
	for (; at_ns < end_ns && !probe_stop; at_ns += pause_ns) {
		const struct timespec until = {.tv_sec = at_ns / NS_PER_S, .tv_nsec = at_ns % NS_PER_S};

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		send_syn(&scan);
	}
	printf("sent=%ju\n", (uintmax_t)scan.sent);
	return PROBE_YES;
}
